"""The laboratory's experiments: what real KVM was seen to do with each order, the step that decided, and why."""

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pytest

from app.scenario import Player, parse, parse_line
from app.scenario.laboratory import Bench, Plan, experiment
from app.scenario.operations import SavedTables
from app.scenario.orders import HELD, Stopped, TooMany, _ends, search
from app.scenario.outcome import Verdict, outcome
from app.scenario.restore_steps import ORDERS

SOURCE = """\
machine implementation={name} cpus=2
poke  0x40200000 a1a9b1b9
write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write GICR_PROPBASER@1 Physical_Address=0x40200000 IDbits=15
write GICR_PENDBASER@0 Physical_Address=0x40210000
write GICR_PENDBASER@1 Physical_Address=0x40220000
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
PTZ = "GICR_PENDBASER@0.PTZ=1 GICR_PENDBASER@1.PTZ=1"
EVERY = ["kvm", "kvm-before-5.6", "architecture", "qemu"]


def source(name="kvm", more=""):
    scenario = parse(SOURCE.format(name=name) + more)
    player = Player(scenario.machine)
    for op in scenario.operations:
        player.advance(op)
    return player


def tried(line, name="kvm", more="", saves=tuple(SavedTables)):
    player = source(name, more)
    done = experiment(player.machine, player.spec, Plan(saves, parse_line(line, player.spec)))
    return {fate.intid: (fate.verdict, fate.reason.step) for fate in outcome(done).fates}, done


LOST, BACK, IDLE = Verdict.LOST, Verdict.CAME_BACK, Verdict.IDLE


@pytest.mark.parametrize(
    "line", ["migrate", f"migrate {PTZ}", "migrate order=qemu-kvm", f"migrate order=bases-its-ctlr {PTZ}"]
)
def test_orders_that_bring_all_back(line):
    fates, _ = tried(line)
    assert {intid: verdict for intid, (verdict, _) in fates.items()} == {8192: BACK, 8193: BACK, 8194: BACK, 8195: IDLE}


@pytest.mark.parametrize(
    ("line", "saves", "verdict", "step"),
    [
        ("migrate order=its-first", tuple(SavedTables), LOST, "its-tables"),
        (f"migrate order=its-first {PTZ}", tuple(SavedTables), LOST, "its-tables"),
        ("migrate order=bases-its-ctlr", tuple(SavedTables), LOST, "gicr-ctlr"),
        ("migrate", (SavedTables.ITS,), Verdict.NEVER_SAVED, "save"),
        ("migrate", (SavedTables.PENDING,), LOST, "save"),
        ("migrate without=ram", tuple(SavedTables), LOST, "ram"),
        ("migrate without=its-tables", tuple(SavedTables), LOST, "its-tables"),
        ("migrate without=pendbaser", tuple(SavedTables), LOST, "its-tables"),
    ],
)
def test_orders_that_lose_all_and_the_step_that_did_it(line, saves, verdict, step):
    fates, _ = tried(line, saves=saves)
    assert {fates[intid] for intid in (8192, 8193, 8194)} == {(verdict, step)}


def test_efault_is_on_the_card_that_got_it_and_names_the_missing_registers():
    _, done = tried("migrate order=its-first")
    [failed] = [run for run in done.runs if run.errors]
    assert (failed.ref.name, failed.errors) == ("its-tables", ("RESTORE_TABLES -EFAULT",))
    reason = next(iter(outcome(done).fates)).reason
    assert "GICR_PROPBASER and GICR_PENDBASER still had the reset value" in reason.words
    assert "update_lpi_config" in reason.chain


def test_the_cards_show_where_bits_go():
    _, done = tried("migrate order=bases-its-ctlr")
    changes = {run.ref.name: run.change for run in done.runs}
    assert changes["ram"].written == (8192, 8193, 8194)
    assert changes["its-tables"].held == changes["its-tables"].consumed == (8192, 8193, 8194)
    assert changes["gicr-ctlr"].dropped == (8192, 8193, 8194)


def test_movall_leaves_the_collection_where_it_was_so_the_bit_is_looked_for_in_the_wrong_table():
    fates, done = tried("migrate", more="its MOVALL source=0 target=1\n")
    assert fates[8192] == (LOST, "save")
    assert done.runs[-1].after.in_ram(8192) == (1,)
    assert "names CPU 0" in outcome(done).fates[0].reason.words


@pytest.mark.parametrize(("line", "verdict"), [("migrate", IDLE), ("migrate without=creadr", Verdict.FIRED_AGAIN)])
def test_a_queue_without_creadr_is_executed_again(line, verdict):
    fates, _ = tried(
        line, more="its INT device=2 event=3\nack @0\neoi @0 8192\nack @0\neoi @0 8194\nack @0\neoi @0 8195\n"
    )
    assert fates[8195][0] is verdict


def test_cbaser_after_creadr_zeroes_it():
    order = [step for step in ORDERS["documented"] if step != "cbaser"]
    order.insert(order.index("cwriter") + 1, "cbaser")
    _, done = tried(f"migrate order={','.join(order)}")
    assert (done.machine.queue().creadr, done.machine.queue().cwriter) == (0, 0)


def test_ram_that_comes_after_the_scan_is_seen_by_nobody():
    fates, _ = tried("migrate order=vmstate-gic,vmstate-its,ram", "qemu")
    assert {fates[intid] for intid in (8192, 8193, 8194)} == {(Verdict.UNSEEN, "ram")}


@pytest.mark.parametrize(
    ("line", "verdict", "step"),
    [
        ("migrate without=write-back", Verdict.NEVER_SAVED, "write-back"),
        (f"migrate {PTZ}", LOST, "pendbaser"),
        ("migrate without=gicr-ctlr", LOST, "gicr-ctlr"),
        ("migrate without=ram", LOST, "ram"),
    ],
)
def test_what_the_manual_lets_software_lose(line, verdict, step):
    fates, _ = tried(line, "architecture")
    assert fates[8192] == (verdict, step)


@pytest.mark.parametrize("name", EVERY)
def test_an_experiment_leaves_its_source_alone(name):
    player = source(name)
    before = player.machine.snapshot()
    experiment(player.machine, player.spec, Plan())
    after = player.machine.snapshot()
    assert after.values == before.values
    assert after.lpis == before.lpis
    assert after.memory == before.memory


@pytest.mark.parametrize("upto", [0, 5, 13])
def test_a_part_of_the_cards_is_a_part_of_the_whole(upto):
    player = source()
    whole = experiment(player.machine, player.spec, Plan())
    part = experiment(player.machine, player.spec, Plan(), upto)
    assert [run.ref for run in part.runs] == [run.ref for run in whole.runs][:upto]
    assert [run.change for run in part.runs] == [run.change for run in whole.runs][:upto]
    assert not part.whole


# -- every order


def test_folding_finds_what_running_every_order_finds():
    """Six cards are in every order, the other ones stand before them; 720 orders are few enough to run one by one."""
    player = source()
    line = "migrate order=propbaser,pendbaser,gicr-ctlr,basers,its-tables,cbaser"
    plan = Plan(op=parse_line(line, player.spec))
    found = search(player.machine, player.spec, plan, 10_000_000)
    bench = Bench(player.machine, player.spec, plan)
    start = bench.restoring.machine.snapshot()
    one_by_one = Counter()
    for order in permutations(found.moved):
        bench.restoring.machine.restore(start)
        refused = {ref.name: bench.restoring.run_silently(ref) for ref in order}
        one_by_one[_ends(bench.restoring.machine, "".join(refused["its-tables"]))] += 1
    assert {each.ends: each.count for each in found.classes} == one_by_one
    assert found.orders == one_by_one.total() == 720
    assert len(one_by_one) > 2


def test_each_class_of_orders_ends_as_its_example_does():
    player = source()
    plan = Plan(
        op=parse_line("migrate order=ram,its-base,propbaser,pendbaser,gicr-ctlr,basers,its-tables", player.spec)
    )
    found = search(player.machine, player.spec, plan, 10_000_000)
    assert sum(each.count for each in found.classes) == found.orders == 120
    for each in found.classes:
        op = replace(plan.op, order=tuple(map(str, each.order)))
        done = experiment(player.machine, player.spec, plan._replace(op=op))
        assert _ends(done.machine, each.ends.error) == each.ends
        places = {ref: place for place, ref in enumerate(each.order)}
        assert all(places[one] < places[other] for one, other in each.always)


@pytest.mark.parametrize("name", ["kvm", "architecture"])
@pytest.mark.parametrize("card", HELD)
def test_wherever_a_held_card_stands_lpis_end_alike(name, card):
    player = source(name)
    rest = [step for step in ORDERS["documented"] if step != card]
    ends = set()
    for place in range(len(rest) + 1):
        op = replace(Plan().op, order=(*rest[:place], card, *rest[place:]))
        done = experiment(player.machine, player.spec, Plan(op=op))
        ends.add(_ends(done.machine, ""))
    assert len({(each.pending, each.mapped) for each in ends}) == 1


def test_a_search_is_bounded_and_can_be_stopped():
    player = source()
    with pytest.raises(TooMany):
        search(player.machine, player.spec, Plan(), 1_000)
    heard = []
    with pytest.raises(Stopped):
        search(
            player.machine, player.spec, Plan(), 10_000_000, lambda progress: heard.append(progress) or len(heard) < 3
        )
    assert [progress.done for progress in heard] == [1, 2, 3]
