"""Reading, stepping and writing in a browser without JavaScript: links are followed, forms are sent."""

import re

import pytest


@pytest.fixture
def page(site, open_page):
    return open_page(site, java_script_enabled=False)


def step(page):
    return int(page.locator("#timeline output b").inner_text())


def say(page, *lines):
    for line in lines:
        before = step(page)
        page.fill("#con", line)
        page.press("#con", "Enter")
        assert step(page) == before + 1, line


def test_a_machine_is_started_written_and_looked_at(page, mapped):
    page.check("input[name=implementation][value=qemu]", force=True)
    page.check("input[name=lpi_bits][value='16']", force=True)
    page.click("text=Start with an empty machine")
    assert step(page) == 4
    assert page.locator(".impl [aria-current]").inner_text().startswith("QEMU")
    say(page, *mapped)

    page.fill("#find", "EnableLPIs")
    page.press("#find", "Enter")
    page.locator("#found a").first.click()
    assert page.locator("#reg-h").inner_text() == "GICR_CTLR"
    now = step(page)
    page.select_option("#f-EnableLPIs", "0x0")
    page.click("#inspector button[value=write]")
    assert (step(page), page.locator("#reg-h").inner_text()) == (now + 1, "GICR_CTLR")
    page.click("#inspector button[value=read]")
    assert "read GICR_CTLR@0" in page.locator("#trace-n").inner_text()

    page.select_option("#its-command", "INT")
    page.click("#its button[value=choose]")
    page.fill("#its-device", "2")
    page.fill("#its-event", "20")
    page.click("#its button[value=issue]")
    assert "its INT device=2 event=20" in page.locator("#trace-n").inner_text()

    page.click("#t-memory")
    page.fill("#mem-at", "0x40200003")
    page.press("#mem-at", "Enter")
    page.fill("#poke-at", "0x40200003")
    page.fill("#poke-bytes", "c1")
    page.get_by_role("button", name="Poke").click()
    assert "poke 0x40200003 c1" in page.locator("#trace-n").inner_text()

    for tab, shows in (("lpis", "8195"), ("devices", "0x2"), ("collections", "CPU0"), ("queue", "MAPTI")):
        page.click(f"#t-{tab}")
        assert page.locator(f"#t-{tab}").get_attribute("aria-selected") == "true"
        assert shows in page.locator(f"#p-{tab}").inner_text()
    page.click("#t-lpis")
    page.locator("#lpi-8195 a[href*='why=8195']").click()
    assert "8195" in page.locator("#why-h").inner_text()
    assert "EnableLPIs" in page.locator("#why").inner_text()


def test_one_goes_back_and_forth_undoes_and_shares(page, site):
    page.click("text=Start with an empty machine")
    say(page, "note one", "note two", "note three")
    page.click("#step-back")
    assert step(page) == 2
    page.click("#step-back")
    page.click("#step-forward")
    assert step(page) == 2
    page.locator(".steps a").first.click()
    assert step(page) == 1
    page.fill(".scrub", "3")
    page.click(".scrub-f button")
    assert step(page) == 3

    page.get_by_role("button", name="Undo the last operation").click()
    assert step(page) == 2
    page.get_by_role("button", name="Redo").click()
    assert step(page) == 3
    page.get_by_role("button", name="Undo the last operation").click()
    say(page, "note other")
    page.get_by_role("link", name="Share", exact=True).click()
    link = page.locator("#permalink").input_value()
    assert link.startswith(f"{site}/x/")
    page.goto(link)
    assert step(page) == 3
    page.get_by_role("button", name="Make it mine").click()
    assert "/s/" in page.url
    page.locator(".impl").get_by_role("link", name="QEMU").click()
    assert page.locator(".impl [aria-current]").inner_text().startswith("QEMU")
    assert "as QEMU would do it" in page.locator(".strip").inner_text()


def test_what_is_refused_says_so_where_it_was_asked_and_keeps_what_was_typed(page, complaints):
    page.click("text=Start with an empty machine")
    page.fill("#con", "write GICR_CTLR@0 EnableLPI=1")
    page.press("#con", "Enter")
    assert "EnableLPIs" in page.locator("#console [role=alert]").inner_text()
    assert page.input_value("#con") == "write GICR_CTLR@0 EnableLPI=1"
    page.fill("#wval", "0x1g")
    page.click("#inspector button[value=write]")
    assert page.locator("#inspector [role=alert]").count() == 1
    assert step(page) == 0
    complaints.expected("422")


def test_home_opens_a_scenario_and_says_what_a_script_would_do(page, complaints):
    assert "made by a script, which is off" in page.locator("#recent").inner_text()
    assert not page.locator("#forget").is_visible()
    page.fill("#drop-text", "machine implementation=qemu cpus=1\nread GICD_TYPR\n")
    page.get_by_role("button", name="Open", exact=True).click()
    assert re.search(
        r"GICD_TYPER.*Line 2|Line 2.*GICD_TYPER", page.locator("#drop [role=alert]").inner_text(), re.DOTALL
    )
    assert "GICD_TYPR" in page.locator("#drop-text").input_value()
    page.fill("#drop-text", "machine implementation=qemu cpus=1\nread GICD_TYPER\n")
    page.get_by_role("button", name="Open", exact=True).click()
    assert step(page) == 1
    complaints.expected("422")
    page.get_by_role("link", name="giclab, home").click()
    page.get_by_role("link", name="PTZ reads as zero").click()
    assert page.locator("h1").inner_text() == "PTZ reads as zero"
