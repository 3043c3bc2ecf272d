"""Where each effect happens: every kind has its lane, and the stories of all kinds are told in the right ones."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import app
from app.gic import effects
from app.gic.effects import Effect
from app.scenario.lane_rules import RULES, THERE_TOO, Lane, Mark, spots
from app.scenario.migration import Restored
from tests.gic.test_effects import STORIES, STORIES_WITH_LPIS_OFF, move, move_all, on_ready, sgi, told

SOFTWARE, DISTRIBUTOR, ITS = (Lane.SOFTWARE, None), (Lane.DISTRIBUTOR, None), (Lane.ITS, None)
REDIST_0, REDIST_1 = (Lane.REDISTRIBUTOR, 0), (Lane.REDISTRIBUTOR, 1)
CPU_0, CPU_1 = (Lane.CPU, 0), (Lane.CPU, 1)
# Where the effects of each kind are, in all stories of that kind.
WHERE = {
    "register-written": {REDIST_0},
    "register-read": {REDIST_0},
    "access-ignored": {SOFTWARE, DISTRIBUTOR, REDIST_0},
    "memory-written": {SOFTWARE},
    "queue-set-up": {ITS},
    "command-run": {ITS},
    "commands-run": {ITS},
    "queue-unfinished": {ITS},
    "queue-held": {ITS},
    "table-read": {ITS},
    "table-written": {ITS},
    "mapping-changed": {ITS},
    "msi-translated": {ITS},
    "msi-refused": {ITS},
    "lpis-enabled": {REDIST_0, REDIST_1},
    "pending-table-scanned": {REDIST_0},
    "pending-table-skipped": {REDIST_0, REDIST_1},
    "lpi-pending": {REDIST_0},
    "lpi-not-pending": {REDIST_0},
    "pending-bit-consumed": {REDIST_0},
    "lpi-lost": {REDIST_0},
    "lpi-moved": {REDIST_0, REDIST_1},
    "config-read": {REDIST_0},
    "line-changed": {DISTRIBUTOR, REDIST_1},
    "interrupts-changed": {DISTRIBUTOR, REDIST_1},
    "interrupts-pending": {DISTRIBUTOR},
    "interrupts-active": {DISTRIBUTOR, REDIST_0},
    "control-changed": {DISTRIBUTOR, REDIST_0, CPU_0},
    "pre-empted": {CPU_0},
    "running-priority": {CPU_0},
    "sgi-sent": {REDIST_1},
    "signalled": {CPU_0},
    "acknowledged": {CPU_0, CPU_1},
    "ended": {CPU_0},
    "userspace-called": {SOFTWARE},
}


def subclasses(kind: type[Effect]) -> set[type[Effect]]:
    return {each for below in kind.__subclasses__() for each in {below, *subclasses(below)}}


def test_every_kind_of_effect_has_its_lane():
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if module.name.split(".")[1] in ("gic", "scenario", "engines", "exchange"):
            importlib.import_module(module.name)
    # By name: a dataclass with slots is a second class beside the one that was written.
    everything = {each.kind for each in subclasses(Effect) if each.__module__.startswith("app.")}
    assert {kind.kind for kind in (*RULES, *THERE_TOO)} == everything
    assert not set(RULES) & set(THERE_TOO)


@pytest.mark.parametrize("kind", sorted(WHERE))
def test_the_effects_of_a_kind_are_in_their_lanes(kind):
    found = set()
    stories = [(story, True) for story in STORIES] + [(story, False) for story in STORIES_WITH_LPIS_OFF]
    for story, lpis in stories:
        if story[0] == kind:
            # Of what happened, only that which the story is about.
            words = [spot for spot in spots(told(story, lpis)) if spot.effect.kind == kind]
            about = [spot for spot in words if all(word in spot.effect.words for word in story[3])]
            found |= {(spot.lane, spot.cpu) for spot in about}
    assert found == WHERE[kind]


def test_every_kind_is_placed_by_a_story():
    assert {kind.kind for kind in RULES} == {*WHERE, Restored.kind}


def test_a_restore_is_done_by_userspace():
    [spot] = spots([Restored("its", ("GITS_CTLR",), (), "as written", "")])
    assert ((spot.lane, spot.cpu), spot.mark) == (SOFTWARE, Mark.USERSPACE)


def test_a_choice_and_what_is_left_out_are_where_they_were_met():
    written = effects.RegisterWritten("GICR_CTLR", 1, 0, 32, 0, 1, 1, 1)
    choice = effects.Choice("a rule", "this", ("that",))
    told_of = [choice, written, choice, effects.EffectsLeftOut(7)]
    assert [(spot.lane, spot.cpu, spot.mark) for spot in spots(told_of)] == [
        (*SOFTWARE, Mark.CHOICE),
        (*REDIST_1, Mark.WRITTEN),
        (*REDIST_1, Mark.CHOICE),
        (*REDIST_1, Mark.MORE),
    ]


@pytest.mark.parametrize(("implementation", "action"), [("kvm", move), ("architecture", move_all)])
def test_what_moves_leaves_one_lane_and_arrives_in_another(implementation, action):
    found = [spot for spot in spots(on_ready(implementation, action)) if spot.effect.kind == "lpi-moved"]
    assert [(spot.cpu, spot.mark, spot.about) for spot in found] == [
        (0, Mark.LEFT, "8192"),
        (1, Mark.ARRIVED, "8192"),
    ]


def test_an_sgi_goes_from_the_cpu_that_sends_it_to_the_other_ones_redistributor():
    found = [(spot.lane, spot.cpu, spot.mark) for spot in spots(on_ready("qemu", sgi))]
    sent = found.index((*CPU_0, Mark.WRITTEN))
    assert sent < found.index((*REDIST_1, Mark.PENDING))


def test_an_lpi_that_goes_to_no_redistributor_is_told_of_at_the_its():
    nowhere = [
        effects.LpiPending(8192, None, "nowhere"),
        effects.ConfigRead(8193, 0, 0xA1, None),
        effects.LpiMoved(8194, None, None, False),
    ]
    assert [(spot.lane, spot.about) for spot in spots(nowhere)] == [
        (Lane.ITS, "8192"),
        (Lane.ITS, "8193"),
        (Lane.ITS, "8194"),
    ]
    known = [effects.MsiTranslated(2, 20, 8193, 1, 1), *nowhere]
    assert [(spot.lane, spot.cpu) for spot in spots(known) if spot.effect.kind == "config-read"] == [REDIST_1]
