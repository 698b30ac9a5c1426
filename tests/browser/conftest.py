"""The real pages in a real browser: one Streamlit process over a published warehouse, one Chromium.

Belongs here: starting both, and `Visitor`, which opens a page and remembers all that its browser asked for.
Does not belong here: what is expected of a page (the tests).
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import pytest

from apps.services import services
from nexus.ports import free_port
from nexus.settings import PROJECT, Settings
from tests.apps import shared

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
READY = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app && app.getAttribute('data-test-script-state') === 'notRunning'
        && document.querySelector('h1') && !document.querySelector('[data-testid=stSkeleton]');
}"""


@pytest.fixture(scope="session")
def published(session_settings: Settings) -> Settings:
    """A home with a published demo company."""
    shared.published(session_settings)
    return session_settings


@pytest.fixture(scope="session")
def site(published: Settings) -> Iterator[str]:
    """Address of a Streamlit process started exactly as the supervisor starts it, where nobody is asked who they are."""
    with streamlit(Settings(home=published.home, streamlit_port=free_port(), dashboards_sign_in=False)) as address:
        yield address


@contextmanager
def streamlit(settings: Settings) -> Iterator[str]:
    """The pages of a home on a port. What they log must be neither an error nor a warning of the library's."""
    service = next(s for s in services(settings) if s.name == "streamlit")
    told = {
        "NEXUS_HOME": str(settings.home),
        "NEXUS_API_PORT": str(settings.api_port),
        "NEXUS_STREAMLIT_PORT": str(settings.streamlit_port),
        "NEXUS_DASHBOARDS_SIGN_IN": str(settings.dashboards_sign_in),
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            service.command, cwd=PROJECT, env={**os.environ, **told, **service.env}, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(f"{settings.dashboards_address}{service.health}", process)
            yield settings.dashboards_address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
            log.seek(0)
            text = log.read().decode(errors="replace")
    assert "Traceback" not in text, text[-4000:]
    # Authlib's, of the module by which Streamlit uses it
    text = "".join(line for line in text.splitlines(True) if "AuthlibDeprecationWarning" not in line)
    assert "deprecat" not in text.lower(), text[-4000:]


def _wait(url: str, process: subprocess.Popen[bytes], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: apt-get install --no-install-recommends chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Visitor:
    """One browser window. `foreign` holds every address outside this machine that a page asked for."""

    context: BrowserContext
    page: Page
    site: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str = "", heading: str | None = None) -> float:
        """Opens a page and waits until it is complete; returns the seconds this took."""
        begun = time.monotonic()
        self.page.goto(f"{self.site}/{path}")
        self.settle()
        seconds = time.monotonic() - begun
        if heading:
            assert self.page.locator("h1").first.inner_text() == heading
        return seconds

    def settle(self) -> None:
        self.page.wait_for_function(READY, timeout=60_000)

    def text(self) -> str:
        return self.page.locator("[data-testid=stMain]").inner_text()

    def exceptions(self) -> list[str]:
        return [
            e.inner_text()
            for e in self.page.locator("[data-testid=stException], [data-testid=stAlertContentError]").all()
        ]

    def shoot(self, path: Path) -> None:
        """The whole page as a picture: Streamlit scrolls inside, so the window is made as tall as the page."""
        size = self.page.viewport_size or {"width": 1280, "height": 900}
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": min(6000, max(size["height"], height + 20))})
        self.page.wait_for_timeout(600)
        self.page.screenshot(path=str(path))
        self.page.set_viewport_size(size)

    def axe(self) -> list[dict[str, Any]]:
        """What axe-core finds serious or critical."""
        found = importlib.util.find_spec("axe_playwright_python")
        assert found is not None, "axe-playwright-python, which carries axe-core, is in the lock: make setup"
        assert found.submodule_search_locations
        script = Path(found.submodule_search_locations[0]) / "axe.min.js"
        self.page.evaluate(script.read_text())
        result = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [v for v in result["violations"] if v["impact"] in {"serious", "critical"}]


@pytest.fixture
def visit(site: str, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """A visitor; `@pytest.mark.parametrize("visit", [(400, "dark")], indirect=True)` sets width and colours."""
    width, scheme = getattr(request, "param", (1280, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True, reduced_motion="reduce"
    )
    visitor = Visitor(context, context.new_page(), site)
    local = re.compile(r"^(?:https?|wss?)://127\.0\.0\.1:|^(?:data|blob|about):")
    visitor.page.on("request", lambda r: None if local.match(r.url) else visitor.foreign.append(r.url))
    visitor.page.on("pageerror", lambda e: visitor.errors.append(str(e)))
    yield visitor
    context.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """A folder in the system's temporary one; it is left there to be looked at."""
    folder = Path(tempfile.gettempdir()) / "nexus-pages"
    folder.mkdir(exist_ok=True)
    return folder
