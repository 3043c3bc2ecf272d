"""Hypothesis strategies for scenarios: every verb, every kind of term, registers and fields from the real map."""

from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from app.gic.commands import COMMANDS
from app.registers import IMPLEMENTATION_NAMES
from app.scenario.migration import build
from app.scenario.operations import (
    Ack,
    Attribute,
    Config,
    Creadr,
    Edit,
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
    Relation,
    Save,
    SavedTables,
    Stalled,
    Uread,
    Uwrite,
    Write,
)
from app.scenario.parse import CONTROL
from app.scenario.restore_steps import ORDERS, STEP_NAMES, STEPS
from app.scenario.scenario import Line, MachineSpec, Scenario, Title
from app.scenario.state import state_text
from app.scenario.state_read import packed_state
from app.scenario.vocabulary import ADDRESS_FIELDS, vocabulary

CPUS = 4
SPEC = MachineSpec(cpus=CPUS)
TWO_STATES = MachineSpec("architecture", CPUS, security=2)
# The language knows the registers of this machine; those shown for reference only belong to another one.
OURS = [register for register in vocabulary(SPEC).map.registers.values() if not register.reference]
REGISTERS = [register for register in OURS if not register.encoding and register.name != "GITS_TRANSLATER"]
SYSTEM = [register for register in OURS if register.encoding]
WITH_FIELDS = [register for register in REGISTERS if register.fields]
# One of each kind: there are a thousand GICD_IROUTER<n>.
WIDE = list({register.stem: register for register in REGISTERS if register.width == 64}.values())
REFUSED = "".join(char for code in range(0x2000, 0x10000) if CONTROL.match(char := chr(code)))
cpus = st.integers(0, CPUS - 1)
ids = words32 = st.integers(0, 0xFFFF_FFFF)
halves = st.sampled_from(Half)
ram = st.integers(0x4000_0000, 0x5FFF_0000)
# Everything that a line may hold: blanks at both ends, other scripts, and what looks like the language itself.
free = st.text(
    st.sampled_from(" \t#=@.,()'") | st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=REFUSED),
    max_size=40,
)
titles = free.map(str.strip).filter(bool)
notes = free.map(lambda text: text.lstrip(" \t"))


def reference(register):
    return cpus.map(lambda cpu: RegisterRef(register.name, cpu if register.per_cpu else None))


def field_values(register):
    def value(field):
        return st.integers(0, (1 << field.width) - 1).map(lambda number: FieldValue(field.name, number))

    def named(field):
        return st.sampled_from(field.values).map(lambda entry: FieldValue(field.name, entry.value, entry.name))

    def one(field):
        return value(field) | named(field) if field.values and field.name not in ADDRESS_FIELDS else value(field)

    chosen = st.lists(st.sampled_from(register.fields), min_size=1, max_size=3, unique_by=lambda field: field.name)
    return chosen.flatmap(lambda fields: st.tuples(*map(one, fields)))


@st.composite
def writes(draw):
    register = draw(st.sampled_from(WITH_FIELDS + SYSTEM))
    target = draw(reference(register))
    by = None if register.encoding else draw(st.none() | cpus)
    if draw(st.booleans()) and register.fields:
        return Write(target, fields=draw(field_values(register)), by=by)
    if register in WIDE and draw(st.booleans()):
        return Write(target, draw(words32), draw(st.just(())), draw(st.sampled_from((None, 32))), draw(halves), by)
    return Write(target, draw(st.integers(0, (1 << register.width) - 1)), by=by)


@st.composite
def writes_of_fields_in_a_half(draw):
    """As `write GICR_PENDBASER@0 PTZ=1 half=hi`, and the same as the VMM does it."""
    register = draw(st.sampled_from([register for register in WIDE if register.fields]))
    half = draw(st.sampled_from(Half))
    reached = 0xFFFF_FFFF << (32 if half is Half.HI else 0)
    inside = [field for field in register.fields if field.mask & reached == field.mask]
    if not inside:
        return Read(draw(reference(register)), half=half)
    field = draw(st.sampled_from(inside))
    setting = (FieldValue(field.name, draw(st.integers(0, (1 << field.width) - 1))),)
    if register.frame == "GITS" or draw(st.booleans()):
        return Write(draw(reference(register)), fields=setting, half=half, by=draw(st.none() | cpus))
    return Uwrite(draw(reference(register)), fields=setting, half=half)


def translater():
    return st.builds(Write, st.just(RegisterRef("GITS_TRANSLATER")), words32, device=words32)


@st.composite
def raw_accesses(draw):
    width = draw(st.sampled_from((8, 16, 32, 64)))
    target = RawAddress(draw(st.integers(0, (1 << 52) - 1)))
    by = draw(st.none() | cpus)
    if draw(st.booleans()):
        return Read(target, width=width, by=by)
    return Write(target, draw(st.integers(0, (1 << width) - 1)), width=width, by=by)


@st.composite
def reads(draw):
    register = draw(st.sampled_from(WITH_FIELDS + SYSTEM))
    target = draw(reference(register))
    if register.fields and draw(st.booleans()):
        field = draw(st.sampled_from(register.fields))
        return Read(RegisterRef(target.name, target.cpu, field.name))
    if register in WIDE and draw(st.booleans()):
        return Read(target, draw(st.sampled_from((None, 32))), draw(halves), draw(st.none() | cpus))
    width = None if register.encoding else draw(st.sampled_from((None, 8, 16, 32, 64)))
    return Read(target, width, by=None if register.encoding else draw(st.none() | cpus))


@st.composite
def expectations(draw):
    on = tuple(draw(st.lists(st.sampled_from(IMPLEMENTATION_NAMES), unique=True, max_size=3)))
    relation = draw(st.sampled_from(Relation))
    kind = draw(st.sampled_from(("register", "field", "bytes", "flag", "number")))
    if kind == "register":
        register = draw(st.sampled_from(REGISTERS + SYSTEM))
        wanted = draw(st.integers(0, (1 << register.width) - 1))
        return Expect(draw(reference(register)), relation, wanted, on=on)
    if kind == "field":
        register = draw(st.sampled_from(WITH_FIELDS))
        setting = draw(field_values(register))[0]
        target = draw(reference(register))
        term = RegisterRef(target.name, target.cpu, setting.name)
        return Expect(term, relation, setting.value, setting.word, on)
    if kind == "bytes":
        data = draw(st.binary(min_size=1, max_size=12))
        equality = draw(st.sampled_from((Relation.EQUAL, Relation.NOT_EQUAL)))
        return Expect(Memory(draw(ram), len(data)), equality, data, on=on)
    if kind == "flag":
        flag = st.one_of(
            st.builds(Pending, st.integers(8192, 65535) | st.integers(0, 31), cpus),
            st.builds(Pending, st.integers(32, 1019)),
            st.builds(Mapped, ids, ids),
            st.builds(IrqLine, cpus),
            st.builds(Memory, ram, st.just(1), st.integers(0, 7)),
            st.just(Stalled()),
        )
        return Expect(draw(flag), relation, draw(st.integers(0, 1)), on=on)
    if draw(st.booleans()):
        return Expect(Config(draw(st.integers(8192, 65535))), relation, draw(st.integers(0, 255)), on=on)
    return Expect(draw(st.sampled_from((Creadr(), LastValue()))), relation, draw(st.integers(0, (1 << 64) - 1)), on=on)


@st.composite
def its_commands(draw):
    spec = COMMANDS[draw(st.sampled_from(sorted(COMMANDS)))]
    operands = []
    for operand in spec.operands:
        if operand.name == "valid" and draw(st.booleans()):
            continue
        steps = (operand.largest - operand.bias) >> operand.shift
        operands.append((operand.name, (draw(st.integers(0, steps)) << operand.shift) + operand.bias))
    return Its(spec.name, tuple(draw(st.permutations(operands))))


def attributes():
    register = st.sampled_from([item for item in REGISTERS if item.frame in ("GICD", "RD", "SGI", "GITS")])
    named = register.flatmap(reference) | st.sampled_from(WIDE).flatmap(reference)
    group = st.sampled_from(("dist", "redist", "its", "sysregs", "level"))
    return named | st.builds(Attribute, group, ids, st.none() | cpus)


@st.composite
def userspace(draw):
    target = draw(attributes())
    register = vocabulary(SPEC).register(target) if isinstance(target, RegisterRef) else None
    in_halves = register is not None and register.width == 64 and register.frame != "GITS"
    half = draw(st.none() | halves) if in_halves else None
    if draw(st.booleans()):
        return Uread(target, half)
    if register is not None and register.fields and half is None and draw(st.booleans()):
        return Uwrite(target, fields=draw(field_values(register)))
    wide = register.width == 64 if register is not None else target.group in ("its", "sysregs")
    return Uwrite(target, draw(st.integers(0, (1 << (64 if wide and half is None else 32)) - 1)), half=half)


orders = st.sampled_from(sorted(ORDERS)).map(lambda name: (name,)) | st.lists(
    st.sampled_from(STEP_NAMES), min_size=1, unique=True
).map(tuple)
edited = [
    register
    for register in REGISTERS
    if register.fields and any(stem in (register.stem, register.name) for step in STEPS for stem in step.stems)
]


@st.composite
def edits(draw):
    """As `GICR_PENDBASER@0.PTZ=1`: what a migration writes instead of a saved value."""
    register = draw(st.sampled_from(edited))
    target = draw(reference(register))
    if draw(st.booleans()):
        return Edit(target, draw(st.integers(0, (1 << register.width) - 1)))
    field = draw(st.sampled_from(register.fields))
    return Edit(replace(target, field=field.name), draw(st.integers(0, (1 << field.width) - 1)))


def migrations():
    left_out = st.lists(st.sampled_from(STEP_NAMES), max_size=2, unique=True).map(tuple)
    return st.builds(Migrate, orders, left_out, st.lists(edits(), max_size=2).map(tuple))


@st.composite
def wide_references(draw):
    return draw(reference(draw(st.sampled_from([register for register in WIDE if register.frame != "GITS"]))))


@cache
def saved(spec):
    """A machine in one word."""
    machine = build(spec)
    machine.memory.write(0x4020_0000, b"\xa3")
    return packed_state(state_text(machine, spec))


EACH_OPERATION = (
    st.builds(Poke, ram, st.binary(min_size=1, max_size=40)),
    writes(),
    writes_of_fields_in_a_half(),
    translater(),
    reads(),
    raw_accesses(),
    expectations(),
    its_commands(),
    st.builds(Msi, ids, ids),
    st.builds(Irq, st.integers(32, 95), st.integers(0, 1)),
    st.builds(Irq, st.integers(16, 31), st.integers(0, 1), cpus),
    st.builds(Ack, cpus),
    st.builds(Eoi, cpus, st.integers(0, (1 << 24) - 1)),
    userspace(),
    st.builds(Uread, wide_references(), halves),
    st.builds(Read, wide_references(), half=halves),
    st.builds(Save, st.sampled_from(SavedTables)),
    migrations(),
    st.just(LoadState(saved(SPEC))),
    st.builds(Note, notes),
)
operations = st.one_of(*EACH_OPERATION)


registers_of_two_states = st.sampled_from(
    [
        register
        for register in vocabulary(TWO_STATES).map.registers.values()
        if (register.nonsecure or register.encoding) and not register.reference
    ]
)


@st.composite
def secure_accesses(draw):
    """What only a machine with two Security states takes."""
    register = draw(registers_of_two_states)
    target = draw(reference(register))
    value = draw(st.integers(0, (1 << register.width) - 1))
    return draw(
        st.sampled_from(
            (
                Read(target, secure=True),
                Write(target, value, secure=True),
                Expect(target, Relation.EQUAL, value, secure=True),
                Ack(draw(cpus), secure=True),
                Eoi(draw(cpus), draw(st.integers(0, 1023)), secure=True),
                Write(RegisterRef("GICD_CTLR"), fields=(FieldValue("EnableGrp1S", 1),), secure=True),
            )
        )
    )


@st.composite
def lines(draw, operations=operations):
    kind = draw(st.sampled_from(("operation", "operation", "comment", "blank")))
    if kind == "blank":
        return Line()
    if kind == "comment":
        return Line(None, draw(free))
    operation = draw(operations)
    return Line(operation, None if isinstance(operation, Note) else draw(st.none() | free))


@st.composite
def scenarios(draw):
    title = draw(titles)
    name = draw(st.sampled_from(IMPLEMENTATION_NAMES))
    security = draw(st.sampled_from((1, 2))) if name == "architecture" else 1
    spis, ram = draw(st.sampled_from((64, 128, 988))), draw(st.sampled_from((512, 1024)))
    machine = MachineSpec(name, CPUS, spis, ram_mib=ram, security=security)
    body = draw(st.lists(lines(secure_accesses()) if security == 2 else lines(), max_size=12))
    preamble = draw(st.sampled_from(("", "---\ntitle: A\n---\nProse, *all* of it.\n\n---\n")))
    head = (Line(None, draw(free)), Line(Title(title)), Line(machine, draw(st.none() | free)))
    body = [
        replace(line, content=LoadState(saved(machine))) if isinstance(line.content, LoadState) else line
        for line in body
    ]
    return Scenario((*head, *body), preamble)
