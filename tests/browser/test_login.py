"""Logging in and out, as people do it."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.browser.chromium import Chromium
from tests.browser.conftest import Page, log_in
from tests.fixtures.dispatchers import DISPATCHER, PATIENCE, ROOT, Site


@contextmanager
def link_on_a_terminal(site: Site) -> Iterator[str]:
    """Run `dispatcher serve` on a terminal, and give the link that it prints there."""
    ours, its = pty.openpty()
    config = site.directory / "on_a_terminal.yaml"
    config.write_text(json.dumps(site.config | {"api": {"enabled": True, "port": 0}}))
    process = subprocess.Popen(
        [*DISPATCHER, "--config", str(config), "serve"],
        cwd=ROOT,
        env=site.variables() | {"TERM": "dumb"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        printed = ""
        while "?code=" not in printed or not printed.rpartition("?code=")[2].count("\n"):
            printed += os.read(ours, 4096).decode()
        yield next(word for word in printed.split() if "?code=" in word)
    finally:
        process.terminate()
        with suppress(OSError):  # its end of the terminal has closed
            while os.read(ours, 4096):
                pass
        os.close(ours)
        process.wait(PATIENCE)


def test_the_link_on_the_terminal_logs_in_once(only_browser: Chromium, page: Page) -> None:
    with link_on_a_terminal(page.site) as link:
        only_browser.start_over(link.partition("/ui/")[0])
        only_browser.open(link)
        only_browser.find("h1", "Now")
        [cookie] = only_browser.driver.get_cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")

        only_browser.driver.delete_all_cookies()
        only_browser.open(link)

        assert "used already" in only_browser.find("main [role=alert]").text
        assert only_browser.complaints() == []


def test_a_pasted_token_logs_in_and_logging_out_forgets_it(browser: Chromium, page: Page) -> None:
    browser.open("/ui/tasks")
    assert browser.path.startswith("/ui/login")

    browser.fill("input[name=token]", page.token())
    browser.follow("main button")
    assert browser.path == "/ui/tasks"

    browser.follow("header button", "Log out")
    browser.open("/ui/")
    assert browser.path.startswith("/ui/login")
    assert browser.driver.get_cookies() == []


def test_logging_out_ends_a_login_by_link_also_for_whoever_copied_the_cookie(
    only_browser: Chromium, page: Page
) -> None:
    with link_on_a_terminal(page.site) as link:
        only_browser.start_over(link.partition("/ui/")[0])
        only_browser.open(link)
        only_browser.find("h1", "Now")
        [cookie] = only_browser.driver.get_cookies()

        only_browser.follow("header button", "Log out")
        only_browser.driver.add_cookie(cookie)
        only_browser.open("/ui/")

        assert only_browser.path.startswith("/ui/login")


def test_a_wrong_token_is_told_and_logs_nobody_in(browser: Chromium) -> None:
    log_in(browser, "llmctl_" + "x" * 43)

    assert "token" in browser.find("main [role=alert]").text
    assert browser.driver.get_cookies() == []
