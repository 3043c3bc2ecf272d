"""The memory panel by keyboard: bytes edited in place, their meaning under the cursor, and what was typed kept."""

import re

from playwright.sync_api import expect


def opened(explorer, address):
    page = explorer.page
    page.click("#t-memory")
    page.fill("#mem-at", address)
    page.press("#mem-at", "Enter")
    expect(page.locator("#dump a[aria-current]")).to_have_attribute("title", re.compile(f"^{address} "))
    return page


def cell(page, address):
    return page.locator(f"#dump a[title^='{address} ']")


def test_a_configuration_byte_is_edited_by_keyboard(start, mapped):
    explorer = start("kvm")
    explorer.type_line(*mapped)
    page = opened(explorer, "0x40200000")
    cell(page, "0x40200000").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(cell(page, "0x40200003")).to_be_focused()
    expect(page.locator("#under")).to_have_text("0x40200003 · LPI 8195: priority 0xa0, enabled")
    expect(page.locator("#m-40200003-priority")).to_have_value("0xa0")
    page.keyboard.type("c1")
    byte = cell(page, "0x40200003")
    expect(byte).to_have_class("is-draft")
    expect(byte).to_have_accessible_name("c1, edited, not written")
    expect(cell(page, "0x40200004")).to_be_focused()
    expect(page.locator("#poke-bytes")).to_have_value("c1")
    step = explorer.step
    page.keyboard.press("Enter")
    explorer.after(step + 1)
    expect(page.locator(".step.now")).to_contain_text("poke")
    expect(byte).to_have_text("c1")
    expect(byte).not_to_have_class("is-draft")
    expect(page.locator("#dump .chg")).to_have_text("c1")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#under")).to_have_text("0x40200003 · LPI 8195: priority 0xc0, enabled")


def test_escape_drops_an_edit_and_arrows_reach_the_next_page(start, mapped):
    explorer = start("qemu")
    explorer.type_line(*mapped)
    page = opened(explorer, "0x40200003")
    byte = cell(page, "0x40200003")
    byte.focus()
    page.keyboard.type("7")
    expect(byte).to_have_text("71")
    page.keyboard.press("Escape")
    expect(byte).to_have_text("a1")
    expect(byte).not_to_have_class("is-draft")
    expect(page.locator("#poke-bytes")).to_have_value("a1")
    page.keyboard.press("End")
    expect(cell(page, "0x4020000f")).to_be_focused()
    cell(page, "0x402000ff").focus()
    page.keyboard.press("ArrowDown")
    expect(cell(page, "0x4020010f")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cell(page, "0x402000ff")).to_be_focused()


def test_the_meaning_is_edited_by_field(start, mapped, complaints):
    explorer = start("kvm")
    explorer.type_line(*mapped)
    page = opened(explorer, "0x40200003")
    page.fill("#m-40200003-priority", "0xa1")
    page.click("text=Write the fields")
    expect(page.locator(".meaning .err")).to_contain_text("must be a multiple of 0x4")
    complaints.expected("422")
    page.fill("#m-40200003-priority", "0x40")
    page.locator("#m-40200003-enabled").uncheck()
    step = explorer.step
    page.click("text=Write the fields")
    explorer.after(step + 1)
    expect(cell(page, "0x40200003")).to_have_text("40")
    expect(page.locator("#under")).to_have_text("0x40200003 · LPI 8195: priority 0x40, disabled")
    expect(page.locator("#m-40200003-priority")).to_have_value("0x40")


def test_what_is_typed_outlives_a_renewal_of_the_panel(start, mapped):
    explorer = start("kvm")
    explorer.type_line(*mapped)
    page = opened(explorer, "0x40200003")
    page.fill("#poke-at", "0x40200010")
    page.fill("#poke-bytes", "de ad")
    cell(page, "0x40200003").focus()
    page.keyboard.type("8")
    page.click("#t-lpis")
    explorer.type_line("poke 0x40200003 b1", "poke 0x40200005 77")
    page.click("#t-memory")
    expect(cell(page, "0x40200005")).to_have_text("77")
    byte = cell(page, "0x40200003")
    expect(byte).to_have_text("81")
    expect(byte).to_have_class("is-draft")
    expect(page.locator(".poke .below")).to_be_visible()
    byte.focus()
    page.keyboard.press("Escape")
    expect(byte).to_have_text("b1")
    page.fill("#poke-bytes", "de ad")
    explorer.type_line("poke 0x40200006 66")
    expect(cell(page, "0x40200006")).to_have_text("66")
    expect(page.locator("#poke-bytes")).to_have_value("de ad")


def test_a_byte_is_a_link_without_a_script(start, mapped, open_page):
    explorer = start("qemu")
    explorer.type_line(*mapped)
    page = open_page(explorer.page.url.split("?")[0] + "?tab=memory&address=0x40200000", java_script_enabled=False)
    cell(page, "0x40200003").click()
    expect(page.locator("#under")).to_have_text("0x40200003 · LPI 8195: priority 0xa0, enabled")
    expect(page.locator(".meaning legend")).to_contain_text("LPI 8195")


def test_up_and_down_go_by_the_line_that_one_sees(start, mapped):
    explorer = start("qemu", viewport={"width": 390, "height": 844})
    explorer.type_line(*mapped)
    page = opened(explorer, "0x40200003")
    cell(page, "0x40200003").focus()
    page.keyboard.press("ArrowDown")
    expect(cell(page, "0x4020000b")).to_be_focused()
    page.keyboard.press("Home")
    expect(cell(page, "0x40200008")).to_be_focused()
    page.keyboard.press("End")
    expect(cell(page, "0x4020000f")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cell(page, "0x40200007")).to_be_focused()
