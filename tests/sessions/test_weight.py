"""What may keep a CPU busy is told by what it is, and taken off the event loop."""

import threading

import pytest

from app.scenario import parse_line
from app.scenario.scenario import MachineSpec
from app.scenario.timeline import Timeline
from app.sessions.weight import is_heavy

HEAVY = [
    "its INVALL collection=1",
    "its MOVALL source=0 target=0",
    "write GICR_CTLR@0 EnableLPIs=1",
    "write GITS_CTLR Enabled=1",
    "write GITS_CWRITER 0x20",
    "uwrite GITS_CTLR 1",
    "write 0x08080000 1",
    "save its-tables",
    "save pending-tables",
    "migrate",
]
LIGHT = [
    "its INV device=2 event=0",
    "its INT device=2 event=0",
    "write GICD_CTLR 1",
    "uwrite GICD_CTLR 1",
    "read GICR_CTLR@0",
    "poke 0x40000000 01",
    "msi device=2 event=0",
    "note words",
]


def parsed(line):
    return parse_line(line, MachineSpec())


@pytest.mark.parametrize(("lines", "heavy"), [(HEAVY, True), (LIGHT, False)])
def test_what_goes_through_all_lpis_commands_or_tables_is_heavy(lines, heavy):
    assert {line: is_heavy(parsed(line)) for line in lines} == dict.fromkeys(lines, heavy)


@pytest.mark.anyio
@pytest.mark.parametrize(("line", "beside"), [(HEAVY[0], True), (HEAVY[3], True), (LIGHT[2], False)])
async def test_what_is_heavy_is_played_beside_the_event_loop(client, monkeypatch, line, beside):
    new = (await client.post("/api/v1/sessions", json={})).json()
    played, append = [], Timeline.append
    monkeypatch.setattr(
        Timeline, "append", lambda self, op: (played.append(threading.current_thread()), append(self, op))[1]
    )
    mine = {"Authorization": f"Bearer {new['edit_key']}"}
    answer = await client.post(f"/api/v1/sessions/{new['id']}/ops", json={"op": line}, headers=mine)
    assert answer.status_code == 200
    assert [thread is not threading.main_thread() for thread in played] == [beside]
