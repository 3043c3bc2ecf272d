"""The lessons' pages and the exercises, as a browser without a script gets them."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from app.engines.observed import Observed, recordings
from app.registers import IMPLEMENTATION_NAMES
from app.scenario import links, parse
from app.scenario.lesson_parts import Question
from app.scenario.lessons import LESSONS, lesson
from app.web.views.diagrams import diagram
from app.web.views.lessons import lesson_page, reader_of
from tests.web.reading import shown, words

pytestmark = pytest.mark.anyio
EXERCISES = [item for item in LESSONS if item.exercise is not None]
PTZ = "/lessons/ptz-reads-as-zero"


def section(html, name):
    """The part of a page with that id."""
    return re.search(rf'<section class="[^"]*" id="{name}".*?</section>', html, re.DOTALL)[0]


async def test_all_lessons_are_listed_with_a_picture_each(client):
    html = await shown(client, "/lessons")
    assert html.count('<svg class="dg"') == html.count('href="/lessons/') == len(LESSONS)
    for item in LESSONS:
        assert item.title in unescape(html)
        assert f'href="/lessons/{item.slug}"' in await shown(client, "/")


@pytest.mark.parametrize("item", LESSONS, ids=lambda item: item.slug)
async def test_a_lesson_keeps_its_answers_until_it_is_asked(client, item):
    html = await shown(client, f"/lessons/{item.slug}")
    for part in item.parts:
        if isinstance(part, Question):
            asked = section(html, f"q{part.number}")
            assert "quest__a" not in asked
            assert "quest__y" not in asked
            hidden = (
                rf"<code>{re.escape(part.term)}</code>(?: <small>[^<]*</small>)?</dt><dd><a href=\"#q{part.number}\">"
            )
            assert re.search(hidden, html), part.term
    everything = await shown(client, f"/lessons/{item.slug}?answers=all")
    assert "asks for this" not in everything
    for part in item.parts:
        if isinstance(part, Question):
            answers = re.findall(r"<b>(.*?)</b>", section(everything, f"q{part.number}"))
            assert answers == [part.words.get(part.answers[name], part.answers[name]) for name in IMPLEMENTATION_NAMES]


async def test_an_answer_is_checked_on_the_server_for_each_implementation(client):
    right = {"a1.architecture": "0", "a1.kvm": "0", "a1.kvm-before-5.6": "1", "a1.qemu": "0", "check": "1"}
    html = await shown(client, f"{PTZ}?{urlencode(right)}")
    asked = section(html, "q1")
    assert "3 of 4 right." in asked
    assert asked.count("right: ") == 3
    assert asked.count("wrong, it is ") == 1
    assert asked.count(" checked>") == 4
    assert "mask the bit" in words(asked)
    # The other question is not answered by that, and this one stays answered when that one is.
    assert "quest__a" not in section(html, "q2")
    assert '<input type="hidden" name="done" value="1">' in html
    both = await shown(client, f"{PTZ}?{urlencode({**right, 'check': '2', 'done': '1'})}")
    assert "quest__a" in section(both, "q1")
    assert "quest__a" in section(both, "q2")


async def test_the_answer_can_be_shown_without_answering(client):
    asked = section(await shown(client, f"{PTZ}?show=2"), "q2")
    assert "right: " not in asked
    assert "wrong" not in asked
    assert re.findall(r"<b>(.*?)</b>", asked) == ["pending", "pending", "not pending", "pending"]


async def test_what_was_observed_says_so_and_the_rest_does_not(client):
    asked = section(await shown(client, f"{PTZ}?answers=all"), "q1")
    rows = dict(re.findall(r"<legend>(.*?)</legend>(.*?)</fieldset>", asked, re.DOTALL))
    assert "observed on real Linux 6.1.192 KVM, 2026-11-22" in rows["KVM"]
    assert "observed on real QEMU 7.2.22, 2026-11-22" in rows["QEMU"]
    assert "observed" not in rows["Architecture"] + rows["KVM before 5.6"]


@pytest.mark.parametrize(
    "query", ["?a1.kvm=9&check=1", "?check=99", "?check=x&a1.vax=1&axx=1", "?a999.kvm=0&done=-1", "?show=" + "9" * 400]
)
async def test_a_query_that_makes_no_sense_shows_the_lesson(client, query):  # fmt: skip
    assert "PTZ reads as zero" in await shown(client, PTZ + query)


async def test_an_unknown_lesson_says_which_there_are(client):
    html = await shown(client, "/lessons/ptz-reads-as-one", 404)
    assert "did you mean ptz-reads-as-zero?" in words(html)


async def test_steps_open_in_the_explorer_and_a_session_starts_before_them(client):
    html = await shown(client, PTZ)
    framed = re.findall(r'<a class="wide" href="(/x/[^"]+)" target="machine">', html)
    assert len(framed) == len(re.findall(r'<a class="narrow" href="/x/', html)) == 11
    last = await shown(client, unescape(framed[-1]))
    assert re.search(r"Step <b>15</b>", last)
    step = re.findall(r'<button class="btn narrow" form="start-page" name="step" value="(\d+)"', html)
    assert step == ["0", "11", "14"]
    payload = re.search(r'name="payload" value="([^"]+)"', html)[1]
    answer = await client.post("/sessions", data={"payload": payload, "step": step[1]})
    assert answer.status_code == 303
    session = await shown(client, answer.headers["location"])
    assert re.search(r"Step <b>11</b> of 11", session)
    assert 'data-mine="true"' in session


async def test_lessons_follow_one_another(client):
    address, seen = f"/lessons/{LESSONS[0].slug}", []
    while address:
        html = await shown(client, address)
        seen.append(address)
        following = re.search(r'class="next" href="([^"]+)"', html)
        address = following[1] if following else ""
    assert seen == [f"/lessons/{item.slug}" for item in LESSONS]


async def test_the_explorer_leads_back_to_the_lesson(client):
    page = lesson_page(lesson("why-inv"), reader_of([]))
    html = await shown(client, page.compare.removesuffix("/compare"))
    assert '<a href="/lessons/why-inv" target="_top">' in html


def test_prose_carries_no_markup_of_its_own():
    """HTML in a lesson is words; what is drawn is escaped."""
    assert "<script>" not in diagram("<script> [<b>] *<i>")
    assert diagram("[A_B] > *8195 o #01x?").count("<rect") == 5


# -- exercises


def address_of(exercise):
    return f"/exercise/{exercise.payload()}"


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.slug)
async def test_the_answer_is_on_no_page_in_no_link_and_in_no_answer_of_the_api(client, item):
    exercise = item.exercise
    told = await shown(client, f"/lessons/{item.slug}?answers=all")
    told = told[told.index('id="exercise"') :]
    address = address_of(exercise)
    assert f"/exercise/{exercise.payload(of=item.slug)}" in told
    told += await shown(client, address)
    link = links.unpack(exercise.payload())
    told += link.text + str(dict(link.view))
    tried = await client.post(address, data={"lines": "note nothing"})
    told += tried.text
    last = exercise.answer.strip().split("\n")[-1].split()
    for way in (" ".join(last), exercise.answer.strip().split("\n")[-1]):
        assert way not in words(told), way
    for path in ("/api/v1/lessons", f"/api/v1/lessons/{item.slug}"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert " ".join(last) not in str(answer.json().get("exercise", "")) + str(answer.json().get("lessons", ""))


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.slug)
async def test_the_answer_reaches_the_goal_on_the_page(client, item):
    exercise = item.exercise
    answer = await client.post(address_of(exercise), data={"lines": exercise.answer})
    assert answer.status_code == 200
    assert "goal--yes" in answer.text
    assert answer.text.count("reached: ") == len(exercise.goals)


async def test_a_miss_says_what_is_used_and_what_is_missing(client):
    exercise = lesson("movi-of-a-pending-lpi").exercise
    answer = await client.post(address_of(exercise), data={"lines": "its INT device=2 event=20\nits SYNC target=0\n"})
    told = words(answer.text)
    assert "Not reached" in told
    assert "2 of 4 ITS commands" in told
    assert "pending(8195)@1 is 0" in told
    assert "its INT device=2 event=20" in answer.text, "what was typed is kept"


async def test_a_rule_that_is_broken_is_named(client):
    exercise = lesson("movi-of-a-pending-lpi").exercise
    lines = "poke 0x40220400 08\n" + exercise.answer
    answer = await client.post(address_of(exercise), data={"lines": lines})
    assert "poke 0x40220400 08 is not allowed here" in words(answer.text)
    assert "Not reached" in answer.text


async def test_lines_that_cannot_be_read_are_kept_and_marked(client):
    exercise = lesson("why-inv").exercise
    answer = await client.post(address_of(exercise), data={"lines": "note a\nits INV device=2\n"})
    assert answer.status_code == 422
    assert "Line 2: INV needs event" in unescape(answer.text)
    assert "its INV device=2" in answer.text


async def test_an_exercise_can_be_done_in_a_session(client):
    exercise = lesson("why-inv").exercise
    begun = await client.post(f"{address_of(exercise)}/start")
    assert begun.status_code == 303
    page = begun.headers["location"]
    session = page.partition("?session=")[2]
    assert f'src="/s/{session}"' in await shown(client, page)
    assert "Not reached" in await shown(client, page)
    for row in exercise.answer.strip().split("\n"):
        done = await client.post(f"/s/{session}/ops", data={"kind": "console", "op": row})
        assert done.status_code == 303
    html = await shown(client, page)
    assert "goal--yes" in html
    assert "<b>2</b> of 2 operations" in html


async def test_a_session_that_began_otherwise_is_refused(client):
    answer = await client.post("/sessions", data={"implementation": "kvm", "cpus": "2"})
    session = answer.headers["location"].removeprefix("/s/")
    html = await shown(client, f"{address_of(lesson('why-inv').exercise)}?session={session}", 422)
    assert "does not begin as the exercise does" in words(html)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (links.pack(parse("read GITS_CTLR\n")), 400),
        ("AAAA", 400),
        (links.pack(parse("read GITS_CTLR\n"), view={"task": "a", "goal": "irq@9 == 1", "most": "1 commands"}), 422),
    ],
)
async def test_a_link_that_carries_no_exercise_is_refused(client, payload, status):
    for method in ("GET", "POST"):
        answer = await client.request(method, f"/exercise/{payload}")
        assert answer.status_code == status, answer.text
    assert (await client.post(f"/exercise/{payload}/start")).status_code == status


# -- API


async def test_the_api_lists_lessons_and_tells_one(client):
    listed = (await client.get("/api/v1/lessons")).json()["lessons"]
    assert [row["slug"] for row in listed] == [item.slug for item in LESSONS]
    told = (await client.get("/api/v1/lessons/why-inv")).json()
    assert told["title"] == "Why INV"
    assert parse(told["scenario"]).operations == lesson("why-inv").scenario.operations
    assert told["exercise"]["goals"] == ["irq@0 == 1", "ICC_HPPIR1_EL1@0 == 8195"]
    missing = await client.get("/api/v1/lessons/why")
    assert missing.status_code == 404
    assert "did you mean why-inv" in missing.json()["detail"]


async def test_the_api_checks_an_exercise(client):
    exercise = lesson("why-inv").exercise
    checked = await client.post("/api/v1/exercises", json={"payload": exercise.payload(), "lines": exercise.answer})
    assert checked.json() == {
        "reached": True,
        "used": 2,
        "most": 2,
        "what": "operations",
        "goals": [
            {"goal": "irq@0 == 1", "reached": True, "got": "irq@0 is 1"},
            {"goal": "ICC_HPPIR1_EL1@0 == 8195", "reached": True, "got": "ICC_HPPIR1_EL1@0 is 8195"},
        ],
        "against": [],
    }
    wrong = await client.post("/api/v1/exercises", json={"payload": exercise.payload(), "lines": "its INV\n"})
    assert wrong.status_code == 422
    assert wrong.json()["line"] == 1


# -- compared


async def test_a_comparison_of_a_lesson_says_what_was_observed_on_real_ones(client):
    page = lesson_page(lesson("restore-in-order"), reader_of([]))
    html = await shown(client, page.compare)
    badges = re.findall(r'<th scope="col"><b>([^<]*)</b><span class="tag ([^"]*)">([^<]*)</span>', html, re.DOTALL)
    told = {title: words(badge) for title, _, badge in badges}
    assert told["KVM"] == "observed on real Linux 6.1.192 KVM, 2026-11-22"
    assert told["QEMU"] == "observed on real QEMU 7.2.22, 2026-11-22"
    assert told["Architecture"].startswith("model")
    assert told["KVM before 5.6"].startswith("model")


async def test_a_scenario_that_was_not_recorded_is_the_models(client):
    text = lesson("restore-in-order").text + "read GITS_CTLR\n"
    html = await shown(client, f"/x/{links.pack(parse(text))}/compare")
    assert "observed on real" not in html
    assert "model, checked against real KVM 6.1" in html


async def test_a_column_that_answers_otherwise_than_the_recording_is_the_models(client, monkeypatch):
    recording = recordings(lesson("restore-in-order").scenario)["kvm"]
    monkeypatch.setitem(recording.steps, 24, Observed(value=1023))
    page = lesson_page(lesson("restore-in-order"), reader_of([]))
    html = await shown(client, page.compare)
    assert "observed on real Linux" not in html
    assert "observed on real QEMU" in html
