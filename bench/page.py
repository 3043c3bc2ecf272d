"""The explorer in Chromium: what its first load weighs, how soon a toggled bit is read back, what moves by itself.

Beside it the least that a browser does for one click: a bare FastAPI route that returns as much, put into a bare page.
"""

from __future__ import annotations

import gzip
import shutil
import statistics
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import PurePosixPath

from playwright.sync_api import Browser, Page, sync_playwright

from bench.rate import Row
from bench.server import serving

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
TOGGLES = 100
WARM_UP = 5
FIRST_LOAD_BYTES = 60_000
SCRIPT_BYTES = 20_480
EVENT_BYTES = 1_000
MEDIAN_MS, WORST_MS = 30.0, 60.0
MAPPED = (
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
)
# From the press on a bit until the frame is painted in which the register reads what the machine made of it.
TOGGLED = """async (count) => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const step = () => Number(document.getElementById("seen").dataset.step);
  const shown = () => Number(document.getElementById("inspector").dataset.step);
  // Heard of at once: asking again and again would miss the frame that shows it.
  const readBack = (before) => new Promise((done, fail) => {
    const waiting = setTimeout(() => fail(new Error(`step ${before + 1} was not read back within 5 s`)), 5000);
    const observer = new MutationObserver(() => {
      if (step() === before || shown() === before) return;
      observer.disconnect();
      clearTimeout(waiting);
      done();
    });
    observer.observe(document.body, { subtree: true, childList: true, attributeFilter: ["data-step"] });
  });
  const times = [];
  for (let turn = 0; turn < count; turn++) {
    const before = step();
    const told = readBack(before);
    const start = performance.now();
    document.querySelector('#inspector .bit[data-bit="16"]').click();
    document.querySelector("#inspector button[value=write]").click();
    await told;
    await painted();
    times.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 20));
  }
  return times;
}"""
BARE = """async (count) => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const times = [];
  for (let turn = 0; turn < count; turn++) {
    const start = performance.now();
    const answer = await fetch("/ops", { method: "POST", body: new URLSearchParams({ op: "write" }) });
    document.body.textContent = await answer.text();
    await painted();
    times.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 20));
  }
  return times;
}"""
SHIFTS = """() => { window.shifted = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true }); }"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What one load took over the wire, in bytes with headers; `script` is what the scripts weigh with gzip, bodies
    alone; `elsewhere` are addresses of other sites."""

    total: int
    requests: int
    script: int
    elsewhere: tuple[str, ...]


def page_rows() -> list[Row]:
    """FileNotFoundError if there is no chromium."""
    executable = shutil.which("chromium")
    if executable is None:
        raise FileNotFoundError("there is no chromium")
    with tempfile.TemporaryDirectory(prefix="giclab-bench-") as directory, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        with serving("app.web.app:create_app", {"GICLAB_DATABASE_URL": f"sqlite:///{directory}/bench.db"}) as port:
            page = _explorer(browser, f"http://127.0.0.1:{port}")
            sent = _first_load(browser, page.url)
            event = _event_bytes(page)
            ours, size = _toggles(page)
            shifted = page.evaluate("() => window.shifted")
        with serving("bench.bare:create_app", {"BENCH_FRAGMENT_BYTES": str(size)}) as port:
            bare = _bare(browser, f"http://127.0.0.1:{port}")
        browser.close()
    return [
        _weight("first load, bytes", sent.total, FIRST_LOAD_BYTES, f"{sent.requests} requests"),
        _weight("scripts of it, bytes as gzip", sent.script, SCRIPT_BYTES, "htmx included"),
        _weight("requests to other sites", len(sent.elsewhere), 0, ", ".join(sent.elsewhere) or "none"),
        _weight("event of one register, bytes", event, EVENT_BYTES, "as watchers get it"),
        _weight("layout shift, thousandths", round(1000 * shifted), 0, f"over {TOGGLES} writes"),
        _toggle_row(ours, bare),
    ]


def _weight(what: str, found: float, most: float, told: str) -> Row:
    verdict = "holds" if found <= most else "MISSED"
    return Row(what, found, remark=f"  (at most {most:,.0f}: {verdict}; {told})")


def _toggle_row(ours: list[float], bare: list[float]) -> Row:
    median, worst = statistics.median(ours), _p95(ours)
    held = "holds" if median <= MEDIAN_MS and worst <= WORST_MS else "MISSED"
    told = f"  p50 {median:.1f} ms, p95 {worst:.1f} ms (wanted: {MEDIAN_MS:g} and {WORST_MS:g}: {held})"
    floor = f"; bare p50 {statistics.median(bare):.1f} ms, p95 {_p95(bare):.1f} ms"
    return Row(
        "bit toggled, written, read back",
        1000 / statistics.mean(ours),
        1000 / statistics.mean(bare),
        remark=told + floor,
    )


def _p95(times: list[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]


def _explorer(browser: Browser, site: str) -> Page:
    """An explorer of a machine with a mapped LPI, GICR_PENDBASER on view."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(site)
    page.click("text=Start with an empty machine")
    page.wait_for_url("**/s/*")
    for number, line in enumerate(MAPPED, 1):
        page.fill("#con", line)
        page.press("#con", "Enter")
        page.wait_for_selector(f'#seen[data-step="{number}"]', state="attached")
    page.goto(f"{page.url}?register=GICR_PENDBASER@0")
    page.evaluate(SHIFTS)
    return page


def _first_load(browser: Browser, url: str) -> Sent:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    session = page.context.new_cdp_session(page)
    addresses: dict[str, str] = {}
    sizes: dict[str, int] = {}
    session.on("Network.requestWillBeSent", lambda told: addresses.update({told["requestId"]: told["request"]["url"]}))
    session.on("Network.loadingFinished", lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}))
    session.send("Network.enable")
    page.goto(url)
    page.wait_for_timeout(1_000)
    site = url.partition("/s/")[0]
    scripts = {address for address in addresses.values() if PurePosixPath(address.partition("?")[0]).suffix == ".js"}
    page.context.close()
    return Sent(
        int(sum(sizes.values())),
        len(sizes),
        sum(len(gzip.compress(_body(address), 9)) for address in scripts),
        tuple(sorted(address for address in addresses.values() if not address.startswith((site, "data:")))),
    )


def _body(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:
        return bytes(answer.read())


def _event_bytes(page: Page) -> int:
    """The bytes of the event that tells watchers of one register written, encoded as it is on the wire."""
    heard = page.evaluate(
        """async () => {
          const events = new EventSource(document.getElementById("events").dataset.url.split("?")[0]);
          await new Promise((done) => events.addEventListener("open", done));
          const told = new Promise((done, fail) => {
            setTimeout(() => fail(new Error("no event within 5 s")), 5000);
            events.addEventListener("message", (event) => {
            if (!event.data.includes("GICR_PENDBASER")) return;
            const rows = event.data.split("\\n").map((row) => `data: ${row}\\n`);
            done([`id: ${event.lastEventId}\\n`, ...rows, "\\n"].join(""));
            });
          });
          document.querySelector('#inspector .bit[data-bit="17"]').click();
          document.querySelector("#inspector button[value=write]").click();
          const text = await told;
          events.close();
          return text;
        }"""
    )
    page.wait_for_timeout(200)
    return len(str(heard).encode())


def _toggles(page: Page) -> tuple[list[float], int]:
    """Milliseconds of each, and the bytes of an answer."""
    with page.expect_response("**/ops*") as answer:
        page.evaluate(TOGGLED, 1)
    size = len(answer.value.body())
    page.evaluate(TOGGLED, WARM_UP)
    page.evaluate("() => { window.shifted = 0; }")
    return [float(each) for each in page.evaluate(TOGGLED, TOGGLES)], size


def _bare(browser: Browser, site: str) -> list[float]:
    page = browser.new_context().new_page()
    page.goto(f"{site}/healthz")
    page.evaluate(BARE, WARM_UP)
    times = [float(each) for each in page.evaluate(BARE, TOGGLES)]
    page.context.close()
    return times
