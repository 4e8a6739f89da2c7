"""A headless Chromium that reaches nothing but this machine, driven as a person would drive it.

Nothing here sleeps: whoever looks for something waits until it is there.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

PROGRAM, DRIVER = "chromium", "chromedriver"
STRANGER = "stranger.example"
"""The name of another site, which leads to this machine. No other name leads anywhere."""
PATIENCE = 30.0
"""Seconds until a test gives up on what it waits for. Nothing that works takes nearly as long."""
LOOK_EVERY = 0.02
OUT_OF_THE_DOCUMENT = "does not belong to the document"
"""What chromedriver says of an element that a page replaced while it looked at it."""
HEIGHT = 900

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root cannot have one
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en",
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1",
)

Found = TypeVar("Found")


class Chromium:
    """One window. Selectors are those of CSS."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.home = ""
        """The address to which paths belong."""
        self._requests: list[str] = []
        self._answers: dict[str, int] = {}
        self._documents: set[str] = set()

    def start_over(self, home: str) -> None:
        """Forget what an earlier test left: cookies, logs, emulations and the page itself."""
        self.home = home
        self.driver.get("about:blank")
        self._command("Network.enable")
        self._command("Network.clearBrowserCookies")
        self._command("Emulation.setScriptExecutionDisabled", value=False)
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self._requests.clear()
        self._answers.clear()
        self._documents.clear()
        self.look(width=1024, dark=False)

    def look(self, *, width: int, dark: bool, height: int = HEIGHT) -> None:
        """Set the size of the window in pixels, and whether its user prefers dark pages."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._command("Emulation.setEmulatedMedia", features=[scheme, still])

    def run_no_scripts(self) -> None:
        """From the next page on, run no script of a page."""
        self._command("Emulation.setScriptExecutionDisabled", value=True)

    def open(self, path: str) -> None:
        """Open a path of the page, or a whole address."""
        self.driver.get(self.home + path if path.startswith("/") else path)

    @property
    def path(self) -> str:
        address = urlsplit(self.driver.current_url)
        return address.path + (f"?{address.query}" if address.query else "")

    def until(self, look: Callable[[], Found | None], what: str = "it") -> Found:
        """Look until something true is seen, and return that. What a page replaces meanwhile is looked for again."""

        def seen(_: object) -> Found | Literal[False]:
            try:
                return look() or False
            except WebDriverException as error:
                if isinstance(error, StaleElementReferenceException) or OUT_OF_THE_DOCUMENT in str(error):
                    return False
                raise

        wait = WebDriverWait(self.driver, PATIENCE, LOOK_EVERY)
        return wait.until(seen, f"{what} was not seen at {self.driver.current_url}")

    def all(self, selector: str, text: str = "") -> list[WebElement]:
        """Return the elements that are there now, of which one shows this text."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [one for one in found if text in one.text] if text else found

    def find(self, selector: str, text: str = "") -> WebElement:
        """Wait for an element that shows this text."""
        return self.until(lambda: next(iter(self.all(selector, text)), None), f"{selector} {text!r}")

    def sees(self, text: str, selector: str = "main") -> WebElement:
        """Wait until an element shows this text."""
        return self.find(selector, text)

    def gone(self, selector: str, text: str = "") -> None:
        """Wait until no such element is there."""
        self.until(lambda: not self.all(selector, text), f"the end of {selector} {text!r}")

    def click(self, selector: str, text: str = "") -> None:
        """Wait for an element and click it. The page may replace it meanwhile."""

        def clicked() -> bool:
            element = next(one for one in self.all(selector, text) if one.is_displayed() and one.is_enabled())
            element.click()
            return True

        self.until(
            lambda: any(one.is_displayed() for one in self.all(selector, text)) and clicked(), selector
        )

    def follow(self, selector: str, text: str = "") -> None:
        """Click what leads to another page, and wait for all of that page."""
        self.script("window.isLeft = true")
        self.click(selector, text)
        arrived = "return !window.isLeft && document.readyState === 'complete'"
        self.until(lambda: self.script(arrived), f"the page behind {selector} {text!r}")

    def fill(self, selector: str, value: str) -> WebElement:
        """Write into a field instead of what is there, or choose from a list."""
        field = self.find(selector)
        if field.tag_name == "select":
            Select(field).select_by_visible_text(value)
            return field
        field.clear()
        field.send_keys(value)
        return field

    def press(self, keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(keys).perform()

    def script(self, body: str, *arguments: object) -> object:
        """Run a script in the page, and return what it returns."""
        result: object = self.driver.execute_script(body, *arguments)
        return result

    def wait_for_script(self, body: str, *arguments: object) -> object:
        """Run a script that calls its last argument with the result when it is there."""
        self.driver.set_script_timeout(PATIENCE)
        result: object = self.driver.execute_async_script(body, *arguments)
        return result

    def complaints(self) -> list[str]:
        """Return what the console holds against the pages since the last call: errors and violations of the policy.

        A page that is answered with 404 or the like is not among them, but one that asks for what is not there.
        """
        self._read_what_passed()
        entries: list[dict[str, str]] = self.driver.get_log("browser")
        return [
            entry["message"]
            for entry in entries
            if entry["level"] in {"SEVERE", "WARNING"}
            and not (
                "the server responded with a status of 4" in entry["message"]
                and entry["message"].split()[0] in self._documents
            )
        ]

    def requests(self) -> list[str]:
        """Return the addresses that the pages of this test asked for."""
        self._read_what_passed()
        return list(self._requests)

    def answered(self, address: str) -> int | None:
        """Return the status of the last answer from an address in this test; None if there is none."""
        self._read_what_passed()
        return self._answers.get(address)

    def _read_what_passed(self) -> None:
        entries: list[dict[str, str]] = self.driver.get_log("performance")
        for message in (json.loads(entry["message"])["message"] for entry in entries):
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.responseReceived":
                response = message["params"]["response"]
                self._answers[response["url"]] = response["status"]
                if message["params"]["type"] == "Document":
                    self._documents.add(response["url"])

    def downloaded(self, directory: Path, selector: str, text: str = "") -> Path:
        """Click what leads to a file that is not empty, and wait until it is saved in an empty directory."""
        self._command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(directory))
        self.click(selector, text)

        def saved() -> Path | None:
            # Its name is reserved by an empty file while it is written under another one.
            files = [one for one in directory.iterdir() if one.suffix != ".crdownload"]
            return next((one for one in files if one.stat().st_size), None)

        return self.until(saved, "the file")

    def picture(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        self.driver.save_screenshot(str(file))

    def _command(self, command: str, **parameters: object) -> None:
        self.driver.execute_cdp_cmd(command, parameters)


def missing() -> str | None:
    """Return which program is missing, in one sentence; None if both are there."""
    absent = [name for name in (PROGRAM, DRIVER) if shutil.which(name) is None]
    return (
        f"no {absent[0]} here: Debian's packages chromium and chromium-driver have both" if absent else None
    )


@contextmanager
def started() -> Iterator[Chromium]:
    """Start a Chromium with an empty profile. It ends with the block."""
    options = ChromeOptions()
    options.binary_location = shutil.which(PROGRAM) or PROGRAM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")  # so that a dialog fails the test
    with tempfile.TemporaryDirectory(prefix="llmctl-chromium-", ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = Chrome(options, ChromeService(shutil.which(DRIVER)))
        try:
            yield Chromium(driver)
        finally:
            driver.quit()
