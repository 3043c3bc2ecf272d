"""A scenario as a Python script that drives `app.gic.Machine`; expectations become assertions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from app.exchange.writers import Written
from app.registers import Register, RegisterMap
from app.scenario.attributes import Place, attribute_of, raw_attribute
from app.scenario.format import format_content
from app.scenario.operations import (
    Ack,
    Config,
    Creadr,
    Eoi,
    Expect,
    FieldValue,
    Half,
    Irq,
    IrqLine,
    Its,
    LastValue,
    LoadState,
    Mapped,
    Memory,
    Migrate,
    Msi,
    Note,
    Pending,
    Poke,
    RawAddress,
    Read,
    RegisterRef,
    Save,
    SavedTables,
    Stalled,
    Term,
    Uread,
    Uwrite,
    Write,
)
from app.scenario.scenario import Line, MachineSpec, Scenario, Title, line_operation
from app.scenario.vocabulary import access_width, vocabulary

FIRST_SPI, FIRST_LPI = 32, 8192
CHECK = """
def check(what, got, holds):
    assert holds(got), f"{what}: it is {got!r}"

"""


def write(scenario: Scenario) -> Written:
    """A script with one comment for each line of the scenario, followed by the calls that it is."""
    writer = Writer(scenario.machine)
    body = [row for line in scenario.lines for row in writer.line(line)]
    title = scenario.title.replace("\\", "\\\\").replace('"', '\\"') or "A giclab scenario"
    imports = [f"from {module} import {names}" for module, names in sorted(writer.imports.items())]
    head = [f'"""{title}"""', "", *imports, CHECK]
    return Written("\n".join([*head, writer.construction(), "last = None", *body]) + "\n")


class Writer:
    def __init__(self, spec: MachineSpec) -> None:
        self.spec = spec
        self.map: RegisterMap = vocabulary(spec).map
        self.imports = {"app.gic": "Machine"}

    def construction(self) -> str:
        spec = self.spec
        return (
            f"machine = Machine(implementation={spec.implementation!r}, cpus={spec.cpus}, spis={spec.spis}, "
            f"its={spec.its}, ram_mib={spec.ram_mib}, lpi_id_bits={spec.lpi_id_bits}"
            f"{f', security={spec.security}' if spec.security > 1 else ''})"
        )

    def line(self, line: Line) -> list[str]:
        """The scenario's line as a comment, and its calls."""
        comment = "" if line.comment is None else f"#{line.comment}".rstrip()
        if line.content is None:
            return [comment]
        if isinstance(line.content, Title | MachineSpec):
            return []
        operation = line_operation(line)
        said = f"# {format_content(line.content, self.spec)}" + (f"  {comment}" if comment else "")
        return ["", said, *CALLS[type(operation)](self, operation)]

    # -- operations --

    def poke(self, op: Poke) -> list[str]:
        return [f"machine.memory.write({op.address:#x}, bytes.fromhex({op.data.hex()!r}))"]

    def write(self, op: Write) -> list[str]:
        if op.device is not None:
            return [f"machine.msi(device_id={op.device}, event_id={op.value or 0})"]
        load, store = self._access(op)
        if op.value is not None:
            return [store(f"{op.value:#x}")]
        return [f"value = {load}", store(self._overlaid(op))]

    def read(self, op: Read) -> list[str]:
        load, _ = self._access(op)
        if isinstance(op.target, RegisterRef) and op.target.field is not None:
            load = self._field(op.target, load)
        return [f"last = {load}", f"print({str(op.target)!r}, hex(last))"]

    def expect(self, op: Expect) -> list[str]:
        wanted = repr(op.wanted) if isinstance(op.wanted, bytes) else f"{op.wanted:#x}"
        text = format_content(op, self.spec, compact=True).removeprefix("expect ")
        check = f"check({text!r}, {self.term(op.term, _secure(op))}, lambda got: got {op.relation} {wanted})"
        return [f"if machine.implementation in {op.on!r}:", f"    {check}"] if op.on else [check]

    def its(self, op: Its) -> list[str]:
        self.imports["app.gic.commands"] = "encode"
        operands = "".join(f", {name}={value:#x}" for name, value in op.operands)
        return [
            "if not machine.its_is_set_up:",
            "    machine.setup_its()",
            f"machine.command(encode({op.command!r}{operands}))",
        ]

    def msi(self, op: Msi) -> list[str]:
        return [f"machine.msi(device_id={op.device}, event_id={op.event})"]

    def irq(self, op: Irq) -> list[str]:
        if op.intid < FIRST_SPI:
            return [f"machine.ppi(intid={op.intid}, level={bool(op.level)}, cpu={op.cpu or 0})"]
        return [f"machine.spi(intid={op.intid}, level={bool(op.level)})"]

    def ack(self, op: Ack) -> list[str]:
        return [
            f'last = machine.icc_read("ICC_IAR1_EL1", cpu={op.cpu}{_secure(op)})',
            f'print("acknowledged on CPU {op.cpu}:", last)',
        ]

    def eoi(self, op: Eoi) -> list[str]:
        return [f'machine.icc_write("ICC_EOIR1_EL1", {op.intid}, cpu={op.cpu}{_secure(op)})']

    def uread(self, op: Uread) -> list[str]:
        return self._refusable(f"last = {self._get(self._place(op))}", f"print({str(op.target)!r}, hex(last))")

    def uwrite(self, op: Uwrite) -> list[str]:
        place = self._place(op)
        if op.value is not None:
            return self._refusable(*self._sets(place, f"{op.value:#x}"))
        return self._refusable(
            f"value = {self._get(place)}", f"value = {self._overlaid(op)}", *self._sets(place, "value")
        )

    def save(self, op: Save) -> list[str]:
        name = "save_pending_tables" if op.tables is SavedTables.PENDING else "save_its_tables"
        return self._refusable(f"machine.userspace.{name}()")

    def _refusable(self, *calls: str) -> list[str]:
        """Calls of the userspace door: a refusal is said and the script goes on, as a scenario does."""
        self.imports["app.gic"] = "Machine, UserspaceError"
        return [
            "try:",
            *(f"    {call}" for call in calls),
            "except UserspaceError as error:",
            '    print("refused:", error)',
        ]

    def migrate(self, op: Migrate) -> list[str]:
        self.imports["app.scenario.migration"] = "migrate"
        self.imports["app.scenario.operations"] = "Edit, Migrate, RegisterRef" if op.edits else "Migrate"
        self.imports["app.scenario.scenario"] = "MachineSpec"
        return [f"machine = migrate(machine, {self.spec!r}, {op!r}).machine"]

    def load(self, op: LoadState) -> list[str]:
        self.imports["app.scenario.state_read"] = "loaded_state"
        return [f"machine.restore(loaded_state({op.state!r})[1])"]

    def note(self, _: Note) -> list[str]:
        return []

    # -- terms --

    def term(self, term: Term, secure: str = "") -> str:
        """The expression that a term is; `secure` is what a peek is given besides."""
        if not isinstance(term, RegisterRef):
            return TERMS[type(term)](term)
        value = f"machine.peek({term.name!r}, cpu={term.cpu or 0}{secure})"
        return value if term.field is None else self._field(term, value)

    # -- parts --

    def _access(self, op: Read | Write) -> tuple[str, Callable[[str], str]]:
        """The expression that loads, and the statement that stores a value."""
        if isinstance(op.target, RegisterRef) and self._register(op.target).encoding:
            name, cpu = op.target.name, op.target.cpu or 0
            return (
                f"machine.icc_read({name!r}, cpu={cpu}{_secure(op)})",
                lambda value: f"machine.icc_write({name!r}, {value}, cpu={cpu}{_secure(op)})",
            )
        size = access_width(self.map, op.target, op.width, op.half) // 8
        if isinstance(op.target, RawAddress):
            address, cpu = op.target.address, op.by or 0
        else:
            own = op.target.cpu or 0
            address = self.map.address(self._register(op.target), own) + (4 if op.half is Half.HI else 0)
            cpu = own if op.by is None else op.by
        by = (f", cpu={cpu}" if cpu else "") + _secure(op)
        return (
            f"machine.read({address:#010x}, {size}{by})",
            lambda value: f"machine.write({address:#010x}, {value}, {size}{by})",
        )

    def _register(self, reference: RegisterRef) -> Register:
        return self.map.registers[reference.name]

    def _field(self, reference: RegisterRef, value: str) -> str:
        field = self._register(reference).field(reference.field or "")
        return f"({value} >> {field.lsb} & {field.mask >> field.lsb:#x})"

    def _overlaid(self, op: Write | Uwrite) -> str:
        """`value` with the named fields replaced, as bits of the access."""
        assert isinstance(op.target, RegisterRef)
        clear, bits = overlay(self._register(op.target), op.fields)
        shift = 32 if op.half is Half.HI else 0
        return f"value & ~{clear >> shift:#x} | {bits >> shift:#x}"

    def _place(self, op: Uread | Uwrite) -> Place:
        if isinstance(op.target, RegisterRef):
            return attribute_of(self._register(op.target), op.target.cpu, op.half)
        return raw_attribute(op.target)

    @staticmethod
    def _get(place: Place) -> str:
        return " | ".join(
            f"machine.userspace.get({place.group!r}, {place.offset + 4 * piece:#x}, cpu={place.cpu})"
            + (f" << {32 * piece}" if piece else "")
            for piece in range(place.pieces)
        )

    @staticmethod
    def _sets(place: Place, value: str) -> list[str]:
        if place.pieces == 1:
            return [f"machine.userspace.set({place.group!r}, {place.offset:#x}, {value}, cpu={place.cpu})"]
        return [
            f"machine.userspace.set({place.group!r}, {place.offset + 4 * piece:#x}, "
            f"({value}) >> {32 * piece} & 0xFFFFFFFF, cpu={place.cpu})"
            for piece in range(place.pieces)
        ]


def overlay(register: Register, fields: Iterable[FieldValue]) -> tuple[int, int]:
    """The bits that the fields clear and the bits that they then set, in register position."""
    clear = bits = 0
    for item in fields:
        field = register.field(item.name)
        clear |= field.mask
        bits = field.insert(bits, item.value)
    return clear, bits


def _secure(op: Read | Write | Expect | Ack | Eoi) -> str:
    """The argument of a Secure access."""
    return ", secure=True" if op.secure else ""


def _pending(term: Pending) -> str:
    if term.intid >= FIRST_LPI:
        return (
            f"int(machine.lpi_home.state({term.intid}, {term.cpu}).pending"
            f" and machine.lpi_home.state({term.intid}, {term.cpu}).cpu == {term.cpu})"
        )
    word, bit = divmod(term.intid, 32)
    name = "GICR_ISPENDR0" if term.intid < FIRST_SPI else f"GICD_ISPENDR{word}"
    return f"(machine.peek({name!r}, cpu={term.cpu or 0}, secure=True) >> {bit} & 1)"


def _memory(term: Memory) -> str:
    data = f"machine.memory.read({term.address:#x}, {term.length})"
    return data if term.bit is None else f"({data}[0] >> {term.bit} & 1)"


def _config(term: Config) -> str:
    view = f"machine.lpi({term.intid})"
    return f"({view}.config_ram if {view}.config_cached is None else {view}.config_cached)"


TERMS: dict[type, Callable[[Any], str]] = {
    Pending: _pending,
    Config: _config,
    Mapped: lambda term: f"int(any(e.event_id == {term.event} for e in machine.events({term.device})))",
    Memory: _memory,
    IrqLine: lambda term: f"int(machine.irq(cpu={term.cpu}))",
    Creadr: lambda _: "machine.queue().creadr",
    Stalled: lambda _: "int(machine.queue().stalled)",
    LastValue: lambda _: "last",
}
CALLS: dict[type, Callable[[Writer, Any], list[str]]] = {
    Poke: Writer.poke,
    Write: Writer.write,
    Read: Writer.read,
    Expect: Writer.expect,
    Its: Writer.its,
    Msi: Writer.msi,
    Irq: Writer.irq,
    Ack: Writer.ack,
    Eoi: Writer.eoi,
    Uread: Writer.uread,
    Uwrite: Writer.uwrite,
    Save: Writer.save,
    Migrate: Writer.migrate,
    LoadState: Writer.load,
    Note: Writer.note,
}
