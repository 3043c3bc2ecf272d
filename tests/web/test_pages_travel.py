"""Time travel on the page, with forms alone and as a script sees it."""

import re

import pytest

from tests.web.reading import words

pytestmark = pytest.mark.anyio
TEXT = """\
title Mine
machine implementation=kvm cpus=2
poke 0x40200000 01
poke 0x40200000 02
expect memory(0x40200000, 1) == 03
"""


class Visitor:
    """A browser without a script."""

    def __init__(self, client, path):
        self.client = client
        self.path = path

    async def page(self, query=""):
        answer = await self.client.get(self.path + query)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def post(self, where, query="", headers=None, **form):
        return await self.client.post(f"{self.path}/{where}{query}", data=form, headers=headers or {})

    async def press(self, name):
        """Press a button of the history, as its form on the page has it."""
        html = await self.page()
        values = re.findall(rf'name="do" value="({name}[ \d]*)"', html)
        assert values, f"no button {name}"
        answer = await self.post("move", do=values[0])
        assert answer.status_code == 303
        assert answer.headers["location"] == self.path
        return await self.page()


@pytest.fixture
async def visitor(client):
    answer = await client.post("/sessions", data={"scenario": TEXT})
    return Visitor(client, answer.headers["location"])


def place(html):
    return tuple(map(int, re.search(r"Step <b>(\d+)</b> of (\d+)", html).groups()))


async def test_acting_in_the_past_goes_on_from_there(visitor):
    html = await visitor.page("?step=1")
    action = re.search(r'<form class="con"[^>]* action="([^"]+)"', html)[1]
    answer = await visitor.client.post(action, data={"kind": "console", "op": "poke 0x40200000 ff"})
    assert (answer.status_code, answer.headers["location"]) == (303, visitor.path)
    html = await visitor.page()
    assert place(html) == (2, 2)
    told = words(html)
    assert "2 other steps after step 1 poke 0x40200000 02 expect memory(0x40200000, 1) == 03" in told
    assert re.search(r'aria-label="Step 1: [^"]*, 1 other branch after this step"', html)
    html = await visitor.press("switch")
    assert place(html) == (3, 3)
    assert "1 other step after step 1 poke 0x40200000 ff" in words(html)
    assert "Other branches None." in words(await visitor.press("drop"))


async def test_undo_redo_and_the_two_resets_are_buttons_that_say_what_they_do(visitor):
    html = await visitor.page()
    assert "Reset to link Back to the 3 steps that this session began with." in words(html)
    assert "Power-on reset Step 0 of the same machine: registers at their reset values, RAM all zero." in words(html)
    assert place(await visitor.press("undo")) == (2, 2)
    assert place(await visitor.press("redo")) == (3, 3)
    assert place(await visitor.press("power-on")) == (0, 0)
    assert "3 steps ahead, undone" in words(await visitor.page())
    assert place(await visitor.press("restart")) == (3, 3)


async def test_what_cannot_be_done_is_said_and_changes_nothing(visitor):
    answer = await visitor.post("move", do="redo")
    assert answer.status_code == 409
    assert "nothing to redo" in answer.text
    scripted = await visitor.post("move", do="redo", headers={"HX-Request": "true"})
    assert scripted.status_code == 409
    assert re.match(r'<hx-partial hx-target="#history-says"[^>]*><div class="err"', scripted.text)
    for wrong in ("", "sing", "switch", "switch x", "drop 99999999999"):
        assert (await visitor.post("move", do=wrong)).status_code == 422
    assert (await visitor.post("move", do="switch 77")).status_code == 404
    assert place(await visitor.page()) == (3, 3)


async def test_who_only_watches_sees_the_branches_and_has_no_buttons(client, visitor):
    await visitor.post("ops", "?step=1", kind="console", op="note other")
    client.cookies.clear()
    html = await visitor.page()
    assert "2 other steps after step 1" in words(html)
    assert "Reset to link" not in html
    assert (await visitor.post("move", do="undo")).status_code == 401
    assert (await visitor.post("ops", "?step=1", kind="console", op="note x")).status_code == 401
    assert place(await visitor.page()) == (2, 2)


async def test_with_a_script_the_page_comes_back_whole_and_the_address_with_it(visitor):
    scripted = {"HX-Request": "true"}
    fields = {"kind": "console", "op": "note other", "register": "GICD_CTLR", "tab": "queue"}
    answer = await visitor.post("ops", "?step=1", headers=scripted, **fields)
    assert answer.headers["hx-replace-url"] == f"{visitor.path}?register=GICD_CTLR&tab=queue"
    assert answer.text.startswith('<hx-partial hx-target="#app"')
    assert place(answer.text) == (2, 2)
    answer = await visitor.post("move", headers=scripted, do="undo", tab="queue")
    assert answer.headers["hx-replace-url"] == f"{visitor.path}?tab=queue"
    assert place(answer.text) == (1, 1)
    assert re.search(r'id="seen" data-step="1" data-turn="\d+"', answer.text)


async def test_a_step_after_a_fork_is_told_anew_and_not_from_what_was_kept(visitor):
    scripted = {"HX-Request": "true"}
    first = await visitor.post("ops", headers=scripted, kind="console", op="note first fourth", actor="a")
    await visitor.post("move", headers=scripted, do="undo", actor="a")
    second = await visitor.post("ops", headers=scripted, kind="console", op="note second fourth", actor="a")
    assert "first fourth" in words(first.text)
    assert "second fourth" in words(second.text)
    assert "first fourth" not in words(re.search(r'<section class="trace".*?</section>', second.text, re.DOTALL)[0])


async def test_the_same_number_of_steps_on_another_branch_is_played_anew_elsewhere(visitor):
    before = await visitor.page("?on=qemu&tab=memory&address=0x40200000")
    here = re.compile(r'<td class="here"><a [^>]*title="0x40200000 · no table lies here" aria-current="true">(..)</a>')
    assert here.search(before)[1] == "02"
    await visitor.post("move", do="undo")
    await visitor.post("move", do="undo")
    await visitor.post("ops", kind="console", op="poke 0x40200000 77")
    await visitor.post("ops", kind="console", op="note same length")
    assert here.search(await visitor.page("?on=qemu&tab=memory&address=0x40200000"))[1] == "77"


async def test_expectations_are_counted_and_lead_to_the_one_that_fails(visitor):
    html = await visitor.page("?step=1")
    assert re.search(r'<a href="[^"]*step=3" title="1 do not hold; the first is step 3">', html)
    assert "does not hold" not in re.search(r'<ol class="steps">.*?</ol>', html, re.DOTALL)[0]
    assert 'aria-label="Step 3: expect memory(0x40200000, 1) == 03, does not hold"' in await visitor.page("?step=3")


async def test_what_a_step_changed_is_marked_on_every_panel(client):
    lines = ("its MAPD device=2 itt=0x40300000 size=5", "its MAPC collection=1 target=0")
    answer = await client.post("/sessions", data={"scenario": "machine implementation=kvm cpus=2\n" + "\n".join(lines)})
    visitor = Visitor(client, answer.headers["location"])

    async def changed(query):
        html = await visitor.page(query)
        return re.findall(r'class="cnt is-changed" id="cnt-(\w+)"', html), html

    marked, html = await changed("?step=1")
    assert marked == ["devices", "queue", "memory"]
    assert re.search(r'<tr class="is-now"><th scope="row"><a class="n"[^>]*>0x2</a>', html)
    marked, html = await changed("?step=2")
    assert marked == ["collections", "queue", "memory"]
    assert '<tr class="is-now"><th scope="row" class="n">1</th>' in html
    assert re.search(r'<tr class="done is-now"><td class="slotno">1 ', html)
    assert not re.search(r'is-now"><td class="slotno">0 ', html)
