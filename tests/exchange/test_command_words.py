"""A command as people paste it: words, bytes, dumps; and what is wrong with one that is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.exchange.command_words import command_in, command_of_line, reserved_text, words_in
from app.gic.commands import COMMANDS, WORDS, CommandError, decode, encode

MAPTI = {"device": 2, "event": 20, "intid": 8195, "collection": 1}
PACKET = encode("MAPTI", **MAPTI)
W = WORDS.unpack(PACKET)
DUMP = "\n".join(
    f"{0x4100_0000 + at:08x}: {PACKET[at : at + 16].hex(' ')}  |................|" for at in range(0, len(PACKET), 16)
)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"{word:#x}" for word in W),
        ", ".join(f"{word:016x}" for word in W),
        "\n".join(f"{word:#018x}" for word in W),
        "{ 0x2_0000_000aULL, 0x2003_0000_0014ull, 1, 0 }",
        PACKET.hex(),
        PACKET.hex(" "),
        " ".join(f"{int.from_bytes(PACKET[at : at + 2], 'little'):04x}" for at in range(0, 32, 2)),
        " ".join(f"{int.from_bytes(PACKET[at : at + 4], 'little'):08x}" for at in range(0, 32, 4)),
        DUMP,
        DUMP.replace(": ", "  "),
        f"0x41000000: {W[0]:#018x} {W[1]:#018x}\n0x41000010: {W[2]:#018x} {W[3]:#018x}",
    ],
)
def test_the_ways_to_write_32_bytes(text):
    assert words_in(text) == W
    command = command_in(text)
    assert (command.name, dict(command.operands), reserved_text(command)) == ("MAPTI", MAPTI, "")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_command_comes_back(data):
    spec = COMMANDS[data.draw(st.sampled_from(sorted(COMMANDS)))]
    operands = {}
    for each in spec.operands:
        steps = (each.largest - each.bias) >> each.shift
        operands[each.name] = (data.draw(st.integers(0, steps)) << each.shift) + each.bias
    packet = encode(spec.name, **operands)
    command = command_in(" ".join(f"{word:#x}" for word in WORDS.unpack(packet)))
    assert (command.name, dict(command.operands)) == (spec.name, operands)
    assert command_of_line(command.text).words == command.words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "0 numbers found; paste four 64-bit words"),
        ("1 2 3", "3 numbers found"),
        ("0x8 0 0 zz", "'zz' is not a number in hex"),
        ("0x8 0 0x11112222333344445 0", "DW2 has 17 digits, it has room for 16"),
        (" ".join(["08"] * 31 + ["123"]), "number 32 of 32 has 3 digits"),
        ("0x77 0 0 0", "DW0[7:0] is 0x77, an opcode that no command has; 0x25 is VSYNC and 0x03 is INT"),
    ],
)
def test_what_is_no_command_says_which_word_is_wrong(text, told):
    with pytest.raises(CommandError) as caught:
        command_in(text)
    assert told in str(caught.value)


def test_reserved_bits_are_named():
    raw = list(W)
    raw[0] |= 0xFF00
    raw[2] |= 1 << 52 | 1 << 63
    raw[3] = (1 << 64) - 1
    command = decode(WORDS.pack(*raw))
    assert reserved_text(command) == "DW0[15:8], DW2[52], DW2[63], DW3[63:0]"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "is not an ITS command"),
        ("MAPC collection", "'collection' has no ="),
        ("MAPC collection=one target=0", "'collection=one' is not operand=number"),
        ("MAPC collection=1", "MAPC needs target"),
        ("MAPC collection=0x10000 target=0", "does not fit: 0 to 0xffff"),
    ],
)
def test_a_line_that_is_no_command_says_why(line, told):
    with pytest.raises(CommandError) as caught:
        command_of_line(line)
    assert told in str(caught.value)
