"""An ITS command as people paste it, four doublewords or 32 bytes, or as a line; what is wrong with either."""

from __future__ import annotations

import re

from app.gic.commands import BY_OPCODE, COMMAND_BYTES, WORDS, Command, CommandError, decode, encode

WANTED = "four 64-bit words, eight 32-bit words, or 32 bytes, in hex"
_ADDRESS = re.compile(r"^\s*(?:0x)?[0-9a-fA-F]+[:>]|^[0-9a-fA-F]{8}(?=\s)", re.MULTILINE)
_TOKEN = re.compile(r"[^\s,;:|()\[\]{}<>]+")
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]+)[uUlL]*")
# How many numbers there are, to their bytes.
_SHAPES = {4: 8, 8: 4, 16: 2, 32: 1}

Words = tuple[int, int, int, int]


def words_in(text: str) -> Words:
    """The doublewords of a pasted command. CommandError says what was found instead.

    Numbers are in hex, with or without 0x and _, in any separators; addresses at the start of a dump's lines and the
    characters at their end are left out. Numbers of less than 64 bits are in the order of their addresses.
    """
    lines = [line.partition("|")[0] for line in text.splitlines()]
    tokens = (
        _TOKEN.findall(_ADDRESS.sub(" ", "\n".join(lines))) if len(lines) > 1 or ":" in text else _TOKEN.findall(text)
    )
    digits = [_digits(token) for token in tokens]
    if len(digits) == 1 and len(digits[0]) == 2 * COMMAND_BYTES:
        digits = [digits[0][at : at + 2] for at in range(0, 2 * COMMAND_BYTES, 2)]
    size = _SHAPES.get(len(digits))
    if size is None:
        raise CommandError(f"{len(digits)} number{'s' if len(digits) != 1 else ''} found; paste {WANTED}")
    for at, each in enumerate(digits):
        if len(each.lstrip("0")) > 2 * size:
            where = f"DW{at}" if size == 8 else f"number {at + 1} of {len(digits)}"
            raise CommandError(f"{where} has {len(each)} digits, it has room for {2 * size}")
    packet = b"".join(int(each, 16).to_bytes(size, "little") for each in digits)
    first, second, third, fourth = WORDS.unpack(packet)
    return first, second, third, fourth


def _digits(token: str) -> str:
    found = _HEX.fullmatch(token.replace("_", ""))
    if found is None:
        raise CommandError(f"{token[:40]!r} is not a number in hex; paste {WANTED}")
    return found[1]


def command_in(text: str) -> Command:
    """The command in a pasted text. CommandError if it holds none, or one that no GIC has."""
    command = decode(WORDS.pack(*words_in(text)))
    if not command.name:
        opcode = command.words[0] & 0xFF
        near = sorted(BY_OPCODE, key=lambda each: ((each ^ opcode).bit_count(), each))[:2]
        known = " and ".join(f"{each:#04x} is {BY_OPCODE[each].name}" for each in near)
        raise CommandError(f"DW0[7:0] is {opcode:#04x}, an opcode that no command has; {known}")
    return command


def reserved_text(command: Command) -> str:
    """Which RES0 bits are set, as "DW0[15:8], DW2[52]"; "" if none is."""
    told = [
        f"DW{word}[{high if high == low else f'{high}:{low}'}]"
        for word, bits in enumerate(command.reserved)
        for high, low in _runs(bits)
    ]
    return ", ".join(told)


def _runs(bits: int) -> list[tuple[int, int]]:
    """(msb, lsb) of the runs of ones, the lowest first."""
    found: list[tuple[int, int]] = []
    while bits:
        low = (bits & -bits).bit_length() - 1
        length = (~(bits >> low) & (bits >> low) + 1).bit_length() - 1
        found.append((low + length - 1, low))
        bits &= ~(((1 << length) - 1) << low)
    return found


def command_of_line(line: str) -> Command:
    """The command that a line stands for, as MAPC collection=1 target=0. CommandError says what is wrong with it."""
    name, *rest = line.split() or [""]
    given: dict[str, int] = {}
    for word in rest:
        key, equals, value = word.partition("=")
        try:
            given[key] = int(value.replace("_", ""), 0)
        except ValueError:
            raise CommandError(
                f"{word[:40]!r} is not operand=number" if equals else f"{word[:40]!r} has no ="
            ) from None
    return decode(encode(name, **given))
