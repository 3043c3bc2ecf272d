"""What IHI 0069 says of LPIs and the ITS, asked of `architecture`; where it leaves a choice, the one that was made."""

import pytest

from app.gic import effects
from app.gic.commands import WORDS
from tests.gic.rig import COLLECTIONS, CONFIG, DEVICES, ITT, OTHER_PEND, PAGE_64K, PROP, PTZ, QUEUE, VALID, Rig

NOWHERE = 0x7000_0000_0000
MASKED = 0xA2


@pytest.fixture
def rig():
    """Tables set up, LPIs off."""
    return Rig("architecture").its_on()


@pytest.fixture
def on(rig):
    """8192 on CPU 0 (event 0) and 8193 on CPU 1 (event 1) mapped, LPIs on everywhere."""
    for cpu in range(2):
        rig.lpis(True, cpu)
    rig.map(8192, 0, collection=0)
    rig.map(8193, 1, collection=1)
    return rig


# -- GICR_PENDBASER and the pending table


def test_ptz_reads_as_zero_in_every_width(rig):
    rig.pendbaser(ptz=1)
    assert rig.get("GICR_PENDBASER") & PTZ == 0
    assert rig.get("GICR_PENDBASER", 4, offset=4) == 0
    rig.put("GICR_PENDBASER", PTZ >> 32, 4, offset=4)
    assert rig.get("GICR_PENDBASER", 4, offset=4) == 0
    assert rig.m.peek("GICR_PENDBASER") & PTZ == 0


def test_a_write_of_ptz_says_why_it_does_not_read_back(rig):
    with rig.m.listen() as heard:
        rig.pendbaser(ptz=1)
    assert "PTZ is write-only and reads as zero" in heard[0].words


def test_enabling_loads_the_pending_table(rig):
    for intid in (8192, 8200, 65535):
        rig.config(intid)
        rig.set_bit(intid)
    rig.lpis(True)
    assert rig.drain() == [8192, 8200, 65535]
    assert rig.bit(8192) == 1, "RAM may be stale while LPIs are enabled"


def test_enabling_with_ptz_reads_nothing(rig):
    rig.map(8192)
    rig.set_bit(8192)
    rig.pendbaser(ptz=1)
    with rig.m.listen() as heard:
        rig.lpis(True)
    assert any(isinstance(each, effects.PendingTableSkipped) for each in heard)
    assert not rig.m.irq()


def test_bits_below_8192_and_beyond_idbits_are_no_lpis(rig):
    rig.put("GICR_PROPBASER", PROP | 13)
    for intid in (0, 1023, 8191, 16384):
        rig.set_bit(intid)
    rig.config(16383)
    rig.set_bit(16383)
    rig.lpis(True)
    assert rig.drain() == [16383]


def test_with_too_few_idbits_there_are_no_lpis(rig):
    rig.put("GICR_PROPBASER", PROP | 12)
    rig.config(8192)
    rig.set_bit(8192)
    rig.lpis(True)
    rig.map(8193, 1)
    rig.int(1)
    assert rig.drain() == []


def test_disabling_writes_pending_state_back(on):
    on.int(0)
    assert on.bit(8192) == 0, "held by the Redistributor while enabled"
    on.lpis(False)
    assert on.bit(8192) == 1
    assert not on.m.irq()
    on.lpis(True)
    assert on.drain() == [8192]


def test_disabling_clears_the_bits_that_were_served(rig):
    rig.map(8192)
    rig.set_bit(8192)
    rig.lpis(True)
    assert rig.drain() == [8192]
    rig.lpis(False)
    assert rig.bit(8192) == 0
    rig.lpis(True)
    assert rig.drain() == []


def test_disabling_leaves_bits_that_are_nobodys(on):
    on.lpis(False)
    on.set_bit(8000)
    on.pendbaser(ptz=1)
    on.set_bit(9000)
    on.lpis(True)
    on.lpis(False)
    assert (on.bit(8000), on.bit(9000)) == (1, 1)


def test_the_bases_cannot_be_moved_while_lpis_are_enabled(on):
    before = on.get("GICR_PENDBASER"), on.get("GICR_PROPBASER")
    on.pendbaser(base=OTHER_PEND)
    on.put("GICR_PROPBASER", OTHER_PEND | 15)
    assert (on.get("GICR_PENDBASER"), on.get("GICR_PROPBASER")) == before
    on.lpis(False)
    on.pendbaser(base=OTHER_PEND)
    assert on.get("GICR_PENDBASER") & ~0xFFFF == OTHER_PEND


def test_each_redistributor_has_its_own_propbaser(rig):
    rig.put("GICR_PROPBASER", OTHER_PEND | 15, cpu=1)
    assert rig.get("GICR_PROPBASER") & ~0xFFF == PROP


def test_lpis_are_signalled_only_while_enabled_and_their_group_too(on):
    on.int(0)
    assert on.m.irq()
    on.put("GICD_CTLR", 0, 4)
    assert not on.m.irq()
    on.put("GICD_CTLR", 2, 4)
    assert on.m.irq()
    on.lpis(False)
    assert not on.m.irq()


def test_an_lpi_has_no_active_state(on):
    on.int(0)
    assert on.ack() == 8192
    on.int(0)
    assert not on.m.irq(), "the running priority masks it"
    assert on.m.lpi(8192).pending
    assert not on.m.lpi(8192).active
    on.eoi(8192)
    assert on.ack() == 8192


# -- configuration


@pytest.mark.parametrize("how", ["INV", "INVALL", "GICR_INVLPIR", "GICR_INVALLR"])
def test_configuration_is_cached_until_invalidated(on, how):
    on.int(0)
    on.config(8192, MASKED)
    assert on.m.irq()
    assert on.m.lpi(8192).stale
    invalidate(on, how)
    assert not on.m.irq()
    on.config(8192, CONFIG)
    assert not on.m.irq()
    invalidate(on, how)
    assert on.drain() == [8192]


def invalidate(rig, how):
    present = how.startswith("INV") or rig.m.map.registers[how].present
    if how == "INV" or not present:
        rig.its("INV", device=0, event=0)
    elif how == "INVALL":
        rig.its("INVALL", collection=0)
    else:
        rig.put(how, 8192 if how == "GICR_INVLPIR" else 0)


def test_invall_reaches_the_redistributor_of_its_collection_alone(on):
    on.int(0)
    on.config(8192, MASKED)
    on.its("INVALL", collection=1)
    assert on.m.irq()
    on.its("INVALL", collection=0)
    assert not on.m.irq()


def test_configuration_is_read_when_the_lpi_is_loaded_not_when_somebody_looks(rig):
    rig.config(8192)
    rig.set_bit(8192)
    rig.lpis(True)
    rig.config(8192, MASKED)
    assert rig.m.irq()


def test_disabling_drops_the_cache(on):
    on.int(0)
    on.config(8192, MASKED)
    on.lpis(False)
    on.lpis(True)
    assert not on.m.irq()


@pytest.mark.parametrize(("byte", "priority"), [(0xA1, 0xA0), (0xFD, 0xFC), (0x07, 0x04), (0x01, 0x00)])
def test_priority_is_the_upper_six_bits(on, byte, priority):
    on.config(8192, byte)
    on.its("INV", device=0, event=0)
    on.int(0)
    assert on.m.hppi(0) == (8192, 2, priority)


def test_the_lowest_priority_value_goes_first_then_the_lowest_intid(on):
    for event, intid, byte in ((2, 8194, 0x51), (3, 8195, 0x11), (4, 8196, 0x51)):
        on.map(intid, event, config=byte)
    for event in (4, 2, 0, 3):
        on.int(event)
    assert on.drain() == [8195, 8194, 8196, 8192]


# -- commands


def test_mapti_leaves_ram_and_pending_state_alone(rig):
    rig.set_bit(8192)
    rig.map(8192)
    assert rig.bit(8192) == 1
    assert not rig.m.lpi(8192).pending_latched
    rig.lpis(True)
    rig.its("MAPTI", device=0, event=1, intid=8192, collection=0)
    assert rig.drain() == [8192]


def test_int_is_lost_where_lpis_are_off(rig):
    rig.map(8192)
    with rig.m.listen() as heard:
        rig.int(0)
    assert any(isinstance(each, effects.LpiLost) for each in heard)
    rig.lpis(True)
    assert rig.drain() == []


def test_clear_and_discard_clear_pending(on):
    on.int(0)
    on.its("CLEAR", device=0, event=0)
    assert on.drain() == []
    on.int(0)
    on.its("DISCARD", device=0, event=0)
    assert on.drain() == []
    assert on.m.events(0) == [each for each in on.m.events(0) if each.event_id != 0]
    on.int(0)
    assert on.drain() == []


def test_mapc_of_a_live_collection_leaves_pending_lpis_where_they_are(on):
    on.int(0)
    on.its("MAPC", collection=0, target=1)
    assert (on.m.irq(0), on.m.irq(1)) == (True, False)
    on.int(0)
    assert (on.drain(0), on.drain(1)) == ([8192], [8192])


def test_movi_moves_the_mapping_and_the_pending_state(on):
    on.int(0)
    on.its("MOVI", device=0, event=0, collection=1)
    assert (on.drain(0), on.drain(1)) == ([], [8192])
    on.int(0)
    assert (on.drain(0), on.drain(1)) == ([], [8192])


def test_movi_to_a_redistributor_with_lpis_off_is_a_choice_and_is_said(on):
    on.lpis(False, 1)
    on.int(0)
    with on.m.listen() as heard:
        on.its("MOVI", device=0, event=0, collection=1)
    assert any(isinstance(each, effects.Choice) for each in heard)
    assert on.drain(0) == [8192]


def test_movall_moves_every_pending_lpi_and_no_mapping(on):
    on.map(8194, 2)
    on.int(0)
    on.int(2)
    on.its("MOVALL", source=0, target=1)
    assert (on.drain(0), on.drain(1)) == ([], [8192, 8194])
    on.int(0)
    assert (on.drain(0), on.drain(1)) == ([8192], [])


def test_movall_to_itself_is_no_error(on):
    on.int(0)
    with on.m.listen() as heard:
        on.its("MOVALL", source=0, target=0)
    assert outcome(heard) == ("done", "")
    assert on.drain(0) == [8192]


def test_mapping_an_event_again_replaces_it(on):
    on.config(8200)
    on.its("MAPTI", device=0, event=0, intid=8200, collection=1)
    on.int(0)
    assert (on.drain(0), on.drain(1)) == ([], [8200])


def test_a_collection_may_be_mapped_after_its_events(on):
    on.map(8194, 2)
    on.its("MAPTI", device=0, event=3, intid=8194, collection=7)
    on.int(3)
    assert on.drain() == []
    on.its("MAPC", collection=7, target=0)
    on.int(3)
    assert on.drain() == [8194]
    on.its("MAPC", collection=7, valid=0)
    on.int(3)
    assert on.drain() == []


def test_mapi_maps_the_lpi_of_the_same_number(on):
    on.config(8200)
    on.its("MAPD", device=1, itt=0x4040_0000, size=14)
    on.its("MAPI", device=1, event=8200, collection=0)
    on.m.msi(1, 8200)
    assert on.drain() == [8200]


def outcome(heard):
    run = [each for each in heard if isinstance(each, effects.CommandRun)][-1]
    return run.outcome, run.error.partition(" ")[0]


@pytest.mark.parametrize(
    ("error", "command", "operands"),
    [
        ("MAPD_DEVICE_OOR", "MAPD", {"device": 0x2000, "itt": ITT, "size": 5}),
        ("MAPD_ITTSIZE_OOR", "MAPD", {"device": 1, "itt": ITT, "size": 17}),
        ("MAPC_COLLECTION_OOR", "MAPC", {"collection": 8192, "target": 0}),
        ("MAPC_PROCNUM_OOR", "MAPC", {"collection": 1, "target": 2}),
        ("MAPTI_DEVICE_OOR", "MAPTI", {"device": 0x2000, "event": 0, "intid": 8192, "collection": 0}),
        ("MAPTI_UNMAPPED_DEVICE", "MAPTI", {"device": 1, "event": 0, "intid": 8192, "collection": 0}),
        ("MAPTI_ID_OOR", "MAPTI", {"device": 0, "event": 32, "intid": 8192, "collection": 0}),
        ("MAPTI_PHYSICALID_OOR", "MAPTI", {"device": 0, "event": 2, "intid": 8191, "collection": 0}),
        ("MAPTI_PHYSICALID_OOR", "MAPTI", {"device": 0, "event": 2, "intid": 65536, "collection": 0}),
        ("MAPTI_COLLECTION_OOR", "MAPTI", {"device": 0, "event": 2, "intid": 8192, "collection": 8192}),
        ("MAPI_PHYSICALID_OOR", "MAPI", {"device": 0, "event": 2, "collection": 0}),
        ("MOVI_UNMAPPED_DEVICE", "MOVI", {"device": 1, "event": 0, "collection": 0}),
        ("MOVI_UNMAPPED_INTERRUPT", "MOVI", {"device": 0, "event": 9, "collection": 0}),
        ("MOVI_UNMAPPED_COLLECTION", "MOVI", {"device": 0, "event": 0, "collection": 9}),
        ("MOVALL_PROCNUM_OOR", "MOVALL", {"source": 0, "target": 2}),
        ("INT_DEVICE_OOR", "INT", {"device": 0x2000, "event": 0}),
        ("INT_UNMAPPED_DEVICE", "INT", {"device": 1, "event": 0}),
        ("INT_ID_OOR", "INT", {"device": 0, "event": 32}),
        ("INT_UNMAPPED_INTERRUPT", "INT", {"device": 0, "event": 9}),
        ("CLEAR_UNMAPPED_INTERRUPT", "CLEAR", {"device": 0, "event": 9}),
        ("DISCARD_UNMAPPED_INTERRUPT", "DISCARD", {"device": 0, "event": 9}),
        ("INV_UNMAPPED_INTERRUPT", "INV", {"device": 0, "event": 9}),
        ("INVALL_UNMAPPED_COLLECTION", "INVALL", {"collection": 9}),
        ("INVALL_COLLECTION_OOR", "INVALL", {"collection": 8192}),
    ],
)
def test_a_command_error_is_named_and_ignored(on, error, command, operands):
    on.int(0)
    tables = on.m.memory.read(DEVICES, 0x20000), on.m.memory.read(ITT, 4096)
    with on.m.listen() as heard:
        on.its(command, **operands)
    assert outcome(heard) == ("ignored", error)
    assert (on.m.memory.read(DEVICES, 0x20000), on.m.memory.read(ITT, 4096)) == tables
    assert on.get("GITS_CREADR") == on.get("GITS_CWRITER")
    on.int(1)
    assert (on.drain(0), on.drain(1)) == ([8192], [8193]), "the queue goes on"


@pytest.mark.parametrize("opcode", [0x00, 0x02, 0x21, 0x77, 0xFF])
def test_an_unknown_command_is_skipped(on, opcode):
    on.m.command(WORDS.pack(opcode, 0, 0, 0))
    on.int(0)
    assert on.drain() == [8192]


# -- the queue


def test_a_fault_on_a_table_stalls_and_retry_goes_on(on):
    on.its("MAPD", device=1, itt=NOWHERE, size=5)
    with on.m.listen() as heard:
        on.its("INT", device=1, event=0)
    assert outcome(heard)[0] == "stalled"
    stalled = on.get("GITS_CREADR")
    assert stalled & 1
    on.int(0)
    assert on.get("GITS_CREADR") == stalled, "what comes later waits"
    assert [each.status for each in on.m.queue().commands[-2:]] == ["stalled", "waiting"]
    on.m.memory.write(DEVICES + 8, on.m.memory.read(DEVICES, 8))
    on.put("GITS_CWRITER", on.get("GITS_CWRITER"))
    assert on.get("GITS_CREADR") == stalled, "only Retry restarts"
    on.put("GITS_CWRITER", on.get("GITS_CWRITER") | 1)
    assert on.get("GITS_CREADR") == on.get("GITS_CWRITER")
    assert on.drain() == [8192]


def test_retry_without_repair_stalls_again(on):
    on.its("MAPD", device=1, itt=NOWHERE, size=5)
    on.its("INT", device=1, event=0)
    stalled = on.get("GITS_CREADR")
    on.put("GITS_CWRITER", on.get("GITS_CWRITER") | 1)
    assert on.get("GITS_CREADR") == stalled


def test_an_msi_never_stalls_the_queue(on):
    on.its("MAPD", device=1, itt=NOWHERE, size=5)
    on.m.msi(1, 0)
    assert on.get("GITS_CREADR") & 1 == 0
    on.m.msi(0, 0)
    assert on.drain() == [8192]


def test_commands_wait_for_the_its(rig):
    rig.lpis(True)
    rig.map(8192)
    rig.put("GITS_CTLR", 0, 4)
    rig.int(0)
    rig.m.msi(0, 0)
    assert rig.get("GITS_CREADR") != rig.get("GITS_CWRITER")
    assert rig.drain() == []
    rig.put("GITS_CTLR", 1, 4)
    assert rig.get("GITS_CREADR") == rig.get("GITS_CWRITER")
    assert rig.drain() == [8192]


def test_quiescent_is_for_a_disabled_its(rig):
    assert rig.get("GITS_CTLR", 4) == 1
    rig.put("GITS_CTLR", 0, 4)
    assert rig.get("GITS_CTLR", 4) == 1 << 31


def test_creadr_is_read_only(rig):
    rig.its("SYNC", target=0)
    rig.put("GITS_CREADR", 0)
    assert rig.get("GITS_CREADR") == 32


def test_cbaser_resets_creadr_and_not_while_enabled(rig):
    rig.its("SYNC", target=0)
    rig.put("GITS_CBASER", VALID | QUEUE)
    assert rig.get("GITS_CREADR") == 32
    rig.put("GITS_CTLR", 0, 4)
    rig.put("GITS_CBASER", VALID | QUEUE)
    assert rig.get("GITS_CREADR") == 0


def test_the_bases_of_its_tables_cannot_be_moved_while_enabled(rig):
    before = rig.get("GITS_BASER0")
    rig.put("GITS_BASER0", VALID | PAGE_64K | COLLECTIONS)
    assert rig.get("GITS_BASER0") == before


def test_tables_that_are_not_valid_have_no_entries():
    rig = Rig("architecture")
    rig.put("GITS_CBASER", VALID | QUEUE)
    rig.put("GITS_CTLR", 1, 4)
    assert rig.get("GITS_CTLR", 4) & 1
    with rig.m.listen() as heard:
        rig.its("MAPD", device=0, itt=ITT, size=5)
    assert outcome(heard) == ("ignored", "MAPD_DEVICE_OOR")


def test_the_queue_wraps(rig):
    rig.put("GITS_CTLR", 0, 4)
    rig.put("GITS_CBASER", VALID | QUEUE)
    rig.put("GITS_CTLR", 1, 4)
    rig.lpis(True)
    rig.map(8192)
    for _ in range(200):
        rig.int(0)
        assert rig.get("GITS_CREADR") == rig.get("GITS_CWRITER") < 4096
    assert rig.drain() == [8192]


def test_a_two_level_table_needs_its_level_1_entry(rig):
    rig.put("GITS_CTLR", 0, 4)
    rig.put("GITS_BASER0", VALID | 1 << 62 | PAGE_64K | DEVICES)
    assert rig.get("GITS_BASER0") >> 62 & 1
    rig.m.memory.write(DEVICES, (VALID | 0x4050_0000).to_bytes(8, "little"))
    rig.put("GITS_CTLR", 1, 4)
    rig.its("MAPD", device=5, itt=ITT, size=5)
    assert [each.device_id for each in rig.m.devices()] == [5]
    assert rig.m.devices()[0].entry_address == 0x4050_0000 + 5 * 8
    rig.its("MAPD", device=0x2000, itt=ITT, size=5)
    assert [each.device_id for each in rig.m.devices()] == [5], "level 1 entry 1 is not Valid"


def test_a_store_to_the_translater_is_an_msi(on):
    on.put("GITS_TRANSLATER", 1, 4)
    assert on.drain(1) == [8193]
    on.put("GITS_TRANSLATER", 0, 2)
    assert on.drain(0) == [8192]
    assert on.get("GITS_TRANSLATER", 4) == 0


def test_what_is_pending_in_ram_and_where_is_shown(on):
    on.int(0)
    view = on.m.lpi(8192)
    assert (view.device, view.event, view.icid, view.cpu) == (0, 0, 0, 0)
    assert (view.pending_ram, view.pending_latched, view.pending, view.state) == (False, True, True, "signalled")
    assert (view.config_ram, view.config_cached, view.priority, view.enabled) == (CONFIG, CONFIG, 0xA0, True)
    assert on.ack() == 8192
    assert on.m.lpi(8192).state == "not pending"
    assert on.m.lpi(9999).state == "not mapped"
