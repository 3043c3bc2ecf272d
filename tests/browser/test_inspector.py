"""The register inspector by hand: radix, meanings, and the same register elsewhere, by keyboard and for axe."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

WRITE = "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_an_edit_outlives_another_radix_and_is_typed_in_it(start):
    explorer = start("qemu")
    page = explorer.page
    explorer.type_line(WRITE)
    page.click("#b62")
    page.focus("#radix-dec")
    page.keyboard.press("Enter")
    expect(page.locator("#inspector")).to_have_attribute("data-radix", "10")
    expect(page.locator("#radix-dec")).to_be_focused()
    expect(page.locator("#wval")).to_have_value(str(0x40210000))
    expect(page.locator("#b62")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#b62")).to_have_accessible_name("bit 62, PTZ, 1, edited to 0, not written")
    page.fill("#f-Physical_Address", str(0x40220000))
    expect(page.locator("#wval")).to_have_value(str(0x40220000))
    page.click("#radix-bin")
    expect(page.locator("#wval")).to_have_value(f"0b{0x40220000:064b}")
    page.fill("#wval", f"{1 << 62 | 0x40230000:#b}")
    expect(page.locator("#f-Physical_Address")).to_have_value(f"{0x40230000:#b}")
    expect(page.locator("#b62")).to_have_attribute("aria-pressed", "true")
    explorer.write()
    expect(page.locator("#inspector")).to_have_attribute("data-value", "0x4000000040230000")
    expect(page.locator("#undo")).to_be_hidden()
    page.reload()
    expect(page.locator("#f-Physical_Address")).to_have_value(f"{0x40230000:#b}")


def test_undo_gives_back_the_value_in_the_radix(start):
    page = start("qemu").page
    page.click("#radix-bin")
    expect(page.locator("#inspector")).to_have_attribute("data-radix", "2")
    page.click("#b62")
    page.click("#undo")
    expect(page.locator("#wval")).to_have_value("0b" + "0" * 64)
    expect(page.locator("#undo")).to_be_hidden()


def test_the_same_register_on_every_implementation_follows_the_steps(start):
    explorer = start("kvm")
    page = explorer.page
    expect(page.locator("#reg-h")).to_have_text("GICR_PENDBASER")
    page.focus("#elsewhere-go")
    page.keyboard.press("Enter")
    rows = page.locator("#elsewhere tr")
    expect(rows).to_have_count(4)
    expect(page.locator("#elsewhere-go")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#elsewhere-go")).to_be_focused()
    explorer.type_line(WRITE)
    expect(rows.filter(has_text="KVM before 5.6").locator("mark")).to_have_text(["4"])
    expect(rows.filter(has_text="on view")).to_contain_text("KVM")
    page.click("#elsewhere tr:has-text('QEMU') a")
    expect(page.locator("#inspector")).to_have_attribute("data-value", "0x4000000040210000")
    expect(page.locator("#elsewhere tr:has-text('on view')")).to_contain_text("QEMU")
    page.click("#elsewhere-go")
    expect(rows).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_axe_finds_nothing_with_everything_open(start, mapped, scheme, width, screenshot):
    explorer = start("kvm", color_scheme=scheme)
    page = explorer.page
    explorer.type_line(*mapped, "write GICR_PENDBASER@0 0")
    page.set_viewport_size({"width": width, "height": 900})
    explorer.page.click("#meanings")
    expect(page.locator(".fields .full").first).to_be_visible()
    page.click("#elsewhere-go")
    expect(page.locator("#elsewhere mark").first).to_be_visible()
    page.click("#radix-bin")
    expect(page.locator("#inspector")).to_have_attribute("data-radix", "2")
    expect(page.locator("#elsewhere mark").first).to_be_visible()
    page.wait_for_timeout(1300)  # the flash of what changed is over
    assert page.evaluate(SIDEWAYS) <= 0
    found = Axe().run(page).response["violations"]
    assert found == [], [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
    screenshot(page, f"inspector-{width}-{scheme}")


# What a reload would show, and what is on view: without what htmx and the marks of change leave behind.
INSPECTORS = """async () => {
  const plain = (root) => {
    const copy = root.cloneNode(true);
    for (const each of copy.querySelectorAll("*")) {
      each.removeAttribute("data-htmx-powered");
      each.classList.remove("fld--changed", "is-draft", "is-edited");
      if (!each.className) each.removeAttribute("class");
    }
    for (const cell of copy.querySelectorAll(".bit")) cell.tabIndex = -1;
    copy.removeAttribute("data-htmx-powered");
    return copy.outerHTML.replace(/\\s+/g, " ").replaceAll("> <", "><");
  };
  const { pathname } = location;
  const shown = document.getElementById("inspector");
  const query = new URLSearchParams({ register: shown.dataset.register });
  const text = await (await fetch(`${pathname}?${query}`)).text();
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("inspector");
  return [plain(shown), plain(fresh)];
}"""


def settled(page):
    """Both, once they agree: where a rendering of the inspector overtakes an answer, it is asked for anew."""
    for _ in range(100):
        shown, fresh = page.evaluate(INSPECTORS)
        if shown == fresh:
            break
        page.wait_for_timeout(100)
    return shown, fresh


@pytest.mark.parametrize("implementation", ["kvm", "architecture"])
def test_after_writes_the_inspector_is_as_a_reload_shows_it(start, mapped, implementation):
    explorer = start(implementation)
    page = explorer.page
    explorer.type_line(*mapped)
    answers = []
    page.on("response", lambda answer: answers.append(answer) if answer.url.endswith("/ops") else None)
    for register, bits in {
        "GICR_PENDBASER": ("62", "16", "10", "62"),
        "GICR_CTLR": ("0", "0", "3"),
        "GITS_CBASER": ("63", "12", "59"),
        "GICD_ISENABLER1": ("3", "3"),
    }.items():
        if register == "GICD_ISENABLER1":
            page.locator("#nav summary", has_text="GICD").first.click()
        explorer.show(register)
        for bit in bits:
            page.click(f"#b{bit}")
            explorer.write()
            shown, fresh = settled(page)
            assert shown == fresh, (register, bit)
    parts = [answer.text() for answer in answers]
    assert sum(text.startswith("<hx-register") for text in parts) >= 7
    assert all("<section" not in text for text in parts if text.startswith("<hx-register"))


def holding(page, address):
    """The requests to an address, which wait until they are told to go on."""
    held = []

    def hold(route):
        held.append(route)

    page.route(address, hold)
    return held


def test_an_answer_that_comes_after_another_register_was_chosen_leaves_that_one_alone(start, mapped):
    explorer = start("kvm")
    page = explorer.page
    explorer.type_line(*mapped)
    explorer.show("GICR_PENDBASER")
    page.click("#b16")
    explorer.write()
    held = holding(page, "**/ops")
    page.fill("#con", "write GICR_PENDBASER@0 Physical_Address=0x40230000")
    page.press("#con", "Enter")
    explorer.show("GICR_PROPBASER")
    step = explorer.step
    held[0].continue_()
    explorer.after(step + 1)
    expect(page.locator("#reg-h")).to_have_text("GICR_PROPBASER")
    shown, fresh = page.evaluate(INSPECTORS)
    assert shown.replace(f'data-step="{step}"', "").replace(f'value="{step}"', "") == fresh.replace(
        f'data-step="{step + 1}"', ""
    ).replace(f'value="{step + 1}"', "")


def test_a_bit_toggled_before_its_script_came_is_written_with_it(start):
    explorer = start("kvm")
    page = explorer.page
    held = holding(page, "**/bits.js*")
    page.focus("#b62")
    page.keyboard.press("Space")
    page.focus("#wval")
    page.keyboard.press("Enter")
    held[0].continue_()
    explorer.after(1)
    expect(page.locator(".step.now a")).to_have_attribute("aria-label", "Step 1: write GICR_PENDBASER@0 PTZ=1")


def test_a_write_is_shown_when_its_form_is_gone_before_the_answer(start):
    explorer = start("kvm")
    page = explorer.page
    explorer.show("GICR_PENDBASER")
    held = holding(page, "**/ops")
    page.click("#b62")
    page.click("#inspector button[value=write]")
    explorer.show("GICR_PROPBASER")
    held[0].continue_()
    explorer.after(1)
    expect(page.locator("#reg-h")).to_have_text("GICR_PROPBASER")
    expect(page.locator(".step.now a")).to_have_attribute("aria-label", "Step 1: write GICR_PENDBASER@0 PTZ=1")
