"""The main job by hand: poke registers and the ITS, and see what changed and why."""

import re

import pytest
from playwright.sync_api import expect

from app.gic.commands import COMMANDS, WORDS, encode


@pytest.mark.parametrize(
    ("implementation", "reads"),
    [("architecture", "0"), ("kvm", "0"), ("kvm-before-5.6", "1"), ("qemu", "1")],
)
def test_ptz_toggled_in_the_grid_reads_as_the_implementation_says(start, implementation, reads):
    explorer = start(implementation)
    page = explorer.page
    explorer.show("GICR_PENDBASER")
    ptz = page.locator("#b62")
    ptz.click()
    expect(ptz).to_have_class(re.compile("is-draft"))
    expect(ptz).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#f-PTZ")).to_have_value("0x1")
    explorer.write()
    explorer.read()
    expect(page.locator("#b62 .bv")).to_have_text(reads)
    expect(page.locator("#b62")).not_to_have_class(re.compile("is-draft"))
    rows = page.locator(".wr tr")
    expect(rows.nth(0)).to_contain_text("You wrote")
    expect(rows.nth(1)).to_contain_text("It reads")
    if reads == "0":
        expect(rows.nth(0).locator("mark")).to_have_text("4")
        expect(page.locator(".wr__why")).to_contain_text("Bit 62 differs.")
        expect(page.locator(".wr__why")).to_contain_text(re.compile("reads as zero"))
        expect(ptz).to_have_accessible_name(re.compile("wrote 1, reads 0"))
    else:
        expect(page.locator(".wr mark")).to_have_count(0)


def test_commands_from_the_form_make_an_lpi_pending(start, screenshot):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line(
        "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
        "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    )
    explorer.poke("0x40200003", "a1")
    explorer.show("GICR_CTLR")
    page.select_option("#f-EnableLPIs", "0x1")
    explorer.write()
    page.click("#t-lpis")
    explorer.command("MAPD", device="0x2", size="5", itt="0x40300000")
    explorer.command("MAPC", collection="1", target="0")
    explorer.command("MAPTI", device="0x2", event="20", intid="8195", collection="1")
    row = page.locator("#lpi-8195")
    expect(row).to_contain_text("0x2/0x14")
    expect(row).to_contain_text("not pending")
    explorer.command("INT", device="0x2", event="0x14")
    expect(row.locator(".st")).to_have_text("pending")
    expect(row).to_have_class("is-now")
    expect(page.locator("#trace li.hit").first).to_contain_text("INTID 8195")
    expect(page.locator("#cnt-lpis")).to_contain_text("1")
    expect(page.locator("#queue-now")).to_contain_text("INT")
    assert page.locator("#announce").inner_text().startswith(f"Step {explorer.step}")
    screenshot(page, "form-int-pending")


@pytest.mark.parametrize("implementation", ["architecture", "kvm", "qemu"])
def test_one_press_maps_a_first_lpi(start, implementation):
    explorer = start(implementation)
    page = explorer.page
    page.click("text=Map a first LPI")
    expect(page.locator("#lpi-8195")).to_contain_text("0x2/0x14")
    expect(page.locator("#timeline output b")).to_have_text("5")
    assert explorer.step == 5
    explorer.type_line("poke 0x40200003 a1", "write GICR_CTLR@0 EnableLPIs=1", "its INV device=2 event=20")
    explorer.type_line("msi device=2 event=20")
    expect(page.locator("#lpi-8195 .st")).to_have_text("pending")


def test_an_edited_configuration_byte_is_stale_until_inv(start, mapped):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line(*mapped)
    row = page.locator("#lpi-8195")
    row.locator(".cfg a").click()
    expect(page.locator("#p-memory")).to_be_visible()
    expect(page.locator("#poke-at")).to_have_value("0x40200003")
    page.fill("#poke-bytes", "c1")
    page.click(".poke button")
    explorer.after(len(mapped) + 1)
    expect(page.locator(".dump .here")).to_have_text("c1")
    page.click("#t-lpis")
    expect(row.locator(".cfg.differs")).to_have_count(2)
    step = explorer.step
    row.get_by_role("button", name="needs INV").click()
    explorer.after(step + 1)
    expect(row.locator(".cfg.differs")).to_have_count(0)
    expect(row.locator(".st")).to_have_text("not pending")
    expect(page.locator(".step.now")).to_contain_text("INV")


def test_a_second_page_follows_without_reload(start, open_page, mapped):
    mine = start("qemu")
    watcher = open_page(mine.page.url)
    watcher.evaluate("window.untouched = true")
    expect(watcher.locator("#watching")).to_contain_text("2")
    expect(mine.page.locator("#watching")).to_contain_text("2")
    expect(watcher.locator(".strip")).to_contain_text("You are watching")
    expect(watcher.locator("#inspector button[value=write]")).to_be_disabled()
    mine.type_line(*mapped, "its INT device=2 event=20")
    expect(watcher.locator("#lpi-8195 .st")).to_have_text("pending")
    expect(watcher.locator("#timeline output b")).to_have_text(str(len(mapped) + 1))
    expect(watcher.locator("#v-GICR_CTLR-0")).to_have_text("00000003")
    expect(watcher.locator("#trace")).to_contain_text("INTID 8195")
    # The watcher looks at GICR_PENDBASER: its own inspector follows too.
    expect(watcher.locator("#inspector")).to_have_attribute("data-value", "0x4000000040210000")
    mine.type_line("write GICR_PENDBASER@0 0")
    expect(watcher.locator("#inspector")).to_have_attribute("data-value", "0x0000000000000000")
    assert watcher.evaluate("window.untouched")


def test_an_edit_survives_a_change_from_elsewhere_and_says_so(start, open_page):
    explorer = start("kvm")
    page = explorer.page
    other = open_page(page.url, storage_state=page.context.storage_state())
    page.click("#b20")
    other.fill("#con", "write GICR_PENDBASER@0 Physical_Address=0x40210000")
    other.press("#con", "Enter")
    explorer.after(1)
    expect(page.locator(".below")).to_be_visible()
    expect(page.locator("#b20")).to_have_class(re.compile("is-draft"))
    explorer.write()
    expect(page.locator("#inspector")).to_have_attribute("data-value", re.compile("0100580$"))


def test_bits_fields_and_value_are_one_draft(start):
    page = start("kvm").page
    page.fill("#f-Physical_Address", "0x40210000")
    expect(page.locator("#wval")).to_have_value("0x0000000040210580")
    expect(page.locator("#b30")).to_have_attribute("aria-pressed", "true")
    page.fill("#wval", "0x4000000000000000")
    expect(page.locator("#f-PTZ")).to_have_value("0x1")
    expect(page.locator("#f-Physical_Address")).to_have_value("0x0")
    page.click("#undo")
    expect(page.locator("#wval")).to_have_value("0x0000000000000580")
    expect(page.locator(".bit.is-draft")).to_have_count(0)
    expect(page.locator("#undo")).to_be_hidden()


def test_a_write_that_is_refused_is_shown_with_its_reason(start):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line("write GICR_PENDBASER@0 Physical_Address=0x40210000", "write GICR_CTLR@0 EnableLPIs=1")
    expect(page.locator("#inspector .caution").first).to_be_visible()
    page.fill("#f-Physical_Address", "0x40230000")
    explorer.write()
    rows = page.locator(".wr tr")
    expect(rows.nth(1)).to_contain_text("40230580")
    expect(rows.nth(2)).to_contain_text("40210580")
    expect(page.locator(".wr__why")).to_contain_text("EnableLPIs is 1")


def test_halves_of_a_64_bit_register_are_written_alone(start):
    explorer = start("qemu")
    page = explorer.page
    page.fill("#wval", "0x4000000040210000")
    page.check("input[name=width][value=hi]", force=True)
    explorer.write()
    expect(page.locator(".step.now a")).to_have_attribute("aria-label", re.compile("half=hi"))
    expect(page.locator("#inspector")).to_have_attribute("data-value", "0x4000000000000000")


def test_refusals_stand_next_to_their_cause_and_keep_the_input(start, complaints):
    explorer = start("kvm")
    page = explorer.page
    page.fill("#con", "write GICR_PENDBASR@0 1")
    page.press("#con", "Enter")
    refusal = page.locator("#console [role=alert]")
    expect(refusal).to_contain_text("GICR_PENDBASER")
    expect(page.locator("#con")).to_have_value("write GICR_PENDBASR@0 1")
    page.fill("#wval", "0x10000000000000000")
    page.click("#inspector button[value=write]")
    expect(page.locator("#inspector [role=alert]")).to_contain_text("64 bits")
    expect(page.locator("#wval")).to_have_value("0x10000000000000000")
    page.select_option("#its-command", "MAPTI")
    page.fill("#its-intid", "")
    page.click("#its button[value=issue]")
    expect(page.locator("#its [role=alert]")).to_contain_text("intid")
    assert explorer.step == 0
    page.fill("#con", "read GICR_CTLR@0")
    expect(refusal).to_have_count(0)
    complaints.expected("422")


def test_the_form_encodes_every_command_as_the_machine_does(start):
    explorer = start("kvm")
    page = explorer.page
    values = {"device": 0x1234, "event": 0x56, "intid": 8200, "collection": 7, "target": 1, "source": 1}
    values |= {"itt": 0x4030_0000, "size": 9, "valid": 1, "vpe": 3, "vintid": 8201, "doorbell": 8202, "sequence": 4}
    values |= {"doorbell_valid": 1, "vpt": 0x4035_0000, "vpt_size": 14, "its_list": 5}
    for name, spec in COMMANDS.items():
        mine = {operand.name: values[operand.name] for operand in spec.operands}
        explorer.choose(name)
        assert {each.get_attribute("data-operand") for each in page.locator("#its [data-operand]").all()} == mine.keys()
        for operand, value in mine.items():
            page.fill(f"#its-{operand}", hex(value))
        words = WORDS.unpack(encode(name, **mine))
        for number, word in enumerate(words):
            expect(page.locator(f"#its-enc [data-word='{number}']")).to_have_text(f"{word:#018x}")


def test_the_navigator_finds_by_name_address_and_intid(start, mapped):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line(*mapped)
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("/")
    for text, label in [
        ("pendbaser", "GICR_PENDBASER@0"),
        ("0x080a0078", "GICR_PENDBASER@0"),
        ("EnableLPIs", "GICR_CTLR@0"),
        ("40", "GICD_ISENABLER1"),
        ("8195", "LPI 8195"),
    ]:
        page.fill("#find", text)
        expect(page.locator("#found")).to_contain_text(label)
    page.fill("#find", "no such thing")
    expect(page.locator("#found")).to_contain_text("Try PENDBASER")
    page.fill("#find", "CWRITER")
    page.locator("#found a", has_text="GITS_CWRITER").click()
    expect(page.locator("#reg-h")).to_have_text("GITS_CWRITER")
    expect(page.locator("#n-GITS_CWRITER-0")).to_have_attribute("aria-current", "page")
    assert "register=GITS_CWRITER" in page.url


def test_the_past_is_shown_and_holds_still(start, open_page, mapped):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line(*mapped)
    page.click("#step-back")
    expect(page.locator("#timeline output")).to_contain_text(f"Step {len(mapped) - 1} of {len(mapped)}")
    expect(page.locator("#lpi-8196")).to_have_count(0)
    expect(page.locator(".strip")).to_contain_text("is kept as another branch")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#timeline output b")).to_have_text(str(len(mapped) - 2))
    other = open_page(page.url.partition("?")[0], storage_state=page.context.storage_state())
    other.fill("#con", "read GICR_CTLR@0")
    other.press("#con", "Enter")
    expect(page.locator("#news")).to_have_text("1 new step meanwhile")
    expect(page.locator("#timeline output b")).to_have_text(str(len(mapped) - 2))
    page.click("text=Back to the newest")
    expect(page.locator("#timeline output b")).to_have_text(str(len(mapped) + 1))
    expect(page.locator(".strip")).to_have_count(0)
    explorer.type_line("read GICR_CTLR@0")


def test_a_lesson_is_stepped_through_and_made_ones_own(site, open_page, screenshot):
    page = open_page(site)
    page.get_by_role("link", name="PTZ reads as zero").click()
    expect(page.locator("h1")).to_have_text("PTZ reads as zero")
    page.goto(site + page.locator("a[href^='/x/'][href$='?step=1']").first.get_attribute("href"))
    page.click("#step-forward")
    expect(page.locator("#timeline output b")).to_have_text("2")
    total = page.locator(".scrub").get_attribute("max")
    page.locator(".scrub").fill(total)
    expect(page.locator("#timeline output b")).to_have_text(total)
    page.locator(".impl").get_by_role("link", name="KVM before 5.6").click()
    expect(page.locator(".impl [aria-current]")).to_contain_text("before 5.6")
    expect(page.locator("#lpi-8195 .st")).to_have_text("not pending")
    page.locator(".impl").get_by_role("link", name="QEMU").click()
    expect(page.locator("#lpi-8195 .st")).to_have_text("pending")
    screenshot(page, "lesson-on-qemu")
    page.get_by_role("button", name="Make it mine").click()
    page.wait_for_url("**/s/*")
    mine = page.locator("#timeline output b")
    expect(mine).to_have_text(total)
    expect(page.locator(".impl [aria-current]")).to_contain_text("QEMU")
    page.fill("#con", "read GICR_PENDBASER@0")
    page.press("#con", "Enter")
    expect(mine).to_have_text(str(int(total) + 1))


def test_a_shared_link_opens_what_was_shared(start, open_page, mapped):
    explorer = start("kvm")
    explorer.type_line(*mapped)
    explorer.page.get_by_role("button", name="Share", exact=True).click()
    link = explorer.page.locator("#permalink")
    expect(link).to_be_visible()
    stranger = open_page(link.input_value())
    expect(stranger.locator("#lpi-8195")).to_contain_text("not pending")
    expect(stranger.locator("#con")).to_be_disabled()


def test_tables_show_devices_collections_queue_and_memory(start, mapped):
    explorer = start("qemu")
    page = explorer.page
    explorer.type_line(*mapped)
    page.click("#t-devices")
    panel = page.locator("#p-devices")
    expect(panel).to_contain_text("0x40300000")
    expect(panel.locator("tr", has_text="8196")).to_contain_text("0x15")
    step = explorer.step
    panel.locator("tr", has_text="8195").get_by_role("button", name="MSI").click()
    explorer.after(step + 1)
    page.click("#t-collections")
    expect(page.locator("#p-collections")).to_contain_text("CPU0")
    page.click("#t-queue")
    expect(page.locator("#p-queue")).to_contain_text("000000020000000a")
    page.click("#t-memory")
    page.fill("#mem-at", "0x40210400")
    page.press("#mem-at", "Enter")
    expect(page.locator("#p-memory")).to_contain_text("LPI pending CPU0 + 0x400")
    expect(page.locator(".dump .here")).to_have_text("08")
    explorer.type_line("poke 0x40210402 ff")
    expect(page.locator(".dump .chg")).to_have_text("ff")
