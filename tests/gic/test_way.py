"""The way of an MSI: where each implementation has what, where the way breaks, and that it is the chain of `why`."""

import random

import pytest

from app.gic.lpi_behaviours import ConfigCache
from app.gic.way import StopState
from app.gic.why_links import StopName
from app.scenario import parse_line
from tests.gic.test_why import (
    DEVICE,
    DIRECT,
    EVENT,
    EVERYWHERE,
    KVM,
    LPI,
    LPI_BREAKS,
    MAPPED,
    MSI,
    TABLES,
    cases,
    do,
    play,
)

ORDER = [
    "device",
    "device-entry",
    "event",
    "itt-entry",
    "lpi",
    "collection",
    "redistributor",
    "configuration",
    "pending",
    "cpu",
]


def stop(way, name):
    return next(each for each in way.stops if each.name == name)


def sight(way, name):
    return stop(way, name).sight


def breaks_at(way):
    return next((each.name.value for each in way.stops if each.state is StopState.BROKEN), None)


def check_states(way):
    """Nothing is broken before the first broken stop, and nothing is reached behind it."""
    assert [each.name.value for each in way.stops] == ORDER
    states = [each.state for each in way.stops]
    holding = [each for each in way.stops if all(link.holds for link in each.links)]
    if way.signalled:
        assert set(states) <= {StopState.HOLDS, StopState.ABSENT}
        return
    first = states.index(StopState.BROKEN)
    assert all(each in holding for each in way.stops[:first])
    assert way.broken in way.stops[first].links
    assert set(states[first + 1 :]) <= {StopState.AFTER}


def check_agrees(machine, intid):
    """The diagram and the chain, from the LPI and from its event."""
    way, chain = machine.lpi_way(intid), machine.why(intid)
    assert way.links == chain.links
    check_states(way)
    assert (way.signalled, way.broken, way.facts.cpu) == (chain.signalled, chain.broken, chain.cpu)
    assert way.words == chain.words
    event, _ = machine.mapped_lpis().get(intid, (None, None))
    if event is not None:
        by_event = machine.event_way(event.device_id, event.event_id)
        check_states(by_event)
        assert by_event.facts == way.facts
        assert (by_event.signalled, by_event.broken, by_event.words) == (way.signalled, way.broken, way.words)
        assert [each.sight for each in by_event.stops] == [each.sight for each in way.stops]
    return way


@pytest.mark.parametrize(("name", "lines", "link", "says", "mend", "mending"), cases(LPI_BREAKS))
def test_the_way_breaks_where_the_chain_does_and_is_mended_by_the_same(name, lines, link, says, mend, mending):
    player = play(name, lines)
    way = check_agrees(player.machine, 8195)
    assert way.broken.name == link
    do(player, mending)
    assert check_agrees(player.machine, 8195).signalled


STOP_OF = {
    "ITS mapping": "itt-entry",
    "collection": "collection",
    "GICR_CTLR@0.EnableLPIs": "redistributor",
    "configuration byte": "configuration",
    "pending": "pending",
    "active state": "pending",
}


@pytest.mark.parametrize(("name", "lines", "link", "says", "mend", "mending"), cases(LPI_BREAKS))
def test_each_link_is_drawn_at_its_stop(name, lines, link, says, mend, mending):
    assert breaks_at(play(name, lines).machine.lpi_way(8195)) == STOP_OF.get(link, "cpu")


# an event that maps to no LPI: what breaks its way, where, what it says, what it says would mend it, what mends it
EVENT_BREAKS = [
    (
        EVERYWHERE,
        (),
        (2, 20),
        "device",
        "GITS_CTLR.Enabled is 0",
        "GITS_CBASER, GITS_BASER0, GITS_BASER1",
        (*TABLES, *DEVICE, *EVENT),
    ),
    (EVERYWHERE, MAPPED, (3, 0), "device-entry", "DeviceID 0x3 is not mapped", "MAPD device=0x3", None),
    (
        EVERYWHERE,
        MAPPED,
        (2, 32),
        "event",
        "5 EventID bits: 32 events, 0x0 to 0x1f",
        "MAPD size=6",
        ("its MAPD device=2 itt=0x40300000 size=6", "its MAPTI device=2 event=32 intid=8200 collection=1"),
    ),
    (EVERYWHERE, MAPPED, (2, 1 << 20), "event", "32 events", "an ITT has at most 16 EventID bits", None),
    (
        EVERYWHERE,
        MAPPED,
        (2, 21),
        "itt-entry",
        "EventID 0x15 is not mapped",
        "MAPTI device=0x2 event=0x15",
        ("its MAPTI device=2 event=21 intid=8196 collection=1",),
    ),
    (EVERYWHERE, MAPPED, (1 << 20, 0), "device-entry", "GITS_BASER0", "GITS_BASER0 with Valid=1 and room for it", None),
    (
        ("architecture",),
        (*MAPPED, "poke 0x403000a0 05 00 00 00 01 00 00 80"),
        (2, 20),
        "itt-entry",
        "INTID 5 in its entry is no LPI",
        "an LPI of 8192 or more",
        EVENT,
    ),
    (
        ("qemu",),
        (*MAPPED, "poke 0x403000f0 0d"),
        (2, 20),
        "itt-entry",
        "that of a virtual LPI",
        "MAPTI",
        EVENT,
    ),
    (
        DIRECT,
        (*MAPPED, "its MAPD device=2 itt=0x90000000 size=5"),
        (2, 20),
        "itt-entry",
        "there is no RAM at 0x90000",
        "at RAM",
        ("its MAPD device=2 itt=0x40300000 size=5",),
    ),
]


@pytest.mark.parametrize(("name", "lines", "event", "at", "says", "mend", "mending"), cases(EVENT_BREAKS))
def test_the_way_of_an_event_that_maps_to_nothing_ends_there(name, lines, event, at, says, mend, mending):
    player = play(name, lines)
    way = player.machine.event_way(*event)
    check_states(way)
    assert (breaks_at(way), way.facts.intid) == (at, None)
    assert says in way.broken.says
    assert mend in way.broken.mend
    assert way.words.startswith(f"Event {event[0]:#x}:{event[1]:#x} maps to no LPI: {way.broken.says}")
    if mending is not None:
        do(player, mending)
        assert player.machine.event_way(*event).facts.intid is not None


def test_a_two_level_table_shows_its_level_1_entry_and_what_it_lacks():
    lines = (
        "write GITS_BASER0 Valid=1 Indirect=1 Physical_Address=0x40400000 Size=0",
        "write GITS_BASER1 Valid=1 Physical_Address=0x40420000 Size=0",
        "write GITS_CBASER Valid=1 Physical_Address=0x40430000 Size=0",
        "write GITS_CTLR Enabled=1",
    )
    for name in DIRECT:
        player = play(name, lines)
        way = player.machine.event_way(2, 0)
        slot = sight(way, "device-entry").cells[0].address
        assert "its level 1 entry" in way.broken.says
        assert f"{slot:#x}" in way.broken.mend
        assert [cell.words for cell in sight(way, "device-entry").cells] == ["level 1: not valid"]
        do(player, (f"poke {slot:#x} 00 00 41 40 00 00 00 80", *DEVICE[:1]))
        cells = sight(player.machine.event_way(2, 0), "device-entry").cells
        assert [cell.words for cell in cells] == ["level 1: page at 0x40410000", "ITT at 0x40300000, 5 EventID bits"]


@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_device_is_asked_for_by_its_first_mapped_event(name):
    machine = play(name, MAPPED).machine
    assert (machine.event_way(2).facts.event, machine.event_way(2).facts.intid) == (20, 8195)
    assert machine.event_way(9).facts.event == 0


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_stop_shows_its_address_bytes_and_meaning(name):
    machine = play(name, LPI).machine
    way = machine.lpi_way(8195)
    facts = way.facts
    assert (facts.device, facts.event, facts.intid, facts.icid, facts.cpu) == (2, 20, 8195, 1, 0)
    for at in ("device-entry", "itt-entry", "collection", "configuration", "pending"):
        [cell] = sight(way, at).cells
        assert cell.data == machine.memory.read(cell.address, len(cell.data))
        assert cell.words
    assert sight(way, "device-entry").words == "ITT at 0x40300000, 5 EventID bits"
    assert "INTID 8195, ICID 1" in sight(way, "itt-entry").words
    assert sight(way, "collection").words == "RDbase 0"
    config = sight(way, "configuration")
    assert (config.cells[0].address, config.words) == (0x40200003, "enabled, priority 0xa0")
    pending = sight(way, "pending")
    assert (pending.cells[0].address, pending.bit, pending.words) == (0x40210400, 3, "pending")
    names = [register.name for register in sight(way, "redistributor").registers]
    assert names == ["GICR_CTLR@0", "GICR_PROPBASER@0", "GICR_PENDBASER@0"]
    assert sight(way, "redistributor").registers[0].address == 0x080A0000


@pytest.mark.parametrize("name", EVERYWHERE)
def test_where_it_is_kept_is_told_by_the_table_of_behaviours(name):
    machine = play(name, LPI).machine
    way = machine.lpi_way(8195)
    assert sight(way, "device-entry").home == machine.impl.tables_home.meaning
    assert sight(way, "configuration").home == machine.impl.config_cache.meaning
    assert sight(way, "pending").home == machine.impl.pending_home.meaning
    cached = sight(way, "configuration").inside
    if machine.impl.config_cache is ConfigCache.WINNER_ONLY:
        assert (cached.value, cached.words) == ("", "remembered as the best, priority 0xa0")
        do_not_cache = play(name, MAPPED).machine.lpi_way(8195)
        assert sight(do_not_cache, "configuration").inside is None
        assert sight(way, "pending").inside is None
    else:
        assert (cached.value, cached.words) == ("a1", "enabled, priority 0xa0")
        assert sight(way, "pending").inside.value == "1"


def test_tables_in_guest_ram_have_nothing_inside_and_take_edits():
    for name in DIRECT:
        player = play(name, MAPPED)
        way = player.machine.lpi_way(8195)
        cell = sight(way, "device-entry").cells[0]
        assert [sight(way, at).inside for at in ("device-entry", "itt-entry", "collection")] == [None] * 3
        do(player, (f"poke {cell.address:#x} 00 00 00 00 00 00 00 00",))
        assert breaks_at(player.machine.event_way(2, 20)) == "device-entry"


@pytest.mark.parametrize("name", KVM)
def test_tables_kept_inside_are_saved_to_ram_and_edits_of_ram_change_nothing(name):
    player = play(name, MAPPED)
    kept = ("device-entry", "itt-entry", "collection")
    way = player.machine.lpi_way(8195)
    assert {sight(way, at).differs for at in kept} == {"not saved"}
    assert {sight(way, at).cells[0].words for at in kept} == {"not saved"}
    assert not any(each.sight.stale for each in way.stops)
    do(player, ("save its-tables",))
    way = player.machine.lpi_way(8195)
    assert {sight(way, at).differs for at in kept} == {""}
    assert sight(way, "itt-entry").cells[0].words == "INTID 8195, ICID 1"
    do(player, (f"poke {sight(way, 'itt-entry').cells[0].address:#x} 00 00 00 00 00 00 00 00",))
    way = check_agrees(player.machine, 8195)
    assert (sight(way, "itt-entry").differs, way.facts.intid) == ("not saved", 8195)


@pytest.mark.parametrize("name", KVM)
def test_the_translation_cache_is_told(name):
    player = play(name, MAPPED)
    assert "not in the translation cache" in sight(player.machine.lpi_way(8195), "itt-entry").inside.words
    do(player, MSI)
    assert "; in the translation cache" in sight(player.machine.lpi_way(8195), "itt-entry").inside.words


@pytest.mark.parametrize("name", ["architecture", *KVM])
def test_a_stale_configuration_needs_inv(name):
    player = play(name, (*LPI, "poke 0x40200003 b0"))
    config = sight(player.machine.lpi_way(8195), "configuration")
    assert (config.cells[0].data, config.inside.value, config.differs, config.stale) == (
        b"\xb0",
        "a1",
        "needs INV",
        True,
    )
    assert config.words == "enabled, priority 0xa0"
    do(player, ("its INV device=2 event=20",))
    config = sight(player.machine.lpi_way(8195), "configuration")
    assert (config.inside.value, config.differs, config.stale) == ("b0", "", False)
    assert config.words == "disabled, priority 0xb0"


def test_a_pending_bit_in_ram_that_nobody_read_is_stale():
    for name in ("architecture", *KVM):
        machine = play(name, (*MAPPED, "poke 0x40210400 08")).machine
        pending = sight(machine.lpi_way(8195), "pending")
        assert (pending.differs, pending.stale, pending.home) == ("not read", True, machine.impl.table_edits.meaning)


def test_an_lpi_that_no_event_maps_to_any_more_but_is_pending_has_no_stops_before_it():
    player = play("architecture", (*LPI, "its MAPTI device=2 event=20 intid=8196 collection=1"))
    way = check_agrees(player.machine, 8195)
    assert (way.facts.device, way.signalled) == (None, True)
    assert [each.name for each in way.stops if each.state is StopState.ABSENT] == list(StopName)[:4]


@pytest.mark.parametrize("name", DIRECT)
def test_two_events_of_one_lpi_have_ways_to_their_own_collections(name):
    player = play(name, (*MAPPED, "its MAPTI device=2 event=21 intid=8195 collection=2", "msi device=2 event=21"))
    first, second = player.machine.event_way(2, 20), player.machine.event_way(2, 21)
    assert (first.facts.icid, second.facts.icid, second.facts.cpu) == (1, 2, 1)
    assert second.signalled
    check_states(first)


def test_without_an_its_the_way_ends_at_once():
    for name in EVERYWHERE:
        machine = play(name, (), its=False).machine
        assert breaks_at(machine.event_way(2, 20)) == "device"
        assert breaks_at(machine.lpi_way(8195)) == "device"


def test_what_is_no_lpi_and_no_event_is_refused():
    machine = play("kvm", ()).machine
    for intid in (-1, 40, 8191, 65536):
        with pytest.raises(ValueError, match="is no LPI: 8192 to 65535"):
            machine.lpi_way(intid)
    for device, event in ((1 << 32, 0), (0, 1 << 32), (-1, 0), (0, -1)):
        with pytest.raises(ValueError, match="32 bits wide"):
            machine.event_way(device, event)


PIECES = (
    *LPI,
    "its MAPC collection=1 target=1",
    "its MAPC collection=1 valid=0",
    "its MAPC collection=1 target=0",
    "its MOVI device=2 event=20 collection=2",
    "its MAPD device=2 valid=0",
    "its MAPD device=2 itt=0x40300000 size=2",
    "its DISCARD device=2 event=20",
    "its MAPTI device=2 event=3 intid=8195 collection=2",
    "its MAPTI device=2 event=20 intid=20000 collection=3",
    "poke 0x41010010 00",
    "poke 0x403000a0 03 20 00 00 07 00 00 80",
    "poke 0x403000f0 ff ff ff",
    "poke 0x40210400 ff",
    "poke 0x40200003 a0",
    "its INV device=2 event=20",
    "its INVALL collection=1",
    "write GICR_CTLR@0 EnableLPIs=0",
    "write GITS_CTLR Enabled=0",
    "write GITS_CTLR Enabled=1",
    "ack @0",
    "eoi @0 8195",
)


@pytest.mark.parametrize("name", EVERYWHERE)
def test_at_any_state_the_way_and_the_chain_agree_and_looking_changes_nothing(name):
    rng = random.Random(7)
    for _ in range(6):
        player = play(name, ())
        for line in rng.choices(PIECES, k=30):
            player.apply(parse_line(line, player.spec))
            before = player.machine.snapshot()
            for intid in (8195, 20000):
                check_agrees(player.machine, intid)
            for event in ((2, 20), (2, 3), (2, 100), (5, 0)):
                check_states(player.machine.event_way(*event))
            assert player.machine.snapshot() == before
