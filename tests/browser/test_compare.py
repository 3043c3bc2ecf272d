"""Comparing in a browser: from an explorer to its comparison, to the matrix, and back to a scenario; choices taken."""

from playwright.sync_api import expect

BAD = "its INT device=9 event=0"


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_from_a_step_to_the_behaviour_that_causes_it_by_keyboard(start, screenshot):
    explorer = start()
    explorer.type_line("write GICR_PENDBASER@0 0x4000000040210780", "read GICR_PENDBASER@0")
    page = explorer.page
    page.goto(f"{page.url}/compare")
    expect(page.locator("h1")).to_contain_text("differs in 1 of 2 steps")
    page.locator(".first").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#s2")).to_be_in_viewport()
    screenshot(page, "compare")
    page.set_viewport_size({"width": 390, "height": 844})
    assert fits(page)
    screenshot(page, "compare-phone")
    page.locator(".because a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/implementations#ptz")
    expect(page.locator("#ptz")).to_be_in_viewport()
    assert fits(page)
    page.locator("#ptz").get_by_text("See for yourself").click()
    page.wait_for_url("**/x/**")


def test_the_matrix_is_filtered_while_typing_and_without_a_script_by_a_button(site, open_page):
    page = open_page(f"{site}/implementations")
    page.locator("#q").press_sequentially("INVALL")
    expect(page.locator("#invall_scope")).to_be_visible()
    expect(page.locator("#ptz")).to_have_count(0)
    page.wait_for_url("**q=INVALL**")
    expect(page.locator("#q")).to_be_focused()
    plain = open_page(f"{site}/implementations", java_script_enabled=False)
    plain.fill("#q", "INVALL")
    plain.get_by_role("button", name="Find").click()
    expect(plain.locator("#invall_scope")).to_be_visible()
    expect(plain.locator("#ptz")).to_have_count(0)


def test_choices_taken_grow_with_the_session_and_stay_open(start):
    explorer = start("architecture")
    panel = explorer.page.locator("#choices")
    expect(panel).to_be_hidden()
    explorer.type_line(BAD)
    expect(panel).to_be_visible()
    panel.locator("summary").click()
    expect(panel.locator("li")).to_have_count(1)
    explorer.type_line("read GICD_CTLR", BAD)
    expect(panel.locator("li")).to_contain_text("Steps 1, 3")
    expect(panel.locator("li").get_by_text("Also allowed")).to_be_visible()
