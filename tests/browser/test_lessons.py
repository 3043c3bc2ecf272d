"""Lessons in Chromium: by keyboard, beside the live explorer, without a script, on every width, and an exercise."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.scenario.lessons import LESSONS, lesson

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LESSON = "/lessons/ptz-reads-as-zero"
WHY_INV = lesson("why-inv").exercise
PAGES = (
    "/lessons",
    LESSON,
    "/lessons/movi-of-a-pending-lpi?check=1&a1.kvm=1",
    f"{LESSON}?answers=all",
    f"/exercise/{WHY_INV.payload(of='why-inv')}",
)


def test_a_lesson_by_keyboard_with_the_explorer_beside_it(open_page, site):
    page = open_page(site + LESSON, viewport={"width": 1440, "height": 900})
    machine = page.frame_locator("iframe[name=machine]")
    expect(machine.locator("output")).to_contain_text("Step 1 of 17")
    page.locator("#q1 input[name='a1.kvm']").first.focus()
    page.keyboard.press("Space")
    page.locator("#q1 button[name=check]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#q1 .quest__v")).to_have_text("1 of 1 right.")
    expect(page.locator("#q2.quest--shown")).to_have_count(0)
    expect(page.locator("#q1 button[name=check]")).to_be_focused()
    page.locator(".ops a.wide").nth(7).focus()
    page.keyboard.press("Enter")
    expect(machine.locator("output")).to_contain_text("Step 8 of 17")
    # Answering leaves the machine beside the prose where it was.
    page.locator("#q2 button[name=show]").press("Enter")
    expect(page.locator("#q2.quest--shown")).to_have_count(1)
    expect(page.locator("#q1.quest--shown")).to_have_count(1)
    expect(machine.locator("output")).to_contain_text("Step 8 of 17")
    page.locator(".lesson__do button.wide").press("Enter")
    expect(machine.locator("output")).to_contain_text("Step 0 of 0")
    machine.locator("#con").fill("read GICR_PENDBASER@0")
    machine.locator("#con").press("Enter")
    expect(machine.locator("output")).to_contain_text("Step 1 of 1")
    expect(page).to_have_url(re.compile(LESSON))


def test_an_exercise_is_done_in_the_explorer_beside_it(open_page, site):
    page = open_page(site + PAGES[-1], viewport={"width": 1440, "height": 900})
    page.get_by_role("button", name="Do it in the explorer").click()
    machine = page.frame_locator("iframe[name=machine]")
    for number, row in enumerate(WHY_INV.answer.strip().split("\n"), 12):
        machine.locator("#con").fill(row)
        machine.locator("#con").press("Enter")
        expect(machine.locator("output")).to_contain_text(f"Step {number} of {number}")
    page.get_by_role("button", name="Check what I did").click()
    expect(page.locator(".goal--yes")).to_contain_text("2 of 2 operations")


def test_without_a_script_questions_are_answered_and_exercises_checked(open_page, site):
    page = open_page(site + LESSON, viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page.locator("#q2 input[name='a2.qemu'][value='1']").check()
    page.locator("#q2 button[name=check]").click()
    expect(page.locator("#q2 .quest__v")).to_have_text("1 of 1 right.")
    expect(page.locator("iframe")).to_be_hidden()
    page.locator(".lesson__do button.narrow").click()
    expect(page.locator("output")).to_contain_text("Step 0 of 0")
    page.goto(site + PAGES[-1])
    page.locator("#lines").fill("poke 0x40200003 a1")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".goal__h")).to_contain_text("Not reached")
    page.locator("#lines").fill(WHY_INV.answer)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator(".goal--yes")).to_have_count(1)


@pytest.mark.parametrize("width", [320, 390, 768, 1101, 1440])
def test_no_lesson_scrolls_sideways(open_page, site, width):
    page = open_page(site + "/lessons", viewport={"width": width, "height": 900})
    every = LESSONS if width in (320, 1101) else ()
    for address in [*PAGES, *(f"/lessons/{item.slug}?answers=all" for item in every)]:
        page.goto(site + address, wait_until="domcontentloaded")
        assert page.evaluate(SIDEWAYS) <= 0, address


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1440)])
def test_axe_finds_nothing(open_page, site, scheme, width):
    page = open_page(site, color_scheme=scheme, viewport={"width": width, "height": 900})
    for address in PAGES:
        page.goto(site + address)
        found = Axe().run(page, context=["main"], options={"iframes": False})
        assert found.violations_count == 0, found.generate_report()
