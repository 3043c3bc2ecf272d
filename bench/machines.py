"""Our Machine beside a real QEMU over qtest: register accesses, and batches of ITS commands."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from app.engines.qemu import QemuMachine
from app.exchange.qtest import SPIS
from app.gic import Machine
from app.gic.commands import encode
from bench.rate import RUNS, Row, once, rate

BATCH = 4096
KVM_INVALLS = 256  # each reads 4096 configuration bytes, as the kernel does
QUEUE, DEVICES, COLLECTIONS, ITT = 0x4100_0000, 0x4120_0000, 0x4121_0000, 0x4130_0000
PROPBASE, PENDBASE = 0x4020_0000, 0x4021_0000
QUEUE_PAGES = 256  # 32,768 commands: the whole measurement without wrapping
VALID = 1 << 63
PAGE_64K = 2 << 8
GITS_CTLR, GITS_CBASER, GITS_CWRITER, GITS_CREADR = 0x0808_0000, 0x0808_0080, 0x0808_0088, 0x0808_0090
GICD_TYPER, GICR_PENDBASER, GICD_IPRIORITYR8 = 0x0800_0004, 0x080A_0078, 0x0800_0420


def register_rows(qemu: QemuMachine, ours: Machine) -> list[Row]:
    """One access at a time; on QEMU each is a round trip over its socket."""
    accesses: dict[str, Callable[[Machine], object]] = {
        "read GICD_TYPER, 32 bits": lambda machine: machine.read(GICD_TYPER, 4),
        "read GICR_PENDBASER, 64 bits": lambda machine: machine.read(GICR_PENDBASER, 8),
        "write GICD_IPRIORITYR8, 32 bits": lambda machine: machine.write(GICD_IPRIORITYR8, 0xA0A0_A0A0, 4),
        "write GICR_PENDBASER, 64 bits": lambda machine: machine.write(GICR_PENDBASER, PENDBASE, 8),
    }
    return [Row(what, rate(partial(act, ours)), rate(partial(act, qemu)), 10) for what, act in accesses.items()]


def command_rows() -> list[Row]:
    """Commands a second in batches of 4096: the time of the one write of GITS_CWRITER that runs the batch."""
    theirs = _best(lambda: QemuMachine(cpus=2), BATCH)
    ours = _best(lambda: nullcontext(Machine("qemu", cpus=2, spis=SPIS)), BATCH)
    kernel = _best(lambda: nullcontext(Machine("kvm", cpus=2, spis=SPIS)), KVM_INVALLS)
    rows = []
    for command, rate_ in theirs.items():
        rescans = command.startswith("INV")
        wanted = None if rescans or command == "MOVI" else 150_000.0
        rows.append(Row(f"{command} on qemu", ours[command], rate_, 10 if rescans else None, wanted))
        rows.append(Row(f"{command} on kvm", kernel[command]))
    return rows


def _best(fresh: Callable[[], AbstractContextManager[Machine]], invalls: int) -> dict[str, float]:
    """The best of a few measurements, each on a machine fresh from reset."""
    best: dict[str, float] = {}
    for _ in range(RUNS):
        with fresh() as machine:
            for command, found in _measure(machine, invalls):
                best[command] = max(found, best.get(command, 0))
    return best


def _measure(machine: Machine, invalls: int) -> Iterator[tuple[str, float]]:
    _set_up(machine)
    for name, packets in _batches(invalls):
        at = machine.read(GITS_CWRITER, 8)
        machine.memory.write(QUEUE + at, b"".join(packets))
        after = at + 32 * len(packets)
        yield name, once(partial(_run, machine, after), len(packets))


def _run(machine: Machine, after: int) -> None:
    """Run the queue up to `after`, as a driver does: an ITS may take longer than the one write."""
    machine.write(GITS_CWRITER, after, 8)
    at = -1
    while (now := machine.read(GITS_CREADR, 8)) != after:
        if now == at:
            raise RuntimeError(f"the queue stopped at {at:#x}, not at {after:#x}")
        at = now


def _set_up(machine: Machine) -> None:
    machine.memory.write(PROPBASE, b"\xa3" * (65536 - 8192))
    for cpu in range(machine.cpus):
        frame = 0x080A_0000 + cpu * 0x2_0000
        machine.write(frame + 0x70, PROPBASE | 15, 8)
        machine.write(frame + 0x78, PENDBASE + cpu * 0x1_0000, 8)
        machine.write(frame, 1, 4)
    machine.write(0x0800_0000, 3, 4)
    machine.write(0x0808_0100, VALID | PAGE_64K | DEVICES, 8)
    machine.write(0x0808_0108, VALID | PAGE_64K | COLLECTIONS, 8)
    machine.write(GITS_CBASER, VALID | QUEUE | QUEUE_PAGES - 1, 8)
    machine.write(GITS_CTLR, 1, 4)
    commands = [encode("MAPD", device=0, itt=ITT, size=12)]
    commands += [encode("MAPC", collection=cpu, target=cpu) for cpu in range(machine.cpus)]
    machine.memory.write(QUEUE, b"".join(commands))
    machine.write(GITS_CWRITER, 32 * len(commands), 8)


def _batches(invalls: int) -> Iterator[tuple[str, list[bytes]]]:
    events = range(BATCH)
    yield "MAPTI", [encode("MAPTI", device=0, event=event, intid=8192 + event, collection=0) for event in events]
    yield "INT", [encode("INT", device=0, event=event) for event in events]
    yield "INV", [encode("INV", device=0, event=event) for event in events]
    yield "INVALL", [encode("INVALL", collection=0)] * invalls
    yield "MOVI", [encode("MOVI", device=0, event=event, collection=1) for event in events]
