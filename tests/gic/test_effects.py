"""What the machine says of what happens inside: every kind of effect, its words, and its data."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules

import pytest

from app.gic import effects
from app.gic.commands import encode
from app.gic.effects import Effect, Role, as_dict
from tests.gic.rig import COLLECTIONS, DEVICES, ITT, PEND, PROP, QUEUE, Rig

BYTE_8192 = PEND[0] + 1024


def ready(implementation: str, *, lpis: bool = True) -> Rig:
    """8192 mapped to CPU 0 as DeviceID 0 EventID 0."""
    rig = Rig(implementation).its_on()
    for cpu in range(2):
        rig.lpis(lpis, cpu)
    rig.map(8192)
    return rig


def heard(rig: Rig, action) -> list[Effect]:
    with rig.m.listen() as told:
        action()
    return told


def on_ready(implementation, action, **how):
    rig = ready(implementation, **how)
    return heard(rig, lambda: action(rig))


def write_ptz(rig):
    rig.pendbaser(ptz=1)


def load_table(rig):
    rig.set_bit(8192)
    rig.lpis(True)


def skip_table(rig):
    rig.pendbaser(ptz=1)
    rig.lpis(True)


def consume_bit(rig):
    rig.config(8193)
    rig.set_bit(8193)
    rig.its("MAPTI", device=0, event=1, intid=8193, collection=0)


def move(rig):
    rig.its("MAPC", collection=1, target=1)
    rig.int()
    rig.its("MOVI", device=0, event=0, collection=1)


def move_all(rig):
    rig.int()
    rig.its("MOVALL", source=0, target=1)


def toggle(rig):
    rig.int()
    rig.lpis(False)


def take(rig):
    rig.int()
    rig.drain()


def sgi(rig):
    rig.put("GICR_IGROUPR0", 0xFFFF, 4, 1)
    rig.put("GICR_ISENABLER0", 0xFFFF, 4, 1)
    rig.m.icc_write("ICC_SGI1R_EL1", 5 << 24 | 0b10)


def hold(rig):
    rig.put("GITS_CTLR", 0, 4)
    rig.int()


def put_many(rig, packet, count):
    at = rig.get("GITS_CWRITER")
    rig.m.memory.write(QUEUE + at, packet * count)
    rig.put("GITS_CWRITER", at + 32 * count)


def run_many(rig):
    put_many(rig, encode("INT", device=0, event=0), 400)
    assert rig.get("GITS_CREADR") == rig.get("GITS_CWRITER")


def invalidate_many(rig):
    """1,000 times the configuration of 1,024 LPIs."""
    rig.lpis(False)
    rig.m.memory.write(BYTE_8192, b"\xff" * 128)
    rig.lpis(True)
    put_many(rig, encode("INVALL", collection=0), 1000)


def change_config(rig):
    rig.int()
    rig.config(8192, 0x41)
    rig.its("INV", device=0, event=0)


def move_to_disabled(rig):
    rig.its("MAPC", collection=1, target=1)
    rig.int()
    rig.lpis(False, 1)
    rig.its("MOVI", device=0, event=0, collection=1)


def two_levels(rig):
    """INTID 40 active, 42 of a higher priority pending."""
    rig.put("GICD_IGROUPR1", 0xFFFF_FFFF, 4)
    rig.put("GICD_ISENABLER1", 0x500, 4)
    rig.put("GICD_IPRIORITYR10", 0x40_00A0, 4)
    rig.put("GICD_ICFGR2", 0, 4)
    rig.m.spi(40, 1)
    rig.ack()
    rig.put("GICD_ISPENDR1", 1 << 10, 4)


def preempt(rig):
    two_levels(rig)
    rig.ack()


def unwind(rig):
    preempt(rig)
    rig.m.icc_write("ICC_EOIR1_EL1", 42)
    rig.m.icc_write("ICC_EOIR1_EL1", 40)


def clear_a_high_line(rig):
    two_levels(rig)
    rig.put("GICD_ICPENDR1", 1 << 8, 4)


def make_edge(rig):
    two_levels(rig)
    rig.put("GICD_ICFGR2", 2 << 16, 4)


def route(rig):
    rig.put("GICD_IROUTER40", 1, 8)
    rig.put("GICD_IROUTER41", 7, 8)


def set_levels(rig):
    rig.put("GICD_ICFGR2", 0, 4)
    rig.m.userspace.set("level", 32, 1 << 9)


def set_latches(rig):
    rig.put("GICD_ICFGR2", 0xAAAA_AAAA, 4)
    rig.m.userspace.set("dist", 0x204, 3)
    rig.m.userspace.set("dist", 0x204, 1)


def mask(rig):
    rig.m.icc_write("ICC_PMR_EL1", 0x80)


# (kind, implementation, what is done, words that one effect of the kind must hold)
STORIES = [
    ("register-written", "qemu", write_ptz, ["GICR_PENDBASER@0 was written 0x4000000040210780"]),
    ("register-read", "qemu", lambda rig: rig.get("GICR_PENDBASER"), ["GICR_PENDBASER@0 reads 0x40210780"]),
    ("access-ignored", "kvm", lambda rig: rig.put("GICD_CTLR", 0, 8), ["GICD_CTLR", "32", "64"]),
    ("access-ignored", "kvm", write_ptz, ["GICR_PENDBASER@0 was ignored", "EnableLPIs is 1"]),
    ("access-ignored", "kvm", lambda rig: rig.m.read(0x0700_0000, 4), ["0x7000000", "no device and no RAM"]),
    ("memory-written", "kvm", lambda rig: rig.m.write(BYTE_8192, 8, 1), ["0x40210400", "08"]),
    ("queue-set-up", "kvm", None, ["0x41000000", "0x41010000", "0x41020000"]),
    (
        "command-run",
        "architecture",
        lambda rig: rig.int(9),
        ["INT device=0x0 event=0x9", "slot 3", "ignored", "INT_UNMAPPED_INTERRUPT (0x010307)"],
    ),
    ("command-run", "qemu", lambda rig: rig.int(), ["INT device=0x0 event=0x0 (slot 3): done"]),
    ("commands-run", "qemu", run_many, ["more ITS commands were run, 0 of them ignored"]),
    ("effects-left-out", "qemu", run_many, ["more effects are not told one by one"]),
    ("queue-unfinished", "architecture", invalidate_many, ["commands are left", "at the next access"]),
    ("queue-held", "qemu", hold, ["GITS_CTLR.Enabled is 0"]),
    ("table-read", "architecture", lambda rig: rig.int(), ["Device table entry 0x0", hex(DEVICES), hex(ITT)]),
    ("table-read", "qemu", lambda rig: rig.int(), ["ITT entry 0x0", hex(ITT), "INTID 8192, ICID 0"]),
    (
        "table-written",
        "qemu",
        lambda rig: rig.its("MAPC", collection=3, target=1),
        [hex(COLLECTIONS + 24), "03 00 00 00 00 00 00 00", "RDbase 1"],
    ),
    (
        "table-written",
        "kvm",
        lambda rig: rig.m.userspace.save_its_tables(),
        ["Device table entry 0x0", hex(DEVICES), hex(ITT)],
    ),
    ("mapping-changed", "kvm", lambda rig: rig.its("MAPC", collection=3, target=1), ["collection 3", "CPU 1"]),
    (
        "msi-translated",
        "architecture",
        lambda rig: rig.m.msi(0, 0),
        ["DeviceID 0x0 EventID 0x0", "INTID 8192", "collection 0", "CPU 0"],
    ),
    ("msi-translated", "kvm", lambda rig: rig.m.msi(0, 0), ["INTID 8192", "CPU 0"]),
    ("msi-refused", "architecture", lambda rig: rig.m.msi(7, 9), ["DeviceID 0x7 EventID 0x9", "UNMAPPED_DEVICE"]),
    ("msi-refused", "kvm", lambda rig: rig.m.msi(7, 9), ["DeviceID 0x7 EventID 0x9", "INT_UNMAPPED_INTERRUPT"]),
    ("lpis-enabled", "kvm", lambda rig: rig.lpis(False, 1), ["1→0 on CPU 1"]),
    ("lpi-pending", "kvm", lambda rig: rig.int(), ["INTID 8192", "latched"]),
    ("lpi-pending", "qemu", lambda rig: rig.int(), ["INTID 8192", hex(BYTE_8192), "bit 0"]),
    ("lpi-pending", "architecture", lambda rig: rig.int(), ["INTID 8192", "Redistributor"]),
    ("lpi-not-pending", "qemu", take, ["INTID 8192", hex(BYTE_8192), "acknowledged"]),
    ("lpi-not-pending", "architecture", toggle, ["INTID 8192", "written back", hex(BYTE_8192)]),
    ("lpi-lost", "kvm", toggle, ["INTID 8192 is lost", "flushed"]),
    ("lpi-moved", "kvm", move, ["INTID 8192", "from CPU 0 to CPU 1"]),
    ("lpi-moved", "architecture", move_all, ["INTID 8192", "from CPU 0 to CPU 1"]),
    ("config-read", "architecture", change_config, ["INTID 8192", "0x41", hex(PROP), "replaces the cached 0xa3"]),
    ("pending-bit-consumed", "kvm", consume_bit, ["INTID 8193", hex(BYTE_8192), "bit 1"]),
    ("line-changed", "kvm", lambda rig: rig.m.spi(40, 1), ["INTID 40", "high"]),
    ("line-changed", "qemu", lambda rig: rig.m.ppi(20, 1, cpu=1), ["INTID 20@1", "high"]),
    ("interrupts-changed", "qemu", two_levels, ["INTIDs 32-63 are in Group 1"]),
    ("interrupts-changed", "kvm", two_levels, ["INTIDs 40, 42 are enabled"]),
    ("interrupts-changed", "architecture", two_levels, ["INTID 42 is of priority 0x40"]),
    ("interrupts-changed", "kvm", sgi, ["INTIDs 16-31 of CPU 1 are in Group 0"]),
    ("interrupts-changed", "qemu", clear_a_high_line, ["INTID 40 is still pending: level-sensitive, and the wire is"]),
    ("interrupts-changed", "qemu", make_edge, ["INTID 40 is edge-triggered"]),
    ("interrupts-changed", "qemu", route, ["INTID 40 is routed to CPU 1"]),
    ("interrupts-changed", "qemu", route, ["INTID 41 is routed to no CPU of this machine"]),
    ("interrupts-pending", "qemu", two_levels, ["INTID 40 is pending: level-sensitive, and its wire is high"]),
    ("interrupts-pending", "kvm", two_levels, ["INTID 42 is pending: by the write of GICD_ISPENDR1"]),
    ("interrupts-pending", "qemu", preempt, ["INTID 42 is no longer pending: acknowledged by CPU 0"]),
    ("interrupts-pending", "qemu", make_edge, ["INTID 40 is no longer pending: its wire is high"]),
    ("interrupts-pending", "kvm", set_levels, ["INTID 41 is pending: level-sensitive, and its wire is high"]),
    ("interrupts-pending", "kvm", set_latches, ["INTIDs 32-33 are pending: set through GICD_ISPENDR1"]),
    ("interrupts-pending", "kvm", set_latches, ["INTID 33 is no longer pending"]),
    ("interrupts-active", "kvm", preempt, ["INTID 42 is active: acknowledged by CPU 0"]),
    ("interrupts-active", "qemu", unwind, ["INTID 40 is no longer active: deactivated"]),
    ("interrupts-active", "kvm", take, ["INTID 8192 of CPU 0 is active: KVM keeps an active state for LPIs too"]),
    ("pre-empted", "qemu", preempt, ["INTID 42 pre-empts", "0x40", "running priority 0xa0"]),
    ("running-priority", "kvm", unwind, ["CPU 0: the running priority went from 0x40 to 0xa0"]),
    ("running-priority", "qemu", unwind, ["CPU 0: the running priority went from 0xa0 to idle (0xff)"]),
    ("control-changed", "qemu", lambda rig: rig.put("GICD_CTLR", 0, 4), ["Distributor: no longer forwards Group 1"]),
    ("control-changed", "kvm", mask, ["CPU 0: the priority mask went from 0xf8 to 0x80", "below 0x80 are signalled"]),
    ("control-changed", "qemu", lambda rig: rig.put("GICR_WAKER", 0, 4), ["CPU 0: the PE is awake"]),
    ("sgi-sent", "qemu", sgi, ["SGI 5", "CPU 0", "CPU 1"]),
    ("signalled", "qemu", lambda rig: rig.int(), ["CPU 0: INTID 8192 is signalled (priority 0xa0)"]),
    ("signalled", "qemu", take, ["no interrupt is signalled any more"]),
    ("acknowledged", "kvm", take, ["CPU 0 acknowledged INTID 8192", "0xa0"]),
    ("acknowledged", "kvm", lambda rig: rig.ack(1), ["CPU 1", "1023"]),
    ("ended", "kvm", take, ["CPU 0, INTID 8192", "priority drop"]),
    ("choice", "qemu", move_to_disabled, ["the mapping moves", "the pending state does not", "Also allowed"]),
    ("userspace-called", "kvm", lambda rig: rig.m.userspace.save_pending_tables(), ["SAVE_PENDING_TABLES: done"]),
]
# These need LPIs off while 8192 was mapped.
STORIES_WITH_LPIS_OFF = [
    (
        "register-written",
        "architecture",
        write_ptz,
        ["GICR_PENDBASER@0 was written", "PTZ is write-only and reads as zero"],
    ),
    ("pending-table-scanned", "kvm", load_table, ["CPU 0", hex(PEND[0]), "8192"]),
    ("pending-table-scanned", "architecture", load_table, [hex(PEND[0]), "8192"]),
    ("pending-table-skipped", "architecture", skip_table, [hex(PEND[0]), "PTZ"]),
    ("pending-table-skipped", "kvm", lambda rig: rig.lpis(True, cpu=1), [hex(PEND[1]), "no mapped LPI targets"]),
    ("lpi-lost", "architecture", lambda rig: rig.int(), ["INTID 8192 is lost", "EnableLPIs is 0 on CPU 0"]),
    ("lpis-enabled", "qemu", load_table, ["0→1 on CPU 0"]),
]


def told(story, lpis):
    kind, implementation, action, _ = story
    if kind == "queue-set-up":
        rig = Rig(implementation)
        return heard(rig, rig.m.setup_its)
    return on_ready(implementation, action, lpis=lpis)


@pytest.mark.parametrize(
    ("story", "lpis"),
    [pytest.param(story, True, id=f"{story[0]}-{story[1]}") for story in STORIES]
    + [pytest.param(story, False, id=f"{story[0]}-{story[1]}-lpis-off") for story in STORIES_WITH_LPIS_OFF],
)
def test_an_effect_names_what_it_is_about(story, lpis):
    kind, _, _, words = story
    said = [effect.words for effect in told(story, lpis) if effect.kind == kind]
    assert any(all(word in sentence for word in words) for sentence in said), said


def declared() -> set[type[Effect]]:
    everything = [
        each
        for module in iter_modules(effects.__path__, "app.gic.effects.")
        for each in vars(import_module(module.name)).values()
    ]
    return {each for each in everything if isinstance(each, type) and issubclass(each, Effect)}


def kinds() -> dict[str, type[Effect]]:
    named = declared()
    return {each.kind: each for each in named if each is not Effect}


def test_every_kind_has_its_story():
    assert {story[0] for story in STORIES + STORIES_WITH_LPIS_OFF} == set(kinds())


def test_every_kind_is_behind_one_door():
    assert {each.__name__ for each in declared()} <= set(effects.__all__)


def test_no_two_kinds_share_a_name():
    assert len(kinds()) == len(declared()) - 1


def test_every_effect_is_plain_data_with_a_sentence():
    for story, lpis in [(each, True) for each in STORIES] + [(each, False) for each in STORIES_WITH_LPIS_OFF]:
        for effect in told(story, lpis):
            data = json.loads(json.dumps(as_dict(effect)))
            assert data["kind"] == effect.kind
            assert data["words"] == effect.words
            assert data["role"] in {role.value for role in Role}
            assert set(data) >= {"cite", *(field.name for field in fields(effect))}
            assert effect.words == effect.words.strip()
            assert "None" not in effect.words
            assert "<" not in effect.words, "an object, not words"


def test_a_hit_is_what_one_looks_for():
    by_role = {role: {kind for kind, each in kinds().items() if each.role is role} for role in Role}
    assert {"lpi-pending", "lpi-lost", "pending-bit-consumed", "signalled", "acknowledged"} <= by_role[Role.HIT]
    assert {"access-ignored", "pending-table-scanned", "pending-table-skipped", "choice"} <= by_role[Role.WHY]
    assert "table-read" in by_role[Role.QUIET]


def test_a_story_is_told_in_order():
    rig = ready("qemu")
    story = [effect.kind for effect in heard(rig, rig.int)]
    wanted = ["memory-written", "register-written", "msi-translated", "lpi-pending", "command-run", "signalled"]
    assert [kind for kind in story if kind in wanted] == wanted


def test_the_written_register_comes_before_what_followed_from_it():
    rig = ready("architecture", lpis=False)
    rig.set_bit(8192)
    first, *rest = heard(rig, lambda: rig.lpis(True))
    assert isinstance(first, effects.RegisterWritten)
    assert [each.kind for each in rest if each.kind == "pending-table-scanned"]


def test_long_findings_are_cut_and_counted():
    rig = Rig("architecture").its_on()
    rig.m.memory.write(BYTE_8192, b"\xff" * 4)
    scanned = next(each for each in heard(rig, lambda: rig.lpis(True)) if isinstance(each, effects.PendingTableScanned))
    assert (len(scanned.found), scanned.count) == (16, 32)
    assert scanned.words.endswith("8207 … pending there")


def test_memory_is_cut_in_words_and_whole_in_data():
    long = effects.MemoryWritten(QUEUE, bytes(range(32)))
    assert long.words.endswith("0f …")
    assert as_dict(long)["data"] == bytes(range(32)).hex()


def test_nothing_is_told_while_nobody_listens():
    rig = ready("kvm")
    assert rig.m.sink is None
    rig.int()
    assert heard(rig, lambda: None) == []
