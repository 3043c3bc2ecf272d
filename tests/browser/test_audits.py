"""What Lighthouse asks of a page beside axe's usual rules: what is pressed is large enough, and text can be read."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import MAPPED

PAGES = ("/", "/registers/GICR_PENDBASER", "/lessons/ptz-reads-as-zero", "/guide", "/guide/formats", "session")
DEVICES = {
    "desktop": {"viewport": {"width": 1350, "height": 940}},
    "phone": {"viewport": {"width": 412, "height": 823}, "has_touch": True, "is_mobile": True},
}
SMALL_TARGETS = "axe.run({runOnly: ['target-size'], rules: {'target-size': {enabled: true}}})"
# Characters by their size in pixels, of all text that is shown.
SIZES = """() => {
  const sizes = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility()) continue;
    const size = parseFloat(getComputedStyle(parent).fontSize);
    sizes[size] = (sizes[size] ?? 0) + text.length;
  }
  return sizes;
}"""
LEGIBLE_PIXELS = 12
LEGIBLE_SHARE = 0.6


@pytest.fixture
def address(site, start):
    """The address of a page; of a session, of a new one."""

    def of(path):
        return start("kvm").page.url if path == "session" else f"{site}{path}"

    return of


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("path", PAGES)
def test_targets_are_large_and_text_is_legible(address, open_page, path, device):
    page = open_page(address(path), bypass_csp=True, **DEVICES[device])
    page.evaluate(Axe().axe_script)
    small = [node["html"][:120] for each in page.evaluate(SMALL_TARGETS)["violations"] for node in each["nodes"]]
    assert small == []
    if device == "phone":
        sizes = {float(size): count for size, count in page.evaluate(SIZES).items()}
        legible = sum(count for size, count in sizes.items() if size >= LEGIBLE_PIXELS)
        assert legible >= LEGIBLE_SHARE * sum(sizes.values()), sizes


TEXT = "\n".join(
    [
        "title Everything",
        "machine implementation=kvm cpus=2",
        *MAPPED,
        "poke 0x40200004 c1",
        "its INT device=2 event=20",
        "read GICR_PENDBASER@0",
        "expect GICR_PENDBASER@0.PTZ == 0",
        "irq 40 level=1",
    ]
)
WIDTHS = (1440, 390)
# What a session shows: registers of all kinds, every panel, and its other pages.
OF_A_SESSION = (
    "", "?register=GICR_PENDBASER@0", "?register=GICD_ISENABLER1", "?register=GICD_IPRIORITYR8",
    "?register=ICC_IAR1_EL1@0", "?register=GITS_BASER0", "?register=GICR_TYPER@1", "?register=GICR_PENDBASSER",
    "?tab=devices&device=0x2", "?tab=collections", "?tab=queue", "?tab=memory&address=0x40200003",
    "?tab=memory&address=0x40210400", "?tab=memory&address=0x40300000", "?tab=memory&address=0x41000000",
    "?why=8195", "?way=8195", "?way=0x2:0x14", "?lanes=on", "?elsewhere=on", "?radix=dec", "?radix=bin",
    "?meanings=full", "?step=4", "?find=PEND", "?on=qemu", "?zoom=8192", "?embed=1", "?embed=1&panel=lpis",
    "/compare", "/migrate", "/migrate/orders", "/text", "/share", "/review",
)  # fmt: skip
OTHERS = (
    "/", "/diff", "/diff?a=/s/nothing&b=/l/nothing", "/diff?a={session}%3Fstep%3D0&b={session}%3Fon%3Darchitecture",
    "/import", "/implementations", "/conformance", "/thread", "/lessons", "/lessons/ptz-reads-as-zero", "/registers",
    "/registers/GICR_PENDBASER", "/registers/GICD_ISENABLER1", "/registers/GICR_NOTHING", "/guide",
    "/guide/debugging", "/docs", "/privacy", "/nothing",
)  # fmt: skip
# axe leaves out what arrow keys reach and Tab does not. The same measure: 24 by 24 pixels, or a circle of that size
# that meets no other target and no other small target's circle (WCAG 2.2, 2.5.8).
ROVING = """(exempt) => {
  const wanted = "a[href], button, input:not([type=hidden]), select, summary, textarea";
  const shown = (each) => each.checkVisibility({ visibilityProperty: true });
  const seen = [...document.querySelectorAll(wanted)].filter(shown);
  const boxes = new Map(seen.map((each) => [each, each.getBoundingClientRect()]));
  const large = ({ width, height }) => width > 23.9 && height > 23.9;
  const middle = (box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const meet = (box, other) => {
    const [x, y] = middle(box);
    const beside = Math.max(other.left - x, 0, x - other.right);
    const above = Math.max(other.top - y, 0, y - other.bottom);
    if (Math.hypot(beside, above) < 11.9) return true;
    const [left, top] = middle(other);
    return !large(other) && Math.hypot(left - x, top - y) < 23.8;
  };
  return seen
    .filter((each) => each.tabIndex < 0 && !each.matches(exempt) && !large(boxes.get(each)))
    .filter((each) => seen.some((other) => other !== each && meet(boxes.get(each), boxes.get(other))))
    .map((each) => each.outerHTML.slice(0, 120));
}"""
# Small targets, and those that do the same on the same page and are large: 32 bits and 16 steps stand in a row.
EQUIVALENTS = {".bit": "#inspector form.edit [name=value]", ".lanes td > a": "#timeline .step > a"}
OPENED = {
    "history": ".btn--history >> visible=true",
    "rename": "#rename-go",
    "share": "role=button[name='Share'] >> visible=true",
}


def small_targets(page):
    page.evaluate(Axe().axe_script)
    found = [node["html"][:160] for each in page.evaluate(SMALL_TARGETS)["violations"] for node in each["nodes"]]
    return found + page.evaluate(ROVING, ", ".join(EQUIVALENTS))


@pytest.fixture
def own(site, open_page, complaints):
    """A page in a browser that may change a session, and the path of that session."""

    def of(width):
        page = open_page(site, viewport={"width": width, "height": 900}, bypass_csp=True, reduced_motion="reduce")
        made = page.context.request.post(f"{site}/sessions", form={"scenario": TEXT}, headers={"Origin": site})
        return page, httpx.URL(made.url).path

    yield of
    complaints[:] = [each for each in complaints if "status of 4" not in each]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_target_of_every_page_and_panel_is_large_or_far_from_others(site, own, width):
    page, session = own(width)
    told = []
    for path in (*(f"{session}{each}" for each in OF_A_SESSION), *OTHERS):
        address = path.replace("{session}", session)
        page.goto(f"{site}{address}")
        told += [f"{address}: {each}" for each in small_targets(page)]
    assert "\n".join(told) == ""


@pytest.mark.parametrize("width", WIDTHS)
def test_so_is_every_target_of_what_opens_over_a_page(site, own, width):
    page, session = own(width)
    told = []
    for name, opener in OPENED.items():
        page.goto(f"{site}{session}")
        page.locator(opener).first.click()
        expect(page.locator(f"#{name}")).to_be_visible()
        page.wait_for_load_state("networkidle")
        told += [f"{name}: {each}" for each in small_targets(page)]
    assert "\n".join(told) == ""


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_small_for_want_of_room_has_a_large_equivalent(site, own, width):
    page, session = own(width)
    page.goto(f"{site}{session}?register=GICR_PENDBASER@0&lanes=on")
    for small, large in EQUIVALENTS.items():
        expect(page.locator(small).first).to_be_attached()
        box = page.locator(large).last.bounding_box()
        assert min(box["width"], box["height"]) >= 24, (small, large, box)
