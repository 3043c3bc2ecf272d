"""A machine's state read from a file. One that is damaged, foreign or made to do harm raises StateError.

Nothing of a file is believed: its shape is checked against the schema, its parts against a fresh machine of that make,
and the machine made of it must write the same file again.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from app.gic import IMPLEMENTATIONS, Machine, MachineState
from app.gic.commands import WORDS
from app.gic.its_tables import TableTranslation
from app.gic.lpi_cached import CachedLpis
from app.gic.lpi_index import RANK_BITS
from app.gic.lpi_kernel import KernelLpis
from app.gic.lpi_struct import Lpi
from app.gic.memory import PAGE, GuestMemory
from app.gic.outcome import Outcome
from app.gic.tables import L1_ENTRY_BYTES, TableRoot
from app.registers import TWO_STATE_IMPLEMENTATIONS
from app.scenario.format import format_content
from app.scenario.migration import build
from app.scenario.scenario import MachineSpec
from app.scenario.state import slot_names, state_of, state_text
from app.scenario.state_schema import FORMAT, VERSION, State

LONGEST_JSON = 8 << 20
# Of GITS_BASER<n>: Page_Size, Entry_Size, Size and Physical_Address (IHI 0069).
TABLE_PAGES, MOST_ENTRY_BYTES, MOST_TABLE_PAGES, ADDRESS_BITS = (4096, 16384, 65536), 32, 256, 52
LONGEST_LINE = 200_000
"""Of the language: a session keeps the state as one line."""
EMPTY_PAGE = bytearray(PAGE)  # one for all: a page is copied before it is written


class StateError(ValueError):
    """The file is not a machine's state; `where` is the path in it, "" for the whole."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.where = where


def read_state(text: str | bytes) -> tuple[MachineSpec, Machine]:
    """The machine that a file holds. Raises StateError."""
    if len(text) > LONGEST_JSON:
        raise StateError(f"{len(text)} bytes are too many: at most {LONGEST_JSON}")
    try:
        state = State.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StateError(_what(text, first["msg"]), where) from None
    return _made(state)


def _what(text: str | bytes, said: str) -> str:
    """A foreign file is told by what it is not."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return f"not JSON ({said})"
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return f'not a machine\'s state: "format" is not "{FORMAT}"'
    if found.get("version") != VERSION:
        return f"version {str(found.get('version'))[:20]}, this giclab reads version {VERSION}"
    return said


def _made(state: State) -> tuple[MachineSpec, Machine]:
    make = state.machine
    if make.implementation not in IMPLEMENTATIONS:
        raise StateError(f"no implementation {make.implementation[:40]!r}", "machine.implementation")
    if make.security == 2 and make.implementation not in TWO_STATE_IMPLEMENTATIONS:
        raise StateError(f"{make.implementation} has one Security state", "machine.security")
    spec = MachineSpec(make.implementation, make.cpus, make.spis, make.its, make.ram_mib, security=make.security)
    try:
        machine = build(spec)
        machine.restore(_snapshot(state, machine))
        _look(machine)
    except StateError:
        raise
    except (LookupError, TypeError, ValueError, AssertionError, AttributeError) as error:
        raise StateError(f"its parts do not fit together ({error})"[:200]) from None
    if state_of(machine, spec) != state:
        raise StateError("its parts do not fit together: the machine made of it is another one")
    return spec, machine


def _look(machine: Machine) -> None:
    """What a page does first; a state that cannot even be looked at is none."""
    machine.lpi_counts()
    machine.queue()
    for cpu in range(machine.cpus):
        machine.irq(cpu)
    kept = machine.snapshot()
    for cpu in range(machine.cpus):
        machine.signals.run(cpu)
    machine.restore(kept)


def _snapshot(state: State, machine: Machine) -> MachineState:
    fresh = machine.snapshot()
    return MachineState(
        fresh.make,
        _values(state, machine),
        _memory(state, machine),
        _wired(state, fresh),
        _lpi_state(state, machine),
        _signals(state, machine),
        _interfaces(state, fresh),
        _translation(state, machine),
        tuple(
            (each.slot, _words(each.packet), Outcome(each.state, each.error, each.bad_command))
            for each in state.its.commands
        ),
        state.its.placed,
        state.its.unfinished,
    )


def _values(state: State, machine: Machine) -> tuple[int, ...]:
    layout = machine.layout
    slots = {name: slot for slot, name in slot_names(layout).items()}
    widths: dict[int, int] = {}
    for place in layout.places.values():
        widths[place.slot] = max(place.register.width, widths.get(place.slot, 0))
    values = list(layout.resets)
    for name, text in state.registers.items():
        slot = slots.get(name)
        if slot is None:
            raise StateError(f"this machine has no register {name}", "registers")
        value = int(text, 16)
        if value >> widths.get(slot, 32):
            raise StateError(f"{text} does not fit {widths.get(slot, 32)} bits", f"registers.{name}")
        values[slot] = value
    return tuple(values)


def _memory(state: State, machine: Machine) -> dict[int, bytearray]:
    memory = machine.memory
    assert isinstance(memory, GuestMemory)
    pages: dict[int, bytearray] = {}
    for place, page in enumerate(state.memory):
        where = f"memory.{place}"
        address = int(page.address, 16)
        if address % PAGE or not memory.base <= address < memory.end or address // PAGE in pages:
            raise StateError(f"{page.address} is no page of RAM of its own", where)
        try:
            data = base64.b64decode(page.data, validate=True)
        except binascii.Error:
            raise StateError("the data is not base64", where) from None
        if len(data) not in (0, PAGE):
            raise StateError(f"{len(data)} bytes, a page has {PAGE}", where)
        pages[address // PAGE] = bytearray(data) if data else EMPTY_PAGE
    return pages


def _same_shape(what: str, given: Sequence[Sequence[object]], fresh: Sequence[Sequence[object]]) -> None:
    if [len(each) for each in given] != [len(each) for each in fresh]:
        raise StateError("not as many as this machine has", what)


def _wired(state: State, fresh: MachineState) -> object:
    own: Any = fresh.wired
    _same_shape("lines.private", state.lines.private, own[0])
    _same_shape("lines.spis", [state.lines.spis], [own[1]])
    return tuple(tuple(each) for each in state.lines.private), tuple(state.lines.spis)


def _interfaces(state: State, fresh: MachineState) -> tuple[object, ...]:
    made = []
    _same_shape("interfaces", [state.interfaces], [fresh.interfaces])
    for each, own in zip(state.interfaces, fresh.interfaces, strict=True):
        parts: Any = own
        given = (each.bpr, each.enabled, each.active, each.controls)
        _same_shape("interfaces", given, parts[1:])
        made.append((each.pmr, *(tuple(part) for part in given)))
    return tuple(made)


def _lpi_state(state: State, machine: Machine) -> object:
    home, lpis = machine.lpi_home, state.lpis
    if isinstance(home, KernelLpis):
        if lpis.kernel is None:
            raise StateError("is missing", "lpis.kernel")
        for each in lpis.kernel:
            if each.target is not None and each.target >= machine.cpus:
                raise StateError(f"INTID {each.intid} targets CPU {each.target}", "lpis.kernel")
        return tuple(tuple(getattr(each, name) for name in Lpi.__slots__) for each in lpis.kernel)
    if isinstance(home, CachedLpis):
        given = lpis.redistributors
        if given is None or len(given) != machine.cpus:
            raise StateError("is not there once per CPU", "lpis.redistributors")
        return (
            tuple(frozenset(each.pending) for each in given),
            tuple({int(intid): byte for intid, byte in each.config.items()} for each in given),
            tuple(frozenset(each.loaded) for each in given),
        )
    if lpis.best is None or len(lpis.best) != machine.cpus:
        raise StateError("is not there once per CPU", "lpis.best")
    if any(each.intid >> RANK_BITS for each in lpis.best):
        raise StateError("an INTID is too large", "lpis.best")
    return tuple(each.priority << RANK_BITS | each.intid for each in lpis.best)


def _signals(state: State, machine: Machine) -> object:
    given = state.list_registers
    if machine.list_registers is None:
        return None
    if given is None or len(given.lists) != machine.cpus:
        raise StateError("is not there once per CPU", "list_registers.lists")
    known = {each.intid for each in state.lpis.kernel or ()}
    for each in given.queued:
        if each.cpu >= machine.cpus or each.owner >= machine.cpus or given.lists[each.cpu].count(each.intid) != 1:
            raise StateError(f"INTID {each.intid} is queued for a list that does not hold it", "list_registers")
        if each.intid >= machine.wired.limit and each.intid not in known:
            raise StateError(f"INTID {each.intid} is no interrupt of this machine", "list_registers")
    if sum(map(len, given.lists)) != len(given.queued):
        raise StateError("the lists hold more than is queued", "list_registers")
    return (
        tuple(tuple(each) for each in given.lists),
        {(each.intid, each.owner): each.cpu for each in given.queued},
    )


def _translation(state: State, machine: Machine) -> object:
    if not machine.has_its:
        return None
    if isinstance(machine.its.translation, TableTranslation):
        roots = state.its.tables
        if roots is None or len(roots) != 2 or any(root.keys() != set(TableRoot._fields) for root in roots):
            raise StateError("are not the roots of two tables", "its.tables")
        return tuple(_root(root) for root in roots)
    kernel = state.its.kernel
    if kernel is None:
        raise StateError("is missing", "its.kernel")
    if any(each.target >= machine.cpus and each.target != 0xFFFF_FFFF for each in kernel.collections):
        raise StateError("a collection targets a CPU that is not there", "its.kernel.collections")
    return (
        tuple((each.icid, each.target) for each in kernel.collections),
        tuple(
            (each.device, each.itt, each.size, tuple((one.event, one.icid, one.intid) for one in each.events))
            for each in kernel.devices
        ),
        tuple(((each.device, each.event), each.intid) for each in kernel.cache),
    )


def _root(given: dict[str, int]) -> TableRoot:
    """What GITS_BASER<n> can say, and nothing larger: a table is walked by these numbers."""
    page, entry = given["page_bytes"], given["entry_bytes"]
    if page not in TABLE_PAGES or not 1 <= entry <= MOST_ENTRY_BYTES or given["base"] >> ADDRESS_BITS:
        raise StateError(f"pages of {page} bytes, entries of {entry} at {given['base']:#x}", "its.tables")
    pages = MOST_TABLE_PAGES * page // L1_ENTRY_BYTES if given["indirect"] else MOST_TABLE_PAGES
    if given["entries"] > pages * (page // entry + 1):
        raise StateError(f"{given['entries']} entries do not fit its pages", "its.tables")
    return TableRoot(
        given["base"], given["entry_bytes"], given["page_bytes"], bool(given["indirect"]), given["entries"]
    )


def _words(packet: str) -> tuple[int, int, int, int]:
    first, second, third, fourth = WORDS.unpack(bytes.fromhex(packet))
    return first, second, third, fourth


# -- in one word, for a line of the language


def packed_state(text: str) -> str:
    """The JSON text as url-safe characters."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).rstrip(b"=").decode()


def unpacked_state(word: str) -> bytes:
    """The JSON text of a word. Raises StateError; never unpacks more than LONGEST_JSON bytes."""
    try:
        packed = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        inflate = zlib.decompressobj()
        data = inflate.decompress(packed, LONGEST_JSON + 1)
    except (binascii.Error, zlib.error, ValueError):
        raise StateError("the state is damaged: it does not unpack") from None
    if len(data) > LONGEST_JSON:
        raise StateError(f"the state unpacks to more than {LONGEST_JSON} bytes")
    if not inflate.eof or inflate.unused_data:
        raise StateError("the state is cut off, or has something after its end")
    return data


def scenario_of_state(text: str | bytes) -> str:
    """A scenario that begins with the machine of a state file. Raises StateError."""
    spec, machine = read_state(text)
    word = packed_state(state_text(machine, spec))
    line = f"load   {word}"
    if len(line) > LONGEST_LINE:
        raise StateError(f"{len(line)} characters when packed, at most {LONGEST_LINE}: RAM holds too much")
    return f"{format_content(spec)}\n{line}\n"


@lru_cache(maxsize=16)
def loaded_state(word: str) -> tuple[MachineSpec, MachineState]:
    """The machine that a word holds, to restore into one of the same make. Raises StateError."""
    spec, machine = read_state(unpacked_state(word))
    return spec, machine.snapshot()
