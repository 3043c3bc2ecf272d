"""What a notebook shows: tables that are well-formed, escaped and without styles, of what the machine holds now."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from app.gic import Machine
from app.gic.notebook import LPI_ROWS, FieldValue, LpiTable
from app.registers import UnknownName
from app.scenario import parse
from app.scenario.player import Player

MAPPED = """machine implementation=kvm cpus=2
poke    0x40200003 a1
write   GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15
write   GICR_PENDBASER@0 Physical_Address=0x40210000
write   GICR_CTLR@0 EnableLPIs=1
its     MAPD device=2 itt=0x40300000 size=5
its     MAPD device=7 itt=0x40310000 size=5
its     MAPC collection=1 target=0
its     MAPTI device=2 event=20 intid=8195 collection=1
its     MAPTI device=7 event=3 intid=8196 collection=1
msi     device=2 event=20
"""


@pytest.fixture
def machine():
    return Machine(implementation="kvm", cpus=2)


@pytest.fixture(scope="module")
def mapped():
    scenario = parse(MAPPED)
    player = Player(scenario.machine)
    for operation in scenario.operations:
        player.apply(operation)
    return player.machine


def rows(html):
    """The rows of the body, as texts; the table must be well-formed."""
    table = ET.fromstring(html)
    assert table.tag == "table"
    assert not any(set(each.attrib) - {"scope"} for each in table.iter())
    return ["".join(cell.itertext()) for cell in table.iter("caption")], [
        ["".join(cell.itertext()) for cell in row] for row in table.find("tbody")
    ]


def test_a_register_shows_its_fields(machine):
    machine.write(0x080A_0078, 0x4000_0000_4021_0000, 8)
    shown = machine.register("GICR_PENDBASER@0")
    assert int(shown) == shown.value == machine.peek("GICR_PENDBASER", 0)
    assert (shown["PTZ"], shown["Physical_Address"]) == (0, 0x4021)
    [caption], body = rows(shown._repr_html_())
    assert caption.startswith("GICR_PENDBASER@0 = 0x00000000402")
    told = {row[0]: row for row in body}
    assert told["PTZ"][1:4] == ["62", "WO", "0x0 (No)"]
    assert told["Physical_Address"][1] == "51:16"
    assert "IHI 0069" in told["PTZ"][4]


def test_a_field_alone(machine):
    shown = machine.register("GICR_PENDBASER@1.PTZ")
    assert [each.name for each in shown.fields] == ["PTZ"]
    with pytest.raises(KeyError):
        shown["Physical_Address"]


@pytest.mark.parametrize("name", ["GICR_PENDBASE@0", "GICR_PENDBASER@7", "GICR_PENDBASER"])
def test_a_wrong_name_is_answered_with_the_nearest(machine, name):
    with pytest.raises(UnknownName) as error:
        machine.register(name)
    assert name == "GICR_PENDBASER@7" or "GICR_PENDBASER" in error.value.nearest[0]


def test_lpis_are_a_list_and_a_table(mapped):
    table = mapped.lpi_table()
    assert list(table) == mapped.lpis()
    assert table[0] == mapped.lpis()[0]
    assert len(mapped.lpi_table(count=1)) == len(table[:1]) == 1
    _, body = rows(table._repr_html_())
    assert [row[0] for row in body] == [str(each.intid) for each in table]
    assert [row[-1] for row in body] == [each.state for each in table]
    assert "pending" in repr(table)


def test_a_long_table_says_what_it_leaves_out(mapped):
    table = LpiTable([mapped.lpis()[0]] * (LPI_ROWS + 1))
    [caption], body = rows(table._repr_html_())
    assert len(body) == LPI_ROWS
    assert f"the first {LPI_ROWS} of {LPI_ROWS + 1}" in caption


def test_a_machine_tells_what_it_is_and_what_is_pending(mapped):
    [caption], body = rows(mapped._repr_html_())
    told = dict(body)
    assert "kvm" in caption
    assert told["CPUs"] == "2"
    counts = mapped.lpi_counts()
    assert told["LPIs"] == f"{counts.mapped} mapped, {counts.pending} pending"
    assert told["ITS"].startswith("2 devices")
    assert {f"CPU {cpu} is signalled" for cpu in range(2)} <= set(told)


def test_looking_changes_nothing(mapped):
    before = mapped.snapshot()
    mapped._repr_html_()
    mapped.lpi_table()._repr_html_()
    mapped.register("ICC_IAR1_EL1@0")._repr_html_()
    assert mapped.snapshot() == before


def test_a_machine_without_its():
    _, body = rows(Machine(its=False)._repr_html_())
    assert dict(body)["ITS"] == "none"


def test_what_is_shown_is_only_text(machine, mapped):
    hostile = "<script>alert('&')</script>"
    shown = machine.register("GICR_PENDBASER@0")
    field = replace(shown.fields[0].field, meaning=hostile)
    html = replace(shown, title=hostile, fields=(FieldValue(field, 0),))._repr_html_()
    assert "<script" not in html
    [caption], [row] = rows(html)
    assert hostile in caption
    assert hostile in row[4]
    assert "<script" not in LpiTable([replace(mapped.lpis()[0], state=hostile)])._repr_html_()
