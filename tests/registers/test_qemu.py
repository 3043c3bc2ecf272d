"""The qemu overlay against what QEMU 7.2 answered at every offset of every frame: reset, after all ones, after zero."""

import json
from pathlib import Path

import pytest

from app.registers import Register, register_map
from tests.registers.storage import Storage

# The board measured has two CPUs and 256 SPIs.
MAP = register_map("qemu", cpus=2, spis=256)
FRAMES = {
    "GICD": ("GICD", 0),
    "GICR0_RD": ("RD", 0),
    "GICR0_SGI": ("SGI", 0),
    "GICR1_RD": ("RD", 1),
    "GICR1_SGI": ("SGI", 1),
    "GITS": ("GITS", 0),
}
RECORDED = json.loads((Path(__file__).parent / "data" / "registers-qemu-7.2.json").read_text())["frames"]


def recorded(frame: str) -> dict[int, dict[str, dict[str, str]]]:
    return {int(offset, 16): reply for offset, reply in RECORDED[frame]["regs"].items()}


def families() -> list[tuple[str, str]]:
    """(recorded frame, stem) of every family of registers in the map."""
    return [
        (name, stem)
        for name, (key, _) in FRAMES.items()
        for stem in dict.fromkeys(register.stem for register in MAP.frames[key].registers)
    ]


def of_family(frame: str, stem: str) -> list[Register]:
    return [register for register in MAP.frames[FRAMES[frame][0]].registers if register.stem == stem]


def answers(register: Register, cpu: int) -> list[int]:
    storage = Storage(register, cpu)
    return [storage.read(), storage.write(register.mask), storage.write(0)]


# ChildrenAsleep follows ProcessorSleep: behaviour of the Redistributor, not of the register.
@pytest.mark.parametrize(("frame", "stem"), [family for family in families() if family[1] != "GICR_WAKER"])
def test_reads_back_as_recorded(frame: str, stem: str) -> None:
    replies, cpu = recorded(frame), FRAMES[frame][1]
    wrong = {}
    for register in of_family(frame, stem):
        # An offset that is not in the recording answered zero all the time.
        reply = replies.get(register.offset, {}).get(f"w{register.width}")
        expected = [int(reply[when], 16) for when in ("reset", "ones", "zero")] if reply else [0, 0, 0]
        if answers(register, cpu) != expected:
            wrong[register.name] = (answers(register, cpu), expected)
    assert wrong == {}


@pytest.mark.parametrize("frame", FRAMES)
def test_each_half_of_a_64_bit_register_reads_back_as_recorded(frame: str) -> None:
    replies, (key, cpu) = recorded(frame), FRAMES[frame]
    for register in MAP.frames[key].registers:
        if register.width == 64 and 4 in register.sizes:
            for half in (0, 4):
                reply = replies.get(register.offset + half, {}).get("w32")
                expected = [int(reply[when], 16) for when in ("reset", "ones", "zero")] if reply else [0, 0, 0]
                got = [value >> half * 8 & 0xFFFF_FFFF for value in answers(register, cpu)]
                assert got == expected, (register.name, half)


@pytest.mark.parametrize("frame", FRAMES)
def test_the_map_has_every_register_that_answered(frame: str) -> None:
    key, cpu = FRAMES[frame]
    for offset, reply in recorded(frame).items():
        found = MAP.at(MAP.frames[key].base + cpu * MAP.frames[key].stride + offset)
        assert found is not None, hex(offset)
        name = str(reply["name"]).partition("+")[0]
        assert (found[0].name, found[1]) == (name, cpu)
        assert found[0].present, name


def test_waker_sleeps_at_reset_and_takes_processor_sleep_only() -> None:
    waker = MAP.registers["GICR_WAKER"]
    assert answers(waker, 0)[:2] == [6, 6]
    assert waker.writable == waker.field("ProcessorSleep").mask == 2


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("GICD_CTLR", {4}),
        ("GICD_IPRIORITYR8", {1, 4}),
        ("GICR_IPRIORITYR0", {1, 4}),
        ("GICD_IROUTER32", {4, 8}),
        ("GICR_TYPER", {4, 8}),
        ("GICR_PENDBASER", {4, 8}),
        ("GITS_CTLR", {4}),
        ("GITS_CBASER", {4, 8}),
        ("GITS_TRANSLATER", {2, 4, 8}),
    ],
)
def test_takes_the_access_sizes_seen(name: str, sizes: set[int]) -> None:
    assert MAP.registers[name].sizes == sizes


def test_counts_itlinesnumber_without_the_private_intids() -> None:
    assert [register_map("qemu", spis=spis).registers["GICD_TYPER"].reset for spis in (64, 256)] == [
        0x037A_0001,
        0x037A_0007,
    ]


def test_without_an_its_there_are_lpis_all_the_same() -> None:
    """Read from 7.2.22 with -M virt,gic-version=3,its=off."""
    chart = register_map("qemu", cpus=1, spis=256, its=False)
    resets = {name: chart.registers[name].reset for name in ("GICD_TYPER", "GICR_TYPER", "GICR_CTLR")}
    assert resets == {"GICD_TYPER": 0x37A_0007, "GICR_TYPER": 0x100_0011, "GICR_CTLR": 2}
    assert Storage(chart.registers["GICR_CTLR"]).write(0xFFFF_FFFF) == 3
