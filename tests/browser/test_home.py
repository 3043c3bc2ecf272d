"""The first page in a browser: what is dropped is opened, what was opened is listed."""

import pytest
from playwright.sync_api import expect

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const form = document.getElementById("drop");
  const settings = { dataTransfer: data, bubbles: true, cancelable: true };
  for (const type of ["dragover", "drop"]) form.dispatchEvent(new DragEvent(type, settings));
}"""
SCENARIO = "title Dropped\nmachine implementation=qemu cpus=1\nwrite GICR_PENDBASER@0 PTZ=1\n"


def test_a_dropped_scenario_is_opened_and_listed_here_and_can_be_forgotten(site, open_page):
    page = open_page(site)
    recent = page.locator("#recent")
    expect(recent).to_contain_text("None yet")
    page.evaluate(DROP, ["dropped.gic", SCENARIO])
    page.wait_for_url("**/s/*")
    expect(page.locator("h1")).to_have_text("Dropped")
    page.fill("#con", "read GICD_TYPER")
    page.press("#con", "Enter")
    expect(page.locator("#timeline output b")).to_have_text("2")
    address = page.url
    page.goto(site)
    row = recent.locator("tbody tr")
    expect(row).to_have_count(1)
    for part in ("Dropped", "QEMU", "2", "now"):
        expect(row).to_contain_text(part)
    page.click("text=Start with an empty machine")
    page.wait_for_url("**/s/*")
    page.goto(site)
    expect(row.locator("th")).to_have_text(["Untitled machine", "Dropped"])
    row.get_by_role("link", name="Dropped").click()
    assert page.url == address
    page.goto(site)
    page.get_by_role("button", name="Forget Untitled machine").click()
    expect(row.locator("th")).to_have_text(["Dropped"])
    page.get_by_role("button", name="Forget all").click()
    expect(recent).to_contain_text("None yet")
    stranger = open_page(site)
    expect(stranger.locator("#recent")).to_contain_text("None yet")


def test_what_others_put_into_the_list_is_text_and_leads_nowhere_else(site, open_page):
    page = open_page(site)
    page.evaluate("""localStorage.setItem("recent", JSON.stringify([
        { path: "/s/abc", title: "<img src=x onerror=alert(1)>", as: "KVM", step: 1, at: Date.now() },
        { path: "https://example.org/", title: "elsewhere" }, { path: "javascript:alert(1)" }]))""")
    page.reload()
    expect(page.locator("#recent tbody tr")).to_have_count(1)
    expect(page.locator("#recent tbody a")).to_have_text("<img src=x onerror=alert(1)>")
    page.evaluate("localStorage.setItem('recent', '{')")
    page.reload()
    expect(page.locator("#recent")).to_contain_text("None yet")


def test_nothing_to_open_is_said_without_asking_the_server(site, open_page):
    page = open_page(site)
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#drop-says")).to_contain_text("Nothing to open yet")
    page.fill("#drop-text", "read GICD_TYPR")
    with page.expect_navigation():
        page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#drop [role=alert]")).to_contain_text("Did you mean GICD_TYPER")
    expect(page.locator("#drop-text")).to_have_value("read GICD_TYPR")


@pytest.fixture(autouse=True)
def _refusals_are_expected(complaints):
    yield
    complaints[:] = [line for line in complaints if "422" not in line]
