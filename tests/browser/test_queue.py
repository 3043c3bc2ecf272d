"""The command queue on the page: the form by fields and by words, and a queue that stalls."""

import re

from playwright.sync_api import expect


def test_pasted_words_become_the_command(start):
    explorer = start("kvm")
    page = explorer.page
    page.fill("#its-words", "0x20000000a 0x200300000014 0x1 0x0")
    page.press("#its-words", "Enter")
    expect(page.locator("#its-line")).to_have_text("its MAPTI device=0x2 event=0x14 intid=8195 collection=1")
    expect(page.locator("#its-intid")).to_have_value("8195")
    page.fill("#its-words", "0x77 0 0 0")
    page.press("#its-words", "Enter")
    expect(page.locator("#its-paste .err")).to_contain_text("DW0[7:0] is 0x77")
    expect(page.locator("#its-intid")).to_have_value("8195")
    explorer.command("MAPD", device="0x2", size="5", itt="0x40300000")
    expect(page.locator("#queue-now")).to_contain_text("MAPD")


def test_what_is_typed_stays_while_the_form_follows(start):
    explorer = start("kvm")
    page = explorer.page
    explorer.choose("MAPTI")
    page.locator("#its-intid").fill("8300")
    page.locator("#its-collection").press_sequentially("23")
    expect(page.locator("#its-line")).to_contain_text("intid=8300")
    expect(page.locator("#its-intid")).to_have_value("8300")
    page.fill("#its-collection", "0x12345")
    expect(page.locator("#its-collection")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#its-collection-fits")).to_contain_text("does not fit: 0 to 0xffff")


def test_a_stalled_queue_is_marked_and_goes_on(start, screenshot):
    explorer = start("architecture")
    page = explorer.page
    explorer.type_line(
        "its MAPC collection=1 target=0",
        "write GITS_CTLR 0",
        "write GITS_BASER0 0x8007000090000000",
        "write GITS_CTLR Enabled=1",
        "its MAPD device=3 itt=0x40300000 size=5",
    )
    queue = page.locator("#queue-now")
    expect(queue.locator(".err")).to_contain_text("no RAM at 0x90000018")
    expect(queue.locator(".err")).to_contain_text("Retry=1")
    expect(queue.locator("circle.bad")).to_have_count(1)
    expect(queue.locator("tr.bad")).to_contain_text("MAPD")
    expect(queue.get_by_role("img")).to_have_accessible_name(re.compile("1 command between them"))
    screenshot(page, "queue-stalled")
    explorer.type_line("write GITS_CTLR 0", "write GITS_BASER0 0x8007000041010000", "write GITS_CTLR Enabled=1")
    explorer.type_line("write GITS_CWRITER 0x41")
    expect(queue.locator(".err")).to_have_count(0)
    expect(queue.locator("circle.bad")).to_have_count(0)
