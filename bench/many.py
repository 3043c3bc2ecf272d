"""A machine with all 57,344 LPIs mapped, as a scenario: a device with as many events, its tables poked into RAM."""

from collections.abc import Iterator

from app.gic.tables import (
    CollectionEntry,
    DeviceEntry,
    InterruptEntry,
    KvmCte,
    KvmDte,
    KvmIte,
    PlainFormat,
    QemuFormat,
    TableFormat,
)

LPIS = 57_344
FIRST_LPI = 8192
CONFIG, PENDING, DEVICES, COLLECTIONS, ITT = 0x4020_0000, 0x4021_0000, 0x4100_0000, 0x4101_0000, 0x4110_0000
VALID, PAGE_64K, DEVICE = 1 << 63, 2 << 8, 2
LONGEST_POKE = 65_536
FORMATS: dict[str, TableFormat] = {"architecture": PlainFormat(), "qemu": QemuFormat()}


def scenario(implementation: str, lpis: int = LPIS) -> str:
    """The log; on KVM the tables come into force by a migration, as its ITS does not look at them otherwise."""
    return "\n".join(_lines(implementation, lpis)) + "\n"


def _lines(implementation: str, lpis: int) -> Iterator[str]:
    yield f"machine implementation={implementation} cpus=2"
    yield f"write GITS_BASER0 {VALID | PAGE_64K | DEVICES:#x}"
    yield f"write GITS_BASER1 {VALID | PAGE_64K | COLLECTIONS:#x}"
    yield "write GITS_CBASER 0x800000004120000f"
    yield "write GITS_CTLR Enabled=1"
    yield f"poke {CONFIG:#x} {'a3' * LPIS}"
    for cpu in range(2):
        yield f"write GICR_PROPBASER@{cpu} Physical_Address={CONFIG:#x} IDbits=15"
        yield f"write GICR_PENDBASER@{cpu} Physical_Address={PENDING + cpu * 0x1_0000:#x}"
        yield f"write GICR_CTLR@{cpu} EnableLPIs=1"
    dte, cte, itt = _tables(implementation, lpis)
    yield f"poke {DEVICES + 8 * DEVICE:#x} {dte.hex()}"
    yield f"poke {COLLECTIONS:#x} {cte.hex()}"
    for start in range(0, len(itt), LONGEST_POKE):
        yield f"poke {ITT + start:#x} {itt[start : start + LONGEST_POKE].hex()}"
    if implementation not in FORMATS:
        yield "migrate"


def _tables(implementation: str, lpis: int) -> tuple[bytes, bytes, bytes]:
    form = FORMATS.get(implementation)
    if form is None:
        itt = b"".join(KvmIte(int(n < lpis - 1), FIRST_LPI + n, 0).pack() for n in range(lpis))
        return KvmDte(True, 0, ITT, 16).pack(), KvmCte(True, 0, 0).pack(), itt
    itt = b"".join(form.pack_ite(InterruptEntry(True, FIRST_LPI + n, 0)) for n in range(lpis))
    return form.pack_dte(DeviceEntry(True, 16, ITT)), form.pack_cte(CollectionEntry(True, 0)), itt
