"""What can be seen at each stop of an MSI's way: bytes in RAM beside what the GIC keeps inside, and registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.gic.behaviours import Behaviour, PendingHome, TablesHome
from app.gic.its_behaviours import TranslationCache
from app.gic.its_kernel import KernelTranslation
from app.gic.lpi import CONFIG_ENABLE, CONFIG_PRIORITY, config_address, pending_address
from app.gic.lpi_behaviours import ConfigCache
from app.gic.tables import DeviceEntry
from app.gic.way_tables import Cell, Entry, ram
from app.gic.why_links import Link, StopName

if TYPE_CHECKING:
    from app.gic.machine import Machine
    from app.gic.views import LpiView


@dataclass(frozen=True, slots=True)
class RegisterCell:
    """A register that the stop asks. `name` has its @cpu; `address` None: a system register; `width` in bits."""

    name: str
    address: int | None
    value: int
    width: int


@dataclass(frozen=True, slots=True)
class Inside:
    """What the GIC keeps of it beside RAM: `value` as two digits or a bit, "" for an entry, and what it means."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen at one stop.

    `value` is the number that it stands for, `words` what the GIC goes by there. `bit` is the bit of the last cell that
    counts, None if all of it does. `differs` says why RAM and the inside are not the same, "" if they are or there is
    only one of them; `stale` is that where RAM is what software writes, and not only
    an image. `home` says where the implementation keeps it, from the table of behaviours.
    """

    value: str = ""
    words: str = ""
    cells: tuple[Cell, ...] = ()
    bit: int | None = None
    inside: Inside | None = None
    differs: str = ""
    stale: bool = False
    home: str = ""
    cite: str = ""
    registers: tuple[RegisterCell, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers of a way, None from where it ends, and the table entries that a translation meets."""

    intid: int | None = None
    device: int | None = None
    event: int | None = None
    icid: int | None = None
    cpu: int | None = None
    entries: Mapping[StopName, Entry] = field(default_factory=dict)


def sights(machine: Machine, facts: Facts, links: Mapping[StopName, Sequence[Link]]) -> dict[StopName, Sight]:
    """Every stop's."""
    seen = {
        StopName.DEVICE: _device(machine, facts),
        StopName.DEVICE_ENTRY: _entry(machine, facts, StopName.DEVICE_ENTRY),
        StopName.EVENT: _event(facts),
        StopName.EVENT_ENTRY: _event_entry(machine, facts),
        StopName.LPI: _lpi(facts),
        StopName.COLLECTION: _entry(machine, facts, StopName.COLLECTION, "" if facts.icid is None else str(facts.icid)),
        StopName.REDISTRIBUTOR: _redistributor(machine, facts),
        StopName.CONFIG: Sight(),
        StopName.PENDING: Sight(),
        StopName.CPU: _cpu(machine, facts, links),
    }
    if facts.intid is not None and facts.cpu is not None:
        view = machine.lpi(facts.intid, facts.cpu)
        seen[StopName.CONFIG] = _config(machine, view, facts.cpu)
        seen[StopName.PENDING] = _pending(machine, view, facts.cpu)
    return seen


def _home(sight: Sight, behaviour: Behaviour) -> Sight:
    return replace(sight, home=behaviour.meaning, cite=behaviour.cite)


def _register(machine: Machine, name: str, cpu: int | None = None) -> RegisterCell:
    register = machine.map.registers[name]
    address = machine.map.address(register, cpu or 0) if register.addressed else None
    shown = name if cpu is None else f"{name}@{cpu}"
    return RegisterCell(shown, address, machine.peek(register, cpu or 0), register.width)


def _device(machine: Machine, facts: Facts) -> Sight:
    if facts.device is None:
        return Sight(words="no event maps to it")
    if not machine.has_its:
        return Sight(f"{facts.device:#x}", "the device that writes to GITS_TRANSLATER")
    translater = machine.map.address(machine.map.registers["GITS_TRANSLATER"], 0)
    words = f"it writes the EventID to GITS_TRANSLATER at {translater:#010x}"
    return Sight(f"{facts.device:#x}", words, registers=(_register(machine, "GITS_CTLR"),))


def _entry(machine: Machine, facts: Facts, name: StopName, value: str = "") -> Sight:
    """A table entry, in RAM or kept inside."""
    entry = facts.entries.get(name)
    if entry is None:
        return Sight(value)
    inside = Inside("", entry.inside) if entry.inside else None
    words = entry.words if entry.goes_by is not None or not entry.problem else entry.problem
    sight = Sight(value, words, entry.cells, None, inside, "not saved" if entry.differs else "")
    return _home(sight, machine.impl.tables_home)


def _event(facts: Facts) -> Sight:
    if facts.event is None:
        return Sight()
    entry = facts.entries.get(StopName.DEVICE_ENTRY)
    itt = None if entry is None else entry.goes_by
    room = f"of the {1 << itt.size} that its ITT has room for" if isinstance(itt, DeviceEntry) else ""
    return Sight(f"{facts.event:#x}", room)


def _event_entry(machine: Machine, facts: Facts) -> Sight:
    sight = _entry(machine, facts, StopName.EVENT_ENTRY)
    cache = machine.impl.translation_cache
    if facts.device is None or facts.event is None or cache is not TranslationCache.CACHED or sight.inside is None:
        return sight
    translation = machine.its.translation
    held = isinstance(translation, KernelTranslation) and translation.remembers(facts.device, facts.event)
    words = f"{sight.inside.words}; {'in' if held else 'not in'} the translation cache"
    return replace(sight, inside=replace(sight.inside, words=words))


def _lpi(facts: Facts) -> Sight:
    if facts.intid is None:
        return Sight()
    icid = "no collection" if facts.icid is None else f"ICID {facts.icid}"
    return Sight(str(facts.intid), icid if facts.device is not None else "")


def _redistributor(machine: Machine, facts: Facts) -> Sight:
    cpu = facts.cpu
    if cpu is None:
        return Sight()
    names = ("GICR_CTLR", "GICR_PROPBASER", "GICR_PENDBASER")
    frame = machine.map.address(machine.map.registers["GICR_CTLR"], cpu)
    words = f"RD_base at {frame:#010x}"
    return Sight(f"CPU {cpu}", words, registers=tuple(_register(machine, name, cpu) for name in names))


def config_words(byte: int) -> str:
    """What a configuration byte says."""
    return f"{'enabled' if byte & CONFIG_ENABLE else 'disabled'}, priority {byte & CONFIG_PRIORITY:#04x}"


def _config(machine: Machine, view: LpiView, cpu: int) -> Sight:
    address = config_address(machine, view.intid, cpu)
    data = ram(machine, address, 1)
    cell = Cell(address, data, "no RAM there" if data is None else config_words(data[0]))
    sight = _home(Sight(cells=(cell,), words=cell.words), machine.impl.config_cache)
    if machine.impl.config_cache is ConfigCache.WINNER_ONLY:
        best = machine.lpi_home.best(cpu)
        if best is None or best.intid != view.intid:
            return sight
        return replace(sight, inside=Inside("", f"remembered as the best, priority {best.priority:#04x}"))
    if view.config_cached is None:
        return replace(sight, inside=Inside("", "not read yet"))
    words = config_words(view.config_cached)
    inside = Inside(f"{view.config_cached:02x}", words)
    return replace(sight, inside=inside, words=words, differs="needs INV" if view.stale else "", stale=view.stale)


def _pending(machine: Machine, view: LpiView, cpu: int) -> Sight:
    impl = machine.impl
    address, bit = pending_address(machine, view.intid, cpu), view.intid % 8
    data = ram(machine, address, 1)
    there = data is not None and bool(data[0] >> bit & 1)
    told = "no RAM there" if data is None else f"bit {bit} is {int(there)}"
    words = ("pending" if view.pending else "not pending") + (", active" if view.active else "")
    sight = Sight("1" if view.pending else "0", words, (Cell(address, data, told),), bit)
    if impl.pending_home is PendingHome.GUEST_RAM:
        return _home(sight, impl.pending_home)
    latched = bool(view.pending_latched)
    sight = replace(sight, inside=Inside(str(int(latched)), "pending" if latched else "not pending"))
    if latched is there:
        return _home(sight, impl.pending_home)
    if there:
        return _home(replace(sight, differs="not read", stale=True), impl.table_edits)
    saved = "not saved" if impl.tables_home is TablesHome.KERNEL else "not written back"
    return _home(replace(sight, differs=saved), impl.pending_home)


def _cpu(machine: Machine, facts: Facts, links: Mapping[StopName, Sequence[Link]]) -> Sight:
    if facts.cpu is None:
        return Sight(words="not signalled")
    signalled = all(each.holds for found in links.values() for each in found)
    names = ("ICC_PMR_EL1", "ICC_IGRPEN1_EL1", "ICC_RPR_EL1")
    registers = (_register(machine, "GICD_CTLR"), *(_register(machine, name, facts.cpu) for name in names))
    return Sight(f"CPU {facts.cpu}", "signalled" if signalled else "not signalled", registers=registers)
