"""Where a page may lead to, and for how long a link may log in."""

import os
import sys

import pytest

from dispatcher.api.page.frame.addresses import own_address
from dispatcher.api.page.login import LoginLink


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/ui/",
        "/\\evil.example",
        "/ui/\\..\\x",
        "/ui/../../x",
        "/ui//../..",
        "/ui/\n/x",
        "javascript:alert(1)",
        "/tasks",
        "/ui/logout",
        "/ui/login?next=/ui/login",
        "",
        " /ui/tasks",
        "/ui/tasks\u2028",
        None,
    ],
)
def test_an_address_that_is_not_of_a_page_leads_to_the_start(address: str | None) -> None:
    assert own_address(address) == "/ui/"


@pytest.mark.parametrize("address", ["/ui/", "/ui/tasks?state=failed&label=a%3Db", "/ui/tasks/12"])
def test_an_address_of_a_page_is_kept(address: str) -> None:
    assert own_address(address) == address


def test_a_link_expires() -> None:
    link = LoginLink(lifetime_s=0)
    assert link.use(link.make("").partition("=")[2]) is False


def test_the_link_is_printed_on_a_terminal_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = LoginLink()
    link.print_on_terminal("http://127.0.0.1:8000")
    assert capsys.readouterr() == ("", "")

    ours, its = os.openpty()
    with os.fdopen(ours, closefd=True) as screen, os.fdopen(its, "w", buffering=1) as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        link.print_on_terminal("unix:/run/llmctl.sock")  # no browser opens it
        link.print_on_terminal("http://127.0.0.1:8000")
        assert screen.readline() == "\n"
        assert "works once" in screen.readline()
        code = screen.readline().strip().removeprefix("http://127.0.0.1:8000/ui/login?code=")
    assert link.use(code) is True
