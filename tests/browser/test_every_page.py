"""Every page that a visitor can come to by links: accessible at each width, light and dark, never wider than that."""

import re
from html import unescape
from itertools import product
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from app.scenario import links, parse
from tests.browser.conftest import MAPPED

WIDTHS = (1440, 1024, 390)
NARROWEST = 320
SCHEMES = ("light", "dark")
HREF = re.compile(r'<a\s[^>]*?href="([^"#]+)')
# What a path names rather than is: one page of each kind is looked at.
NAMED = re.compile(
    r"(?<=/s/)[^/]+|(?<=/x/)[^/]+|(?<=/l/)[^/]+|(?<=/registers/)[^/]+|(?<=/lessons/)[^/]+|(?<=/exercise/)[^/]+"
)
TEXT = "\n".join(["title Everything", "machine implementation=kvm cpus=2", *MAPPED, "its INT device=2 event=20"]) + "\n"
MOST_PAGES = 400
EVERYWHERE = {
    "language": r'<html lang="en"',
    "title of its own": r"<title>[^<]{8,}</title>",
    "description": r'<meta name="description" content="[^"]{40,160}">',
    "width of the device": r'<meta name="viewport" content="width=device-width, initial-scale=1">',
    "icon": r'<link rel="icon" href="/static/favicon',
    "way home": r'<header class="(?:top|bar)">.{0,60}(?:<div class="bar__row">\s*)?<a class="brand" href="/"',
    "heading": r"<h1[ >]",
}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def kind(path):
    return NAMED.sub("*", path)


def refusals(complaints):
    """Pages that say what is wrong come with its status, which a browser's console repeats."""
    complaints[:] = [each for each in complaints if not re.search(r"status of 4\d\d", each)]


@pytest.fixture(scope="module")
def pages(site):
    """Kind of page to its address, as links lead to them from the home page, from a session and from a link."""
    with httpx.Client(base_url=site, follow_redirects=True) as client:
        made = client.post("/api/v1/sessions", json={"scenario": TEXT}).json()["id"]
        short = client.post("/api/v1/links", json={"scenario": TEXT, "short": True}).json()["short"]
        start = ["/", f"/s/{made}", f"/x/{links.pack(parse(TEXT))}", urlsplit(short).path]
        start += [f"/s/{made}/{tool}" for tool in ("text", "share", "compare", "migrate")]
        start += [f"/s/{made}?tab=memory&address={at}" for at in ("0x40200003", "0x40210400", "0x40300000")]
        start += [
            "/diff",
            f"/diff?a=/s/{made}%3Fstep%3D0&b=/s/{made}%3Fon%3Darchitecture",
            "/diff?a=/s/nothing&b=/l/nothing",
        ]
        start += [f"/s/{made}?why=8195", f"/s/{made}?step=4", "/nothing", "/registers/GICR_NOTHING", "/s/nothing"]
        found = {}
        queue = [*start]
        looked = set()
        while queue and len(looked) < MOST_PAGES:
            address = queue.pop(0)
            path = urlsplit(address).path
            name = address if address in start else kind(path)
            if name in looked or (kind(path) in looked and address not in start):
                continue
            looked |= {name, kind(path)}
            answer = client.get(address)
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            found[name] = address
            for href in HREF.findall(answer.text):
                target = urlsplit(urljoin(str(answer.url), unescape(href)))
                if f"{target.scheme}://{target.netloc}" == site:
                    queue.append(
                        target.path + (f"?{target.query}" if target.query and kind(target.path) not in looked else "")
                    )
        return found


def test_links_lead_to_all_kinds_of_pages(pages):
    kinds = {kind(urlsplit(address).path) for address in pages.values()}
    assert {
        "/",
        "/lessons",
        "/lessons/*",
        "/registers",
        "/registers/*",
        "/implementations",
        "/thread",
        "/import",
        "/diff",
        "/docs",
    } <= kinds
    assert {"/conformance", "/s/*", "/s/*/compare", "/s/*/migrate", "/s/*/text", "/s/*/share", "/x/*", "/l/*"} <= kinds


def test_every_page_says_what_it_is_and_leads_home(pages, site):
    told = []
    with httpx.Client(base_url=site, follow_redirects=True) as client:
        for name, address in pages.items():
            html = client.get(address).text
            for what, pattern in EVERYWHERE.items():
                if not re.search(pattern, html, re.DOTALL):
                    told.append(f"{name} has no {what}")
    assert "\n".join(told) == ""


def test_axe_finds_nothing_on_any_page_and_none_scrolls_sideways(pages, site, open_page, complaints):
    page = open_page("about:blank", reduced_motion="reduce")
    told = []
    for name, address in pages.items():
        page.goto(f"{site}{address}")
        page.evaluate(Axe().axe_script)
        for width, scheme in product(WIDTHS, SCHEMES):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
            told += [f"{name} at {width}, {scheme}: {one['id']}: {one['nodes'][0]['html'][:160]}" for one in found]
        for width in (*WIDTHS, NARROWEST):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate(SIDEWAYS) > 0:
                told.append(f"{name} at {width} is wider than the window")
    refusals(complaints)
    assert "\n".join(told) == ""


@pytest.mark.parametrize("media", [{"media": "print"}, {"forced_colors": "active"}])
def test_no_page_is_cut_on_paper_or_in_forced_colors(pages, site, open_page, complaints, media):
    page = open_page("about:blank", viewport={"width": 794, "height": 1123})
    page.emulate_media(**media)
    told = []
    for name, address in pages.items():
        page.goto(f"{site}{address}")
        if page.evaluate(SIDEWAYS) > 0:
            told.append(f"{name} is wider than the sheet")
        if not page.locator("h1, h2").first.is_visible():
            told.append(f"{name} has no heading")
    refusals(complaints)
    assert "\n".join(told) == ""
