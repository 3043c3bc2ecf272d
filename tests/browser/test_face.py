"""How the page stands: at every width, in light and dark, by keyboard, for assistive technology, without a script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

TABS = ("lpis", "devices", "collections", "queue", "memory")
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def rich(start, mapped):
    """A session with something in every panel, and its explorer."""

    def made(**settings):
        explorer = start("kvm", **settings)
        explorer.type_line(*mapped, "poke 0x40200004 c1", "its INT device=2 event=20", "write GICR_PENDBASER@0 0")
        return explorer

    return made


@pytest.mark.parametrize("width", [320, 390, 760, 1024, 1440])
def test_no_page_scrolls_sideways(rich, width, site):
    page = rich().page
    page.set_viewport_size({"width": width, "height": 900})
    for tab in TABS:
        page.click(f"#t-{tab}")
        assert page.evaluate(SIDEWAYS) <= 0, tab
    page.goto(site)
    assert page.evaluate(SIDEWAYS) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_the_screens(rich, screenshot, site, scheme, width, height):
    page = rich(color_scheme=scheme).page
    page.set_viewport_size({"width": width, "height": height})
    screenshot(page, f"session-{width}-{scheme}")
    page.click("#t-memory")
    screenshot(page, f"memory-{width}-{scheme}")
    page.goto(site)
    screenshot(page, f"home-{width}-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(rich, site, scheme, width):
    page = rich(color_scheme=scheme).page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(1300)  # the flash of what changed is over
    for tab in TABS:
        page.click(f"#t-{tab}")
        assert_accessible(page)
    page.click("#step-back")
    expect(page.locator(".strip")).to_be_visible()
    assert_accessible(page)
    page.goto(site)
    assert_accessible(page)


def assert_accessible(page):
    violations = Axe().run(page).response["violations"]
    told = [f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary']}" for one in violations]
    assert told == []


def test_the_bits_are_one_tab_stop_with_arrow_keys(start):
    page = start("kvm").page
    stops = page.locator(".bits .bit[tabindex='0']")
    expect(stops).to_have_count(1)
    expect(stops).to_have_attribute("data-bit", "62")
    stops.focus()
    focused = page.locator(".bit:focus")
    for key, bit in [
        ("ArrowRight", "58"),
        ("ArrowLeft", "62"),
        ("ArrowDown", "30"),
        ("Home", "51"),
        ("End", "16"),
        ("ArrowRight", "11"),
    ]:
        page.keyboard.press(key)
        expect(focused).to_have_attribute("data-bit", bit)
    page.keyboard.press("Space")
    expect(focused).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".bit.is-draft")).to_have_count(0)


def test_a_register_is_written_by_keyboard_alone(start):
    explorer = start("kvm")
    page = explorer.page
    page.keyboard.press("/")
    page.keyboard.type("GICR_PROPBASER")
    expect(page.locator("#found a").first).to_be_visible()
    page.locator("#found a", has_text="GICR_PROPBASER@0").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#reg-h")).to_have_text("GICR_PROPBASER")
    page.locator(".bit[tabindex='0']").focus()
    page.keyboard.press("Space")
    expect(page.locator("#b58")).to_have_attribute("aria-pressed", "true")
    page.locator("#wval").focus()
    page.keyboard.press("Enter")
    explorer.after(1)
    written = re.compile("write GICR_PROPBASER@0 OuterCache=4")
    expect(page.locator(".step.now a")).to_have_attribute("aria-label", written)


def test_keys_of_the_page(start):
    explorer = start("kvm")
    page = explorer.page
    page.keyboard.press(":")
    expect(page.locator("#con")).to_be_focused()
    page.keyboard.type("read GICR_CTLR@0")
    page.keyboard.press("Enter")
    explorer.after(1)
    expect(page.locator("#con")).to_be_focused()
    expect(page.locator("#con")).to_have_value("")
    page.locator("#t-lpis").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#t-devices")).to_be_focused()
    expect(page.locator("#p-devices")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("#p-memory")).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#timeline output b")).to_have_text("0")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#timeline output b")).to_have_text("1")


def test_the_navigator_is_a_popover_on_narrow_screens(start):
    page = start("kvm", viewport={"width": 390, "height": 844}).page
    expect(page.locator("#nav")).to_be_hidden()
    page.get_by_role("button", name="Registers and tables").click()
    page.locator("#n-GICR_CTLR-0").click()
    expect(page.locator("#reg-h")).to_have_text("GICR_CTLR")
    expect(page.locator("#nav")).to_be_hidden()


def test_everything_works_without_a_script(site, open_page, complaints):
    page = open_page(site, java_script_enabled=False)
    page.click("text=Start with an empty machine")
    page.select_option("#f-PTZ", "0x1")
    page.click("#inspector button[value=write]")
    assert "/s/" in page.url
    assert page.locator(".wr mark").all_inner_texts() == ["4", "0"]
    page.fill("#con", "write GICR_CTLR@0 EnableLPI=1")
    page.press("#con", "Enter")
    assert "EnableLPIs" in page.locator("#console [role=alert]").inner_text()
    assert page.input_value("#con") == "write GICR_CTLR@0 EnableLPI=1"
    page.fill("#con", "write GICR_CTLR@0 EnableLPIs=1")
    page.press("#con", "Enter")
    assert page.locator("#timeline output b").inner_text() == "2"
    page.select_option("#its-command", "MAPC")
    page.click("#its button[value=choose]")
    page.fill("#its-collection", "3")
    page.click("#its button[value=issue]")
    page.click("#t-collections")
    assert "CPU0" in page.locator("#p-collections").inner_text()
    page.click("#step-back")
    assert page.locator("#timeline output b").inner_text() == "2"
    page.click("text=Back to the newest")
    page.fill("#find", "PROPBASER")
    page.press("#find", "Enter")
    page.locator("#found a").first.click()
    assert page.locator("#reg-h").inner_text() == "GICR_PROPBASER"
    complaints.expected("422")


def test_reduced_motion_stops_all_animation(rich):
    page = rich(reduced_motion="reduce").page
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_lost_server_is_told_and_found_again(server, open_page, complaints):
    page = open_page(server.url)
    page.click("text=Start with an empty machine")
    page.wait_for_url("**/s/*")
    page.fill("#con", "write GICR_PENDBASER@0 PTZ=1")
    page.press("#con", "Enter")
    expect(page.locator("#timeline output b")).to_have_text("1")
    page.fill("#con", "read GICR_PENDBASER@0")
    page.locator("#f-Physical_Address").fill("0x40210000")
    server.kill()
    expect(page.locator("#link .link-off").first).to_be_visible()
    expect(page.locator("#inspector")).to_be_visible()
    expect(page.locator("#inspector button[value=write]")).to_be_disabled()
    page.press("#con", "Enter")
    expect(page.locator("#console [role=alert]")).to_contain_text("Nothing was sent")
    server.start()
    expect(page.locator("#link .link-on")).to_be_visible(timeout=30_000)
    expect(page.locator("#console [role=alert]")).to_have_count(0)
    expect(page.locator("#timeline output b")).to_have_text("1")
    expect(page.locator("#con")).to_have_value("read GICR_PENDBASER@0")
    expect(page.locator("#f-Physical_Address")).to_have_value("0x40210000")
    page.click("#inspector button[value=write]")
    expect(page.locator("#timeline output b")).to_have_text("2")
    expect(page.locator(".step.now a")).to_have_attribute("aria-label", re.compile("Physical_Address=0x40210000"))
    page.press("#con", "Enter")
    expect(page.locator("#timeline output b")).to_have_text("3")
    complaints.clear()
