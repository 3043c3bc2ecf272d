"""An edit of a register that is not written yet outlives whatever else happens to the page."""

import re

import pytest
from playwright.sync_api import expect

ADDRESS = "write GICR_PENDBASER@0 Physical_Address=0x40210000"
BELOW = re.compile("Changed below you")


@pytest.fixture
def elsewhere(open_page):
    """Another tab of the same person, which does one thing after the other."""

    def opened(explorer):
        page = open_page(explorer.page.url.partition("?")[0], storage_state=explorer.page.context.storage_state())

        def act(line):
            step = page.get_attribute("#seen", "data-step")
            page.fill("#con", line)
            page.press("#con", "Enter")
            expect(page.locator("#seen")).not_to_have_attribute("data-step", step)

        return page, act

    return opened


def draft(page, bit="20"):
    """Whether a bit is edited, and is shown as 1."""
    shown = page.locator(f"#b{bit}")
    expect(shown).to_have_class(re.compile("is-draft"))
    expect(shown).to_have_attribute("aria-pressed", "true")


def test_an_edit_outlives_the_page_being_sent_anew(start, elsewhere):
    explorer = start("kvm")
    page = explorer.page
    page.click("#b20")
    other, act = elsewhere(explorer)
    act(ADDRESS)
    explorer.after(1)
    expect(page.locator(".below")).to_be_visible()
    other.click("#undo-op")
    expect(page.locator("#timeline output b")).to_have_text("0")
    draft(page)
    expect(page.locator("#wval")).to_have_value("0x0000000000100580")
    other.click("#redo-op")
    expect(page.locator("#inspector")).to_have_attribute("data-value", re.compile("40210580$"))
    draft(page)
    expect(page.locator(".below")).to_contain_text(BELOW)
    expect(page.locator("#wval")).to_have_value("0x0000000000100580")
    page.click("#undo")
    expect(page.locator("#wval")).to_have_value("0x0000000040210580")
    expect(page.locator(".below")).to_be_hidden()


def test_an_edit_outlives_a_look_at_the_past_and_at_another_register(start):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line("read GICR_PENDBASER@0", ADDRESS)
    page.click("#b20")
    for button, step in (("#step-back", "1"), ("#step-back", "0"), ("#step-forward", "1"), ("#step-forward", "2")):
        page.click(button)
        expect(page.locator("#timeline output b")).to_have_text(step)
        draft(page)
        expect(page.locator(".below")).to_be_visible(visible=step != "2")
    page.locator(".impl").get_by_role("link", name="QEMU").click()
    expect(page.locator("#wval")).to_be_disabled()
    expect(page.locator(".bit.is-draft")).to_have_count(0)
    page.locator(".impl").get_by_role("link", name=re.compile("^KVM$")).first.click()
    draft(page)
    explorer.show("GICR_CTLR")
    expect(page.locator(".bit.is-draft")).to_have_count(0)
    page.fill("#wval", "0x1g")
    explorer.show("GICR_PENDBASER")
    draft(page)
    explorer.show("GICR_CTLR")
    expect(page.locator("#wval")).to_have_value("0x1g")
    expect(page.locator("#wval")).to_have_attribute("aria-invalid", "true")
    page.keyboard.press("Escape")


def test_what_is_typed_stays_under_the_caret_when_the_page_comes_anew(start, elsewhere):
    explorer = start("kvm")
    page = explorer.page
    other, act = elsewhere(explorer)
    page.focus("#f-Physical_Address")
    page.fill("#f-Physical_Address", "0x4021")
    page.keyboard.press("ArrowLeft")
    act("read GICR_CTLR@0")
    other.click("#undo-op")
    expect(page.locator("#timeline output b")).to_have_text("0")
    page.keyboard.type("0")
    expect(page.locator("#f-Physical_Address")).to_have_value("0x40201")


def test_a_write_leaves_what_was_edited_after_it_was_sent(start):
    explorer = start("kvm")
    page = explorer.page
    held = []

    def hold(route):
        held.append(route)

    page.route("**/ops", hold)
    page.click("#b20")
    page.click("#inspector button[value=write]")
    page.click("#b21")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    explorer.after(1)
    draft(page, "21")
    expect(page.locator("#b20")).not_to_have_class(re.compile("is-draft"))
    expect(page.locator(".below")).to_be_hidden()
    expect(page.locator("#wval")).to_have_value("0x0000000000300580")
    page.unroute("**/ops")
    explorer.write()
    expect(page.locator(".bit.is-draft")).to_have_count(0)
    expect(page.locator("#undo")).to_be_hidden()


def test_a_half_that_is_written_leaves_what_is_edited_of_the_other(start):
    explorer = start("qemu")
    page = explorer.page
    page.fill("#wval", "0x4000000000100000")
    page.check("input[name=width][value=hi]", force=True)
    explorer.write()
    expect(page.locator("#inspector")).to_have_attribute("data-value", "0x4000000000000000")
    draft(page)
    expect(page.locator("#b62")).not_to_have_class(re.compile("is-draft"))


def test_dropping_an_edit_shows_what_changed_below_it(start, elsewhere):
    explorer = start("kvm")
    page = explorer.page
    page.click("#b20")
    _, act = elsewhere(explorer)
    act(ADDRESS)
    explorer.after(1)
    expect(page.locator(".below")).to_be_visible()
    page.click("#undo")
    expect(page.locator("#inspector")).to_have_attribute("data-value", re.compile("40210580$"))
    expect(page.locator("#wval")).to_have_value("0x0000000040210580")
    expect(page.locator(".below")).to_be_hidden()
