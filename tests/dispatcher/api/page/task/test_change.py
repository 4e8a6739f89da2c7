"""The page of a task shows what it changed: the files, the lines as text, how the check ended, and where it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dispatcher.api.conftest import Site, one_postgres
from tests.dispatcher.api.page.conftest import Browser, Page
from tests.dispatcher.api.page.html import Element
from tests.fixtures.changed_runs import NOTHING, PATCH, change, command, not_recorded, run_that_changes

pytestmark = [pytest.mark.anyio, one_postgres]
Open = Callable[..., Browser]
MINUS = "\N{MINUS SIGN}"
HOSTILE = (
    b"diff --git a/evil b/evil\nnew file mode 100644\n--- /dev/null\n+++ b/evil\n@@ -0,0 +1,2 @@\n"
    b"+</pre><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\n"
    + "+if admin\u202e\u2066 \x1b[31m:\n".encode()
)


def section(page: Page, heading: str) -> Element:
    return page.root.one("main").one("section", **{"aria-labelledby": heading})


def headings(page: Page) -> set[str]:
    return {
        one["aria-labelledby"] for one in page.root.one("main").all("section") if "aria-labelledby" in one
    }


async def test_files_and_lines_of_a_change_are_shown(browser: Open, site: Site) -> None:
    number = site.db.submit("p", repository="shop", ref="main").number
    assert run_that_changes(site.db) == number
    page = await browser("reader").get(f"/ui/tasks/{number}")
    found = section(page, "change")
    assert f"2 files +2 {MINUS}1" in found.all("div", class_="spread")[0].text
    cart, logo = found.all(class_="file")
    assert cart.one("summary").text == f"shop/cart.py +2 {MINUS}1"
    assert "open" in cart  # there is so little of it
    assert "# an empty cart costs nothing" in cart.one("pre").one(class_="add").text
    assert logo.text == "logo.png new, bytes"
    assert not logo.all("pre")
    assert f"refs/llmctl/{number}/1 in /srv/shop" in found.text
    settings = page.root.one("aside").text
    assert "Repository shop" in settings
    assert "Ref main" in settings
    download = next(one for one in found.all("a") if "download" in one)
    answer = await browser("reader").client.get(download["href"])
    assert answer.content == PATCH


async def test_a_long_change_is_collapsed_and_cut_until_one_asks(browser: Open, site: Site) -> None:
    number = site.db.submit("p", repository="shop").number
    lines = b"".join(b"+line %d\n" % at for at in range(60_000))
    head = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,60000 @@\n"
    run_that_changes(site.db, patch=head + lines, changed=change(number, files=300, insertions=60_000))
    page = await browser().get(f"/ui/tasks/{number}")
    found = section(page, "change")
    assert "open" not in found.one("details")
    assert "line 398\n" in page.html
    assert "line 399\n" not in page.html
    assert "And 299 more files" in found.text
    whole = await browser().get(f"/ui/tasks/{number}?full=true")
    assert "line 4998\n" in whole.html
    assert "line 4999\n" not in whole.html
    assert len(whole.html) < 200_000


async def test_a_hostile_change_is_text_and_hides_nothing(browser: Open, site: Site) -> None:
    number = site.db.submit("p", repository="shop").number
    stat = [{"path": "<script>alert(1)</script>", "insertions": 1, "deletions": 0}]
    run_that_changes(site.db, patch=HOSTILE, changed=change(number, stat=stat, source="<b>\u202e"))
    page = await browser().get(f"/ui/tasks/{number}")
    found = section(page, "change")
    assert not [one for one in page.root.walk() if one.tag == "img" or "onerror" in one]
    assert "</pre><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}" in found.text
    assert [one.text for one in found.all("b", class_="hidden-one")] == ["U+202E", "U+2066", "U+001B"]
    assert not {"\u202e", "\u2066", "\x1b"} & set(page.html)


async def test_what_was_not_recorded_says_why_and_where_it_is(browser: Open, site: Site) -> None:
    number = site.db.submit("p", repository="shop", max_attempts=1).number
    lost = not_recorded(number, problem="the disk is full", kept_in="/kept/12")
    run_that_changes(site.db, "not_recorded", patch=None, changed=lost)
    found = section(await browser().get(f"/ui/tasks/{number}"), "change")
    assert "the disk is full" in found.one(class_="problem").text
    assert "/kept/12" in found.one(class_="problem").text
    assert "changed nothing" not in found.text
    assert not [one for one in found.all("a") if "download" in one]


async def test_a_patch_that_another_host_keeps_is_told_with_its_files(
    browser: Open, site: Site, tmp_path: Path
) -> None:
    number = site.db.submit("p", repository="shop").number
    run_that_changes(site.db)
    site.db.run(
        "update task_files set content = null, storage_url = %s where content = %s",
        f"file://{tmp_path}/gone",
        PATCH,
    )
    found = section(await browser().get(f"/ui/tasks/{number}"), "change")
    assert "cannot be read here" in found.text
    assert [row.one("th").text for row in found.one("tbody").all("tr")] == ["shop/cart.py", "logo.png"]
    (tmp_path / "gone").write_bytes(PATCH)
    found = section(await browser().get(f"/ui/tasks/{number}"), "change")
    assert "# an empty cart costs nothing" in found.text


async def test_a_change_of_nothing_says_so(browser: Open, site: Site) -> None:
    number = site.db.submit("p", repository="shop").number
    run_that_changes(site.db, patch=b"", changed=change(number, **NOTHING))
    assert "The agent changed nothing." in section(await browser().get(f"/ui/tasks/{number}"), "change").text


async def test_the_verdict_of_a_check_is_shown_with_the_end_of_its_output_and_its_log(
    browser: Open, site: Site
) -> None:
    number = site.db.submit("p", repository="shop", check_command="make check", max_attempts=2).number
    tail = "<b>FAILED</b> test_total"
    run_that_changes(
        site.db,
        "check_failed",
        commands=[
            command("setup", "passed", output_tail="fine"),
            command("check", "failed", exit_code=2, output_tail=tail),
        ],
        printed={"setup": b"installing\n", "check": b"\x1b[31mFAILED\x1b[0m <i>test_total</i>\n"},
    )
    person = browser("reader")
    page = await person.get(f"/ui/tasks/{number}")
    setup, check = section(page, "commands").all("div", class_="panel")
    assert "setup passed" in setup.text
    assert "fine" not in setup.text  # nobody needs that
    assert "check failed with exit code 2 after 4 s" in check.text
    assert check.one("pre").text == tail
    log = section(await person.get(f"/ui/tasks/{number}{check.one('a')['href'].partition('#')[0]}"), "log")
    assert log.one("pre").text == "FAILED <i>test_total</i>"
    assert log.one(class_="ansi-red").text == "FAILED"
    assert [one.text.split()[0] for one in log.one("ul").all("a")] == ["stdout", "stderr", "setup", "check"]
    again = section(await person.get(f"/ui/tasks/{number}"), "log")
    assert again.one("a", **{"aria-current": "true"}).text.split()[0] == "stdout"
    site.db.run("select cancel_task(%s)", str(number))


async def test_a_task_without_a_repository_shows_nothing_of_all_that(browser: Open, site: Site) -> None:
    number = site.db.submit("p").number
    assert site.run_next() == number
    page = await browser().get(f"/ui/tasks/{number}")
    assert not {"change", "commands", "decisions", "question", "approval"} & headings(page)
    streams = section(page, "log").one("ul").all("a")
    assert [one.text for one in streams] == ["stdout", "stderr"]
