"""Several people at one session: who presents, who follows, and what a broken line costs (nothing)."""

import re

import pytest
from playwright.sync_api import expect

from app import limits
from app.web import fragments, sse
from tests.browser.line import Line


@pytest.fixture
def watcher(open_page):
    """Somebody else's page of the same session; `query` for a link that says where to look."""

    def opened(explorer, query="", **settings):
        return open_page(explorer.page.url.partition("?")[0] + query, **settings)

    return opened


def shows(page):
    """Register, step and tab on view."""
    return (
        page.locator("#reg-h").inner_text(),
        page.locator("#timeline output b").inner_text(),
        page.locator("[role=tab][aria-selected=true]").get_attribute("id"),
    )


def present(page):
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_role("button", name="Presenting")).to_have_attribute("aria-pressed", "true")


def test_a_watcher_is_taken_along_looks_around_alone_and_follows_again(start, watcher, mapped):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line(*mapped)
    explorer.show("GICR_CTLR")
    present(page)
    page.click("#t-queue")
    other = watcher(explorer)
    place = "GICR_CTLR@0, the newest step, Command queue"
    expect(other.locator("#present")).to_contain_text(f"Following the presenter: {place}")
    expect(other.locator("#reg-h")).to_have_text("GICR_CTLR")
    expect(other.locator("#p-queue")).to_be_visible()
    explorer.show("GITS_CBASER")
    expect(other.locator("#reg-h")).to_have_text("GITS_CBASER")
    page.click("#step-back")
    expect(other.locator("#timeline output b")).to_have_text(str(len(mapped) - 1))
    assert shows(other) == shows(page)

    other.locator("#n-GICR_PROPBASER-0").click()
    expect(other.locator("#reg-h")).to_have_text("GICR_PROPBASER")
    expect(other.locator("#present")).to_contain_text("The presenter is at")
    page.click("text=Back to the newest")
    expect(other.locator("#present")).to_contain_text("the newest step")
    assert shows(other)[0] == "GICR_PROPBASER"
    other.get_by_role("button", name="Follow again").click()
    expect(other.locator("#reg-h")).to_have_text(page.locator("#reg-h").inner_text())
    expect(other.locator("#timeline output b")).to_have_text(str(len(mapped)))
    assert shows(other) == shows(page)

    other.get_by_role("button", name="Look around alone").click()
    explorer.show("GICD_CTLR")
    expect(other.locator("#present")).to_contain_text("GICD_CTLR")
    assert shows(other)[0] == "GICR_CTLR"
    page.get_by_role("button", name="Presenting").click()
    expect(other.locator("#present")).to_be_hidden()


def test_who_was_there_before_or_has_a_link_of_his_own_is_asked_first(start, watcher):
    explorer = start("kvm")
    before = watcher(explorer)
    explorer.show("GICR_CTLR")
    present(explorer.page)
    own = watcher(explorer, "?register=GICD_TYPER")
    for page, register in ((before, "GICR_PENDBASER"), (own, "GICD_TYPER")):
        expect(page.locator("#present")).to_contain_text("The presenter is at GICR_CTLR@0, the newest step, LPIs")
        assert shows(page)[0] == register
    before.get_by_role("button", name="Follow the presenter").focus()
    before.keyboard.press("Enter")
    expect(before.locator("#reg-h")).to_have_text("GICR_CTLR")


def test_what_the_presenter_does_is_seen_by_those_who_follow(start, watcher):
    explorer = start("kvm")
    explorer.show("GICR_PENDBASER")
    present(explorer.page)
    other = watcher(explorer)
    expect(other.locator("#present")).to_contain_text("Following")
    explorer.page.locator("#f-PTZ").select_option("0x1")
    explorer.write()
    expect(other.locator("#timeline output b")).to_have_text("1")
    expect(other.locator(".wr mark")).to_have_text(["4", "0"])
    expect(other.locator("#present")).to_contain_text("Following")


def test_only_who_may_write_has_the_button(start, watcher):
    explorer = start("kvm")
    other = watcher(explorer)
    expect(explorer.page.locator("#present-on")).to_be_visible()
    expect(other.locator("#present-on")).to_be_hidden()
    expect(other.locator("#watching")).to_have_text(re.compile("2 watching"))


def test_a_presenter_who_is_gone_presents_no_longer_and_a_short_break_changes_nothing(start, watcher, monkeypatch):
    monkeypatch.setattr("app.limits.PRESENTER_GONE_SECONDS", 1.0)
    explorer = start("kvm")
    present(explorer.page)
    other = watcher(explorer)
    expect(other.locator("#present")).to_be_visible()
    explorer.page.context.set_offline(True)
    explorer.page.context.set_offline(False)
    expect(other.locator("#present")).to_be_visible()
    explorer.page.close()
    expect(other.locator("#present")).to_be_hidden()


def test_a_page_for_which_there_is_no_room_says_so_works_and_is_live_again_when_there_is(
    start, open_page, screenshot, monkeypatch
):
    room = limits.WATCHERS_PER_SERVER
    monkeypatch.setattr(limits, "WATCHERS_PER_SERVER", 0)
    monkeypatch.setattr(sse, "AGAIN_SECONDS", 1)
    explorer = start("kvm")
    page = explorer.page
    expect(page.locator("#link")).to_have_text(re.compile("Not live: too many watch"), use_inner_text=True)
    expect(page.locator("#link")).to_have_attribute("title", re.compile("Too many are watching on this server"))
    expect(page.locator("#announce")).to_have_text(re.compile("^Not live: Too many are watching on this server"))
    expect(page.locator("#retry")).to_be_hidden()

    explorer.type_line("write GICR_CTLR@0 EnableLPIs=1")
    expect(page.locator("#n-GICR_CTLR-0")).to_contain_text("00000007")
    expect(page.locator("#link .link-full")).to_be_visible()
    screenshot(page, "not-live")
    page.click("#step-back")
    expect(page.locator("#timeline output b")).to_have_text("0")
    expect(page.locator("#link .link-full")).to_be_visible()
    page.click("text=Back to the newest")
    explorer.after(1)
    expect(page.locator("#link .link-full")).to_be_visible()

    beside = type(explorer)(open_page(page.url, storage_state=page.context.storage_state()))
    beside.type_line("note written beside")
    assert explorer.step == 1, "nobody told this page"
    monkeypatch.setattr(limits, "WATCHERS_PER_SERVER", room)
    expect(page.locator("#link .link-on")).to_be_visible()
    expect(page.locator("#link .link-full")).to_be_hidden()
    explorer.after(2)
    assert told(page) == [1, 2]
    beside.type_line("note and followed")
    explorer.after(3)


@pytest.fixture
def line(site):
    """A line to the server of the session that can be cut."""
    made = Line(site)
    yield made
    made.close()


@pytest.fixture
def through(line, start, site, open_page):
    """A watcher's page whose bytes go through the line, and the explorer of who writes beside it."""

    def opened():
        explorer = start("kvm")
        page = open_page(explorer.page.url.replace(site, line.url))
        expect(page.locator("#link .link-on")).to_be_visible()
        return explorer, page

    return opened


def told(page):
    """The steps in the timeline."""
    return [int(text.split()[0]) for text in page.locator(".step .k").all_inner_texts()]


def test_a_line_that_breaks_in_the_middle_costs_no_step_and_doubles_none(through, line, complaints, monkeypatch):
    explorer, page = through()
    loaded, resumed = [], []
    page.on("request", lambda request: loaded.append(request.url) if "/events" not in request.url else None)
    follow = fragments.event_stream

    def heard(request, *of_a_session):
        resumed.append(request.headers.get("last-event-id", ""))
        return follow(request, *of_a_session)

    monkeypatch.setattr(fragments, "event_stream", heard)
    for first in (1, 4, 7):
        explorer.type_line(f"note {first}")
        line.cut()
        explorer.type_line(f"note {first + 1}", f"note {first + 2}")
        line.mend()
        expect(page.locator("#timeline output b")).to_have_text(str(first + 2))
    assert told(page) == list(range(1, 10))
    assert len(resumed) >= 3
    assert all(resumed)
    assert sorted(resumed, key=int) == resumed
    assert loaded == [], "nothing was loaded anew"
    complaints.clear()


def test_after_more_than_is_kept_the_page_is_loaded_anew_in_place(through, line, complaints, monkeypatch):
    monkeypatch.setattr("app.sessions.broadcast.Broadcast.__init__.__kwdefaults__", {"events": 3, "size": 1 << 20})
    explorer, page = through()
    explorer.type_line("note 1")
    expect(page.locator("#timeline output b")).to_have_text("1")
    page.locator("#find").fill("PENDBASER")
    line.cut()
    explorer.type_line(*(f"note {number}" for number in range(2, 9)))
    line.mend()
    expect(page.locator("#timeline output b")).to_have_text("8")
    assert told(page) == list(range(1, 9))
    expect(page.locator("#find")).to_have_value("PENDBASER")
    explorer.type_line("note 9")
    expect(page.locator("#timeline output b")).to_have_text("9")
    complaints.clear()


def test_an_answer_that_gets_lost_is_told_where_it_was_asked_for_and_shown_once_when_it_is_back(
    line, start, site, open_page, complaints
):
    explorer = start("kvm")
    page = open_page(explorer.page.url.replace(site, line.url), storage_state=explorer.page.context.storage_state())
    expect(page.locator("#con")).to_be_enabled()

    def answered(route):
        """The server does it, and its answer is lost."""
        route.fetch()
        route.abort()

    page.route("**/ops", answered)
    page.fill("#con", "note taken")
    page.press("#con", "Enter")
    expect(page.locator("#console [role=alert]").or_(page.locator(".step.now"))).to_be_visible()
    expect(page.locator("#timeline output b")).to_have_text("1")
    assert told(page) == [1]
    page.unroute("**/ops")
    page.route("**/ops", lambda route: route.abort())
    page.fill("#con", "note not taken")
    page.press("#con", "Enter")
    expect(page.locator("#con")).to_have_value("note not taken")
    expect(page.locator("#timeline output b")).to_have_text("1")
    page.unroute("**/ops")
    page.press("#con", "Enter")
    # What was asked for while the line was bad may still come, and is asked for again as it is of the step before.
    expect(page.locator(".step .k")).to_have_text([re.compile("^1"), re.compile("^2")])
    expect(page.locator("#timeline output b")).to_have_text("2")
    complaints.clear()
