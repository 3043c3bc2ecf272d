"""What software has asked of the ITS and the Redistributors so far, as the manual has it, whatever was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.gic import Machine
from app.gic.effects import CommandRun, CommandsRun, LpisEnabled, RegisterWritten
from app.gic.lpi import PROPBASER_ADDRESS, PTZ, lpi_limit
from app.scenario.operations import Attribute, LoadState, Migrate, Uwrite
from app.scenario.player import Step

FIRST_LPI = 8192
PTZ_BYTE = PTZ.bit_length() // 8
ROUTES = ("MAPTI", "MAPI", "MOVI")


@dataclass(frozen=True, slots=True)
class Stale:
    """A configuration byte that was changed in RAM, at `step`, and not invalidated since."""

    step: int
    text: str
    was: int
    byte: int


@dataclass(slots=True)
class History:
    """`devices` are the EventID bits of each DeviceID, `events` the (INTID, ICID) of each (DeviceID, EventID)."""

    devices: dict[int, int] = field(default_factory=dict)
    events: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    collections: dict[int, int] = field(default_factory=dict)
    homes: dict[int, int] = field(default_factory=dict)
    """The ICID of each mapped INTID."""
    stale: dict[int, Stale] = field(default_factory=dict)
    unsynced: dict[tuple[int, int], str] = field(default_factory=dict)
    """Events whose mapping no SYNC has followed, and the command that made it. A SYNC of any target counts: QEMU's log
    does not tell the target."""
    itts: list[tuple[int, int, int]] = field(default_factory=list)
    """The ITTs in order: first address, end, DeviceID."""
    itt_of: dict[int, tuple[int, int]] = field(default_factory=dict)
    its_enabled: bool = False
    """GITS_CTLR.Enabled, at this place within a step of several accesses."""
    read: str = ""
    """The read whose value the next expectation may be about."""
    promised: dict[int, bool] = field(default_factory=dict)
    """By CPU: whether GICR_PENDBASER was last written with PTZ=1."""

    def resync(self, machine: Machine) -> None:
        """Begin again from what the machine has: its state did not come about by commands that were seen."""
        self.stale.clear()
        self.unsynced.clear()
        self.itts.clear()
        self.itt_of.clear()
        for known in (self.devices, self.events, self.collections, self.homes):
            known.clear()
        if not machine.has_its:
            return
        self.devices.update((each.device_id, each.size) for each in machine.devices() if each.valid)
        self.collections.update((each.icid, each.cpu) for each in machine.collections() if each.cpu is not None)
        for intid, (event, _) in machine.mapped_lpis().items():
            if event.icid is not None:
                self._mapped((event.device_id, event.event_id), intid, event.icid)

    def after(self, step: Step, machine: Machine) -> None:
        """A step is over that may have brought state from elsewhere."""
        op = step.op
        self.its_enabled = machine.has_its and machine.its.enabled
        moved = isinstance(op, LoadState | Migrate) or (
            isinstance(op, Uwrite)
            and (op.target.group == "its" if isinstance(op.target, Attribute) else op.target.name.startswith("GITS_"))
        )
        if moved or any(isinstance(effect, CommandsRun) for effect in step.effects):
            self.resync(machine)

    def note(self, effect: object) -> None:
        """Something happened; the rules have seen it."""
        if isinstance(effect, CommandRun):
            self._command(effect)
        elif isinstance(effect, LpisEnabled):
            self._drop(effect.cpu)
        elif isinstance(effect, RegisterWritten):
            self._register(effect)

    def _register(self, effect: RegisterWritten) -> None:
        cpu = effect.cpu or 0
        if effect.register == "GITS_CTLR":
            self.its_enabled = bool(effect.kept & 1)
        elif effect.register == "GICR_INVLPIR":
            self.stale.pop(effect.asked & 0xFFFF_FFFF, None)
        elif effect.register == "GICR_INVALLR":
            self._drop(cpu)
        elif effect.register == "GICR_PENDBASER" and effect.address % 8 + effect.width // 8 > PTZ_BYTE:
            self.promised[cpu] = bool(effect.asked & PTZ)

    def _drop(self, cpu: int) -> None:
        """The configuration that this CPU's Redistributor may have cached is gone."""
        for intid in [each for each in self.stale if self.cpu_of(each) == cpu]:
            del self.stale[intid]

    def cpu_of(self, intid: int) -> int | None:
        """The CPU that the LPI is mapped to."""
        icid = self.homes.get(intid)
        return None if icid is None else self.collections.get(icid)

    def stored(self, step: Step, machine: Machine, address: int, was: bytes, data: bytes) -> None:
        """Bytes of RAM were replaced: remember which mapped LPIs that are in use have another configuration now."""
        if not any(machine.lpis_enabled(cpu) for cpu in range(machine.cpus)):
            return
        for cpu in range(machine.cpus):
            propbaser = machine.propbaser(cpu)
            table = propbaser & PROPBASER_ADDRESS
            last = table + lpi_limit(propbaser) - FIRST_LPI
            for place in range(max(address, table), min(address + len(data), last)):
                old, new = was[place - address], data[place - address]
                intid = place - table + FIRST_LPI
                if old != new and machine.lpis_enabled(cpu) and self.cpu_of(intid) == cpu:
                    self.stale.setdefault(intid, Stale(step.seq, step.text, old, new))

    def _command(self, effect: CommandRun) -> None:
        if effect.outcome != "done":
            return
        name, asked = effect.name, operands(effect)
        key = (asked.get("device", 0), asked.get("event", 0))
        if name in ROUTES:
            self._route(name, key, asked, effect.text)
        elif name == "MAPD":
            self._device(asked)
        elif name == "MAPC":
            self._collection(asked)
        elif name == "DISCARD":
            self._unmap(key)
        elif name == "INV":
            self.stale.pop(self.events.get(key, (0, 0))[0], None)
        elif name == "INVALL":
            for intid in [each for each in self.stale if self.homes.get(each) == asked["collection"]]:
                del self.stale[intid]
        elif name == "SYNC":
            self.unsynced.clear()

    def _collection(self, asked: Mapping[str, int]) -> None:
        if asked.get("valid", 1):
            self.collections[asked["collection"]] = asked["target"]
        else:
            self.collections.pop(asked["collection"], None)

    def _route(self, name: str, key: tuple[int, int], asked: Mapping[str, int], text: str) -> None:
        before = self.events.get(key)
        if name == "MOVI" and before is None:
            return
        intid = before[0] if name == "MOVI" and before is not None else asked.get("intid", key[1])
        self._mapped(key, intid, asked["collection"])
        self.unsynced[key] = text

    def _mapped(self, key: tuple[int, int], intid: int, icid: int) -> None:
        self.events[key] = intid, icid
        self.homes[intid] = icid

    def _unmap(self, key: tuple[int, int]) -> None:
        self.unsynced.pop(key, None)
        intid, _ = self.events.pop(key, (0, 0))
        self.homes.pop(intid, None)
        self.stale.pop(intid, None)

    def _device(self, asked: Mapping[str, int]) -> None:
        device = asked["device"]
        if device in self.devices:
            for key in [each for each in self.events if each[0] == device]:
                self._unmap(key)
        if asked.get("valid", 1):
            self.devices[device] = asked["size"]
        else:
            self.devices.pop(device, None)


def operands(effect: CommandRun) -> dict[str, int]:
    """The operands of a command that was run, by name."""
    pairs = (word.partition("=") for word in effect.text.split()[1:])
    return {name: int(value, 0) for name, _, value in pairs if value}
