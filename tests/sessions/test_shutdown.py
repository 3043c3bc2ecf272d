"""Asked to end in the middle of writes: what was answered is kept, the streams end, the process ends by itself."""

import threading

import httpx2
import pytest

from bench.crash import Client, Server, check, new_session
from tests.conftest import ServerProcess

CLIENTS = 4
WRITES = 12


class Watcher(threading.Thread):
    """Reads an event stream to its end."""

    def __init__(self, url, session):
        super().__init__(daemon=True)
        self.address = f"{url}/api/v1/sessions/{session.id}/events"
        self.open = threading.Event()
        self.told = ""
        self.ended = False

    def run(self):
        with httpx2.stream("GET", self.address, timeout=60) as answer:
            self.open.set()
            for text in answer.iter_text():
                self.told += text
        self.ended = True


@pytest.fixture(params=[("sqlite", 1), ("postgresql", 1), ("postgresql", 2)], ids=lambda told: f"{told[0]}-{told[1]}")
def server(request):
    kind, workers = request.param
    made = ServerProcess(request.getfixturevalue(f"{kind}_url"), workers)
    made.start()
    yield made
    if made.process is not None:
        made.terminate(60)


def test_asked_to_end_in_the_middle_of_writes_all_that_was_answered_is_kept_and_the_streams_end(server):
    known = Server(server.database_url)
    known.port = server.port
    written = [new_session(known) for _ in range(2)]
    watchers = [Watcher(server.url, session) for session in written]
    up, over = threading.Event(), threading.Event()
    crew = [Client(number, server.port, written[number % 2], up, over) for number in range(CLIENTS)]
    for one in (*watchers, *crew):
        one.start()
    assert all(watcher.open.wait(30) for watcher in watchers)
    up.set()
    while min(len(session.answered) for session in written) < WRITES and not any(one.fault for one in crew):
        threading.Event().wait(0.005)
    writing = [one for one in crew if not one.idle.is_set()]
    assert server.terminate(patience=60) == 0
    over.set()
    for one in (*watchers, *crew):
        one.join(60)
    assert writing
    assert not [one.fault for one in crew if one.fault]
    assert all(watcher.ended for watcher in watchers)
    server.start()
    for session, watcher in zip(written, watchers, strict=True):
        check(known, session)
        assert watcher.told
