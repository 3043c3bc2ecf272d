"""The migration laboratory in a browser: by keyboard, by dragging, narrow, and while a search goes on."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.scenario import links, parse
from tests.scenario.test_laboratory import SOURCE

LAB = f"/x/{links.pack(parse(SOURCE.format(name='kvm')))}/migrate"

SEARCH = f"{LAB}/orders?order=ram,its-base,propbaser,pendbaser,basers,its-tables,gicr-ctlr,gicd-ctlr,icc"

# What a browser tells a page when a card is dragged over another one and let go.
DRAG = """([from, to]) => {
  const at = (name) => document.querySelector(`#card-${name} h3`);
  const tell = (type, place) => place.dispatchEvent(new DragEvent(type, {
    bubbles: true, cancelable: true, dataTransfer: new DataTransfer(), clientY: place.getBoundingClientRect().top,
  }));
  tell("dragstart", at(from));
  tell("dragover", at(to));
  tell("dragend", at(from));
}"""


def order(page):
    return page.locator("#steps [data-card]").evaluate_all("cards => cards.map(card => card.dataset.card)")


def test_cards_move_by_keyboard_and_by_dragging_and_the_address_follows(site, open_page):
    page = open_page(f"{site}{LAB}")
    verdict = page.locator(".vd a").first
    expect(verdict).to_have_text("All 3 pending LPIs came back.")
    for place in range(5, 15):
        page.locator("#down-gicr-ctlr").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#steps [data-card]").nth(place + 1)).to_have_attribute("data-card", "gicr-ctlr")
        assert page.evaluate("document.activeElement.id") == "down-gicr-ctlr"
    expect(verdict).to_have_text("None of 3 pending LPIs came back.")
    assert "gits-ctlr,gicr-ctlr" in page.url
    expect(page.locator("#card-gicr-ctlr")).to_contain_text("3 LPIs lost here")
    page.locator("#ptz-1").click()
    expect(verdict).to_have_text("All 3 pending LPIs came back.")
    page.locator("#ptz-saved").click()
    expect(verdict).to_have_text("None of 3 pending LPIs came back.")
    page.evaluate(DRAG, ["gicr-ctlr", "its-base"])
    expect(verdict).to_have_text("All 3 pending LPIs came back.")
    there = order(page)
    assert there.index("gicr-ctlr") < there.index("its-tables")
    page.go_back()
    expect(verdict).to_have_text("None of 3 pending LPIs came back.")


def test_a_search_shows_how_far_it_is_and_ends_with_its_classes(site, open_page):
    page = open_page(f"{site}{SEARCH}")
    expect(page.locator(".classes li").first).to_be_visible()
    expect(page.locator(".vd")).to_contain_text("of 720 orders bring every pending LPI back")
    page.get_by_role("link", name="See it happen").first.click()
    expect(page.locator(".vd a").first).to_have_text("All 3 pending LPIs came back.")


def test_narrow_and_without_a_script(site, open_page):
    page = open_page(
        f"{site}{LAB}?order=bases-its-ctlr", viewport={"width": 390, "height": 844}, java_script_enabled=False
    )
    expect(page.locator(".vd a").first).to_have_text("None of 3 pending LPIs came back.")
    page.locator("#t-first").click()
    page.locator("#t-next").click()
    expect(page.locator(".moves")).to_contain_text(re.compile("1 of 16 cards run"))
    page.locator("#out-ram").click()
    expect(page.locator("#card-ram")).to_contain_text("left out")


def test_nothing_scrolls_sideways(site, open_page):
    for width in (320, 390, 1024, 1440):
        for path in (LAB, "/thread"):
            page = open_page(f"{site}{path}", viewport={"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(open_page, site, scheme, width):
    page = open_page(site, color_scheme=scheme, viewport={"width": width, "height": 900})
    for address, whole in ((LAB, ".vd a"), (SEARCH, ".classes li"), ("/thread", "#C11")):
        page.goto(site + address)
        expect(page.locator(whole).first).to_be_visible()
        violations = Axe().run(page).response["violations"]
        assert [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in violations] == [], address
