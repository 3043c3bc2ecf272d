"""Several people at one session: who presents, who follows, and what a broken line costs (nothing)."""

import re

import pytest
from playwright.sync_api import expect


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
