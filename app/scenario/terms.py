"""The left and right sides of `expect`, read from text."""

from __future__ import annotations

import re

from app.registers import IMPLEMENTATION_NAMES
from app.scenario.operations import (
    Config,
    Creadr,
    Expect,
    IrqLine,
    LastValue,
    Mapped,
    Memory,
    Pending,
    RegisterRef,
    Relation,
    Stalled,
    Term,
)
from app.scenario.options import Options
from app.scenario.vocabulary import Vocabulary
from app.scenario.words import SourceLine, Word, short

RELATION = re.compile(r"==|!=|<=|>=|<|>|=")
CALL = re.compile(r"(?P<name>\w+)\s*\((?P<arguments>[^()]*)\)\s*(?P<suffix>[@.]\S*)?\Z")
FUNCTIONS = {
    "pending": "pending(intid)@cpu",
    "config": "config(intid)",
    "mapped": "mapped(device, event)",
    "memory": "memory(address, length)",
}
PLAIN: dict[str, Term] = {"creadr": Creadr(), "stalled": Stalled(), "value": LastValue()}
TERM_FORMS = "a register, register.field, " + ", ".join((*FUNCTIONS.values(), "irq@cpu", *PLAIN))
FIRST_SPI, FIRST_LPI = 32, 8192
LONGEST_MEMORY = 4096


def parse_expect(line: SourceLine, vocabulary: Vocabulary) -> Expect:
    """`expect TERM RELATION VALUE [on=NAME,NAME] [secure=1]`."""
    if len(line.words) < 2:
        raise line.error(line.end, "nothing to expect", TERM_FORMS)
    whole = Word(_until_comment(line), line.words[1].column)
    match = RELATION.search(whole.text)
    if match is None:
        raise line.error(line.end, "the comparison is missing", "one of == != < <= > >= and a value")
    if match[0] == "=":
        raise line.error(whole.part(match.start()), "a single = compares nothing", "==")
    left = whole.part(0, match.start())
    term = parse_term(line, left.part(0, len(left.text.rstrip())), vocabulary)
    right = [word for word in line.words if word.column >= whole.column + match.end()]
    glued = whole.part(match.end())
    if glued.text and not glued.text[0].isspace():
        right.insert(0, glued.part(0, len(glued.text.split(maxsplit=1)[0])))
    values = [word for word in right if "=" not in word.text]
    options = Options(line, [word for word in right if "=" in word.text], ("on", "secure"), "operand of expect")
    if not values:
        raise line.error(line.end, "the value is missing", f"a value after {match[0]}")
    relation = Relation(match[0])
    wanted, word = _wanted(line, term, relation, values, vocabulary)
    secure = options.secure(vocabulary.spec.security)
    if secure and not isinstance(term, RegisterRef):
        at = options.get("secure") or line.end
        raise line.error(at, "only a register is read as Secure or Non-secure", "secure=1 with a register, or none")
    return Expect(term, relation, wanted, word, _implementations(line, options.get("on")), secure)


def parse_term(line: SourceLine, word: Word, vocabulary: Vocabulary) -> Term:
    """The left side of a comparison."""
    text = word.text
    if not text:
        raise line.error(word, "the left side is missing", TERM_FORMS)
    if "(" in text:
        return _call(line, word, vocabulary)
    if text in PLAIN:
        return PLAIN[text]
    if text == "irq" or text.startswith("irq@"):
        if "@" not in text:
            raise line.error(word.part(3), "irq needs its CPU", "irq@0")
        return IrqLine(vocabulary.cpu(line, word.part(4)))
    if " " in text or "\t" in text:
        raise line.error(word, f"{short(text)} is not one term", TERM_FORMS)
    if text.islower() and "@" not in text and "." not in text:
        raise line.unknown(word, "term", (*FUNCTIONS, "irq", *PLAIN))
    return vocabulary.reference(line, word)


def _call(line: SourceLine, word: Word, vocabulary: Vocabulary) -> Term:
    match = CALL.match(word.text)
    if match is None:
        raise line.error(word, f"{short(word.text)} cannot be read", TERM_FORMS)
    name = match["name"]
    if name not in FUNCTIONS:
        raise line.unknown(word.part(0, len(name)), "term", (*FUNCTIONS, "irq", *PLAIN))
    arguments = _arguments(word.part(match.start("arguments"), match.end("arguments")))
    suffix = word.part(match.start("suffix")) if match["suffix"] else Word("", word.column + match.end())
    if name == "memory":
        return _memory(line, word, arguments, suffix, vocabulary)
    wanted = 2 if name == "mapped" else 1
    if len(arguments) != wanted:
        raise line.error(
            word, f"{name} takes {wanted} number{'s' * (wanted > 1)}, not {len(arguments)}", FUNCTIONS[name]
        )
    if name == "pending":
        return _pending(line, arguments[0], suffix, vocabulary)
    if suffix.text:
        raise line.error(suffix, f"{name} takes nothing after the )", FUNCTIONS[name])
    if name == "mapped":
        return Mapped(line.bits_at(arguments[0], "device", 32), line.bits_at(arguments[1], "event", 32))
    intid = line.bits_at(arguments[0], "intid", 32)
    if intid < FIRST_LPI:
        raise line.error(arguments[0], f"INTID {intid} is not an LPI and has no configuration byte", "8192 or more")
    return Config(intid)


def _pending(line: SourceLine, argument: Word, suffix: Word, vocabulary: Vocabulary) -> Pending:
    intid = line.bits_at(argument, "intid", 32)
    if 1020 <= intid < FIRST_LPI:
        raise line.error(argument, f"INTID {intid} is no interrupt", "0 to 1019, or 8192 and more")
    if suffix.text[:1] == "@":
        return Pending(intid, vocabulary.cpu(line, suffix.part(1)))
    if suffix.text:
        raise line.error(suffix, f"{short(suffix.text)} after pending( )", FUNCTIONS["pending"])
    if FIRST_SPI <= intid < FIRST_LPI:
        return Pending(intid)
    raise line.error(suffix, f"INTID {intid} may be pending on each CPU: @cpu is missing", f"pending({intid})@0")


def _memory(line: SourceLine, word: Word, arguments: list[Word], suffix: Word, vocabulary: Vocabulary) -> Memory:
    if len(arguments) not in (1, 2):
        raise line.error(word, "memory takes an address and a number of bytes", FUNCTIONS["memory"])
    length = 1
    if len(arguments) == 2:
        length = line.number_at(arguments[1], "the length", LONGEST_MEMORY + 1)
        if not length:
            raise line.error(arguments[1], "no bytes to compare", f"1 to {LONGEST_MEMORY}")
    address = vocabulary.ram_address(line, arguments[0], length)
    if not suffix.text:
        return Memory(address, length)
    if suffix.text[0] != "." or len(arguments) == 2:
        raise line.error(suffix, f"{short(suffix.text)} after memory( )", "memory(address).bit, or nothing")
    return Memory(address, 1, line.number_at(suffix.part(1), "the bit", 8))


def _wanted(
    line: SourceLine, term: Term, relation: Relation, values: list[Word], vocabulary: Vocabulary
) -> tuple[int | bytes, str]:
    if isinstance(term, Memory) and term.bit is None:
        return _wanted_bytes(line, term, relation, values), ""
    if len(values) > 1:
        raise line.error(
            values[1], f"{short(values[1].text)} is one word too many", "one value, then on=NAME, secure=1 or the end"
        )
    if isinstance(term, RegisterRef):
        register = vocabulary.register(term)
        if term.field is None:
            return line.bits_at(values[0], register.name, register.width), ""
        field = register.field(term.field)
        setting = vocabulary.field_value(line, values[0], register, field)
        return setting.value, setting.word
    if isinstance(term, Config):
        return line.bits_at(values[0], "a configuration byte", 8), ""
    if isinstance(term, Pending | Mapped | IrqLine | Stalled | Memory):
        return line.bits_at(values[0], "yes or no", 1), ""
    return line.bits_at(values[0], "the value", 64), ""


def _wanted_bytes(line: SourceLine, term: Memory, relation: Relation, values: list[Word]) -> bytes:
    if relation not in (Relation.EQUAL, Relation.NOT_EQUAL):
        raise line.error(values[0], f"bytes have no order for {relation}", "== or !=")
    if term.length == 1 and values[0].text[:2] in ("0x", "0X"):
        values = [values[0].part(2), *values[1:]]
    data = line.bytes_at(values, "memory")
    if len(data) != term.length:
        raise line.error(
            values[0],
            f"{len(data)} bytes for memory of {term.length}",
            f"{2 * term.length} hex digits, in memory order",
        )
    return data


def _implementations(line: SourceLine, names: Word | None) -> tuple[str, ...]:
    if names is None:
        return ()
    found: list[str] = []
    for word in _arguments(names):
        found.append(line.choice_at(word, "implementation", IMPLEMENTATION_NAMES))
        if found.count(word.text) > 1:
            raise line.error(word, f"{word.text} is named twice", "each name once")
    if not found:
        raise line.error(names, "on= names nothing", f"one or more of {', '.join(IMPLEMENTATION_NAMES)}, with commas")
    return tuple(found)


def _arguments(word: Word) -> list[Word]:
    """The pieces between commas, blanks around them dropped; none for blank text."""
    if not word.text.strip():
        return []
    pieces, start = [], 0
    for text in word.text.split(","):
        lead = len(text) - len(text.lstrip())
        pieces.append(Word(text.strip(), word.column + start + lead))
        start += len(text) + 1
    return pieces


def _until_comment(line: SourceLine) -> str:
    last = line.words[-1]
    return line.text[line.words[1].column - 1 : last.column - 1 + len(last.text)]
