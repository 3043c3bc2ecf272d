"""Takes docs/screenshot.png of a running server: `python docs/screenshot.py http://127.0.0.1:8000`."""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

LESSON = "ptz-reads-as-zero"
PICTURE = Path(__file__).with_name("screenshot.png")


def main(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/lessons/{LESSON}")
        link = page.locator(".ops a.narrow").first.get_attribute("href") or ""
        page.goto(f"{url}{link.partition('?')[0]}?step=8&register=GICR_PENDBASER@0")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
