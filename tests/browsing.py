"""A person at the console, in the system's Chromium: logs in, looks, and has the page's accessibility judged."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.house import PATIENCE, House

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None
)
AXE = next((Path(__file__).parent / "vendor").glob("axe-*.min.js"))
WIDTHS = (390, 1024, 1920)


@contextmanager
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: the console was not looked at in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Person:
    """A member of staff with an account of this role, made for the test."""

    def __init__(self, house: House, role: str, company: str = "") -> None:
        self.house, self.role, self.email = house, role, f"{role}-{secrets.token_hex(4)}@example.kr"
        words = ["--company", company] if company else []
        self.password: str = house.flask("staff", "add", self.email, "--role", role, *words)["password"]

    def session(self, lang: str = "ko") -> requests.Session:
        """Logged in without a browser; unsafe requests carry the page's token by themselves."""
        http = requests.Session()
        http.trust_env = False
        http.headers["Accept-Language"] = lang
        form = {"email": self.email, "password": self.password}
        answer = http.post(f"{self.house.url}/console/login", data=form, timeout=30)
        token = re.search(r'name="csrf-token" content="([0-9a-f]+)"', answer.text)
        assert token is not None, f"{self.email} was not let in: {answer.status_code}"
        http.headers["X-CSRF-Token"] = token[1]
        return http

    def sits_down(self, browser: Browser, width: int = 1280, lang: str = "ko-KR", scheme: Any = "light") -> "Seat":
        height = 844 if width < 600 else 900
        context = browser.new_context(viewport={"width": width, "height": height}, locale=lang, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        seat = Seat(self.house, page)
        seat.go("/console/login")
        page.fill("[name=email]", self.email)
        page.fill("[name=password]", self.password)
        page.click("form button.button")
        page.wait_for_url("**/console/today")
        return seat


class Seat:
    """A browser window with the console in it. What the browser complains about is kept."""

    def __init__(self, house: House, page: Page) -> None:
        self.house, self.page, self.complaints = house, page, list[str]()
        page.on("console", self._complained)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complained(self, message: Any) -> None:
        # A refused form (400) is a line in the browser's console too, and no mistake of the page.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> Page:
        self.page.goto(self.house.url + path)
        return self.page

    def findings(self) -> list[str]:
        """What axe-core finds serious or critical on this page, in short."""
        # From outside the page: its Content-Security-Policy lets no script in that is not ours.
        self.page.evaluate(AXE.read_text(encoding="utf8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in serious for node in one["nodes"]]

    def spills(self) -> int:
        """How many pixels of the page lie outside the screen's width."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def is_well_made(self) -> None:
        """No serious finding, nothing outside the screen, no complaint of the browser."""
        assert self.findings() == []
        assert self.spills() <= 0
        assert self.complaints == []
