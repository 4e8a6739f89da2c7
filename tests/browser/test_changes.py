"""What people do with a change and a question: they look, answer, approve; and nothing in a patch does anything."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.browser.chromium import Chromium
from tests.browser.conftest import Page, log_in
from tests.browser.test_hostile import INTRUDERS, MARKUP, TURNED
from tests.browser.test_walk import submit_from_the_form, unique
from tests.fixtures.changed_runs import NOTHING, change, command, group_by_hand, run_that_changes
from tests.fixtures.repositories import Repository
from tests.sql.client import Client

Asks = Callable[..., int]
LINES = 40_000
HEAD = b"diff --git a/evil b/evil\nnew file mode 100644\n--- /dev/null\n+++ b/evil\n@@ -0,0 +1,%d @@\n"
HOSTILE = f"+</pre></details>{MARKUP}{TURNED}\x1b[2J\u2066 {'x' * 60}\n".encode()


@pytest.fixture
def db(page: Page) -> Iterator[Client]:
    """A database in which the test plays a dispatcher for the tool `by-hand`."""
    with Client(make_conninfo(page.site.url, dbname=page.site.database.info.dbname)) as client:
        group_by_hand(client)
        yield client
        client.run("select cancel_task(number::text) from tasks where tool = 'by-hand' and status = 'queued'")


@pytest.fixture
def asks(db: Client) -> Asks:
    """Let the agent of a new task ask something."""

    def ask(question: str = "Which one?") -> int:
        number = db.submit("p", "by-hand", name=unique("asks")).number
        nothing = change(number, **NOTHING)
        assert (
            run_that_changes(
                db, "question", None, nothing, group="by-hand", question=question, session_id=f"s-{number}"
            )
            == number
        )
        return number

    return ask


@pytest.fixture
def finished(db: Client) -> int:
    """A task whose change waits for approval, with a check that passed."""
    number = db.submit("p", "by-hand", name=unique("done"), repository="shop", approve=True).number
    passed = [command("check", "passed", output_tail="2 passed")]
    assert run_that_changes(db, group="by-hand", commands=passed, printed={"check": b"2 passed\n"}) == number
    return number


def waiting(browser: Chromium) -> int:
    return int(browser.find("#inbox-count").get_attribute("textContent") or "0")


def test_a_change_that_is_asked_for_in_the_form_is_made_checked_and_shown(
    logged_in: Chromium, page: Page
) -> None:
    shop = Repository(page.site.directory / unique("shop"))
    number = submit_from_the_form(
        logged_in,
        tool="sh",
        prompt="echo hello > greeting.txt; echo done",
        repository=str(shop.path),
        check_command="cat greeting.txt; echo it is right",
    )
    page.site.wait_for("succeeded", number)
    logged_in.sees("succeeded", "main .state")
    assert "check passed" in logged_in.find("[aria-labelledby=commands]").text
    assert "+hello" in logged_in.find("details .add").text
    logged_in.follow("[aria-labelledby=commands] a", "Its log")
    logged_in.find("pre.log", "it is right")
    assert shop.show(f"refs/llmctl/{number}/1", "greeting.txt") == "hello\n"


def test_a_question_appears_in_the_inbox_and_is_answered(logged_in: Chromium, asks: Asks, db: Client) -> None:
    logged_in.open("/ui/inbox")
    logged_in.script("window.sameDocument = true")
    before = waiting(logged_in)

    number = asks(f"Which one? {MARKUP}")
    logged_in.sees("Which one?", f"#inbox-question-{number}")
    assert logged_in.script("return window.sameDocument") is True
    assert waiting(logged_in) == before + 1

    logged_in.follow(f"[aria-label='Answer task {number}']")
    assert logged_in.path == f"/ui/tasks/{number}"
    assert MARKUP in logged_in.sees("Which one?", "[aria-labelledby=question]").text
    logged_in.fill("[name=answer]", "The second.")
    logged_in.follow("button", "Answer")
    logged_in.sees("queued", "main .state")
    assert "The second." in logged_in.find("[aria-labelledby=decisions]").text
    assert waiting(logged_in) == before
    [told] = db.one("select follow_up from tasks where number = %s", number)
    assert str(told).endswith("The second.")


def test_a_change_is_looked_at_and_approved(logged_in: Chromium, page: Page, finished: int) -> None:
    logged_in.open("/ui/tasks")
    row = logged_in.find(f"#task-{finished}").text
    assert "check passed" in row
    assert "2 files +2" in row

    logged_in.open(f"/ui/tasks/{finished}")
    assert "check passed" in logged_in.find("[aria-labelledby=commands]").text
    added = logged_in.find("details .add")
    assert added.is_displayed()
    logged_in.click("details summary", "shop/cart.py")
    logged_in.until(lambda: not logged_in.find("details .add").is_displayed(), "the file to close")

    logged_in.follow("[aria-labelledby=commands] a", "Its log")
    assert logged_in.find("pre.log", "2 passed")
    logged_in.fill("[name=message]", "reads well")
    logged_in.follow("button", "Approve")
    logged_in.sees("succeeded", "main .state")
    assert "reads well" in logged_in.find("[aria-labelledby=decisions]").text


def test_a_change_is_denied_without_scripts(browser: Chromium, page: Page, finished: int) -> None:
    browser.run_no_scripts()
    log_in(browser, page.token("producer"))
    browser.open(f"/ui/tasks/{finished}")
    assert browser.find("details .add").is_displayed()
    browser.fill("[name=message]", "it proves nothing")
    browser.follow("button", "Deny")
    assert "it proves nothing" in browser.find("main .bad-text").text
    assert page.site.task(finished)["status"] == "failed"


@pytest.mark.parametrize("query", ["", "?full=true"])
def test_a_hostile_patch_of_5_mb_does_nothing_and_is_cut(
    logged_in: Chromium, db: Client, query: str, tmp_path: Path
) -> None:
    number = db.submit("p", "by-hand", name=unique("evil"), repository="shop").number
    patch = HEAD % LINES + HOSTILE * LINES
    assert len(patch) > 5_000_000
    stat = [{"path": MARKUP + TURNED, "insertions": LINES, "deletions": 0}]
    changed = change(number, stat=stat, files=1, insertions=LINES, source=MARKUP)
    run_that_changes(db, group="by-hand", patch=patch, changed=changed)

    logged_in.open(f"/ui/tasks/{number}{query}")
    logged_in.click("details.file summary")
    lines = logged_in.find("pre.diff")
    assert lines.is_displayed()
    assert logged_in.script(INTRUDERS) == []
    assert logged_in.script("return window.hacked") is None
    text = str(logged_in.script("return document.querySelector('pre.diff').textContent"))
    assert MARKUP in text
    assert "U+202E" in text
    assert not {"\u202e", "\u2066", "\x1b"} & set(str(logged_in.script("return document.body.outerHTML")))
    size = logged_in.script("return document.documentElement.outerHTML.length")
    assert isinstance(size, int)
    assert size < (3_000_000 if query else 800_000)
    wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    for width in (390, 1280):
        logged_in.look(width=width, dark=False)
        assert logged_in.script(wide) is True
    file = logged_in.downloaded(tmp_path, "[aria-labelledby=change] a", "Download the patch")
    assert file.name == f"task-{number}.patch"
    assert file.read_bytes() == patch
