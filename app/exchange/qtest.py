"""A scenario as QEMU qtest commands, one a line, after the command line of the QEMU that takes them.

The protocol (softmmu/qtest.c) has no CPUs: system registers cannot be reached, and every store carries DeviceID 0. It
has no comments either: what begins with `#` is an unknown command, which is answered and does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.exchange.accesses import Access, DeviceWrite, Load, RamWrite, Store, Told, Wire, told
from app.exchange.writers import Written
from app.gic.memory import RAM_BASE
from app.registers import RegisterMap
from app.scenario.operations import Expect, LoadState, Migrate, Note, Save, Uread, Uwrite
from app.scenario.scenario import Scenario
from app.scenario.vocabulary import vocabulary

PROGRAM = "qemu-system-aarch64"
SPIS = 256  # of QEMU's virt board; they cannot be chosen
DEVICE_TREE_BYTES = 1 << 20  # that the board leaves at the start of RAM at each reset; ours starts with zeros
WIDTHS = {1: "b", 2: "w", 4: "l", 8: "q"}


def machine_arguments(cpus: int, ram_mib: int, its: bool) -> list[str]:
    """Arguments of QEMU for a virt board that stands still, with nothing but the GIC and RAM."""
    # TCG stopped before its first instruction (-S) rather than the qtest accelerator, which distributions leave out.
    options = "-cpu max -accel tcg -S -nodefaults -no-user-config -display none -net none"
    board = f"virt,gic-version=3,its={'on' if its else 'off'}"
    return ["-M", board, *options.split(), "-smp", str(cpus), "-m", f"{ram_mib}M"]


def write(scenario: Scenario) -> Written:
    """The stores and loads of the scenario, with the values that the model computed for read-modify-writes."""
    registers = vocabulary(scenario.machine).map
    rows = _head(scenario)
    remarks: list[str] = []
    if scenario.machine.spis != SPIS:
        remarks.append(f"QEMU's virt has {SPIS} SPIs, not {scenario.machine.spis}: say spis={SPIS} to compare")
    for item in told(scenario):
        number = item.line.number
        if isinstance(item.operation, Save | Migrate | LoadState | Uread | Uwrite):
            remarks.append(f"line {number}: {item.operation.verb} is KVM's, qtest has no such door")
            if isinstance(item.operation, Migrate | LoadState):
                remarks.append(f"line {number}: the export ends here")
                break
            continue
        for access in item.accesses:
            row = _row(access, registers)
            if row is None:
                remarks.append(f"line {number}: {_why_not(access)}")
            else:
                rows.append(row)
        remarks.extend(_dropped(item))
    return Written("".join(f"{row}\n" for row in rows), tuple(remarks))


def _head(scenario: Scenario) -> list[str]:
    spec = scenario.machine
    command = [PROGRAM, *machine_arguments(spec.cpus, spec.ram_mib, spec.its), "-qtest", "stdio", "-qtest-log", "none"]
    return [
        f"# {scenario.title or 'A scenario of giclab'}",
        f"# {' '.join(command)} < FILE",
        "# QEMU answers each line, these with FAIL as qtest has no comments, and then waits: end it with Ctrl-C.",
        f"memset {RAM_BASE:#x} {DEVICE_TREE_BYTES:#x} 0",
    ]


def _row(access: Access, registers: RegisterMap) -> str | None:
    if getattr(access, "secure", False):
        return None
    match access:
        case RamWrite(address, data):
            return f"write {address:#x} {len(data)} 0x{data.hex()}"
        case Load(address, size):
            return f"read{WIDTHS[size]} {address:#x}"
        case Store(address, size, _, value):
            return f"write{WIDTHS[size]} {address:#x} {value:#x}"
        case DeviceWrite(0, event):
            return f"writel {registers.address(registers.registers['GITS_TRANSLATER']):#x} {event:#x}"
    return None


def _why_not(access: Access) -> str:
    match access:
        case Load(secure=True) | Store(secure=True):
            return "qtest makes Non-secure accesses"
        case DeviceWrite(device, _):
            return f"qtest stores carry DeviceID 0, not {device}"
        case Wire(intid, _, _):
            return f"the wire of INTID {intid} needs set_irq_in with the GIC's QOM path, which depends on the machine"
    return "system registers need a running CPU"


def _dropped(item: Told) -> Iterator[str]:
    if isinstance(item.operation, Expect):
        yield f"line {item.line.number}: qtest checks nothing, the expectation is left out"
    elif not isinstance(item.operation, Note) and item.step is not None and item.step.refused and not item.accesses:
        yield f"line {item.line.number}: refused, {item.step.refused}"
