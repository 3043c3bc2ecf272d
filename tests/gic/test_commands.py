"""The ITS command set: encoding, decoding, and what a wrong operand is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gic import COMMANDS, CommandError
from app.gic.commands import BY_OPCODE, COMMAND_BYTES, WORDS, decode, encode

# Arm's own numbers (IHI 0069, ITS commands).
OPCODES = {
    "MOVI": 0x01, "INT": 0x03, "CLEAR": 0x04, "SYNC": 0x05, "MAPD": 0x08, "MAPC": 0x09, "MAPTI": 0x0A, "MAPI": 0x0B,
    "INV": 0x0C, "INVALL": 0x0D, "MOVALL": 0x0E, "DISCARD": 0x0F, "VMOVI": 0x21, "VMOVP": 0x22, "VSYNC": 0x25,
    "VMAPP": 0x29, "VMAPTI": 0x2A, "VMAPI": 0x2B, "VINVALL": 0x2D,
}  # fmt: skip


def words(name, **operands):
    return WORDS.unpack(encode(name, **operands))


def test_opcodes():
    assert {name: spec.opcode for name, spec in COMMANDS.items()} == OPCODES
    assert {spec.name for spec in BY_OPCODE.values()} == set(OPCODES)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (("MAPD", {"device": 2, "itt": 0x4030_0000, "size": 5}), (2 << 32 | 0x08, 4, 1 << 63 | 0x4030_0000, 0)),
        (("MAPD", {"device": 2, "valid": 0}), (2 << 32 | 0x08, 0, 0, 0)),
        (("MAPC", {"collection": 1, "target": 3}), (0x09, 0, 1 << 63 | 3 << 16 | 1, 0)),
        (("MAPC", {"collection": 1, "valid": 0}), (0x09, 0, 1, 0)),
        (
            ("MAPTI", {"device": 2, "event": 20, "intid": 8195, "collection": 1}),
            (2 << 32 | 0x0A, 8195 << 32 | 20, 1, 0),
        ),
        (("MAPI", {"device": 2, "event": 8195, "collection": 1}), (2 << 32 | 0x0B, 8195, 1, 0)),
        (("MOVI", {"device": 2, "event": 20, "collection": 1}), (2 << 32 | 0x01, 20, 1, 0)),
        (("MOVALL", {"source": 1, "target": 2}), (0x0E, 0, 1 << 16, 2 << 16)),
        (("INT", {"device": 2, "event": 20}), (2 << 32 | 0x03, 20, 0, 0)),
        (("INVALL", {"collection": 1}), (0x0D, 0, 1, 0)),
        (("SYNC", {"target": 1}), (0x05, 0, 1 << 16, 0)),
        (
            ("VMAPP", {"vpe": 3, "target": 1, "vpt": 0x4034_0000, "vpt_size": 14}),
            (0x29, 3 << 32, 1 << 63 | 1 << 16, 0x4034_0000 | 13),
        ),
        (
            ("VMAPTI", {"device": 2, "event": 20, "vpe": 3, "vintid": 8195}),
            (2 << 32 | 0x2A, 3 << 32 | 20, 1023 << 32 | 8195, 0),
        ),
        (("VMAPI", {"device": 2, "event": 8195, "vpe": 3}), (2 << 32 | 0x2B, 3 << 32 | 8195, 1023 << 32, 0)),
        (
            ("VMOVI", {"device": 2, "event": 20, "vpe": 4, "doorbell_valid": 1, "doorbell": 8200}),
            (2 << 32 | 0x21, 4 << 32 | 20, 8200 << 32 | 1, 0),
        ),
        (
            ("VMOVP", {"vpe": 3, "target": 1, "sequence": 7, "its_list": 5}),
            (7 << 32 | 0x22, 3 << 32 | 5, 1 << 16, 0),
        ),
        (("VINVALL", {"vpe": 3}), (0x2D, 3 << 32, 0, 0)),
        (("VSYNC", {"vpe": 3}), (0x25, 3 << 32, 0, 0)),
    ],
)
def test_where_operands_go(command, wanted):
    name, operands = command
    assert words(name, **operands) == wanted


def test_names_are_taken_in_any_case():
    assert encode("mapti", device=2, event=20, intid=8195, collection=1)[0] == 0x0A


@st.composite
def written(draw):
    spec = draw(st.sampled_from(sorted(COMMANDS.values(), key=lambda spec: spec.name)))
    operands = {}
    for operand in spec.operands:
        steps = (operand.largest - operand.bias) >> operand.shift
        operands[operand.name] = (draw(st.integers(0, steps)) << operand.shift) + operand.bias
    return spec.name, operands


@settings(max_examples=200, deadline=None)
@given(written())
def test_decode_is_the_inverse_of_encode(command):
    name, operands = command
    packet = encode(name, **operands)
    assert len(packet) == COMMAND_BYTES
    back = decode(packet)
    assert (back.name, dict(back.operands)) == (name, operands)
    assert back.words == WORDS.unpack(packet)
    assert back.text.split()[0] == name
    shown = dict(part.split("=") for part in back.text.split()[1:])
    assert {key: int(value, 0) for key, value in shown.items()} == operands


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=COMMAND_BYTES, max_size=COMMAND_BYTES))
def test_any_32_bytes_decode(packet):
    command = decode(packet)
    assert command.name == (BY_OPCODE[packet[0]].name if packet[0] in BY_OPCODE else "")
    assert command.text


def test_an_opcode_that_no_command_has():
    command = decode(bytes([0x30]) + bytes(31))
    assert (command.name, command.operands, command.text) == ("", {}, "opcode 0x30")
    assert command.reserved == (0, 0, 0, 0)


def test_reserved_bits_are_told():
    raw = list(words("MAPC", collection=1, target=0))
    assert decode(WORDS.pack(*raw)).reserved == (0, 0, 0, 0)
    raw[0] |= 0xFF00
    raw[2] |= 1 << 52
    raw[3] |= 1
    assert decode(WORDS.pack(*raw)).reserved == (0xFF00, 0, 1 << 52, 1)


@settings(max_examples=100, deadline=None)
@given(written(), st.integers(0, 20))
def test_reserved_bits_do_not_matter(command, seed):
    name, operands = command
    used = [0xFF, 0, 0, 0]
    for operand in COMMANDS[name].operands:
        used[operand.word] |= (1 << operand.msb + 1) - (1 << operand.lsb)
    noise = [(0x9E37_79B9_7F4A_7C15 * (seed + index + 1)) & (1 << 64) - 1 & ~mask for index, mask in enumerate(used)]
    packet = WORDS.pack(*(word | extra for word, extra in zip(words(name, **operands), noise, strict=True)))
    assert dict(decode(packet).operands) == operands


@pytest.mark.parametrize(
    ("name", "operands", "told"),
    [
        ("MAPTI", {"device": 2, "event": 20, "intid": 8195}, "MAPTI needs collection"),
        ("MAPTI", {}, "MAPTI needs device"),
        ("MAPD", {"device": 2, "size": 5}, "MAPD needs itt"),
        ("MAPD", {"device": 2, "itt": 0x4030_0000}, "MAPD needs size"),
        ("MAPC", {"collection": 1}, "MAPC needs target"),
        ("MAPD", {"device": 2, "itt": 0x4030_0000, "size": 5, "intid": 1}, "MAPD has no operand intid"),
        ("INT", {"device": 2, "evnt": 1}, "did you mean event"),
        ("INT", {"device": 1 << 32, "event": 1}, "device=0x100000000 does not fit: 0 to 0xffffffff"),
        ("INT", {"device": -1, "event": 1}, "device=-0x1 does not fit"),
        ("MAPC", {"collection": 65536, "target": 0}, "collection=0x10000 does not fit: 0 to 0xffff"),
        ("MAPC", {"collection": 1, "target": 1 << 36}, "target=0x1000000000 does not fit"),
        ("MAPC", {"collection": 1, "target": 0, "valid": 2}, "valid=0x2 does not fit: 0 to 0x1"),
        ("MAPD", {"device": 2, "itt": 0x4030_0080, "size": 5}, "itt=0x40300080 must be a multiple of 0x100"),
        ("MAPD", {"device": 2, "itt": 1 << 52, "size": 5}, "itt=0x10000000000000 does not fit"),
        ("MAPD", {"device": 2, "itt": 0, "size": 0}, "size=0x0 does not fit: 1 to 0x20"),
        ("MAPD", {"device": 2, "itt": 0, "size": 33}, "size=0x21 does not fit"),
        ("MAPT", {"device": 2}, "MAPT is not an ITS command; nearest: MAP"),
        ("VMAPP", {"vpe": 1, "target": 0, "vpt_size": 14}, "VMAPP needs vpt"),
        ("MAPT", {}, "MAPT is not an ITS command"),
    ],
)
def test_an_error_names_the_operand_and_what_would_fit(name, operands, told):
    with pytest.raises(CommandError) as caught:
        encode(name, **operands)
    assert told in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_every_operand_says_what_it_means():
    for spec in COMMANDS.values():
        assert spec.meaning
        assert spec.cite.startswith("IHI 0069")
        for operand in spec.operands:
            assert operand.meaning, (spec.name, operand.name)
            assert 0 <= operand.lsb <= operand.msb < 64
