"""A machine set up as the experiments of the PTZ discussion have it, and short words for what is done with it."""

from __future__ import annotations

from app.gic import Machine
from app.gic.commands import encode

PROP = 0x4020_0000
PEND = (0x4021_0000, 0x4022_0000)
OTHER_PEND = 0x4023_0000
DEVICES, COLLECTIONS, QUEUE, ITT = 0x4030_0000, 0x4031_0000, 0x4032_0000, 0x4033_0000
PTZ = 1 << 62
ATTRIBUTES = 0x780  # Inner Shareable, Inner RaWaWb: what KVM keeps as it is
ID_BITS = 15  # GICR_PROPBASER.IDbits: 16 bits of INTID
VALID = 1 << 63
PAGE_64K = 2 << 8
CONFIG = 0xA3  # priority 0xa0, enabled, bit 1 RES1
NONE = 1023
EVERYWHERE = ("architecture", "kvm", "kvm-before-5.6", "qemu")
KVM = ("kvm", "kvm-before-5.6")


class Rig:
    """Two CPUs with Group 1 enabled and open priority masks; tables and queue in zeroed RAM; LPIs off."""

    def __init__(self, implementation: str, memory=None, cpus: int = 2) -> None:
        self.implementation = implementation
        self.m = Machine(implementation, cpus=cpus, memory=memory)
        for cpu in range(cpus):
            self.open_cpu(cpu)
        self.put("GICD_CTLR", 2, 4)

    def open_cpu(self, cpu: int) -> None:
        self.m.icc_write("ICC_PMR_EL1", 0xFF, cpu=cpu)
        self.m.icc_write("ICC_IGRPEN1_EL1", 1, cpu=cpu)

    def its_on(self) -> Rig:
        """Tables, queue and configuration table, PENDBASER with PTZ=0; the ITS enabled."""
        self.put("GITS_BASER0", VALID | PAGE_64K | DEVICES)
        self.put("GITS_BASER1", VALID | PAGE_64K | COLLECTIONS)
        self.put("GITS_CBASER", VALID | QUEUE | 15)
        self.put("GITS_CTLR", 1, 4)
        for cpu in range(self.m.cpus):
            self.put("GICR_PROPBASER", PROP | ATTRIBUTES | ID_BITS, cpu=cpu)
        for cpu in range(min(2, self.m.cpus)):
            self.pendbaser(cpu)
        return self

    # -- registers

    def at(self, name: str, cpu: int = 0) -> int:
        return self.m.map.address(self.m.map.registers[name], cpu)

    def put(self, name: str, value: int, size: int = 8, cpu: int = 0, offset: int = 0) -> None:
        self.m.write(self.at(name, cpu) + offset, value, size, cpu=cpu)

    def get(self, name: str, size: int = 8, cpu: int = 0, offset: int = 0) -> int:
        return self.m.read(self.at(name, cpu) + offset, size, cpu=cpu)

    def pendbaser(self, cpu: int = 0, ptz: int = 0, base: int | None = None) -> None:
        self.put("GICR_PENDBASER", (PEND[cpu] if base is None else base) | ATTRIBUTES | ptz * PTZ, cpu=cpu)

    def lpis(self, on: bool | int, cpu: int = 0) -> None:
        self.put("GICR_CTLR", int(on), 4, cpu=cpu)

    # -- guest RAM

    def config(self, intid: int, byte: int = CONFIG) -> None:
        self.m.memory.write(PROP + intid - 8192, bytes([byte]))

    def bit(self, intid: int, cpu: int = 0) -> int:
        return self.m.memory.read(PEND[cpu] + intid // 8, 1)[0] >> intid % 8 & 1

    def set_bit(self, intid: int, value: int = 1, cpu: int = 0) -> None:
        address = PEND[cpu] + intid // 8
        byte = self.m.memory.read(address, 1)[0] & ~(1 << intid % 8) | value << intid % 8
        self.m.memory.write(address, bytes([byte]))

    # -- the ITS

    def its(self, name: str, **operands: int) -> None:
        self.m.command(encode(name, **operands))

    def map(self, intid: int, event: int = 0, collection: int = 0, config: int = CONFIG) -> None:
        """MAPD of DeviceID 0 (32 events) unless mapped, MAPC to the CPU of the same number, MAPTI."""
        self.config(intid, config)
        if not any(each.device_id == 0 for each in self.m.devices()):
            self.its("MAPD", device=0, itt=ITT, size=5)
        if not any(each.icid == collection for each in self.m.collections()):
            self.its("MAPC", collection=collection, target=collection)
        self.its("MAPTI", device=0, event=event, intid=intid, collection=collection)

    def int(self, event: int = 0) -> None:
        self.its("INT", device=0, event=event)

    # -- the CPU

    def ack(self, cpu: int = 0) -> int:
        return self.m.icc_read("ICC_IAR1_EL1", cpu=cpu)

    def eoi(self, intid: int, cpu: int = 0) -> None:
        self.m.icc_write("ICC_EOIR1_EL1", intid, cpu=cpu)

    def drain(self, cpu: int = 0) -> list[int]:
        """Acknowledge and end until nothing is signalled, at most 64 times."""
        taken: list[int] = []
        for _ in range(64):
            intid = self.ack(cpu)
            if intid == NONE:
                break
            taken.append(intid)
            self.eoi(intid, cpu)
        return taken

    def latch(self, intid: int) -> bool | None:
        return self.m.lpi(intid).pending_latched
