"""Save, migrate, restore: the orders and results observed on KVM (sections c1 to c7 of the recorded facts)."""

import re

import pytest

from app.scenario import Player, ScenarioError, format_operation, parse, parse_line
from app.scenario.restore_steps import ORDERS, STEPS, Way

SOURCE = """\
machine implementation={name} cpus=2
poke  0x40200000 a1a9b1b9
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PROPBASER@1 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 Physical_Address=0x40210000{ptz}
write GICR_PENDBASER@1 Physical_Address=0x40220000{ptz}
write GICD_CTLR EnableGrp1=1
write ICC_PMR_EL1@0 0xf0
write ICC_PMR_EL1@1 0xf0
write ICC_IGRPEN1_EL1@0 1
write ICC_IGRPEN1_EL1@1 1
write GICR_CTLR@0 EnableLPIs=1
write GICR_CTLR@1 EnableLPIs=1
its   MAPD device=2 itt=0x40300000 size=5
its   MAPC collection=0 target=0
its   MAPC collection=1 target=1
its   MAPTI device=2 event=0 intid=8192 collection=0
its   MAPTI device=2 event=1 intid=8193 collection=1
its   MAPTI device=2 event=2 intid=8194 collection=0
its   MAPTI device=2 event=3 intid=8195 collection=0
msi   device=2 event=0
msi   device=2 event=1
msi   device=2 event=2
"""
SAVE = "save pending-tables\nsave its-tables\n"


def after(text, *, name="kvm", ptz=False):
    scenario = parse(SOURCE.format(name=name, ptz=" PTZ=1" if ptz else "") + text)
    player = Player(scenario.machine)
    steps = [player.apply(op) for op in scenario.operations]
    return player, steps[-1]


def pending(player):
    seen = []
    for cpu in range(2):
        taken = []
        while (intid := player.machine.icc_read("ICC_IAR1_EL1", cpu)) < 1020 or intid > 8191:
            taken.append(intid)
            player.machine.icc_write("ICC_EOIR1_EL1", intid, cpu)
        seen.append(taken)
    return seen


@pytest.mark.parametrize("ptz", [False, True])
def test_the_documented_order_restores_every_pending_lpi(ptz):
    player, step = after(SAVE + "migrate order=documented\n", ptz=ptz)
    assert not step.refused
    assert pending(player) == [[8192, 8194], [8193]]


@pytest.mark.parametrize("ptz", [False, True])
def test_what_was_restored_goes_on_working(ptz):
    player, _ = after(SAVE + "migrate\n", ptz=ptz)
    pending(player)
    player.apply(parse_line("msi device=2 event=3", player.spec))
    assert pending(player) == [[8195], []]
    assert player.machine.peek("ICC_PMR_EL1", 0) == 0xF0


def test_the_its_before_the_redistributors_is_efault_and_maps_nothing():
    player, step = after(SAVE + "migrate order=its-first\n")
    assert "its-tables: RESTORE_TABLES -EFAULT" in step.refused
    player.apply(parse_line("msi device=2 event=3", player.spec))
    assert pending(player) == [[], []]


def test_enabling_lpis_last_loses_every_pending_lpi():
    player, step = after(SAVE + "migrate order=bases-its-ctlr\n")
    assert not step.refused
    assert pending(player) == [[], []]
    player.apply(parse_line("msi device=2 event=3", player.spec))
    assert pending(player) == [[8195], []]


def test_without_saved_pending_tables_the_pending_state_is_lost():
    player, _ = after("save its-tables\nmigrate\n")
    assert pending(player) == [[], []]


@pytest.mark.parametrize(("left_out", "again"), [("", []), ("creadr", [8195])])
def test_a_creadr_that_is_not_restored_runs_the_queue_again(left_out, again):
    order = ",".join(step for step in ORDERS["documented"] if step != left_out)
    taken = "".join(f"ack @0\neoi @0 {intid}\n" for intid in (8192, 8194, 8195))
    player, _ = after(f"its INT device=2 event=3\n{taken}{SAVE}migrate order={order}\n")
    assert player.machine.queue().creadr == player.machine.queue().cwriter == 8 * 32
    assert pending(player) == [again, [8193]]


def test_cbaser_after_creadr_zeroes_both_pointers():
    order = "gicd,propbaser,pendbaser,gicr-ctlr,creadr,cwriter,cbaser,basers,its-tables,gits-ctlr"
    player, _ = after(SAVE + f"migrate order={order}\n")
    assert (player.machine.queue().creadr, player.machine.queue().cwriter) == (0, 0)


def test_movall_and_migration_lose_the_pending_state():
    player, _ = after("its MOVALL source=0 target=1\n" + SAVE + "migrate\n")
    assert pending(player) == [[], [8193]]


def test_the_steps_are_told_in_order_with_their_reason():
    _, step = after(SAVE + "migrate\n")
    told = [effect for effect in step.effects if effect.kind == "restored"]
    assert [effect.step for effect in told] == list(ORDERS["documented"])
    assert "GICR_PENDBASER@1 := 0x40220580" in next(effect for effect in told if effect.step == "pendbaser").values
    assert all(effect.why and effect.cite for effect in told)


def test_the_saved_pendbaser_carries_no_ptz_since_5_6():
    values = {}
    for name in ("kvm", "kvm-before-5.6"):
        player, _ = after(SAVE + "migrate\n", name=name, ptz=True)
        values[name] = player.machine.pendbaser(0) >> 62
    assert values == {"kvm": 0, "kvm-before-5.6": 1}


@pytest.mark.parametrize("name", ["architecture", "qemu"])
def test_without_device_attributes_the_state_moves_as_it_stands(name):
    player, step = after("migrate order=its-first\n", name=name)
    assert not step.refused
    assert pending(player) == [[8192, 8194], [8193]]


def test_spis_and_their_settings_come_along():
    text = (
        "write GICD_IPRIORITYR10 0x50607080\nwrite GICD_ISENABLER1 0x100\nwrite GICD_IROUTER40 Aff0=1\n"
        "irq 40 level=1\nwrite GICR_ISPENDR0@1 0x4\nwrite GICR_ICENABLER0@0 0x2\n"
    )
    player, _ = after(text + "migrate\n")
    machine = player.machine
    assert machine.peek("GICD_IPRIORITYR10") == 0x5060_7080
    assert machine.peek("GICD_IROUTER40") == 1
    assert machine.peek("GICR_ISPENDR0", 1) & 4
    assert not machine.peek("GICR_ISENABLER0", 0) & 2


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_every_named_order_can_be_written(name):
    assert format_operation(parse_line(f"migrate order={name}")) == f"migrate order={name}"


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_every_named_order_has_every_step_of_its_way_once(name):
    way = Way.VMSTATE if name == "vmstate" else Way.ATTRIBUTES
    assert sorted(ORDERS[name]) == sorted(step.name for step in STEPS if way in step.ways)


def last_in(order, name):
    return (*(step for step in ORDERS[order] if step != name), name)


@pytest.mark.parametrize("without", ["", "write-back"])
def test_software_that_disables_lpis_first_takes_them_all_along(without):
    player, step = after(f"migrate{' without=' + without if without else ''}\n", name="architecture")
    assert pending(player) == ([[], []] if without else [[8192, 8194], [8193]])
    assert not step.refused


def test_in_the_manual_ptz_written_as_one_leaves_the_pending_table_unread():
    player, _ = after("migrate GICR_PENDBASER@0.PTZ=1\n", name="architecture")
    assert pending(player) == [[], [8193]]


@pytest.mark.parametrize(("ptz", "left"), [(0, [[], []]), (1, [[8192, 8194], [8193]])])
def test_ptz_as_the_vmm_writes_it_decides_when_lpis_are_enabled_last(ptz, left):
    edits = f"GICR_PENDBASER@0.PTZ={ptz} GICR_PENDBASER@1.PTZ={ptz}"
    player, _ = after(f"{SAVE}migrate order=bases-its-ctlr {edits}\n")
    assert pending(player) == left


def test_a_step_of_one_cpu_can_come_at_another_place():
    order = ",".join(step if step != "gicr-ctlr" else "gicr-ctlr@0" for step in ORDERS["documented"])
    player, _ = after(f"{SAVE}migrate order={order},gicr-ctlr@1\n")
    assert pending(player) == [[8192, 8194], []]


def test_ram_that_comes_after_the_tables_were_read_brings_nothing():
    player, step = after(f"{SAVE}migrate order={','.join(last_in('documented', 'ram'))}\n")
    assert not step.refused
    assert pending(player) == [[], []]
    assert player.machine.devices() == []


def test_on_qemu_ram_that_comes_late_hides_the_pending_bits_until_something_scans():
    player, _ = after("migrate order=vmstate-gic,vmstate-its,ram\n", name="qemu")
    assert not player.machine.irq(0)
    player.apply(parse_line("its INV device=2 event=0", player.spec))
    assert pending(player)[0] == [8192, 8194]


@pytest.mark.parametrize("name", ["kvm", "qemu", "architecture"])
def test_ram_that_is_left_out_stays_empty(name):
    player, _ = after("migrate without=ram\n", name=name)
    assert player.machine.memory.written_pages() == []


def test_without_a_base_address_the_its_has_no_registers_and_no_doorbell():
    player, step = after(f"{SAVE}migrate without=its-base\n")
    assert "cbaser: GITS_CBASER -ENXIO" in step.refused
    sent = player.apply(parse_line("msi device=2 event=3", player.spec))
    assert [effect.why for effect in sent.effects if effect.kind == "msi-refused"] == [
        "EINVAL: no ITS has this doorbell: its base address is not set"
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("migrate order=cbaser@0", "cbaser is not restored per CPU"),
        ("migrate order=pendbaser@7", "there is no CPU 7"),
        ("migrate without=documented", "documented is a whole order"),
        ("migrate without=nothing", "unknown restore step nothing"),
        ("migrate GICR_PENDBASER.PTZ=1", "@cpu is missing"),
        ("migrate GICR_WAKER@0=1", "GICR_WAKER is in no restore step"),
        ("migrate GICR_PENDBASER@0.PTZ=2", "needs 2 bits"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_by_name(line, problem):
    with pytest.raises(ScenarioError, match=re.escape(problem)):
        parse_line(line)


def test_a_plan_is_written_as_it_was_read():
    text = "migrate order=documented without=creadr,ram GICR_PENDBASER@0.PTZ=1 GITS_CWRITER=0x40"
    assert format_operation(parse_line(text)) == text
