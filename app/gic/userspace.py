"""The VMM's door to an in-kernel GIC: KVM device attributes, with KVM's checks and errno names.

Documentation/virt/kvm/devices/arm-vgic-v3.rst and arm-vgic-its.rst; vgic-mmio-v3.c, vgic-its.c, vgic-kvm-device.c.
A device attribute reaches the registers without a CPU running, and without the guest's view where the two differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.gic import effects
from app.gic.behaviours import Doors
from app.gic.its_kernel import KernelTranslation
from app.gic.its_save import restore_tables, save_tables
from app.gic.lpi_kernel import KernelLpis
from app.gic.wired import PRIVATE

if TYPE_CHECKING:
    from app.gic.machine import Machine

GROUPS = ("dist", "redist", "its", "sysregs", "level")
_SGI_FRAME = 0x10000
_IIDR_REVISION = 0xF << 12
_REVISIONS = (2, 3)
_QUEUE_OFFSET = 0xF_FFE0
_MAX_TABLE_REVISION = 0
_LAST_LEVEL_WORD = 992  # the attribute has 10 bits for the first INTID
# its_registers: the attributes that exist; unimplemented GITS_BASER<n> and identification registers read as zero.
_ITS_ATTRIBUTES = (range(0x10), range(0x80, 0x98), range(0x100, 0x140), range(0xFFD0, 0x10000))
_ACTIVE_PRIORITIES = ("ICC_AP0R_EL1", "ICC_AP1R_EL1")
_ITS_WIDE = range(0x8, 0xFFD0)  # 64-bit registers: attributes must be 8-byte aligned (vgic_its_has_attr_regs)


class UserspaceError(Exception):
    """KVM refused a userspace call; `errno_name` is the errno as the VMM sees it, e.g. "EBUSY"."""

    def __init__(self, errno_name: str, what: str) -> None:
        super().__init__(f"{errno_name}: {what}")
        self.errno_name = errno_name
        self.what = what


class Userspace:
    """KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR, KVM_SIGNAL_MSI and the control attributes of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine

    # -- registers

    def get(self, group: str, offset: int, cpu: int = 0) -> int:
        """A register as KVM_GET_DEVICE_ATTR returns it: 32 bits for dist, redist and level, 64 for its and sysregs."""
        self._check(group, offset, cpu)
        if group == "level":
            return self._levels(offset, cpu)
        if group == "sysregs":
            return self._m.cpu_interfaces[cpu].peek(self._sysreg(offset))
        if group == "its":
            return self._its(offset)
        address = self._gic_address(group, offset, cpu)
        value = None if address is None else self._m.bus.as_userspace(address, 4, None)
        return 0 if value is None else value

    def set(self, group: str, offset: int, value: int, cpu: int = 0) -> None:
        """Write a register as KVM_SET_DEVICE_ATTR does. Raises UserspaceError where KVM refuses."""
        self._check(group, offset, cpu)
        width = 32 if group in ("dist", "redist", "level") else 64
        if not 0 <= value < 1 << width:
            raise ValueError(f"{value:#x} does not fit a {width}-bit attribute of group {group}")
        if group == "level":
            self._set_levels(offset, value, cpu)
        elif group == "sysregs":
            self._set_sysreg(self._sysreg(offset), value, cpu)
        elif group == "its":
            self._set_its(offset, value)
        else:
            self._set_gic(group, offset, value, cpu)
        self._m.settle()

    def _check(self, group: str, offset: int, cpu: int) -> None:
        if group not in GROUPS:
            raise ValueError(f"no attribute group {group!r}: {', '.join(GROUPS)}")
        if not 0 <= offset < 1 << 32:
            raise ValueError(f"attribute offset {offset:#x}: 0 to 2^32 - 1")
        if self._m.impl.doors is not Doors.KVM_DEVICE:
            raise UserspaceError("ENXIO", f"{self._m.impl.name} has no userspace door: it is not a KVM device")
        if not 0 <= cpu < self._m.cpus:
            raise UserspaceError("EINVAL", f"no vCPU {cpu}")
        if group == "its" and not self._m.has_its:
            raise UserspaceError("ENXIO", "the machine has no ITS")

    def _gic_address(self, group: str, offset: int, cpu: int) -> int | None:
        """Where a dist or redist attribute is; None beyond the device: like a register that is not there, RAZ/WI."""
        frames = self._m.map.frames
        frame = frames["GICD" if group == "dist" else "RD"]
        size = frame.size if group == "dist" else frame.size + frames["SGI"].size
        return frame.base + frame.stride * cpu * (group == "redist") + offset if offset < size else None

    def _set_gic(self, group: str, offset: int, value: int, cpu: int) -> None:
        if group == "dist":
            if offset == 0x8:
                self._set_iidr(value)
                return
            if offset == 0xC and value:
                raise UserspaceError("EINVAL", "GICD_TYPER2 must equal what it reads (0)")
        address = self._gic_address(group, offset, cpu)
        if address is not None:
            self._m.bus.as_userspace(address, 4, value)

    def _set_iidr(self, value: int) -> None:
        """vgic_mmio_uaccess_write_v3_misc: only the revision may differ, and only to 2 or 3."""
        now = self._m.peek("GICD_IIDR")
        if (now ^ value) & ~_IIDR_REVISION or value >> 12 & 0xF not in _REVISIONS:
            raise UserspaceError("EINVAL", f"GICD_IIDR must be {now & ~_IIDR_REVISION:#x} with revision 2 or 3")
        self._m.put("GICD_IIDR", value)

    def _sysreg(self, offset: int) -> str:
        """The ICC register with this attribute: op0, op1, CRn, CRm, op2 packed as in an MRS (gic_v3_icc_reg_descs)."""
        for register in self._m.map.frames["ICC"].registers:
            if register.encoding and _packed(register.encoding) == offset:
                if register.stem in _ACTIVE_PRIORITIES and not register.present:
                    raise UserspaceError("EINVAL", f"{register.name}: {register.why_absent}")
                if register.present and not (register.user and register.user.readable | register.user.writable == 0):
                    return register.name
        raise UserspaceError("ENXIO", f"no CPU interface attribute has the encoding {offset:#x}")

    def _set_sysreg(self, name: str, value: int, cpu: int) -> None:
        """set_gic_ctlr and set_gic_sre refuse what the host has not; the others take anything."""
        if name == "ICC_SRE_EL1" and not value & 1:
            raise UserspaceError("EINVAL", "ICC_SRE_EL1.SRE must be 1")
        if name == "ICC_CTLR_EL1":
            host = self._m.map.registers[name]
            asked, has = host.decode(value), host.decode(self._m.peek(host, cpu))
            most = [field for field in ("PRIbits", "IDbits") if asked[field] > has[field]]
            wrong = most or [field for field in ("SEIS", "A3V") if asked[field] != has[field]]
            if wrong:
                at_most = "at most " if most else ""
                raise UserspaceError("EINVAL", f"ICC_CTLR_EL1.{wrong[0]} must be {at_most}{has[wrong[0]]:#x}")
        self._m.cpu_interfaces[cpu].write(name, value)

    # -- the ITS

    def _its_address(self, offset: int) -> tuple[int, int]:
        wide = offset in _ITS_WIDE
        if offset & (7 if wide else 3):
            raise UserspaceError("EINVAL", f"offset {offset:#x} is not a multiple of {8 if wide else 4}")
        address = self._m.map.frames["GITS"].base + offset
        if not self._m.its_placed:
            raise UserspaceError("ENXIO", "the ITS has no base address yet")
        if not any(offset in region for region in _ITS_ATTRIBUTES):
            raise UserspaceError("ENXIO", f"the ITS has no register at {offset:#x}")
        return address, 8 if wide else 4

    def _its(self, offset: int) -> int:
        address, size = self._its_address(offset)
        value = self._m.bus.as_userspace(address, size, None)
        return 0 if value is None else value

    def _set_its(self, offset: int, value: int) -> None:
        address, size = self._its_address(offset)
        if offset == 0x4:
            if value >> 12 & 0xF > _MAX_TABLE_REVISION:
                raise UserspaceError("EINVAL", f"no table ABI revision {value >> 12 & 0xF}, only 0")
            return
        if offset == 0x90:
            self._set_creadr(value)
            return
        self._m.bus.as_userspace(address, size, value & (1 << size * 8) - 1)

    def _set_creadr(self, value: int) -> None:
        its = self._m.its
        if its.enabled:
            raise UserspaceError("EBUSY", "GITS_CTLR.Enabled is 1")
        size = ((self._m.peek("GITS_CBASER") & 0xFF) + 1) * 4096
        if value & _QUEUE_OFFSET >= size:
            raise UserspaceError("EINVAL", f"offset {value & _QUEUE_OFFSET:#x} is beyond the queue of {size:#x} bytes")
        self._m.put("GITS_CREADR", value & _QUEUE_OFFSET)

    # -- levels

    def _level_intids(self, first: int) -> range:
        if first % 32 or first > _LAST_LEVEL_WORD:
            raise UserspaceError("EINVAL", f"INTID {first} is not a multiple of 32 up to {_LAST_LEVEL_WORD}")
        return range(max(first, 16), min(first + 32, self._m.wired.limit))

    def _levels(self, first: int, cpu: int) -> int:
        wired = self._m.wired
        return sum(
            1 << intid - first
            for intid in self._level_intids(first)
            if not wired.edge(intid, cpu) and wired.line(intid, cpu)
        )

    def _set_levels(self, first: int, value: int, cpu: int) -> None:
        for intid in self._level_intids(first):
            level = bool(value >> intid - first & 1)
            if self._m.sink is not None and level != self._m.wired.line(intid, cpu):
                self._m.tell(effects.LineChanged(intid, cpu if intid < PRIVATE else None, level))
            before = self._m.story.look(intid, cpu)
            self._m.wired.put_line(intid, cpu, level)
            self._m.story.since(intid, cpu, before, f"level-sensitive, and its wire is {'high' if level else 'low'}")
            if level and self._m.list_registers is not None:
                self._m.list_registers.queue(intid, cpu if intid < PRIVATE else 0)

    # -- MSIs and control attributes

    def signal_msi(self, device_id: int, event_id: int) -> int:
        """KVM_SIGNAL_MSI: 1 delivered, 0 not mapped. Raises UserspaceError (EBUSY) where it fails."""
        if not 0 <= device_id < 1 << 32 or not 0 <= event_id < 1 << 32:
            raise ValueError(f"DeviceID {device_id:#x} and EventID {event_id:#x} are 32 bits wide")
        translation = self._translation()
        if not self._m.its_placed:
            raise UserspaceError("EINVAL", "no ITS has this doorbell: its base address is not set")
        cached = translation.cached(device_id, event_id)
        if cached is not None:
            self._lpis().set_pending(cached)
            self._m.settle()
            return 1
        if not self._m.its.enabled:
            raise UserspaceError("EBUSY", "GITS_CTLR.Enabled is 0")
        outcome = translation.msi(device_id, event_id)
        self._m.settle()
        if outcome.state == "done":
            return 1
        self._m.tell(effects.MsiRefused(device_id, event_id, outcome.error, cite="vgic-its.c: vgic_its_inject_msi"))
        if outcome.error.startswith("-EBUSY"):
            raise UserspaceError("EBUSY", outcome.error.removeprefix("-EBUSY: "))
        return 0

    def save_pending_tables(self) -> None:
        """KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES: latches of mapped LPIs to the pending tables in RAM."""
        self._guarded("SAVE_PENDING_TABLES", self._lpis().save_pending)

    def save_its_tables(self) -> None:
        """KVM_DEV_ARM_ITS_SAVE_TABLES: devices, events and collections to guest RAM, ABI revision 0."""
        self._finish("ITS SAVE_TABLES", save_tables(self._m, self._translation()))

    def restore_its_tables(self) -> None:
        """KVM_DEV_ARM_ITS_RESTORE_TABLES: the same back from guest RAM."""
        self._finish("ITS RESTORE_TABLES", restore_tables(self._m, self._translation()))

    def reset_its(self) -> None:
        """KVM_DEV_ARM_ITS_CTRL_RESET (vgic_its_reset): registers as after creation, BASERs but for Valid kept."""
        translation = self._translation()
        for name in ("GITS_CBASER", "GITS_CREADR", "GITS_CWRITER", "GITS_CTLR"):
            self._m.put(name, 0)
        for name in ("GITS_BASER0", "GITS_BASER1"):
            self._m.put(name, self._m.peek(name) & ~(1 << 63))
        translation.free_devices()
        translation.free_collections()
        self._finish("ITS CTRL_RESET", "")

    def _finish(self, what: str, errno_name: str) -> None:
        self._m.tell(effects.UserspaceCalled(what, errno_name or "done"))
        self._m.settle()
        if errno_name:
            raise UserspaceError(errno_name, what)

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except IndexError as fault:
            self._m.tell(effects.UserspaceCalled(what, "EFAULT"))
            raise UserspaceError("EFAULT", f"{what}: {fault}") from fault
        self._finish(what, "")

    def _translation(self) -> KernelTranslation:
        self._check("its", 0, 0)
        translation = self._m.its.translation
        assert isinstance(translation, KernelTranslation)
        return translation

    def _lpis(self) -> KernelLpis:
        self._check("dist", 0, 0)
        lpis = self._m.lpi_home
        assert isinstance(lpis, KernelLpis)
        return lpis


def _packed(encoding: str) -> int:
    """S3_0_C12_C12_0 as the attribute's 16 bits (op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2)."""
    op0, op1, crn, crm, op2 = (int(part.lstrip("SC")) for part in encoding.split("_"))
    return (op0 & 3) << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
