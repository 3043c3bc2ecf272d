"""Time travel, the console and the text by hand: played, forked, undone, completed, rewritten."""

import re

import pytest
from playwright.sync_api import expect

LINES = (
    "poke 0x40200000 01",
    "poke 0x40200000 02",
    "expect memory(0x40200000, 1) == 02",
    "poke 0x40200000 03",
    "expect memory(0x40200000, 1) == 99",
    "poke 0x40200000 04",
)


@pytest.fixture
def shown(site, open_page):
    """Opens a session with LINES; keywords are those of a context."""

    def opened(**settings):
        page = open_page(site, **settings)
        answer = page.request.post(
            f"{site}/sessions",
            form={"scenario": "title Travel\nmachine implementation=kvm cpus=2\n" + "\n".join(LINES)},
            headers={"Origin": site},
        )
        page.goto(answer.url)
        return page

    return opened


def at(page, now, total):
    expect(page.locator("#timeline output")).to_contain_text(re.compile(rf"^Step {now} of {total}"))


def asked_steps(addresses):
    return [int(found[1]) for address in addresses if (found := re.search(r"step=(\d+)", address))]


def test_playing_asks_once_for_each_step_and_stops_at_the_expectation_that_fails(shown, screenshot):
    page = shown()
    page.goto(f"{page.url}?step=0")
    page.select_option("#speed", "250")
    page.locator("#trace-h").click()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "true")
    at(page, 5, 6)
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")
    assert asked_steps(asked) == [1, 2, 3, 4, 5]
    expect(page.locator("#speed")).to_have_value("250")
    expect(page.locator(".step.now .no")).to_be_visible()
    assert "expected == 99" in page.locator("#announce").inner_text()
    expect(page.locator(".verdicts")).to_have_text(re.compile(r"1 hold\s*1 do not hold"))
    page.keyboard.press("ArrowRight")
    at(page, 6, 6)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    at(page, 6, 6)
    page.keyboard.press("ArrowLeft")
    at(page, 5, 6)
    screenshot(page, "timeline-failed")


def test_a_step_moves_nothing_but_what_changed(shown):
    page = shown()

    def places():
        return page.evaluate(
            "['.bar','#inspector','#tables','#timeline','.transport','.steps','#console'].map((name) => {"
            "const box = document.querySelector(name).getBoundingClientRect(); return [box.x, box.y, box.width]; })"
        )

    newest = places()
    for step in (5, 4, 3):
        page.keyboard.press("ArrowLeft")
        at(page, step, 6)
        assert places() == newest


def test_acting_in_the_past_undo_redo_resets_and_branches(shown, open_page, screenshot):
    page = shown()
    address = page.url
    watcher = open_page(address)
    watcher.evaluate("window.untouched = true")
    for step in (5, 4):
        page.keyboard.press("ArrowLeft")
        at(page, step, 6)
    page.fill("#con", "poke 0x40200000 77")
    page.press("#con", "Enter")
    at(page, 5, 5)
    assert page.url.startswith(address)
    assert "step=" not in page.url
    expect(page.locator("#con")).to_have_value("")
    expect(page.locator(".step .fk")).to_have_count(1)
    at(watcher, 5, 5)
    page.locator("#trace-h").click()
    for key, now in (("u", 4), ("u", 3), ("r", 4), ("r", 5)):
        page.keyboard.press(key)
        at(page, now, now)
    at(watcher, 5, 5)
    page.click(".btn--history")
    rows = page.locator(".branches li")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("2 other steps after step 4")
    screenshot(page, "history")
    page.get_by_role("button", name="Power-on reset").click()
    at(page, 0, 0)
    at(watcher, 0, 0)
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Reset to link").click()
    at(page, 6, 6)
    expect(rows).to_have_count(1)
    rows.get_by_role("button", name="Switch to it").click()
    at(page, 5, 5)
    # What the session began with cannot be dropped.
    expect(page.get_by_role("button", name="Drop")).to_have_count(0)
    page.get_by_role("button", name="Reset to link").click()
    at(page, 6, 6)
    rows.get_by_role("button", name="Drop").click()
    expect(rows).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#history")).to_be_hidden()
    page.fill("#con", "note on we go")
    page.press("#con", "Enter")
    at(page, 7, 7)
    at(watcher, 7, 7)
    expect(watcher.locator("#undo-op")).to_be_hidden()
    assert watcher.evaluate("window.untouched")


def test_the_console_completes_recalls_and_marks_the_column(shown, complaints):
    page = shown()
    con, options = page.locator("#con"), page.locator("#sugg li")
    con.click()
    page.keyboard.type("write gicr_pendb")
    expect(options).to_have_count(1)
    page.keyboard.press("Tab")
    expect(con).to_have_value("write GICR_PENDBASER@0")
    page.keyboard.type(" pt")
    expect(options.first.locator("code")).to_have_text("PTZ=")
    expect(con).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(con).to_have_attribute("aria-activedescendant", "sugg-0")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(con).to_have_value("write GICR_PENDBASER@0 PTZ=")
    page.keyboard.type("1")
    expect(page.locator("#sugg")).to_be_hidden()
    page.keyboard.press("Enter")
    at(page, 7, 7)
    expect(con).to_have_value("")
    page.keyboard.type("raed GICD_CTLR")
    page.keyboard.press("Enter")
    expect(page.locator("#console pre")).to_have_text("raed GICD_CTLR\n^")
    complaints.expected("422")
    page.keyboard.press("ArrowUp")
    expect(con).to_have_value("raed GICD_CTLR")
    page.keyboard.press("ArrowUp")
    expect(con).to_have_value("write GICR_PENDBASER@0 PTZ=1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(con).to_have_value("")
    page.keyboard.press("Tab")
    expect(con).not_to_be_focused()


def test_the_text_is_coloured_checked_completed_and_saved_as_a_branch(shown, screenshot):
    page = shown()
    page.click(".btn--history")
    page.click("text=Edit as text")
    area, rows = page.locator("#text"), page.locator("#back div")
    expect(rows).to_have_count(len(LINES) + 3)
    expect(rows.nth(2).locator(".t-verb")).to_have_text("poke")
    area.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("wriet GICR_CTLR@0 EnableLPIs=1\nits mapt")
    expect(page.locator("#problems li")).to_have_count(2)
    expect(page.locator("#problems li").first).to_contain_text("line 9, column 1")
    expect(page.locator("#back .bad")).to_have_count(2)
    expect(page.locator("#sugg code").first).to_have_text("MAPTI")
    screenshot(page, "text-problems")
    page.keyboard.press("Tab")
    page.keyboard.type("device=2 event=20 intid=8195 collection=1")
    expect(area).to_have_value(re.compile(r"its MAPTI device=2 event=20 intid=8195 collection=1$"))
    page.locator("#problems a").first.click()
    assert page.evaluate("document.activeElement.id") == "text"
    for _ in "wriet":
        page.keyboard.press("Delete")
    page.keyboard.type("write")
    page.keyboard.press("Escape")
    expect(page.locator("#problems")).to_contain_text("Every line can be read.")
    assert page.locator("#back").inner_text().split() == area.input_value().split()
    page.click("text=Save as a new branch")
    at(page, 8, 8)
    expect(page.locator(".btn--history .cnt")).to_have_count(0)
    page.keyboard.press("u")
    at(page, 7, 7)


def test_presses_that_come_quickly_are_all_taken_and_asked_for_one_after_the_other(shown):
    page = shown()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(
        "for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowRight'])"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))"
    )
    at(page, 3, 6)
    assert asked_steps(asked) == [5, 4, 3]
