"""The behaviour table: it is whole, every behaviour is asked, the maps' differences are in it, choices are told."""

import ast
from dataclasses import fields, replace
from pathlib import Path

import pytest

import app.gic
from app.gic import IMPLEMENTATIONS, Machine, effects
from app.gic.behaviours import Area, Consequence, Status
from app.gic.implementations import STRATEGIES, Implementation, implementation
from app.gic.register_differences import SAID_ELSEWHERE, Kind, maps, register_differences, reset_read
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import Player, parse

GIC = Path(app.gic.__file__).parent
BEHAVIOURS = IMPLEMENTATIONS["architecture"].behaviours()
GIVEN = [item.name for item in fields(Implementation) if item.init and item.name in BEHAVIOURS]


def asked_in_code() -> set[str]:
    """Every x in `….impl.x` or `impl.x` in the emulator."""
    found = set()
    for path in GIC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                owner = node.value
                if (isinstance(owner, ast.Attribute) and owner.attr == "impl") or (
                    isinstance(owner, ast.Name) and owner.id == "impl"
                ):
                    found.add(node.attr)
    return found


def test_there_is_one_of_each_name():
    assert tuple(IMPLEMENTATIONS) == IMPLEMENTATION_NAMES
    assert {item.name for item in IMPLEMENTATIONS.values()} == set(IMPLEMENTATION_NAMES)


@pytest.mark.parametrize("name", GIVEN)
def test_the_emulator_asks_each_behaviour(name):
    assert name in asked_in_code()


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_behaviour_says_what_it_is_about_and_each_value_its_source(name):
    kind = type(BEHAVIOURS[name])
    assert kind.title()
    assert not kind.title().endswith(".")
    assert kind.area in Area
    for value in kind:
        assert value.meaning
        assert not value.meaning.endswith(".")
        assert value.cite
    assert len({value.meaning for value in kind}) == len(kind)


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_value_is_somebodys(name):
    taken = {item.behaviours()[name] for item in IMPLEMENTATIONS.values()}
    assert taken == set(type(BEHAVIOURS[name]))


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_what_the_manual_leaves_open_says_what_else_is_allowed(name):
    kind = type(BEHAVIOURS[name])
    assert bool(kind.status) == bool(kind.allowed)
    assert len(kind) > 1 or kind.status, "a behaviour that all share is a choice, or no row"


def test_a_consequence_comes_with_each_strategy_once():
    kinds = [type(value) for value in BEHAVIOURS.values() if isinstance(value, Consequence)]
    assert kinds
    for kind in kinds:
        followed = [strategy for member in kind for strategy in member.follows]
        assert sorted(each.name for each in followed) == sorted(each.name for each in type(followed[0]))


def test_all_four_fit_together_and_a_mixture_of_strategies_does_not():
    kvm, qemu = IMPLEMENTATIONS["kvm"], IMPLEMENTATIONS["qemu"]
    assert all(item.fits_together for item in IMPLEMENTATIONS.values())
    for name in STRATEGIES:
        mixed = kvm.with_behaviours(qemu, name)
        assert mixed.fits_together is (name == "doors"), name
    assert not qemu.with_behaviours(kvm, "doors").fits_together
    assert kvm.with_behaviours(qemu, *STRATEGIES).fits_together


def test_consequences_follow_a_changed_strategy():
    kvm, qemu = IMPLEMENTATIONS["kvm"], IMPLEMENTATIONS["qemu"]
    mixed = kvm.with_behaviours(qemu, "doors")
    assert mixed.migration_order is qemu.migration_order
    assert mixed.remap is kvm.remap


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("pair", [("kvm", "architecture"), ("architecture", "qemu"), ("kvm", "qemu")], ids="-".join)
def test_a_machine_with_one_behaviour_of_another_works(pair, name):
    made = IMPLEMENTATIONS[pair[0]].with_behaviours(IMPLEMENTATIONS[pair[1]], name)
    if not made.fits_together:
        made = made.with_behaviours(IMPLEMENTATIONS[pair[1]], *STRATEGIES)
    machine = Machine(made, cpus=1)
    machine.setup_its()
    assert machine.impl is made
    assert machine.implementation == pair[0]


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean kvm"):
        implementation("kmv")


def test_the_newest_kvm_and_the_one_before_5_6_differ_in_one_line_of_the_map():
    now, before = IMPLEMENTATIONS["kvm"], IMPLEMENTATIONS["kvm-before-5.6"]
    assert now.behaviours() == before.behaviours()
    parting = [row.key for row in register_differences() if row.facets["kvm"] != row.facets["kvm-before-5.6"]]
    assert parting == ["ptz"]


# -- the maps


def seen(register):
    """What of a register's access data shows outside: what it reads at reset, and what of a write reads back."""
    kept = register.readable & register.writable
    bits = register.readable & register.sets, register.readable & register.clears
    return reset_read(register), kept, bits, tuple((field.name, field.kept) for field in register.sanitised)


def test_every_difference_of_the_maps_is_a_row_or_said_by_a_behaviour():
    charts = maps()
    told = {(name, row.kind) for row in register_differences() for name in row.registers}
    covered = {name for name, _ in told}
    shared = {(row.stem, row.kind) for row in register_differences()}
    for name, register in charts["architecture"].registers.items():
        views = [seen(chart.registers[name]) for chart in charts.values()]
        if len(set(map(repr, views))) == 1:
            continue
        twin = register.stem.replace("ICENABLER", "ISENABLER")
        said = name in covered or register.stem in SAID_ELSEWHERE or (twin, Kind.RESET) in shared
        assert said, name


def test_every_row_of_the_maps_tells_a_difference():
    for row in register_differences():
        assert len({facet.meaning for facet in row.facets.values()}) > 1, row.key
        assert all(facet.cite for facet in row.facets.values()), row.key
    keys = [row.key for row in register_differences()]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(BEHAVIOURS)


@pytest.mark.parametrize(
    ("key", "name", "words"),
    [
        ("ptz", "architecture", "write-only: reads as zero, and is remembered"),
        ("ptz", "kvm-before-5.6", "stored, and read back as written"),
        ("gicr_pendbaser_kept", "qemu", "OuterCache, Shareability and InnerCache: as written; reserved bits: stored"),
        ("gicd_ctlr_kept", "kvm", "EnableGrp0: RES0"),
        ("gicr_waker_reset", "kvm", "0x0: not implemented"),
        ("gicd_icfgr_reset", "kvm", "0xaaaaaaaa: Edge, INTIDs 32 to 47"),
        ("gicr_ispendr_kept", "kvm", "bits 0xb7ffffff as written"),
        ("gicr_ctlr_reset", "qemu", "0x2: IR=No"),
    ],
)
def test_a_row_of_the_maps_in_words(key, name, words):
    row = next(row for row in register_differences() if row.key == key)
    assert row.facets[name].meaning == words


# -- choices

MAPPED = """
poke   0x40200003 a1a1
write  GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write  GICR_PENDBASER@0 Physical_Address=0x40210000
its    MAPD device=2 itt=0x40300000 size=5
its    MAPC collection=0 target=0
its    MAPTI device=2 event=20 intid=8195 collection=0
"""
OPEN = """
write  GICD_CTLR EnableGrp1=1
write  ICC_PMR_EL1@0 0xff
write  ICC_IGRPEN1_EL1@0 1
write  GICR_CTLR@0 EnableLPIs=1
"""


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("command_errors", "its INT device=9 event=0"),
        ("command_errors", "write GITS_BASER0 0\nits MAPC collection=9000 target=0"),
        ("remap", MAPPED + "its MAPTI device=2 event=20 intid=8196 collection=0"),
        ("move_to_disabled", MAPPED + OPEN + "its MAPC collection=1 target=1\nits INT device=2 event=20\n"
         "its MOVI device=2 event=20 collection=1"),
        ("move_to_disabled", MAPPED + OPEN + "its INT device=2 event=20\nits MOVALL source=0 target=1"),
        ("lpi_bases_while_enabled", MAPPED + OPEN + "write GICR_PENDBASER@0 Physical_Address=0x40250000"),
        ("its_bases_while_enabled", MAPPED + "write GITS_CBASER Size=1"),
        ("cwriter_out_of_range", MAPPED + "write GITS_CWRITER 0xf0000"),
        ("enable_without_tables", "write GITS_CTLR Enabled=1"),
        ("table_faults", ("write GITS_BASER0 0x8000000100000200\nwrite GITS_CBASER 0x8000000041000000\n"
         "write GITS_CTLR Enabled=1\nits MAPD device=2 itt=0x40300000 size=5")),
        ("disable_lpis", MAPPED + OPEN + "write GICR_CTLR@0 EnableLPIs=0"),
        ("enable_scan", MAPPED + "poke 0x40210400 08\nwrite GICR_PENDBASER@0 PTZ=1\nwrite GICR_CTLR@0 EnableLPIs=1"),
        ("translater_from_cpu", MAPPED + "write 0x08090040 20 width=32"),
        ("tie_break", OPEN + "write GICD_IGROUPR1 0xffffffff\nwrite GICD_ISENABLER1 0x300\nirq 40 level=1\n"
         "irq 41 level=1\nack @0"),
        ("tie_break", MAPPED + OPEN + "its MAPTI device=2 event=21 intid=8196 collection=0\nits INT device=2 event=20\n"
         "its INT device=2 event=21\nack @0"),
        ("one_of_n", OPEN + "write GICR_WAKER@0 ProcessorSleep=0\nwrite GICD_IGROUPR1 0xffffffff\n"
         "write GICD_ISENABLER1 0x100\nwrite GICD_IROUTER40 Interrupt_Routing_Mode=AnyPE\nirq 40 level=1\nack @0"),
        ("wrong_end", OPEN + "write GICD_IGROUPR1 0xffffffff\nwrite GICD_ISENABLER1 0x100\nirq 40 level=1\nack @0\n"
         "eoi @0 41"),
    ],
)  # fmt: skip
def test_architecture_tells_a_choice_that_it_takes(behaviour, text):
    scenario = parse(f"machine implementation=architecture cpus=2\n{text}\n")
    player = Player(scenario.machine)
    *_, last = [player.apply(operation) for operation in scenario.operations]
    told = [effect for effect in last.effects if isinstance(effect, effects.Choice)]
    assert behaviour in [effect.behaviour for effect in told]
    choice = next(effect for effect in told if effect.behaviour == behaviour)
    kind = type(BEHAVIOURS[behaviour])
    assert choice.taken == BEHAVIOURS[behaviour].meaning
    assert choice.alternatives == kind.allowed
    assert choice.rule == f"{kind.title()} ({kind.status.value})"
    assert f"Also allowed: {kind.allowed[0]}" in choice.words


def test_what_the_manual_decides_is_no_choice():
    scenario = parse(f"machine implementation=architecture cpus=2\n{MAPPED}{OPEN}its INT device=2 event=20\nack @0\n")
    player = Player(scenario.machine)
    told = [effect for operation in scenario.operations for effect in player.apply(operation).effects]
    assert not [effect for effect in told if isinstance(effect, effects.Choice)]


def test_only_what_is_left_open_is_told_as_a_choice():
    machine = Machine("architecture")
    with machine.listen() as told:
        for value in machine.impl.behaviours().values():
            machine.chose(value)
    assert len(told) == sum(type(value).status is not Status.DECIDED for value in BEHAVIOURS.values())


def test_an_implementation_of_ones_own_is_a_machine_too():
    own = replace(IMPLEMENTATIONS["architecture"], name="mine", registers="kvm-before-5.6")
    machine = Machine(own)
    machine.write(0x080A0078, 1 << 62, 8)
    assert machine.read(0x080A0078, 8) >> 62 == 1
    assert machine.implementation == "mine"
