"""The way of an MSI, as a person follows and edits it."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect


@pytest.fixture
def masked(start, mapped):
    """LPI 8195 is pending, and disabled by a configuration byte that was cached before the last write to it."""

    def made(**settings):
        explorer = start("kvm", **settings)
        lines = ("poke 0x40200003 a0", "its INV device=2 event=20", "msi device=2 event=20", "poke 0x40200003 a1")
        explorer.type_line(*mapped, *lines)
        return explorer

    return made


def test_a_click_on_an_lpi_shows_its_way_and_an_edit_changes_it(masked, screenshot):
    explorer = masked()
    page = explorer.page
    page.evaluate("window.untouched = true")
    expect(page.locator("#way")).to_be_hidden()
    page.locator("#lpi-8195 th a").click()
    expect(page.locator("#way-h")).to_be_focused()
    expect(page).to_have_url(re.compile(r"way=8195"))
    broken = page.locator("#way .stop--broken")
    expect(broken).to_contain_text("Configuration byte")
    expect(broken).to_contain_text("≠ needs INV")
    screenshot(page, "way-broken")
    step = explorer.step
    broken.locator("summary").click()
    page.locator("#way-configuration button", has_text="INV").last.press("Shift+Tab")
    page.locator('#way-configuration button[value="its INV device=0x2 event=0x14"]').press("Enter")
    explorer.after(step + 1)
    expect(broken).to_contain_text("CPU interface")
    expect(broken).to_contain_text("GICD_CTLR")
    expect(page.locator("#way .sec-h")).to_contain_text(f"after step {step + 1}")
    page.fill("#way-configuration-1-1", "b0")
    page.press("#way-configuration-1-1", "Enter")
    explorer.after(step + 2)
    expect(page.locator("#way-configuration .stop__in")).to_contain_text("≠ needs INV")
    expect(page.locator("#way-configuration .stop__ram")).to_contain_text("b0")
    assert page.evaluate("window.untouched")
    page.get_by_role("link", name="Why?").click()
    expect(page.locator("#why-h")).to_be_focused()
    expect(page.locator("#way-h")).to_be_visible()
    page.reload()
    expect(page.locator("#way-h")).to_be_visible()
    page.locator("#way .close", has_text="Close").click()
    expect(page.locator("#way")).to_be_hidden()


def test_a_refused_edit_says_why_and_loses_nothing(masked, complaints):
    explorer = masked()
    page = explorer.page
    page.locator("#lpi-8195 th a").click()
    page.locator("#way-device-entry summary").click()
    page.fill("#way-device-entry-2-1", "0x40300001")
    page.locator("#way-device-entry button", has_text="MAPD").click()
    expect(page.locator("#way-says")).to_contain_text("multiple of")
    expect(page.locator("#way-device-entry-2-1")).to_have_value("0x40300001")
    complaints.expected("422")


def test_any_event_can_be_asked_for_and_a_device_and_an_event_are_links(masked):
    explorer = masked()
    page = explorer.page
    page.click("#t-devices")
    page.get_by_role("link", name="The way of device 0x2").click()
    expect(page.locator("#way-h")).to_contain_text("INTID 8195")
    page.fill("#way-of", "0x2:0x40")
    page.press("#way-of", "Enter")
    expect(page.locator("#way .stop--broken")).to_contain_text("EventID 0x40")
    expect(page).to_have_url(re.compile(r"way=0x2(:|%3A)0x40"))
    explorer.type_line("its MAPD device=2 itt=0x40300000 size=7")
    expect(page.locator("#way .stop--broken")).to_contain_text("ITT entry")


def test_the_way_follows_time_and_watchers(masked, open_page):
    explorer = masked()
    page = explorer.page
    page.locator("#lpi-8195 th a").click()
    expect(page.locator("#way .stop").first).to_be_visible()
    page.click("#step-back")
    expect(page.locator("#way .stop--broken")).to_contain_text("Configuration byte")
    expect(page.locator("#way .stop--broken")).not_to_contain_text("needs INV")
    page.click("#step-forward")
    expect(page.locator("#way .stop--broken")).to_contain_text("needs INV")
    watcher = open_page(page.url.partition("?")[0] + "?way=8195")
    expect(watcher.locator("#watching")).to_contain_text("2")
    explorer.type_line("its INV device=2 event=20")
    expect(watcher.locator("#way .stop--broken")).to_contain_text("CPU interface")
    assert watcher.locator("#way fieldset:not([disabled])").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_way_is_accessible_and_fits(masked, screenshot, scheme, width):
    page = masked(color_scheme=scheme).page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(page.url.partition("?")[0] + "?way=8195#way")
    for summary in page.locator("#way .edits > summary").all():
        summary.click()
    page.wait_for_timeout(1300)
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    screenshot(page, f"way-{width}-{scheme}")


def test_without_a_script_it_is_shown_and_edited(site, open_page, mapped):
    page = open_page(site, java_script_enabled=False)
    lines = ("poke 0x40200003 a0", "its INV device=2 event=20", "msi device=2 event=20", "poke 0x40200003 a1")
    scenario = "\n".join(("machine implementation=kvm cpus=2", *mapped, *lines))
    made = page.request.post(f"{site}/sessions", form={"scenario": scenario})
    page.goto(made.url)
    page.locator("#lpi-8195 th a").click()
    expect(page.locator("#way .stop--broken")).to_contain_text("needs INV")
    page.locator("#way-configuration summary").click()
    page.locator('#way-configuration button[value="its INV device=0x2 event=0x14"]').click()
    expect(page.locator("#way .stop--broken")).to_contain_text("CPU interface")
    expect(page).to_have_url(re.compile("way=8195"))
