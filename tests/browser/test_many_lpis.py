"""All 57,344 LPIs on one page: zoomed and picked by keyboard, followed live."""

import re

import pytest
from playwright.sync_api import expect

from bench.many import scenario


@pytest.fixture
def full(site, open_page):
    """A page of a session with every LPI mapped."""
    page = open_page(site)
    form = {"scenario": scenario("kvm")}
    page.goto(page.request.post(f"{site}/sessions", form=form, headers={"Origin": site}).url)
    return page


def test_the_map_is_zoomed_and_the_table_picked_from_by_keyboard(full, screenshot):
    page = full
    expect(page.locator("#lmap tbody tr")).to_have_count(28)
    page.locator("#lm-8192 a").focus()
    # It comes when somebody turns to the map; until it is there, Tab goes from row to row.
    page.evaluate("import(document.querySelector('#lmap').dataset.module).then(() => true)")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#lm-20480 a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#lz-20480 a")).to_be_focused()
    expect(page.locator("#lmap tbody tr")).to_have_count(32)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("table.lpis tbody tr").first).to_have_id("lpi-22464")
    expect(page.locator("#lz-22464 a")).to_be_focused()
    screenshot(page, "lpi-map-zoomed")
    page.locator("#lmap thead a").press("Enter")
    expect(page.locator("#lm-20480")).to_be_visible()


def test_lpis_are_picked_by_state_and_the_address_says_so(full):
    page = full
    for event in (3, 4000):
        page.fill("#con", f"msi device=2 event={event}")
        page.press("#con", "Enter")
        expect(page.locator("#con")).to_have_value("")
    page.select_option("#p-lpis [name=show]", "pending")
    page.locator("#p-lpis .goto button").press("Enter")
    expect(page.locator("table.lpis tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile("show=pending"))
    page.fill("#con", "its CLEAR device=2 event=3")
    page.press("#con", "Enter")
    expect(page.locator("table.lpis tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#lpi-12192")).to_be_visible()
    expect(page.locator("table.lpis tbody tr")).to_have_count(1)


def test_only_the_changed_rows_reach_who_watches(full, open_page):
    watcher = open_page(full.url)
    pending = watcher.locator("#lm-8192 td").nth(1)
    expect(pending).to_have_text("0")
    told = (
        "document.querySelector('#lm-10240').dataset.mine = document.querySelector('#lpi-8200').dataset.mine = 'kept'"
    )
    watcher.evaluate(told)
    full.fill("#con", "msi device=2 event=2")
    full.press("#con", "Enter")
    expect(pending).to_have_text("1")
    expect(watcher.locator("#lpi-8194 .st")).to_have_text("pending")
    expect(watcher.locator("#lpi-8194")).to_have_class("is-now")
    expect(watcher.locator("#lpi-sums")).to_contain_text("1pending")
    expect(watcher.locator("#lm-10240")).to_have_attribute("data-mine", "kept")
    expect(watcher.locator("#lpi-8200")).to_have_attribute("data-mine", "kept")
    expect(watcher.locator("#lmap tbody tr")).to_have_count(28)
