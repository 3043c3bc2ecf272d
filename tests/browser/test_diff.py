"""Two machines compared as a person does it: from the explorer, and by addresses typed into the form."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MAPPED

TEXT = "\n".join(["title Compared", "machine implementation=kvm cpus=2", *MAPPED, "its INT device=2 event=20"]) + "\n"


@pytest.fixture
def session(site):
    """The address of a session with nine steps."""
    made = httpx.post(f"{site}/api/v1/sessions", json={"scenario": TEXT}).json()["id"]
    return f"{site}/s/{made}"


@pytest.mark.parametrize("script", [True, False])
def test_the_explorer_leads_to_what_its_step_changed_and_back(session, open_page, script):
    page = open_page(f"{session}?step=5", java_script_enabled=script)
    page.get_by_role("link", name="What differs from the step before?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("difference"))
    expect(page.locator("#entries")).to_contain_text("DeviceID 0x2")
    page.get_by_role("link", name="DeviceID 0x2", exact=True).first.click()
    page.wait_for_url("**step=5**tab=devices**")


def test_after_a_new_step_the_link_is_of_that_one(start):
    explorer = start()
    explorer.type_line("write GICD_ISENABLER1 0x100")
    explorer.page.get_by_role("link", name="What differs from the step before?").click()
    row = explorer.page.locator("#registers tbody tr").nth(1)
    expect(row).to_contain_text("Set_enable_bit8")
    expect(row.locator("td.now")).to_contain_text("1 (Enabled)")


def test_two_addresses_are_compared_by_keyboard_alone(site, session, open_page, complaints):
    page = open_page(f"{site}/diff", java_script_enabled=False)
    page.get_by_label("Address of the first").focus()
    page.keyboard.type("https://elsewhere.example/s/one")
    tab_to(page, "in-b")
    page.keyboard.type(session)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("another site")
    complaints.expected("422")
    page.get_by_label("Address of the first").fill(f"{session}?step=4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("differences"))
    expect(page.locator(".dif__sides")).to_contain_text("step 4 of 9")
    page.get_by_role("link", name="Swap A and B").press("Enter")
    expect(page.locator(".dif__sides li").first).to_contain_text("step 9 of 9")


def tab_to(page, name, most=12):
    """Press Tab until the element with that id has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("id") == name:
            return
    raise AssertionError(f"no Tab leads to {name}")


@pytest.mark.parametrize("script", [True, False])
def test_two_texts_are_pasted_mended_and_compared_on_a_phone_by_keyboard_alone(site, open_page, complaints, script):
    size = {"width": 390, "height": 844}
    page = open_page(f"{site}/diff", viewport=size, java_script_enabled=script)
    tab_to(page, "in-a-text", most=24)
    page.keyboard.insert_text("machine cpus=2\nwrite GICD_ISENABLER1 0x100\n")
    tab_to(page, "in-b-text")
    page.keyboard.insert_text("machine cpus=2\nwrite GICD_ISENABLER 0x300\n")
    page.keyboard.press("Tab")
    tab_to(page, "in-b-step")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Line 2, column 7: unknown register GICD_ISENABLER.")
    complaints.expected("422")
    page.get_by_role("link", name="B, text").press("Enter")
    expect(page.get_by_label("text of the second")).to_be_in_viewport()
    expect(page.get_by_label("text of the first")).to_have_value("machine cpus=2\nwrite GICD_ISENABLER1 0x100\n")
    page.get_by_label("text of the second").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("machine cpus=2\nwrite GICD_ISENABLER1 0x300\n")
    tab_to(page, "in-b-step")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 difference")
    expect(page.locator("#registers")).to_contain_text("Set_enable_bit9")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_role("link", name="GICD_ISENABLER1", exact=True).press("Enter")
    expect(page.locator("#reg-h")).to_have_text("GICD_ISENABLER1")


def test_two_files_are_chosen_and_compared(site, open_page):
    page = open_page(f"{site}/diff")
    for letter, value in (("a", "0x100"), ("b", "0x300")):
        content = f"machine cpus=2\nwrite GICD_ISENABLER1 {value}\n".encode()
        page.set_input_files(f"#in-{letter}-file", {"name": f"{letter}.gic", "mimeType": "", "buffer": content})
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 difference")
    expect(page.locator(".dif__sides")).to_contain_text("b.gic")
    page.get_by_text("Compare others").click()
    expect(page.get_by_label("text of the second")).to_have_value(re.compile("0x300"))


def test_sharing_leads_by_keyboard_to_a_comparison_with_a_pasted_text(session, open_page):
    page = open_page(f"{session}?step=5", viewport={"width": 390, "height": 844})
    page.get_by_role("button", name="Share", exact=True).press("Enter")
    page.locator("dialog#share").get_by_role("link", name="Compare with").press("Enter")
    expect(page.get_by_label("Address of the first")).to_have_value(re.compile(r"/s/.+\?step=5$"))
    page.get_by_label("text of the second").fill(TEXT)
    page.get_by_label("After step of the second").fill("4")
    page.keyboard.press("Enter")
    expect(page.locator(".dif__sides")).to_contain_text("step 5 of 9")
    expect(page.locator(".dif__sides")).to_contain_text("step 4 of 9")
    expect(page.locator("#entries")).to_contain_text("DeviceID 0x2")
