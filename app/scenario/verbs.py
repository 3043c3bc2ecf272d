"""One parser per verb of the scenario language: words in, an operation out, or an error that says what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from app.gic.commands import COMMANDS, CommandError, encode
from app.scenario.migrate_words import parse_migrate
from app.scenario.operations import (
    Ack,
    Attribute,
    Eoi,
    FieldValue,
    Half,
    Irq,
    Its,
    LoadState,
    Msi,
    Note,
    Operation,
    Poke,
    RawAddress,
    Read,
    RegisterRef,
    Save,
    SavedTables,
    Uread,
    Uwrite,
    Write,
)
from app.scenario.options import Options, split_pair
from app.scenario.terms import TERM_FORMS, parse_expect
from app.scenario.vocabulary import WIDTHS, Vocabulary
from app.scenario.words import SourceLine, Word, short

VerbParser: TypeAlias = Callable[[SourceLine, Vocabulary], Operation]
ACCESS_OPTIONS = ("width", "half", "by", "secure")
ATTRIBUTE_GROUPS = ("dist", "redist", "its", "sysregs", "level")
LONGEST_POKE = 65536
TRANSLATER = "GITS_TRANSLATER"


class Verb(NamedTuple):
    """How a verb is written, and what reads it."""

    usage: str
    parse: VerbParser


def parse_operation(line: SourceLine, vocabulary: Vocabulary) -> Operation:
    """The operation of a line that has words."""
    verb = VERBS.get(line.words[0].text)
    if verb is None:
        raise line.unknown(line.words[0], "verb", (*VERBS, "title", "machine"))
    return verb.parse(line, vocabulary)


def _operand(line: SourceLine, index: int, what: str) -> Word:
    if index >= len(line.words):
        raise line.error(line.end, f"{what} is missing", VERBS[line.words[0].text].usage)
    return line.words[index]


def _nothing_after(line: SourceLine, index: int) -> None:
    if index < len(line.words):
        extra = line.words[index]
        raise line.error(extra, f"{short(extra.text)} is one word too many", VERBS[line.words[0].text].usage)


def _poke(line: SourceLine, vocabulary: Vocabulary) -> Poke:
    address, first = _operand(line, 1, "the address"), _operand(line, 2, "the data")
    data = line.bytes_at(line.words[2:], "poke")
    if len(data) > LONGEST_POKE:
        raise line.error(first, f"{len(data)} bytes in one poke", f"at most {LONGEST_POKE}, in several lines")
    return Poke(vocabulary.ram_address(line, address, len(data)), data)


class _Access(NamedTuple):
    width: int | None
    half: Half | None
    by: int | None


def _access(line: SourceLine, options: Options, target: RegisterRef | RawAddress, vocabulary: Vocabulary) -> _Access:
    """width=, half= and by=, checked against what is accessed."""
    by_word, width, half = options.get("by"), options.get("width"), options.get("half")
    bits = None if width is None else int(line.choice_at(width, "width in bits", WIDTHS))
    side = None if half is None else Half(line.choice_at(half, "half", tuple(Half)))
    system = isinstance(target, RegisterRef) and bool(vocabulary.register(target).encoding)
    for word in (width, half, by_word):
        if system and word is not None:
            raise line.error(word, f"{target} is a system register: it has no access width, halves or other CPU", "")
    if side is not None and half is not None:
        if isinstance(target, RawAddress) or vocabulary.register(target).width != 64:
            raise line.error(half, f"{target} has no halves", "half= with a 64-bit register")
        if bits not in (None, 32):
            raise line.error(half, f"a half is 32 bits wide, not {bits}", "width=32")
    return _Access(bits, side, None if by_word is None else vocabulary.cpu(line, by_word))


def _read(line: SourceLine, vocabulary: Vocabulary) -> Read:
    target = vocabulary.target(line, _operand(line, 1, "the register"), field=True)
    options = Options(line, line.words[2:], ACCESS_OPTIONS, "operand of read")
    access = _access(line, options, target, vocabulary)
    if isinstance(target, RegisterRef) and target.field is not None and (access.width or access.half):
        raise line.error(line.words[2], "a field is read with the whole register", f"{target} alone")
    return Read(target, *access, secure=options.secure(vocabulary.spec.security))


def _write(line: SourceLine, vocabulary: Vocabulary) -> Write:
    target = vocabulary.target(line, _operand(line, 1, "the register"))
    values, settings, pairs = _sort_words(line, (*ACCESS_OPTIONS, "device"))
    options = Options(line, pairs, (*ACCESS_OPTIONS, "device"), "operand of write")
    access = _access(line, options, target, vocabulary)
    device = options.number("device", 1 << 32)
    _check_device(line, target, device, options)
    width = vocabulary.access_width(target, access.width, access.half)
    value, fields = _value_or_fields(line, target, values, settings, width, vocabulary)
    if access.half is not None or width == 32:
        _fields_in_half(line, target, fields, settings, access.half, width, vocabulary)
    return Write(target, value, fields, *access, device, options.secure(vocabulary.spec.security))


def _check_device(line: SourceLine, target: RegisterRef | RawAddress, device: int | None, options: Options) -> None:
    if isinstance(target, RegisterRef) and target.name == TRANSLATER:
        if device is None:
            raise line.error(line.end, f"{TRANSLATER} is written with a DeviceID: device= is missing", "device=2")
    elif (word := options.get("device")) is not None:
        raise line.error(word, f"only {TRANSLATER} is written with a DeviceID", "no device=")


def _sort_words(line: SourceLine, known: tuple[str, ...]) -> tuple[list[Word], list[Word], list[Word]]:
    """The words after the register: plain values, field=value, and key=value of the access itself."""
    values, settings, pairs = [], [], []
    for word in line.words[2:]:
        if "=" not in word.text:
            values.append(word)
        elif split_pair(word)[0].text in known:
            pairs.append(word)
        else:
            settings.append(word)
    return values, settings, pairs


def _value_or_fields(
    line: SourceLine,
    target: RegisterRef | RawAddress | Attribute,
    values: list[Word],
    settings: list[Word],
    width: int,
    vocabulary: Vocabulary,
) -> tuple[int | None, tuple[FieldValue, ...]]:
    if values and settings:
        raise line.error(values[0], "a whole value and single fields", "a value, or field=value pairs")
    if len(values) > 1:
        raise line.error(values[1], f"{short(values[1].text)} is one word too many", "one value")
    if values:
        return line.bits_at(values[0], str(target), width), ()
    if not settings:
        raise line.error(line.end, "what to write is missing", "a value, or field=value pairs")
    if not isinstance(target, RegisterRef):
        raise line.error(settings[0], f"{target} has no named fields here", "a value")
    return None, _settings(line, target, settings, vocabulary)


def _settings(
    line: SourceLine, target: RegisterRef, words: list[Word], vocabulary: Vocabulary
) -> tuple[FieldValue, ...]:
    register = vocabulary.register(target)
    found: dict[str, FieldValue] = {}
    for word in words:
        key, value = split_pair(word)
        field = vocabulary.field(line, key, register, also=ACCESS_OPTIONS)
        if field.name in found:
            raise line.error(key, f"{field.name} is given twice", f"one {field.name}=")
        found[field.name] = vocabulary.field_value(line, value, register, field)
    return tuple(found.values())


def _fields_in_half(
    line: SourceLine,
    target: RegisterRef | RawAddress | Attribute,
    fields: tuple[FieldValue, ...],
    settings: list[Word],
    half: Half | None,
    width: int,
    vocabulary: Vocabulary,
) -> None:
    """What a 32-bit access writes to a 64-bit register must lie in the half that it reaches."""
    if not isinstance(target, RegisterRef) or vocabulary.register(target).width == width:
        return
    reached = 0xFFFF_FFFF << (32 if half is Half.HI else 0)
    for word, item in zip(settings, fields, strict=True):
        field = vocabulary.register(target).field(item.name)
        if not field.mask & reached or item.value << field.lsb & ~reached:
            where = f"bits {field.msb}:{field.lsb}" if field.width > 1 else f"bit {field.lsb}"
            raise line.error(word, f"{field.name} is {where}, outside this half", "width=64, or the other half")


def _its(line: SourceLine, vocabulary: Vocabulary) -> Its:
    name = _operand(line, 1, "the command")
    if not vocabulary.spec.its:
        raise line.error(name, "this machine has no ITS", "machine … its=1")
    spec = COMMANDS.get(name.text.upper())
    if spec is None:
        raise line.unknown(name, "ITS command", tuple(COMMANDS))
    known = {operand.name: operand for operand in spec.operands}
    options = Options(line, line.words[2:], tuple(known), f"operand of {spec.name}")
    given = {key: options.required(key) for key in options.given}
    for key, value in given.items():
        try:
            known[key].place(value)
        except CommandError as error:
            raise line.error(options.get(key) or line.end, str(error)) from None
    try:
        encode(spec.name, **given)
    except CommandError as error:
        usage = " ".join(f"{operand.name}=" for operand in spec.operands)
        raise line.error(line.end, str(error), f"its {spec.name} {usage}") from None
    return Its(spec.name, tuple(given.items()))


def _msi(line: SourceLine, _: Vocabulary) -> Msi:
    options = Options(line, line.words[1:], ("device", "event"), "operand of msi")
    return Msi(options.required("device", 1 << 32), options.required("event", 1 << 32))


def _irq(line: SourceLine, vocabulary: Vocabulary) -> Irq:
    word = _operand(line, 1, "the INTID")
    text, at, cpu_text = word.text.partition("@")
    number = word.part(0, len(text))
    intid = line.number_at(number, "the INTID")
    spis = vocabulary.spec.spis
    if not 16 <= intid < 32 + spis:
        problem = f"INTID {intid} is an SGI, it has no wire" if intid < 16 else f"INTID {intid} has no wire"
        raise line.error(number, problem, f"a PPI 16 to 31 with @cpu, or an SPI 32 to {31 + spis}")
    cpu = vocabulary.cpu(line, word.part(len(text) + 1)) if at else None
    if intid < 32 and cpu is None:
        raise line.error(Word("", number.column + len(text)), f"PPI {intid} exists once per CPU", f"{intid}@0")
    if intid >= 32 and cpu is not None:
        raise line.error(word.part(len(text)), f"SPI {intid} belongs to no CPU", f"{intid} without @{cpu_text}")
    level = Options(line, line.words[2:], ("level",), "operand of irq").required("level", 2)
    return Irq(intid, level, cpu)


def _at_cpu(line: SourceLine, vocabulary: Vocabulary) -> int:
    word = _operand(line, 1, "the CPU")
    if not word.text.startswith("@"):
        raise line.error(word, f"{short(word.text)} is not a CPU", "@0")
    return vocabulary.cpu(line, word.part(1))


def _secure(line: SourceLine, index: int, vocabulary: Vocabulary) -> bool:
    """`secure=1` as all that may follow from word `index` on."""
    what = f"operand of {line.words[0].text}"
    return Options(line, line.words[index:], ("secure",), what).secure(vocabulary.spec.security)


def _ack(line: SourceLine, vocabulary: Vocabulary) -> Ack:
    cpu = _at_cpu(line, vocabulary)
    return Ack(cpu, _secure(line, 2, vocabulary))


def _eoi(line: SourceLine, vocabulary: Vocabulary) -> Eoi:
    cpu = _at_cpu(line, vocabulary)
    intid = line.bits_at(_operand(line, 2, "the INTID"), "the INTID", 24)
    return Eoi(cpu, intid, _secure(line, 3, vocabulary))


def _attribute_target(line: SourceLine, word: Word, vocabulary: Vocabulary) -> RegisterRef | Attribute:
    """A register's name, or group:offset[@cpu]."""
    if ":" not in word.text:
        return vocabulary.reference(line, word, field=False)
    cut = word.text.index(":")
    group = line.choice_at(word.part(0, cut), "attribute group", ATTRIBUTE_GROUPS)
    offset_text, at, _ = word.text[cut + 1 :].partition("@")
    offset_end = cut + 1 + len(offset_text)
    offset = line.bits_at(word.part(cut + 1, offset_end), "the offset", 32)
    return Attribute(group, offset, vocabulary.cpu(line, word.part(offset_end + 1)) if at else None)


def _attribute_half(
    line: SourceLine, options: Options, target: RegisterRef | Attribute, vocabulary: Vocabulary
) -> Half | None:
    word = options.get("half")
    if word is None:
        return None
    register = vocabulary.register(target) if isinstance(target, RegisterRef) else None
    if register is None or register.width != 64 or register.name.startswith("GITS"):
        raise line.error(
            word, f"{target} is one attribute, it has no halves", "half= with a 64-bit GICD or GICR register"
        )
    return Half(line.choice_at(word, "half", tuple(Half)))


def _uread(line: SourceLine, vocabulary: Vocabulary) -> Uread:
    target = _attribute_target(line, _operand(line, 1, "the register"), vocabulary)
    options = Options(line, line.words[2:], ("half",), "operand of uread")
    return Uread(target, _attribute_half(line, options, target, vocabulary))


def _uwrite(line: SourceLine, vocabulary: Vocabulary) -> Uwrite:
    target = _attribute_target(line, _operand(line, 1, "the register"), vocabulary)
    values, settings, pairs = _sort_words(line, ("half",))
    half = _attribute_half(line, Options(line, pairs, ("half",), "operand of uwrite"), target, vocabulary)
    if half is not None:
        width = 32
    elif isinstance(target, RegisterRef):
        width = vocabulary.register(target).width
    else:
        width = 64 if target.group in ("its", "sysregs") else 32
    value, fields = _value_or_fields(line, target, values, settings, width, vocabulary)
    _fields_in_half(line, target, fields, settings, half, width, vocabulary)
    return Uwrite(target, value, fields, half)


def _save(line: SourceLine, _: Vocabulary) -> Save:
    tables = line.choice_at(_operand(line, 1, "what to save"), "table", tuple(SavedTables))
    _nothing_after(line, 2)
    return Save(SavedTables(tables))


def _load(line: SourceLine, vocabulary: Vocabulary) -> LoadState:
    from app.scenario.state_read import StateError, loaded_state

    word = _operand(line, 1, "the state")
    _nothing_after(line, 2)
    try:
        spec, _ = loaded_state(word.text)
    except StateError as error:
        raise line.error(word, f"this is no machine's state: {error}", "what the download of a state gives") from None
    if spec.on(vocabulary.spec.implementation) != vocabulary.spec:
        found = f"cpus={spec.cpus} spis={spec.spis} its={int(spec.its)} ram_mib={spec.ram_mib} security={spec.security}"
        raise line.error(word, f"the state is of another machine: {found}", "a machine line that says the same")
    return LoadState(word.text)


def _note(line: SourceLine, _: Vocabulary) -> Note:
    line.comment = None
    return Note(line.free_text)


VERBS: dict[str, Verb] = {
    "poke": Verb("poke ADDRESS BYTES", _poke),
    "write": Verb("write REGISTER VALUE, or write REGISTER FIELD=VALUE …, with width= half= by= secure=", _write),
    "read": Verb("read REGISTER, with width= half= by= secure=", _read),
    "expect": Verb(f"expect TERM == VALUE [on=NAME,NAME] [secure=1]; TERM is {TERM_FORMS}", parse_expect),
    "its": Verb("its COMMAND operand=value …", _its),
    "msi": Verb("msi device=NUMBER event=NUMBER", _msi),
    "irq": Verb("irq INTID level=0|1, a PPI as INTID@CPU", _irq),
    "ack": Verb("ack @CPU [secure=1]", _ack),
    "eoi": Verb("eoi @CPU INTID [secure=1]", _eoi),
    "uread": Verb("uread REGISTER, or uread GROUP:OFFSET[@CPU]", _uread),
    "uwrite": Verb("uwrite REGISTER VALUE, or uwrite REGISTER FIELD=VALUE …", _uwrite),
    "save": Verb("save pending-tables, or save its-tables", _save),
    "migrate": Verb(
        "migrate [order=documented], or order=STEP,STEP,… [without=STEP,…] [REGISTER=VALUE …]", parse_migrate
    ),
    "load": Verb("load STATE, a saved machine packed into one word", _load),
    "note": Verb("note TEXT", _note),
}
