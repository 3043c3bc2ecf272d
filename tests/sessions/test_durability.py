"""Nothing acknowledged is lost: a real server, killed, and started again on the same file."""

import threading

import httpx2

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


def test_killed_under_load_every_acknowledged_operation_is_in_the_log_and_in_order(server):
    with httpx2.Client(base_url=server.url) as client:
        new = client.post("/api/v1/sessions", json={}).json()
    path, mine = f"/api/v1/sessions/{new['id']}/ops", {"Authorization": f"Bearer {new['edit_key']}"}
    acknowledged: dict[int, str] = {}
    sent: set[str] = set()
    enough = threading.Event()

    def write(writer):
        with httpx2.Client(base_url=server.url, headers=mine) as client:
            for number in range(10_000):
                line = f"note {writer}.{number}"
                sent.add(line)
                try:
                    answer = client.post(path, json={"op": line})
                except httpx2.TransportError:
                    return
                acknowledged[answer.json()["seq"]] = line
                if len(acknowledged) >= 60:
                    enough.set()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    server.kill()
    for writer in writers:
        writer.join()
    server.start()
    with httpx2.Client(base_url=server.url) as client:
        log = client.get(f"/api/v1/sessions/{new['id']}/log").json()["operations"]
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    stored = {entry["seq"]: entry["text"] for entry in log}
    assert acknowledged.items() <= stored.items()
    # At most one operation of each writer was under way: stored, perhaps, but never answered.
    assert set(stored.values()) <= sent
    assert len(stored) <= len(acknowledged) + len(writers)
