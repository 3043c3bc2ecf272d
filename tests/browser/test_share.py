"""Sharing, embedding and links that answer otherwise, in a browser: by keyboard, narrow, and in another site's page."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.scenario import links, parse
from app.scenario.record import Record, record

TEXT = """\
title What PTZ reads
machine implementation=kvm cpus=2
write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000
read GICR_PENDBASER@0
its MAPD device=2 itt=0x40300000 size=5
its MAPC collection=1 target=0
its MAPTI device=2 event=20 intid=8195 collection=1
"""


def packed(answers=None, step=None):
    scenario = parse(TEXT)
    told = record(scenario, "0.0.1")
    return links.pack(scenario, step=step, record=Record("0.0.1", tuple(answers or told.answers), told.states))


@pytest.fixture
def elsewhere():
    """Another site on this machine: `localhost` is not 127.0.0.1. Gives each of its pages by the last of its path."""
    servers = []

    def started(pages):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = f"<!doctype html><title>Elsewhere</title>{pages.get(self.path[-1], '')}".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        servers.append(ThreadingHTTPServer(("localhost", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://localhost:{servers[-1].server_address[1]}"

    yield started
    for server in servers:
        server.shutdown()


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_dialog_by_keyboard(site, open_page, screenshot, width, scheme):
    page = open_page(
        f"{site}/x/{packed(step=2)}", viewport={"width": width, "height": 844}, color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
    )  # fmt: skip
    page.get_by_role("button", name="Share", exact=True).focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog#share")
    permalink = dialog.locator("#permalink")
    expect(permalink).to_have_value(re.compile(rf"^{site}/x/"))
    if dialog.get_by_role("button", name="Make a short link").count():
        dialog.get_by_role("button", name="Make a short link").focus()
        page.keyboard.press("Enter")
    short = dialog.locator("#short")
    expect(short).to_have_value(re.compile(rf"^{site}/l/what-ptz-reads-[a-z2-7]{{10}}\?step=2$"))
    expect(dialog.get_by_role("img", name="QR code of the short link")).to_be_visible()
    expect(dialog.locator("#frame")).to_have_value(re.compile(r"<iframe src=.*embed=1.*</iframe>"))
    expect(dialog).to_contain_text("What becomes public")
    copy = dialog.locator("[data-copy=short]")
    copy.focus()
    page.keyboard.press("Enter")
    expect(copy).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == short.input_value()
    screenshot(page, f"share-{width}-{scheme}")
    found = Axe().run(page, context="#share", options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert found.response["violations"] == []
    assert fits(page)
    dialog.get_by_role("checkbox", name="Open at step 2 of 5").focus()
    page.keyboard.press("Space")
    expect(short).to_have_value(re.compile(r"/l/[a-z0-9-]+$"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_in_another_site_s_page_it_plays_and_leads_out(site, elsewhere, open_page, screenshot, complaints):
    page = open_page("about:blank", viewport={"width": 1100, "height": 700})
    address = f"{site}/x/{packed(step=1)}"
    frames = {
        flag: f'<iframe src="{address}?embed={flag}&amp;readonly=0" width="960" height="540"></iframe>' for flag in "01"
    }
    page.goto(f"{elsewhere(frames)}/1")
    inside = page.frame_locator("iframe")
    expect(inside.locator("#timeline output b")).to_have_text("1")
    expect(inside.locator("#reg-h")).to_have_text("GICR_PENDBASER")
    expect(inside.locator("#trace")).to_be_visible()
    inside.locator("#timeline").click(position={"x": 4, "y": 4})
    page.keyboard.press("ArrowRight")
    expect(inside.locator("#timeline output b")).to_have_text("2")
    screenshot(page, "embed-960")
    with page.context.expect_page() as opened:
        inside.get_by_role("link", name="Open in giclab").click()
    expect(opened.value.locator("#timeline output b")).to_have_text("2")
    expect(opened.value.get_by_role("button", name="Share", exact=True)).to_be_visible()
    with page.context.expect_page() as copied:
        inside.get_by_role("button", name="Make it mine").click()
    expect(copied.value).to_have_url(re.compile(rf"^{site}/s/"))
    expect(copied.value.locator("#con")).to_be_enabled()
    page.goto(page.url.replace("/1", "/0"))
    page.wait_for_function("document.querySelector('iframe') !== null && performance.now() > 500")
    assert inside.locator("#timeline").count() == 0
    complaints.expected("frame-ancestors")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_a_link_that_answers_otherwise_shows_both_and_leads_to_the_step(site, open_page, screenshot, width, scheme):
    answers = ["", "4000000040210000", "", "", ""]
    page = open_page(f"{site}/x/{packed(answers)}", viewport={"width": width, "height": 844}, color_scheme=scheme)
    drift = page.locator("#drift")
    expect(drift.get_by_role("heading")).to_have_text("Step 1 no longer does what it did")
    row = drift.get_by_role("row").filter(has_text="read GICR_PENDBASER@0")
    expect(row).to_contain_text("0x4000000040210000")
    expect(row).to_contain_text("0x40210580")
    screenshot(page, f"drift-{width}-{scheme}")
    assert fits(page)
    found = Axe().run(page, context="#drift", options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert found.response["violations"] == []
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#timeline output b")).to_have_text("2")
