"""The title in the bar: changed by who may write, by keyboard and without a script, seen by who watches."""

import pytest
from playwright.sync_api import expect


def test_a_title_is_changed_in_the_bar_and_seen_by_who_watches(start, open_page, screenshot):
    explorer = start("kvm")
    page = explorer.page
    watcher = open_page(page.url)
    expect(watcher.locator("#rename-go")).to_have_count(0)
    asked = []
    page.on("request", lambda request: request.method == "POST" and asked.append(request.url))
    page.focus("#rename-go")
    page.keyboard.press("Enter")
    expect(page.locator("#rename-to")).to_be_focused()
    screenshot(page, "title")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("What <PTZ> reads")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("What <PTZ> reads")
    expect(page.locator("#rename")).to_be_hidden()
    expect(page.locator("#rename-go")).to_be_focused()
    expect(page).to_have_title("What <PTZ> reads · giclab")
    expect(watcher.locator("h1")).to_have_text("What <PTZ> reads")
    assert len(asked) == 1
    explorer.type_line("read GICR_CTLR@0")
    page.click("#step-back")
    expect(page.locator("h1")).to_have_text("What <PTZ> reads")


def test_a_title_that_is_refused_says_why_and_stays(start, complaints):
    page = start("kvm").page
    page.click("#rename-go")
    page.fill("#rename-to", "x" * 201)
    page.click("#rename button")
    expect(page.locator("#rename [role=alert]")).to_contain_text("at most 200")
    expect(page.locator("#rename-to")).to_have_value("x" * 201)
    complaints.expected("422")


@pytest.mark.parametrize("width", [1440, 390])
def test_without_a_script_the_form_posts(start, open_page, width):
    session = start("kvm").page
    page = open_page(
        f"{session.url}?tab=devices",
        java_script_enabled=False,
        storage_state=session.context.storage_state(),
        viewport={"width": width, "height": 900},
    )
    page.click("#rename-go")
    page.fill("#rename-to", "Named")
    page.click("#rename button")
    expect(page.locator("h1")).to_have_text("Named")
    assert page.url.endswith("?tab=devices")
