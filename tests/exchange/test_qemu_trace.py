"""The trace lines of QEMU's GIC, as its hw/intc/trace-events formats them."""

import pytest

from app.exchange import qemu_events as trace
from app.exchange.qemu_trace import parse, parse_event

LINES = {
    "gicv3_dist_read GICv3 distributor read: offset 0xffe8 data 0x3b size 4 secure 0": trace.BusAccess(
        "GICD", 0, 0xFFE8, 0x3B, 4, write=False
    ),
    "gicv3_dist_badread GICv3 distributor read: offset 0xc size 4 secure 0: error": trace.BusAccess(
        "GICD", 0, 0xC, 0, 4, write=False, error=True
    ),
    "gicv3_dist_badwrite GICv3 distributor write: offset 0xc data 0x5 size 2 secure 0: error": trace.BusAccess(
        "GICD", 0, 0xC, 5, 2, write=True, error=True
    ),
    "gicv3_redist_write GICv3 redistributor 0x1 write: offset 0x78 data 0x421c0780 size 8 secure 0": trace.BusAccess(
        "GICR", 1, 0x78, 0x421C0780, 8, write=True
    ),
    "gicv3_redist_read GICv3 redistributor 0x103 read: offset 0x0 data 0x2 size 4 secure 0": trace.BusAccess(
        "GICR", 19, 0, 2, 4, write=False
    ),
    "gicv3_its_write GICv3 ITS write: offset 0x88 data 0x120 size 4": trace.BusAccess(
        "GITS", 0, 0x88, 0x120, 4, write=True
    ),
    "gicv3_icc_iar1_read GICv3 ICC_IAR1 read cpu 0x1 value 0x2002": trace.SystemAccess(
        "ICC_IAR1_EL1", 1, 0x2002, write=False
    ),
    "gicv3_icc_eoir_write GICv3 ICC_EOIR1 write cpu 0x0 value 0x1b": trace.SystemAccess(
        "ICC_EOIR1_EL1", 0, 27, write=True
    ),
    "gicv3_icc_ctlr_el3_read GICv3 ICC_CTLR_EL3 read cpu 0x0 value 0x0": trace.SystemAccess(
        "ICC_CTLR_EL3", 0, 0, write=False
    ),
    "gicv3_icc_generate_sgi GICv3 CPU i/f 0x0 generating SGI 4 IRM 0 target affinity 0x1xx targetlist 0x2": (
        trace.SgiGenerated(0, 4, False, 1, 2)
    ),
    "gicv3_redist_send_sgi GICv3 redistributor 0x1 pending SGI 4": trace.SgiPending(1, 4),
    "gicv3_redist_set_irq GICv3 redistributor 0x1 interrupt 27 level changed to 1": trace.WireChanged(27, True, 1),
    "gicv3_dist_set_irq GICv3 distributor interrupt 40 level changed to 0": trace.WireChanged(40, False),
    "gicv3_its_translation_write GICv3 ITS TRANSLATER write: offset 0x40 data 0x2 size 4 requester_id 0x8": (
        trace.MsiWritten(0x40, 2, 4, 8)
    ),
    "gicv3_its_process_command GICv3 ITS: processing command at offset 0xa: 0x5": trace.CommandStarted(10, 5),
    "gicv3_its_cmd_sync GICv3 ITS: command SYNC": trace.CommandOperands("SYNC", ()),
    "gicv3_its_cmd_mapd GICv3 ITS: command MAPD DeviceID 0x8 Size 0x1 ITT_addr 0x4313f0 V 1": trace.CommandOperands(
        "MAPD", (("device", 8), ("size", 2), ("itt", 0x4313F000), ("valid", 1))
    ),
    "gicv3_its_cmd_movall GICv3 ITS: command MOVALL RDbase1 0x0 RDbase2 0x1": trace.CommandOperands(
        "MOVALL", (("source", 0), ("target", 1))
    ),
    "gicv3_its_dte_read GICv3 ITS: Device Table read for DeviceID 0x8: valid 1 size 0x1 ITTaddr 0x4313f000": (
        trace.DeviceEntry(8, True, 2, 0x4313F000, write=False)
    ),
    "gicv3_its_dte_write GICv3 ITS: Device Table write for DeviceID 0x8: valid 1 size 0x1 ITTaddr 0x4313f0": (
        trace.DeviceEntry(8, True, 2, 0x4313F000, write=True)
    ),
    "gicv3_its_cte_write GICv3 ITS: Collection Table write for ICID 0x1: valid 1 RDBase 0x1": trace.CollectionEntry(
        1, True, 1, write=True
    ),
    "gicv3_its_ite_read GICv3 ITS: Interrupt Table read for ITTaddr 0x4313f000 EventID 0x2: valid 1 inttype 1 "
    "intid 0x2002 ICID 0x1 vPEID 0x0 doorbell 0x3ff": trace.InterruptEntry(
        0x4313F000, 2, True, True, 0x2002, 1, write=False
    ),
    "gicv3_cpuif_update GICv3 CPU i/f 0x1 HPPI update: irq 8194 group 2 prio 160": trace.Hppi(1, 8194, 2, 160),
    "gicv3_cpuif_set_irqs GICv3 CPU i/f 0x0 HPPI update: setting FIQ 0 IRQ 1": trace.Signalled(0, False, True),
}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split()[0])
def test_a_line_becomes_its_event(line):
    assert parse_event(line) == LINES[line]


def test_a_time_stamp_before_the_event_is_passed_over():
    line = "4711@1700000000.123456:gicv3_redist_send_sgi GICv3 redistributor 0x0 pending SGI 1"
    assert parse_event(line) == trace.SgiPending(0, 1)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "qemu-system-aarch64: warning: something",
        "virtio_queue_notify vdev 0x55 n 0 vq 0x56",
        "gicv3_cpuif_virt_update GICv3 CPU i/f 0x0 virt HPPI update LR index 0 HPPVLPI 0 grp 0 prio 0",
        "gicv3_dist_read GICv3 distributor read: offset 0xffe8 data",
        "gicv3_icc_pmr_read GICv3 ICC_PMR read cpu zero value 0x0",
    ],
)
def test_a_line_that_says_nothing_known_is_kept(line):
    kept = list(parse(["\n", line + "\r\n"]))[1]
    assert (kept.number, kept.text, kept.event) == (2, line, None)


def test_no_pending_interrupt_is_told_as_priority_255():
    assert trace.Hppi(0, 27, 2, 255).interrupt is None
    assert trace.Hppi(0, 27, 2, 160).interrupt == (27, 2, 160)
