"""KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS: which registers have an attribute, and which values are refused.

arch/arm64/kvm/vgic-sys-reg-v3.c: gic_v3_icc_reg_descs, set_gic_ctlr, set_gic_sre.
"""

import pytest

from app.gic import Machine, UserspaceError
from app.registers import register_map
from app.scenario.attributes import attribute_of

REGISTERS = register_map("kvm").frames["ICC"].registers
WITH_ATTRIBUTE = {
    *("ICC_PMR_EL1", "ICC_BPR0_EL1", "ICC_BPR1_EL1", "ICC_AP0R0_EL1", "ICC_AP1R0_EL1"),
    *("ICC_CTLR_EL1", "ICC_SRE_EL1", "ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1"),
}
BEYOND = {f"ICC_AP{group}R{number}_EL1" for group in (0, 1) for number in (1, 2, 3)}


def attribute(name):
    return attribute_of(register_map("kvm").registers[name], 0).offset


@pytest.mark.parametrize("name", [register.name for register in REGISTERS])
def test_only_the_registers_that_hold_state_have_an_attribute(name):
    userspace = Machine("kvm").userspace
    if name in WITH_ATTRIBUTE:
        userspace.set("sysregs", attribute(name), userspace.get("sysregs", attribute(name)))
        return
    for access in (
        lambda: userspace.get("sysregs", attribute(name)),
        lambda: userspace.set("sysregs", attribute(name), 0),
    ):
        with pytest.raises(UserspaceError) as refused:
            access()
        assert refused.value.errno_name == ("EINVAL" if name in BEYOND else "ENXIO")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ICC_SRE_EL1", 0),
        ("ICC_CTLR_EL1", 0x8D00),  # 6 priority bits
        ("ICC_CTLR_EL1", 0x9400),  # IDbits reserved
        ("ICC_CTLR_EL1", 0xCC00),  # SEIS
        ("ICC_CTLR_EL1", 0x0C00),  # no A3V
    ],
)
def test_what_the_host_has_not_is_refused_and_changes_nothing(name, value):
    machine = Machine("kvm")
    before = machine.snapshot()
    with pytest.raises(UserspaceError) as refused:
        machine.userspace.set("sysregs", attribute(name), value)
    assert refused.value.errno_name == "EINVAL"
    assert machine.snapshot() == before


def test_fewer_priority_and_id_bits_than_the_host_has_are_taken():
    machine = Machine("kvm")
    machine.userspace.set("sysregs", attribute("ICC_CTLR_EL1"), 0x8003)
    assert machine.icc_read("ICC_CTLR_EL1") == 0x8C03
