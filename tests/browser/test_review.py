"""The review in a browser: asked for by keyboard, readable, and its links lead somewhere."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.review.rules import example
from app.scenario import links, parse


@pytest.mark.parametrize("width", [1440, 390])
def test_a_review_is_asked_for_and_leads_to_the_register(site, open_page, width):
    address = f"{site}/x/{links.pack(parse(example('pendbaser-while-enabled')))}"
    page = open_page(address, viewport={"width": width, "height": 844})
    page.get_by_role("link", name="Review: what is wrong here?").press("Enter")
    finding = page.locator("#review-list li")
    finding.wait_for()
    expect(page.locator("#review-n")).to_have_text("1 finding at step 5, look again")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page, {"include": [["#review"]]})
    assert not found.response["violations"]
    finding.get_by_role("link", name="Step 5").click()
    page.wait_for_url("**register=GICR_PENDBASER@0*")
    page.goto(f"{address}/review")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not Axe().run(page).response["violations"]
