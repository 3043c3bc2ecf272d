"""The main states of the page look as they did when somebody last looked at them: see looking.py for how that is told.

After a change that is meant to show: GICLAB_KEEP_LOOKS=1 with this file, then look at test-output/screens/ and commit.
"""

import pytest
from PIL import Image

from app.scenario import links, parse
from tests.browser import looking
from tests.browser.conftest import MAPPED

TEXT = "\n".join(
    [
        "title PTZ reads as zero",
        "machine implementation=kvm cpus=2",
        *MAPPED,
        "poke 0x40200004 c1",
        "its INT device=2 event=20",
        "read GICR_PENDBASER@0",
        "expect GICR_PENDBASER@0.PTZ == 0",
        "expect pending(8195)@1 == 1",
        "write GICR_PENDBASER@0 0",
    ]
)
LINK = f"/x/{links.pack(parse(TEXT))}"
STATES = {
    "home": "/",
    "session": LINK,
    "past": f"{LINK}?step=4",
    "devices": f"{LINK}?tab=devices",
    "queue": f"{LINK}?tab=queue",
    "memory": f"{LINK}?tab=memory&address=0x40200000",
    "why": f"{LINK}?why=8196",
    "way": f"{LINK}?way=8195",
    "import": "/import",
    "guide": "/guide/first-ten-minutes",
    "unknown": f"{LINK}?register=GICR_PENDBASSER",
    "compare": f"{LINK}/compare",
    "migrate": f"{LINK}/migrate",
    "lesson": "/lessons/ptz-reads-as-zero",
    "register": "/registers/GICR_PENDBASER",
    "implementations": "/implementations",
    "thread": "/thread",
    "nothing": "/nothing",
}
VIEWS = (("1440-light", 1440, "light"), ("1440-dark", 1440, "dark"), ("390-light", 390, "light"))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view[0])
def test_the_main_states_look_as_they_did(site, open_page, complaints, screenshot, view):
    name, width, scheme = view
    page = open_page(
        "about:blank", viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    told = []
    for state, address in STATES.items():
        page.goto(f"{site}{address}")
        screenshot(page, f"look-{state}-{name}")
        told.append(looking.check(f"{state}-{name}", page.screenshot(caret="initial")))
    complaints[:] = [each for each in complaints if "404" not in each]
    assert "\n".join(filter(None, told)) == ""


def test_a_page_without_its_stylesheet_or_in_the_other_theme_looks_otherwise(site, open_page):
    page = open_page(f"{site}{LINK}", color_scheme="light", reduced_motion="reduce")
    light = looking.mosaic(page.screenshot(caret="initial"))
    assert looking.share_off(light, looking.mosaic(page.screenshot(caret="initial"))) == 0
    page.emulate_media(color_scheme="dark")
    assert looking.share_off(light, looking.mosaic(page.screenshot(caret="initial"))) > 0.5
    page.emulate_media(color_scheme="light")
    page.evaluate("document.querySelector('.pane--right').remove()")
    assert looking.share_off(light, looking.mosaic(page.screenshot(caret="initial"))) > looking.MOST_OFF
    page.evaluate("document.querySelector('link[rel=stylesheet]').remove()")
    assert looking.share_off(light, looking.mosaic(page.screenshot(caret="initial"))) > 5 * looking.MOST_OFF


WIDTH_OF_WORDS = """() => {
  const words = document.createRange();
  words.selectNodeContents(document.querySelector("button.btn, a.btn"));
  return words.getBoundingClientRect().width;
}"""


def test_another_font_is_no_other_look(site, open_page):
    page = open_page(f"{site}{LINK}", reduced_motion="reduce", bypass_csp=True)
    before, width = looking.mosaic(page.screenshot(caret="initial")), page.evaluate(WIDTH_OF_WORDS)
    page.add_style_tag(content=":root { --sans: 'DejaVu Serif', serif; --mono: 'Liberation Mono', monospace; }")
    after = looking.mosaic(page.screenshot(caret="initial"))
    assert page.evaluate(WIDTH_OF_WORDS) != width, "it is another font"
    assert looking.share_off(before, after) <= looking.MOST_OFF


def test_mosaics_tell_how_much_is_off():
    one = Image.new("RGB", (20, 10), "white")
    other = one.copy()
    other.paste((0, 0, 0), (0, 0, 10, 2))
    assert looking.share_off(one, other) == 0.1
    assert looking.share_off(one, Image.new("RGB", (20, 10), (255, 255, 255 - looking.SHADES))) == 0
