"""Nothing acknowledged is lost: a real server, killed, and started again on the same file."""

from dataclasses import replace

import httpx2
import pytest
from sqlalchemy.engine import make_url

from app.scenario.player import Player
from bench.crash import Lost, Server, check, crash, new_session

# Together eight, the documented run has fifty: python -m bench.crash --kills 50
KILLS = {"sqlite": 5, "postgresql": 3}

STEPS = [
    "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "read GICR_PENDBASER@0",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
    "its INT device=2 event=20",
]


def everything(client, session):
    """All that the server shows of a session."""
    paths = (
        "log",
        "lpis",
        "registers/GICR_PENDBASER@0",
        "tables/device",
        "tables/collection",
        "tables/itt?device=2",
        "tables/queue",
    )
    return {path: client.get(f"/api/v1/sessions/{session}/{path}").raise_for_status().json() for path in paths}


def test_killed_and_started_again_the_session_is_as_it_was(server):
    with httpx2.Client(base_url=server.url) as client:
        new = client.post("/api/v1/sessions", json={"implementation": "kvm", "cpus": 2}).json()
        mine = {"Authorization": f"Bearer {new['edit_key']}"}
        for step in STEPS:
            client.post(f"/api/v1/sessions/{new['id']}/ops", json={"op": step}, headers=mine).raise_for_status()
        before = everything(client, new["id"])
        server.kill()
        server.start()
        assert everything(client, new["id"]) == before
        answer = client.post(f"/api/v1/sessions/{new['id']}/ops", json={"op": "read GICD_CTLR"}, headers=mine)
        assert answer.json()["seq"] == len(STEPS) + 1


@pytest.mark.parametrize("clients", [4])
def test_killed_under_load_again_and_again_what_was_answered_is_in_the_log_and_nothing_else(database_url, clients):
    report = crash(database_url, kills=KILLS[make_url(database_url).get_backend_name()], clients=clients)
    assert report.answered > report.kills * clients
    assert 0 <= report.stored <= report.under_way <= report.kills * clients


@pytest.fixture
def checked(server):
    """A session as the clients of a crash know it, with two operations answered."""
    session = new_session(server)
    with httpx2.Client(base_url=server.url, headers={"Authorization": f"Bearer {session.key}"}) as client:
        for line in ("read GICD_CTLR  # 1", "read GICD_CTLR  # 2"):
            answer = client.post(f"/api/v1/sessions/{session.id}/ops", json={"op": line}).raise_for_status().json()
            session.answered[answer["seq"]] = line
    return session


def test_the_check_of_a_crash_finds_what_is_lost_moved_double_or_never_sent(server, checked):
    crash_server = Server(server.database_url)
    crash_server.port = server.port
    check(crash_server, checked)
    first, second = sorted(checked.answered)
    for answered, says in (
        ({first: checked.answered[first], second + 1: "read GICD_TYPER  # 3"}, "lost"),
        ({first: checked.answered[second], second: checked.answered[first]}, "was answered as"),
        ({first: checked.answered[first]}, "never sent"),
    ):
        with pytest.raises(Lost, match=says):
            check(crash_server, replace(checked, answered=answered))
    with pytest.raises(Lost, match="the machine"):
        check(crash_server, replace(checked, player=Player(checked.player.spec), checked=second))
