"""Asking why an interrupt is (not) signalled, as a person does it."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect


@pytest.fixture
def masked(start, mapped):
    """LPI 8195 is pending, its configuration byte says disabled."""

    def made(**settings):
        explorer = start("kvm", **settings)
        explorer.type_line(*mapped, "poke 0x40200003 a0", "its INV device=2 event=20", "msi device=2 event=20")
        return explorer

    return made


def test_a_click_on_the_state_answers_and_the_answer_follows(masked, screenshot):
    explorer = masked()
    page = explorer.page
    page.evaluate("window.untouched = true")
    expect(page.locator("#why")).to_be_hidden()
    page.locator("#lpi-8195 a.st").click()
    expect(page.locator("#why-h")).to_have_text("INTID 8195 is not signalled")
    expect(page.locator("#why-h")).to_be_focused()
    here = page.locator("#why li.here")
    expect(here).to_contain_text("its configuration byte says disabled")
    expect(here).to_contain_text("Set bit 0 of the byte at 0x40200003, then issue INV.")
    expect(page).to_have_url(re.compile(r"why=8195"))
    screenshot(page, "why-not-signalled")
    explorer.type_line("poke 0x40200003 a1")
    expect(here).to_contain_text("the cached configuration byte says disabled, RAM says enabled")
    explorer.type_line("its INV device=2 event=20")
    expect(here).to_contain_text("GICD_CTLR.EnableGrp1")
    expect(page.locator("#why .sec-h")).to_contain_text(f"after step {explorer.step}")
    explorer.type_line("write GICD_CTLR EnableGrp1=1", "write ICC_PMR_EL1@0 0xff", "write ICC_IGRPEN1_EL1@0 1")
    explorer.type_line("its INV device=2 event=20")
    expect(page.locator("#why-h")).to_have_text("INTID 8195 is signalled")
    expect(here).to_have_count(0)
    expect(page.locator("#con")).to_be_focused()
    assert page.evaluate("window.untouched")
    page.locator("#why .close").click()
    expect(page.locator("#why")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("why="))


def test_the_past_is_asked_too_and_what_is_asked_stays(masked):
    explorer = masked()
    page = explorer.page
    page.locator("#lpi-8195 a.st").click()
    expect(page.locator("#why li.here")).to_contain_text("configuration byte")
    before = explorer.step
    page.click("#step-back")
    expect(page.locator("#why .sec-h")).to_contain_text(f"after step {before - 1}")
    page.click("#step-back")
    expect(page.locator("#why li.here")).to_contain_text("it is not pending")
    expect(page.locator("#why .sec-h")).to_contain_text(f"after step {explorer.step}")
    page.click("#step-forward")
    page.click("#step-forward")
    expect(page.locator("#why li.here")).to_contain_text("configuration byte")
    page.reload()
    expect(page.locator("#why li.here")).to_contain_text("configuration byte")


def test_a_watcher_s_answer_follows_too(masked, open_page):
    explorer = masked()
    watcher = open_page(explorer.page.url.partition("?")[0] + "?why=8195")
    expect(watcher.locator("#why li.here")).to_contain_text("configuration byte")
    expect(watcher.locator("#watching")).to_contain_text("2")
    explorer.type_line("poke 0x40200003 a1")
    expect(watcher.locator("#why li.here")).to_contain_text("RAM says enabled")


def test_the_search_asks_about_any_interrupt(masked):
    page = masked().page
    page.fill("#find", "3")
    page.get_by_role("link", name="Why 3@1?").click()
    expect(page.locator("#why li.here")).to_contain_text("GICR_ISPENDR0@1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_answer_is_accessible_and_fits(masked, screenshot, scheme, width):
    page = masked(color_scheme=scheme).page
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(page.url.partition("?")[0] + "?why=8195")
    page.wait_for_timeout(1300)
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    screenshot(page, f"why-{width}-{scheme}")


def test_without_a_script_the_state_is_a_link(masked, open_page):
    explorer = masked()
    page = open_page(explorer.page.url.partition("?")[0], java_script_enabled=False)
    page.locator("#lpi-8195 a.st").click()
    expect(page.locator("#why li.here")).to_contain_text("Set bit 0 of the byte at 0x40200003")
    page.locator("#why .close").click()
    expect(page.locator("#why")).to_be_hidden()
