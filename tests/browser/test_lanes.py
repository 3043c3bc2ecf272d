"""The lanes by hand: opened and closed, followed live, and gone through by keyboard alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIGNALLED = (
    "write GICD_CTLR 0x12",
    "write ICC_PMR_EL1@0 0xff",
    "write ICC_IGRPEN1_EL1@0 1",
    "its INT device=2 event=20",
)


def open_lanes(page):
    page.focus("#lanes-go")
    page.keyboard.press("Enter")
    # Their script comes with them: from then on it is a grid.
    expect(page.get_by_role("grid", name="What steps")).to_be_visible()


@pytest.fixture
def rich(start, mapped):
    def made(**settings):
        explorer = start("kvm", **settings)
        explorer.type_line(*mapped, *SIGNALLED)
        return explorer

    return made


def test_they_open_stay_open_and_close_without_losing_the_place(rich):
    page = rich().page
    open_lanes(page)
    expect(page.locator("#lanes-go")).to_be_focused()
    expect(page.locator("#lanes-go")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#lanes-t td.now a")).to_have_count(4)
    page.reload()
    expect(page.locator("#lanes-t")).to_be_visible()
    page.focus("#lanes-go")
    page.keyboard.press("Enter")
    expect(page.locator("#lanes-t")).to_have_count(0)
    expect(page.locator("#lanes-go")).to_be_focused()


def test_they_follow_each_step_here_and_at_who_watches(rich, open_page):
    mine = rich()
    open_lanes(mine.page)
    watcher = open_page(mine.page.url)
    open_lanes(watcher)
    mine.type_line("ack @0")
    for page in (mine.page, watcher):
        expect(page.locator("#lane-cpu-0-13")).to_have_accessible_name(
            "Step 13, CPU 0: acknowledged 8195; read ICC_IAR1_EL1@0; signals nothing"
        )
        expect(page.locator("#lanes-t thead .now")).to_have_text("Step 13")


def test_arrow_keys_go_from_what_happened_to_what_happened(rich):
    explorer = rich()
    page = explorer.page
    open_lanes(page)
    page.keyboard.press("Tab")
    expect(page.locator("#lane-software-12")).to_be_focused()
    for key, cell in [
        ("ArrowDown", "lane-its-12"),
        ("ArrowDown", "lane-redistributor-0-12"),
        ("ArrowDown", "lane-cpu-0-12"),
        ("ArrowDown", "lane-cpu-0-12"),
        ("ArrowLeft", "lane-cpu-0-11"),
        ("ArrowLeft", "lane-cpu-0-10"),
        ("ArrowUp", "lane-software-10"),
        ("ArrowLeft", "lane-software-9"),
        ("ArrowDown", "lane-distributor-9"),
        ("Home", "lane-distributor-9"),
        ("ArrowUp", "lane-software-9"),
        ("Home", "lane-software-1"),
        ("End", "lane-software-12"),
    ]:
        page.keyboard.press(key)
        expect(page.locator(f"#{cell}")).to_be_focused()
        assert explorer.step == 12, "the page's own keys stay out of it"
    assert page.locator("#lanes-t a[tabindex='0']").count() == 1


def test_enter_goes_to_the_step_and_to_what_it_is_about(rich):
    explorer = rich()
    page = explorer.page
    open_lanes(page)
    page.focus("#lane-distributor-9")
    page.keyboard.press("Enter")
    explorer.after(9)
    expect(page.locator("#reg-h")).to_have_text("GICD_CTLR")
    expect(page.locator("#lane-distributor-9")).to_be_focused()
    expect(page.locator("#lanes-t thead .now")).to_have_text("Step 9")
    page.focus("#lane-cpu-0-12")
    page.keyboard.press("Enter")
    explorer.after(12)
    expect(page.locator("#why-h")).to_have_text("INTID 8195 is signalled")


def test_without_a_script_they_are_a_link_away(rich, browser):
    address = rich().page.url
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.click("#lanes-go")
    expect(page.locator("#lane-cpu-0-12")).to_be_visible()
    page.click("#lane-cpu-0-12")
    expect(page.locator("#why-h")).to_have_text("INTID 8195 is signalled")
    expect(page.locator("#lanes-t")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_axe_finds_nothing(rich, scheme, width, screenshot):
    page = rich(color_scheme=scheme).page
    page.set_viewport_size({"width": width, "height": 900})
    open_lanes(page)
    page.wait_for_timeout(1300)  # the flash of what changed is over
    assert page.evaluate(SIDEWAYS) <= 0
    found = Axe().run(page).response["violations"]
    assert found == [], [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
    screenshot(page, f"lanes-{width}-{scheme}")
