"""The register reference in a browser: finding, moving about by keyboard, and how it looks at every width."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.registers import register_map

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAGES = (
    "/registers",
    "/registers?on=kvm&show=absent",
    "/registers?on=kvm&q=40",
    "/registers?q=zzz",
    "/registers/GICR_PENDBASER?on=kvm",
    "/registers/GICD_CTLR",
    "/registers/GITS_BASER0?on=qemu",
    "/registers/GICD_IROUTER500",
    "/registers/GICR_ISPENDR0?on=kvm-before-5.6",
    "/registers/ICC_SGI1R_EL1?on=kvm",
    "/registers/GICR_VPENDBASER",
)


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1440])
def test_no_page_scrolls_sideways(open_page, site, width, screenshot):
    page = open_page(site, viewport={"width": width, "height": 900})
    for address in PAGES:
        page.goto(site + address)
        assert page.evaluate(SIDEWAYS) <= 0, address
        if width in (390, 1440) and "PENDBASER?" in address:
            screenshot(page, f"reference-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(open_page, site, scheme, width):
    page = open_page(site, color_scheme=scheme, viewport={"width": width, "height": 900})
    for address in PAGES:
        page.goto(site + address)
        violations = Axe().run(page).response["violations"]
        told = [
            f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary']}" for one in violations
        ]
        assert told == [], address


def test_the_list_follows_what_is_typed(open_page, site):
    page = open_page(f"{site}/registers?on=kvm")
    rows = page.locator(".regs tbody tr")
    assert rows.count() > 100
    page.locator("#q").press_sequentially("pendbaser", delay=20)
    expect(rows).to_have_count(3)
    expect(page.locator(".count")).to_have_text("3 registers for pendbaser")
    expect(page).to_have_url(re.compile(r"/registers\?on=kvm&q=pendbaser$"))
    expect(page).to_have_title(re.compile("^pendbaser"))
    expect(page.locator("#q")).to_be_focused()
    page.reload()
    expect(rows).to_have_count(3)
    page.fill("#q", "")
    expect(page.locator(".frame")).to_have_count(len(register_map("kvm").frames))


def test_filters_and_implementations_keep_the_search(open_page, site):
    page = open_page(f"{site}/registers")
    page.fill("#q", "0xffd0")
    expect(page.locator(".regs tbody tr")).to_have_count(3)
    page.click(".refswitch a:has-text('KVM'):not(:has-text('before'))")
    expect(page).to_have_url(re.compile("on=kvm&q=0xffd0"))
    page.click(".refswitch a:has-text('Not there')")
    expect(page.locator(".regs tbody tr")).to_have_count(2)
    expect(page.locator(".regs .why").first).to_contain_text("KVM has PIDR2 only in this frame")
    expect(page.locator("#q")).to_have_value("0xffd0")


def test_without_a_script_it_finds_as_well(open_page, site):
    page = open_page(f"{site}/registers?on=qemu", java_script_enabled=False)
    page.fill("#q", "ptz")
    page.press("#q", "Enter")
    expect(page).to_have_url(f"{site}/registers?on=qemu&q=ptz")
    page.click(".hits a")
    expect(page).to_have_url(f"{site}/registers/GICR_PENDBASER?on=qemu#f-PTZ")
    expect(page.locator("#f-PTZ .acc")).to_have_text("RW")


def test_by_keyboard_from_the_list_to_a_register_and_on(open_page, site):
    page = open_page(f"{site}/registers")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("IROUTER40")
    expect(page.locator(".hits a").first).to_have_text("GICD_IROUTER40")
    page.locator(".hits a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("GICD_IROUTER40")
    page.fill("#el-n", "41")
    page.press("#el-n", "Enter")
    expect(page.locator("h1")).to_have_text("GICD_IROUTER41")
    page.go_back()
    expect(page.locator("h1")).to_have_text("GICD_IROUTER40")


def test_the_skip_link_is_first_and_works(open_page, site):
    page = open_page(f"{site}/registers/GICR_PENDBASER")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("main a:focus")).to_have_count(1)


def test_a_field_in_the_address_is_marked(open_page, site):
    page = open_page(f"{site}/registers/GICR_PENDBASER#f-PTZ")
    marked = page.locator("#f-PTZ th").evaluate("cell => getComputedStyle(cell).backgroundColor")
    plain = page.locator("#f-InnerCache th").evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert marked != plain


def test_a_field_within_a_run_is_marked(open_page, site):
    page = open_page(f"{site}/registers/GICD_ISENABLER1#f-Set_enable_bit8")
    shadow = page.locator("#f-Set_enable_bit31 th").evaluate("cell => getComputedStyle(cell).boxShadow")
    assert "inset" in shadow


def test_trying_it_opens_a_played_scenario(open_page, site):
    page = open_page(f"{site}/registers/GICR_PENDBASER?on=kvm")
    page.click("text=Write all ones, read back")
    expect(page.locator("h1")).to_have_text("GICR_PENDBASER: all ones")
    expect(page.locator("#reg-h")).to_have_text("GICR_PENDBASER")
    expect(page.locator(".wr tr").nth(1)).to_contain_text("000fffffffff0f80")


def test_an_unknown_register_leads_to_the_nearest(open_page, site, complaints):
    page = open_page(f"{site}/registers/PENDBASR")
    complaints.expected("404")
    page.click("text=GICR_PENDBASER")
    expect(page.locator("h1")).to_have_text("GICR_PENDBASER")
