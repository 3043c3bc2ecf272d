"""A scenario as a test function for kvm-unit-tests' arm/gic.c, with its stanza for arm/unittests.cfg.

The framework owns the LPI tables, the ITS's tables and its queue: writes that set these up are left out and said, and
bytes of the LPI tables become the framework's own calls. ITS commands are its_send_…, registers are written raw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.exchange.accesses import Access, DeviceWrite, Load, RamWrite, Store, Told, Wire, told
from app.exchange.writers import Written
from app.gic.lpi import FIRST_LPI, LPI_LIMIT, PENDBASER_ADDRESS, PROPBASER_ADDRESS
from app.registers import RegisterMap
from app.scenario.format import format_content
from app.scenario.operations import Expect, Its, LoadState, Migrate, Note, RegisterRef, Save, Uread, Uwrite, Write
from app.scenario.player import Player
from app.scenario.scenario import Scenario
from app.scenario.vocabulary import vocabulary

OWNED = re.compile(r"GICR_(PROPBASER|PENDBASER)|GITS_(BASER\d|CBASER|CWRITER|CTLR)")
LETTERS = {1: "b", 2: "w", 4: "l", 8: "q"}
EVENT_CALLS = {"INT": "int", "INV": "inv", "DISCARD": "discard", "CLEAR": "clear"}
DEFAULT_SIZE = 5
STANZA = """\
/*
 * arm/unittests.cfg; arm/gic.c calls test_{function}() when argv[1] is "{name}".
 *
 * [{name}]
 * file = gic.flat
 * smp = {cpus}
 * qemu_params = -machine gic-version=3 -append '{name}'
 * groups = its
 * arch = arm64
 */
"""


def write(scenario: Scenario) -> Written:
    """The function; what was read is reported beside what the model answered."""
    writer = _Writer(scenario)
    body = list(writer.body())
    name = re.sub(r"[^a-z0-9]+", "-", scenario.title.lower()).strip("-")[:40] or "giclab-scenario"
    function = name.replace("-", "_")
    stanza = STANZA.format(name=name, function=function, cpus=scenario.machine.cpus)
    rows = [*writer.declared(), "", *body]
    text = "".join(f"\t{row}".rstrip() + "\n" for row in rows)
    head = f"{stanza}\nstatic void test_{function}(void)\n{{\n"
    return Written(f"{head}{text}}}\n", tuple(writer.remarks))


class _Writer:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.map: RegisterMap = vocabulary(scenario.machine).map
        self.player = Player(scenario.machine)
        self.remarks: list[str] = []
        self.devices: dict[int, int] = {}
        self.collections: dict[tuple[int, int], str] = {}
        self.targets: dict[int, int] = {}

    def declared(self) -> Iterator[str]:
        """The devices and collections that the commands name."""
        for (icid, cpu), name in self.collections.items():
            yield f"struct its_collection *{name} = its_create_collection({icid}, {cpu});"
        for device, size in self.devices.items():
            yield f"struct its_device *dev_{device:x} = its_create_device({device:#x}, {1 << size});"

    def body(self) -> Iterator[str]:
        """The statements, each operation below its own line as a comment."""
        for item in told(self.scenario):
            if item.operation is None:
                continue
            said = format_content(item.operation, self.scenario.machine, compact=True)
            yield f"/* {' '.join(said.split()).replace('*/', '* /')} */"
            yield from self._operation(item, said)
            self.player.advance(item.operation)
            if isinstance(item.operation, Migrate | LoadState):
                self._remark(item, "the export ends here")
                return

    def _operation(self, item: Told, said: str) -> Iterator[str]:
        operation = item.operation
        if isinstance(operation, Note):
            return
        if isinstance(operation, Its):
            yield from self._command(item, operation)
        elif isinstance(operation, Expect):
            yield from self._expect(item, operation, said)
        elif isinstance(operation, Save | Migrate | LoadState | Uread | Uwrite):
            self._remark(item, f"{operation.verb} is a hypervisor's, a guest has no such door")
        elif isinstance(operation, Write) and self._is(operation, "GICR_CTLR"):
            yield from self._switched(item, operation)
        else:
            for access in item.accesses:
                row = self._access(item, access, said)
                if row:
                    yield row

    def _is(self, operation: Write, name: str) -> bool:
        return isinstance(operation.target, RegisterRef) and operation.target.name == name

    def _switched(self, item: Told, operation: Write) -> Iterator[str]:
        assert isinstance(operation.target, RegisterRef)
        stored = next((each.value for each in item.accesses if isinstance(each, Store)), 0)
        yield f"gicv3_lpi_rdist_{'enable' if stored & 1 else 'disable'}({operation.target.cpu or 0});"

    def _command(self, item: Told, operation: Its) -> Iterator[str]:
        given, name = dict(operation.operands), operation.command
        device = given.get("device", 0)
        if "device" in given:
            size = max(given.get("size", 0), self.devices.get(device, 0)) or DEFAULT_SIZE
            self.devices[device] = size
        valid = "true" if given.get("valid", 1) else "false"
        if name == "MAPD":
            yield f"its_send_mapd(dev_{device:x}, {valid});"
        elif name == "MAPC":
            icid = given.get("collection", 0)
            self.targets[icid] = given.get("target", 0)
            yield f"its_send_mapc({self._collection(icid)}, {valid});"
        elif name in EVENT_CALLS:
            yield f"its_send_{EVENT_CALLS[name]}(dev_{device:x}, {given.get('event', 0)});"
        elif name in ("MAPTI", "MAPI", "MOVI"):
            yield self._mapping(name, device, given)
        elif name == "INVALL":
            yield f"its_send_invall({self._collection(given.get('collection', 0))});"
        elif name == "SYNC":
            icid = next((key for key, cpu in self.targets.items() if cpu == given.get("target", 0)), 0)
            yield f"its_send_sync({self._collection(icid)});"
        else:
            self._remark(item, f"kvm-unit-tests has no function that sends {name}")

    def _mapping(self, name: str, device: int, given: dict[str, int]) -> str:
        event, collection = given.get("event", 0), self._collection(given.get("collection", 0))
        if name == "MOVI":
            return f"its_send_movi(dev_{device:x}, {collection}, {event});"
        intid = event if name == "MAPI" else given.get("intid", 0)
        return f"its_send_mapti(dev_{device:x}, {intid}, {event}, {collection});"

    def _collection(self, icid: int) -> str:
        cpu = self.targets.get(icid, 0)
        return self.collections.setdefault((icid, cpu), f"col_{icid:x}_{cpu}")

    def _access(self, item: Told, access: Access, said: str) -> str:
        match access:
            case Load(secure=True) | Store(secure=True):
                self._remark(item, "a guest makes Non-secure accesses")
            case RamWrite(address, data):
                return self._ram(item, address, data)
            case Load(address, size, _, value) if place := self._place(address):
                return f'report_info("{_quoted(said)}: %#lx, model {value:#x}", (u64)read{LETTERS[size]}({place}));'
            case Store(address, size, _, value) if place := self._place(address):
                if OWNED.match(self._name(address)):
                    self._remark(item, f"the framework sets {self._name(address)} up itself")
                    return ""
                return f"write{LETTERS[size]}({value:#x}, {place});"
            case Load() | Store():
                self._remark(item, "the address is in no frame of the GIC")
            case DeviceWrite(device, event):
                self.devices.setdefault(device, DEFAULT_SIZE)
                self._remark(item, "an MSI of a device is made by the INT command")
                return f"its_send_int(dev_{device:x}, {event});"
            case Wire(intid, _, _):
                self._remark(item, f"a guest cannot drive the wire of INTID {intid}")
            case _:
                self._remark(item, "the framework owns the CPU interface")
        return ""

    def _ram(self, item: Told, address: int, data: bytes) -> str:
        """Bytes of the LPI tables by the framework's calls; it has its own tables, at places of its own."""
        machine = self.player.machine
        for cpu in range(machine.cpus):
            offset = address - (machine.propbaser(cpu) & PROPBASER_ADDRESS)
            if machine.propbaser(cpu) and 0 <= offset <= LPI_LIMIT - FIRST_LPI - len(data):
                intids = range(FIRST_LPI + offset, FIRST_LPI + offset + len(data))
                rows = [f"gicv3_lpi_set_config({n}, {byte:#x});" for n, byte in zip(intids, data, strict=True)]
                return "\n\t".join(rows)
            first = (address - (machine.pendbaser(cpu) & PENDBASER_ADDRESS)) * 8
            if machine.pendbaser(cpu) and FIRST_LPI <= first <= LPI_LIMIT - len(data) * 8:
                bits = int.from_bytes(data, "little")
                return "\n\t".join(
                    f"gicv3_lpi_set_clr_pending({cpu}, {first + bit}, {'true' if bits >> bit & 1 else 'false'});"
                    for bit in range(len(data) * 8)
                )
        self._remark(item, "the RAM is none of the LPI tables: the framework has its own there")
        return ""

    def _expect(self, item: Told, operation: Expect, said: str) -> Iterator[str]:
        term = operation.term
        name = self.scenario.machine.implementation
        if operation.on and name not in operation.on:
            self._remark(item, f"it is not expected of {name}")
        elif not isinstance(term, RegisterRef) or not isinstance(operation.wanted, int) or operation.secure:
            self._remark(item, "a guest cannot see what it expects")
        elif self.map.registers[term.name].encoding or not self.map.registers[term.name].present:
            self._remark(item, "the framework owns the CPU interface")
        else:
            register = self.map.registers[term.name]
            place = self._place(self.map.address(register, term.cpu or 0))
            value = f"read{LETTERS[register.width // 8]}({place})"
            if term.field is not None:
                field = register.field(term.field)
                value = f"({value} >> {field.lsb} & {field.mask >> field.lsb:#x})"
            yield f'report({value} {operation.relation} {operation.wanted:#x}, "{_quoted(said)}");'

    def _name(self, address: int) -> str:
        found = self.map.at(address)
        return "" if found is None else found[0].name

    def _place(self, address: int) -> str:
        """An address as the framework's own frame and an offset; "" outside."""
        frames = self.map.frames
        redistributor = frames["RD"]
        offset = address - redistributor.base
        if 0 <= offset < redistributor.stride * self.map.cpus:
            cpu, rest = divmod(offset, redistributor.stride)
            return f"gicv3_data.redist_base[{cpu}] + {rest:#x}"
        if 0 <= address - frames["GICD"].base < frames["GICD"].size:
            return f"gicv3_dist_base() + {address - frames['GICD'].base:#x}"
        if "GITS" in frames and 0 <= address - frames["GITS"].base < frames["GITS"].size:
            return f"gicv3_its_base() + {address - frames['GITS'].base:#x}"
        return ""

    def _remark(self, item: Told, why: str) -> None:
        self.remarks.append(f"line {item.line.number}: {why}")


def _quoted(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
