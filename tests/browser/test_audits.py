"""What Lighthouse asks of a page beside axe's usual rules: what is pressed is large enough, and text can be read."""

import pytest
from axe_playwright_python.sync_playwright import Axe

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
