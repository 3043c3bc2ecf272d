"""A real Chromium on a real server: pages that fail the test when the browser complains."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from app.settings import Settings
from app.web.app import create_app

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OUTPUT = Path(__file__).resolve().parents[2] / "test-output" / "screens"
PATIENCE_MS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a database of its own."""
    database = tmp_path_factory.mktemp("site") / "giclab.db"
    app = create_app(Settings(database_url=f"sqlite:///{database}"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server ended"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    app.state.sessions.close_streams()
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")  # not longer: while it is open, Playwright's event loop runs, and no other one can
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "these tests drive Debian's chromium; install the package of that name"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


class Complaints(list[str]):
    """What the browser's console said; a test that provokes a refusal takes its line out with `expected`."""

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.append(f"{message.type}: {message.text}")

    def expected(self, part: str) -> None:
        kept = [line for line in self if part not in line]
        assert len(kept) < len(self), f"nothing about {part!r} in {self}"
        self[:] = kept


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    heard = Complaints()
    yield heard
    assert heard == []


@pytest.fixture
def open_page(browser: Browser, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """Opens a page in a browser profile of its own; keywords are those of a context."""
    contexts: list[BrowserContext] = []

    def opened(url: str, **settings: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", complaints.hear)
        page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()


class Explorer:
    """An explorer page by what a person does on it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def step(self) -> int:
        return int(self.page.get_attribute("#seen", "data-step") or 0)

    def after(self, step: int) -> None:
        """Wait until the page shows a step."""
        self.page.wait_for_selector(f'#seen[data-step="{step}"]', state="attached")

    def type_line(self, *lines: str) -> None:
        for line in lines:
            step = self.step
            self.page.fill("#con", line)
            self.page.press("#con", "Enter")
            self.after(step + 1)

    def show(self, name: str, cpu: int = 0) -> None:
        """Choose a register in the navigator."""
        entry = self.page.locator(f"#n-{name}-{cpu}")
        closed = entry.locator("xpath=ancestor::details[not(@open)]")
        while closed.count():
            closed.first.locator("summary").first.click()
        entry.click()
        expect(self.page.locator("#reg-h")).to_have_text(name)

    def write(self) -> None:
        step = self.step
        self.page.click("#inspector button[value=write]")
        self.after(step + 1)

    def read(self) -> None:
        step = self.step
        self.page.click("#inspector button[value=read]")
        self.after(step + 1)

    def command(self, name: str, **operands: str) -> None:
        """Issue an ITS command from the form."""
        step = self.step
        self.choose(name)
        for operand, value in operands.items():
            self.page.fill(f"#its-{operand}", value)
        self.page.click("#its button[value=issue]")
        self.after(step + 1)

    def choose(self, name: str) -> None:
        """Choose a command in the form: the server gives its fields."""
        self.page.select_option("#its-command", name)
        expect(self.page.locator("#its-line")).to_have_text(re.compile(rf"its {name}\b"))

    def poke(self, address: str, data: str) -> None:
        step = self.step
        self.page.click("#t-memory")
        self.page.fill("#poke-at", address)
        self.page.fill("#poke-bytes", data)
        self.page.click(".poke button")
        self.after(step + 1)


@pytest.fixture
def start(site: str, open_page: Callable[..., Page]) -> Callable[..., Explorer]:
    """Starts an empty machine from the first page."""

    def started(implementation: str = "kvm", **settings: object) -> Explorer:
        page = open_page(site, **settings)
        page.check(f"input[name=implementation][value='{implementation}']", force=True)
        page.click("text=Start with an empty machine")
        page.wait_for_url("**/s/*")
        return Explorer(page)

    return started


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Writes a picture into test-output/screens/."""

    def taken(page: Page, name: str) -> None:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        # Hiding the caret would put style attributes into the page, which its policy forbids.
        page.screenshot(path=OUTPUT / f"{name}.png", caret="initial")

    return taken


MAPPED = (
    "write GICR_PROPBASER@0 Physical_Address=0x40200000 IDbits=15",
    "write GICR_PENDBASER@0 PTZ=1 Physical_Address=0x40210000",
    "poke 0x40200003 a1a1",
    "write GICR_CTLR@0 EnableLPIs=1",
    "its MAPD device=2 itt=0x40300000 size=5",
    "its MAPC collection=1 target=0",
    "its MAPTI device=2 event=20 intid=8195 collection=1",
    "its MAPTI device=2 event=21 intid=8196 collection=1",
)


@pytest.fixture
def mapped() -> tuple[str, ...]:
    """Lines that leave LPIs 8195 and 8196 mapped, enabled and not pending on CPU 0."""
    return MAPPED
