"""A client of giclab's HTTP API in one file: it needs httpx and nothing else, so it may be copied where it is wanted.

    with Client("http://127.0.0.1:8000") as giclab:
        session = giclab.create(implementation="kvm", cpus=2)
        session.op("write GICR_PENDBASER@0 PTZ=1")
        assert session.register("GICR_PENDBASER@0.PTZ")["value"] == 0

Answers are the API's JSON, whose members its `/docs` describes. What the server refuses raises GiclabError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

__all__ = ["Client", "Event", "GiclabError", "Session"]

Json = dict[str, Any]
API = "/api/v1"
SECONDS = 60.0


class GiclabError(Exception):
    """A refusal, as problem details (RFC 9457). `members` has all of it: line, column, nearest, limit and the like."""

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        self.status = status
        self.members = dict(members)
        self.type = str(members.get("type", "about:blank"))
        self.title = str(members.get("title", ""))
        self.detail = str(members.get("detail", ""))
        self.advice = str(members.get("advice", ""))
        super().__init__(" ".join(filter(None, (f"{self.title}:", self.detail, self.advice))))

    @property
    def kind(self) -> str:
        """The last word of `type`, as scenario-error or limit-reached; "" for a plain HTTP error."""
        return self.type.rpartition("#problem-")[2] if "#problem-" in self.type else ""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a session: `step`, with what an operation did, or `reload`. `id` is where to resume after."""

    id: str
    name: str
    data: Any


class Client:
    """A giclab server. `http` may be an httpx.Client with settings of its own, whose `base_url` is the server's."""

    def __init__(self, base_url: str = "http://127.0.0.1:8000", *, http: httpx.Client | None = None) -> None:
        self._http = http or httpx.Client(base_url=base_url, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # -- sessions

    def create(
        self,
        scenario: str = "",
        *,
        implementation: str | None = None,
        cpus: int | None = None,
        security: int | None = None,
        title: str = "",
    ) -> Session:
        """A new session, empty or begun with a scenario; its `edit_key` is told this once."""
        machine = {"implementation": implementation, "cpus": cpus, "security": security}
        body = {"scenario": scenario, "title": title, **_given(machine)}
        made = self.ask("POST", "/sessions", body=body)
        return Session(self, made["id"], made["edit_key"])

    def open(self, session_id: str, edit_key: str = "") -> Session:
        """A session that there is; without its key it can be looked at. Asks nothing yet."""
        return Session(self, session_id, edit_key)

    def create_of_state(self, state: Mapping[str, Any]) -> Session:
        """A new session whose machine is that of a state file, as `Session.state` returns it."""
        made = self.ask("POST", "/states", body=state)
        return Session(self, made["id"], made["edit_key"])

    # -- scenarios of which nothing is stored

    def play(self, scenario: str, on: Sequence[str] = ()) -> Json:
        """A scenario on one implementation or several: `first_difference`, `passed`, `steps`, `choices`."""
        return self.ask("POST", "/play", body={"scenario": scenario, "on": list(on)})

    def formats(self) -> Json:
        """What a session or a scenario can be written as."""
        return self.ask("GET", "/exports")

    def export(self, scenario: str, to: str, *, step: int | None = None) -> Json:
        """A scenario in another format, as `text` and `remarks`; of a state, the one after `step`."""
        return self.ask("POST", "/export", body={"scenario": scenario, "format": to, **_given({"step": step})})

    def link(self, scenario: str, *, step: int | None = None, register: str = "", short: bool = False) -> Json:
        """The scenario as a link: `link`, and `short` if that is asked for, which the server keeps for good."""
        body = {"scenario": scenario, "register": register, "short": short, **_given({"step": step})}
        return self.ask("POST", "/links", body=body)

    def diff(self, a: str, b: str) -> Json:
        """What differs between two machines, each a session or a link of this server, as /s/ID?step=3: `same`, rows."""
        return self.ask("GET", "/diff", query={"a": a, "b": b})

    # -- requests

    def ask(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Json:
        """Any request of the API, by its path below /api/v1. Raises GiclabError, or httpx.HTTPError without answer."""
        answer = self._http.request(method, API + path, params=_given(query or {}), json=body, headers=_headers(key))
        _check(answer)
        told: Json = answer.json()
        return told

    def stream(self, path: str, last: str) -> Iterator[Event]:
        """The events of a path until the server ends them; resumed after `last` unless it is ""."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with self._http.stream("GET", API + path, headers=headers, timeout=None) as answer:
            if answer.is_error:
                answer.read()
            _check(answer)
            yield from _events(answer.iter_lines(), last)


class Session:
    """One session. Looking at it takes its id; changing it takes its `edit_key`."""

    def __init__(self, client: Client, session_id: str, edit_key: str = "") -> None:
        self._client = client
        self.id = session_id
        self.edit_key = edit_key

    # -- changes

    def op(self, line: str, *, after: int | None = None) -> Json:
        """Do one line of the scenario language; returns what it did. `after`: after this step, not the newest."""
        return self._change("POST", "/ops", {"op": line, **_given({"after": after})})

    def undo(self) -> Json:
        """Go back by one operation."""
        return self._change("POST", "/undo")

    def redo(self) -> Json:
        """Do again what was undone last."""
        return self._change("POST", "/redo")

    def reset(self, to: str = "power-on") -> Json:
        """Go to step 0, or with "link" to what the session began with; what was done is kept as a branch."""
        return self._change("POST", "/reset", {"to": to})

    def switch(self, branch: int) -> Json:
        """Go to the end of another branch."""
        return self._change("POST", f"/branches/{branch}/switch")

    def drop(self, branch: int) -> Json:
        """Drop a branch."""
        return self._change("DELETE", f"/branches/{branch}")

    def rename(self, title: str) -> Json:
        """Call the session otherwise, for all who watch."""
        return self._change("PATCH", "", {"title": title})

    def rewrite(self, scenario: str) -> Json:
        """Put a whole scenario in the place of the session's."""
        return self._change("PUT", "/log", {"scenario": scenario})

    # -- looks; `step` is the step after which to look, None the newest

    def step(self, seq: int) -> Json:
        """What one operation did."""
        return self._look(f"/ops/{seq}")

    def register(self, name: str, *, step: int | None = None) -> Json:
        """A register as GICR_PENDBASER@0, or a field of it as GICR_PENDBASER@0.PTZ."""
        return self._look(f"/registers/{quote(name, safe='@')}", step=step)

    def lpis(self, *, step: int | None = None) -> Iterator[Json]:
        """All LPIs that are mapped or pending somewhere, page by page."""
        start: int | None = None
        while True:
            page = self._look("/lpis", step=step, **{"from": start})
            yield from page["lpis"]
            start = page["next"]
            if start is None:
                return

    def lpi_counts(self, *, step: int | None = None) -> dict[str, int]:
        """How many LPIs are mapped, pending, enabled and stale."""
        counts: dict[str, int] = self._look("/lpis", step=step, count=1)["counts"]
        return counts

    def table(self, name: str, *, device: int | None = None, step: int | None = None) -> Json:
        """`device`, `collection`, `itt` (of a DeviceID) or `queue`."""
        return self._look(f"/tables/{quote(name)}", device=device, step=step)

    def memory(self, address: int, length: int = 64, *, step: int | None = None) -> bytes:
        """Guest RAM."""
        return bytes.fromhex(self._look("/memory", address=hex(address), length=length, step=step)["hex"])

    def why(self, intid: int, *, cpu: int | None = None, step: int | None = None) -> Json:
        """Why an interrupt is signalled or not, condition by condition."""
        return self._look(f"/why/{intid}", cpu=cpu, step=step)

    def export(self, to: str, *, step: int | None = None) -> Json:
        """The session in another format, as `text` and `remarks`."""
        return self._look(f"/export/{quote(to)}", step=step)

    def log(self) -> Json:
        """The session as text: `scenario`, and `operations` one by one."""
        return self._look("/log")

    def branches(self) -> Json:
        """Where the session is among its branches."""
        return self._look("/branches")

    def state(self, *, step: int | None = None) -> Json:
        """The whole machine, as a file has it."""
        return self._look("/state", step=step)

    def events(self, last: str = "") -> Iterator[Event]:
        """Follow the session, from now on or after the event `last`. The first has no name: it says where you are.

        Ends when the server ends it; go on with the `id` of the last event.
        """
        return self._client.stream(f"/sessions/{quote(self.id)}/events", last)

    def _change(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        return self._client.ask(method, f"/sessions/{quote(self.id)}{path}", key=self.edit_key, body=body)

    def _look(self, path: str, **query: object) -> Json:
        return self._client.ask("GET", f"/sessions/{quote(self.id)}{path}", query=query)


def _given(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _check(answer: httpx.Response) -> None:
    """Raise GiclabError unless the request was done; an answer that is no problem details is told by its status."""
    if answer.is_success:
        return
    try:
        members = answer.json()
    except ValueError:
        members = None
    if not isinstance(members, dict):
        members = {"title": answer.reason_phrase, "detail": f"The server answered {answer.status_code}."}
    raise GiclabError(answer.status_code, members)


def _events(lines: Iterator[str], last: str) -> Iterator[Event]:
    """Server-sent events out of their lines; comments, which only keep the connection open, are passed over."""
    name, fresh = "", False
    data: list[str] = []
    for line in lines:
        word, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if fresh or data:
                yield Event(last, name, json.loads("\n".join(data)) if any(data) else None)
            name, data, fresh = "", [], False
        elif word == "id":
            last, fresh = value, True
        elif word == "event":
            name = value
        elif word == "data":
            data.append(value)
