"""A raw image of guest RAM at a base address: a configuration table, a pending table, an ITT, or anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from app.exchange.imports import preset
from app.exchange.imports.dumped import Dumped
from app.exchange.imports.pieces import CannotImport, Fact, Format, Options, Piece, Row, Steps
from app.exchange.qemu_tables import ITE_BYTES
from app.gic.memory import RAM_BASE
from app.scenario.operations import Operation, RegisterRef, Write
from app.scenario.scenario import MachineSpec

MOST_ENTRIES_TOLD = 200
KVM_ITE_BYTES = 8


def _configuration(base: int, size: int, spec: MachineSpec) -> Iterator[Operation]:
    bits = min(max((size + preset.FIRST_LPI - 1).bit_length(), 14), 16)
    for cpu in range(spec.cpus):
        yield Write(RegisterRef("GICR_PROPBASER", cpu), base | preset.CACHED | bits - 1)


def _pending(base: int, _size: int, _spec: MachineSpec) -> Iterator[Operation]:
    yield Write(RegisterRef("GICR_PENDBASER", 0), base | preset.CACHED)


def _nothing(_base: int, _size: int, _spec: MachineSpec) -> Iterator[Operation]:
    yield from ()


KINDS: dict[str, tuple[str, int, Callable[[int, int, MachineSpec], Iterator[Operation]]]] = {
    "config": ("LPI configuration table", 0x1000, _configuration),
    "pending": ("LPI pending table of CPU 0", 0x1_0000, _pending),
    "itt": ("ITT", 0x100, _nothing),
    "memory": ("Anything", 1, _nothing),
}
"""What an image may hold: its name, the alignment of its address, and the writes that have the GIC use it."""


def check(options: Options) -> None:
    """CannotImport where the settings of an image are missing or do not fit."""
    kind = KINDS.get(options.kind)
    if kind is None:
        raise CannotImport(f"there is no kind of image {options.kind[:40]!r}", f"There are {', '.join(KINDS)}.")
    if options.base is None:
        raise CannotImport("the image needs an address", "Say where it begins: 0x40200000.")
    if options.base < RAM_BASE or options.base % kind[1] or options.base >> 48:
        raise CannotImport(
            f"an image of {options.kind} cannot begin at {options.base:#x}",
            f"A multiple of {kind[1]:#x} in RAM, which begins at {RAM_BASE:#x}.",
        )


def detect(_text: str) -> bool:
    """No line of text is of an image."""
    return False


def survey(_lines: list[str]) -> MachineSpec:
    """A machine of KVM."""
    return MachineSpec("kvm")


def read(rows: Iterable[Row], spec: MachineSpec, options: Options) -> Iterator[Piece]:
    """The image in RAM, and the register that has the GIC use it. A row is 16 bytes, as a dump shows them."""
    check(options)
    base = options.base or 0
    dumped = Dumped(spec, options)
    dumped.first = 0
    size = 0
    told = 0
    for row, text in rows:
        data = text.encode("latin-1")
        try:
            yield from dumped.bytes(row, (row - 1) * 16, data)
        except ValueError as error:
            raise CannotImport(str(error)) from None
        size = (row - 1) * 16 + len(data)
        if options.kind == "itt" and told < MOST_ENTRIES_TOLD:
            for piece in _entries(row, data, spec):
                told += 1
                yield piece
    yield from dumped.end()
    writes = tuple(KINDS[options.kind][2](base, size, spec))
    if writes:
        yield Steps(max(1, size // 16), writes)


def _entries(row: int, data: bytes, spec: MachineSpec) -> Iterator[Piece]:
    """What the implementation's ITS would read: KVM's layout as it saves it, QEMU's as it uses it."""
    length = ITE_BYTES if spec.implementation == "qemu" else KVM_ITE_BYTES
    for at in range(0, len(data) - length + 1, length):
        event = ((row - 1) * 16 + at) // length
        raw = int.from_bytes(data[at : at + 8], "little")
        if spec.implementation == "qemu":
            intid, icid, valid = raw >> 2 & 0xFF_FFFF, raw >> 32 & 0xFFFF, raw & 1
        else:
            intid, icid, valid = raw >> 16 & 0xFFFF_FFFF, raw & 0xFFFF, raw >> 16 & 0xFFFF_FFFF
        if valid:
            yield Fact(row + at // 16, f"EventID {event}: INTID {intid}, ICID {icid}")


FORMAT = Format(
    "image", "Raw memory image", "bytes as they are, with a base address and a kind", detect, read, survey, binary=True
)
