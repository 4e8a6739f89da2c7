"""What people do in `llmctl watch` with keys, in a real terminal and on a real database."""

import base64
import os
import signal

import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.live.test_watch import away, row
from tests.cli.terminal import ALTERNATE, Terminal, terminal
from tests.fixtures.postgres import PostgresServer

pytestmark = one_postgres


def leave(watching: Terminal) -> None:
    watching.type("q")
    assert watching.ended() == 0
    assert "Traceback" not in watching.seen


def state(llmctl: Llmctl, number: str) -> str:
    return next(
        line.split()[1] for line in llmctl.ok("show", number).splitlines() if line.startswith("state")
    )


def until_said(watching: Terminal, text: str) -> None:
    """Wait until what stands above the keys begins with this."""
    watching.until(text, lambda lines: any(line.startswith(text) for line in lines[-4:-1]))


def output(said: str, starts_at: int) -> dict[str, object]:
    content = base64.b64encode(said.encode()).decode()
    ends_at = starts_at + len(said)
    chunk = {"stream": "stdout", "starts_at": starts_at, "ends_at": ends_at, "content": content}
    return {"stdout_bytes": ends_at, "activity": None, "chunks": [chunk]}


def test_c_cancels_after_y(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    first, second = (llmctl.submit("claude", "x", "--name", name) for name in ("first-task", "second-task"))
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("second-task")
        watching.type("jc")
        until_said(watching, f"cancel task {second}? y/N")
        watching.type("n")
        until_said(watching, "nothing was done")
        watching.type("cy")
        until_said(watching, f"task {second}: canceled")
        watching.until("canceled", lambda lines: "canceled" in row(lines, second))
        assert state(llmctl, first) == "queued"
        leave(watching)


def test_a_running_task_that_is_asked_to_stop_is_stopping(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x")
    dispatcher.start()
    with terminal(llmctl, "watch") as watching:
        watching.until("running", lambda lines: "running" in row(lines, number))
        watching.type("cy")
        watching.until(
            "stopping", lambda lines: "stopping" in row(lines, number) and "stopping 1" in lines[1]
        )
        leave(watching)


def test_r_tries_again_and_what_is_not_allowed_says_why(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    number = llmctl.submit("claude", "x", "--retries", "0")
    [run] = dispatcher.start()
    with terminal(llmctl, "watch") as watching:
        watching.until("running", lambda lines: "running" in row(lines, number))
        watching.type("kr")
        until_said(watching, f"task {number} is running")
        dispatcher.finish(run, error_class="agent_error", error_message="it broke")
        watching.until_shown("it broke")
        watching.type("r")
        until_said(watching, f"task {number}: tried again")
        watching.until("queued", lambda lines: "queued" in row(lines, number))
        leave(watching)


def test_space_marks_and_h_holds_and_releases_what_is_marked(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    numbers = [llmctl.submit("claude", "x") for _ in range(3)]
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 3")
        watching.type("  ")
        watching.until_shown("2 marked")
        watching.type("h")
        until_said(watching, f"tasks {numbers[0]}, {numbers[1]}: held")
        lines = watching.until_shown("held 2")
        assert ["held" in row(lines, number) for number in numbers] == [True, True, False]
        watching.type("/held\r  h")
        until_said(watching, f"tasks {numbers[0]}, {numbers[1]}: released")
        watching.until_shown("queued 3")
        leave(watching)


def test_t_puts_a_task_first(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    first, second = (llmctl.submit("claude", "x") for _ in range(2))
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 2")
        watching.type("jt")
        until_said(watching, f"task {second}: put first")
        watching.until(
            "it above", lambda lines: lines.index(row(lines, second)) < lines.index(row(lines, first))
        )
        watching.type("t")
        until_said(watching, f"task {second}")
        leave(watching)


def test_p_pauses_and_resumes_the_group(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 1")
        watching.type("P")
        until_said(watching, "pause the group claude-main? y/N")
        watching.type("y")
        watching.until("a paused group", lambda lines: any("paused" in line for line in lines[3:5]))
        watching.type("P")
        until_said(watching, "resume the group claude-main? y/N")
        watching.type("y")
        watching.until("an open group", lambda lines: not any("paused" in line for line in lines[3:5]))
        leave(watching)


def test_enter_shows_all_about_a_task_and_keeps_it_up_to_date(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "Say hello", "--name", "greeting")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("greeting")
        watching.type("\r")
        watching.until_shown("Say hello")
        dispatcher.start()
        watching.until("its run", lambda lines: any(line.startswith("runs:") for line in lines))
        watching.type("\x1b")
        watching.until_shown("running 1")
        leave(watching)


def test_l_follows_the_log(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x")
    [run] = dispatcher.start()
    said = '{"type":"assistant","message":{"content":[{"type":"text","text":"%s"}]}}\n'
    first, second = said % "first words", said % "evil\\u001b[2J words"
    dispatcher.append(run, output(first, 0))
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("running 1")
        watching.type("l")
        watching.until_shown("first words")
        dispatcher.append(run, output(second, len(first)))
        watching.until_shown("evil words")
        assert "\x1b[2J words" not in watching.seen
        dispatcher.finish(run, final_text="done")
        watching.until("the end", lambda lines: "ended" in lines[0])
        watching.type("\x1b")
        watching.until_shown("succeeded 1")
        leave(watching)


def test_the_filter_narrows_the_list_as_it_is_typed(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x", "--name", "one", "--label", "batch=x")
    llmctl.submit("claude", "x", "--name", "two", "--label", "batch=y")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 2")
        watching.type("/batch=y")
        watching.until("one task", lambda lines: not row(lines, "1") and "two" in row(lines, "2"))
        watching.type("\r?")
        watching.until_shown("PgUp PgDn")
        watching.type("q")
        watching.until("the list", lambda lines: "two" in row(lines, "2"))
        watching.type("\x1b")
        watching.until("both tasks", lambda lines: "one" in row(lines, "1"))
        leave(watching)


def test_an_action_while_the_database_is_away_says_that_nothing_was_done(
    llmctl: Llmctl, postgres_server: PostgresServer, database: str
) -> None:
    llmctl.submit("claude", "x")
    with terminal(llmctl, "watch") as watching, away(postgres_server, database) as start:
        watching.until_shown("queued 1")
        start()
        watching.until_shown("trying again")
        watching.type("kr")
        until_said(watching, "the database is away: nothing was done")
        leave(watching)


def test_ctrl_z_gives_the_terminal_back_until_it_is_continued(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "x")
    with terminal(llmctl, "watch") as watching:
        watching.until_shown("queued 1")
        watching.type("\x1a")
        _, status = os.waitpid(watching.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert watching.echoes()
        llmctl.submit("claude", "x")
        watching.process.send_signal(signal.SIGCONT)
        watching.until_shown("queued 2")
        assert watching.seen.count(ALTERNATE[0]) == 2
        assert not watching.echoes()
        leave(watching)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_day_of_work_at_each_width(llmctl: Llmctl, dispatcher: PlayedDispatcher, columns: int) -> None:
    """Idle, then more tasks than lines, then all of them done: while they come and end."""
    with terminal(llmctl, "watch", columns=columns, lines=24) as watching:
        watching.until_shown("no tasks")
        llmctl(
            "submit",
            "claude",
            "--from",
            "-",
            stdin="".join(f'{{"prompt": "x", "name": "task-{n}"}}\n' for n in range(60)),
        )
        watching.until_shown("queued 60")
        watching.until(
            "what all wait for", lambda lines: any("wait for their turn" in line for line in lines)
        )
        for _ in range(30):
            for run in dispatcher.start():
                dispatcher.append(run, {"activity": "runs make test", "stdout_bytes": 1})
                dispatcher.finish(run, final_text="done", cost_usd=0.5)
        watching.until_shown("succeeded 60")
        lines = watching.until_shown("$30.00 today")
        assert all(len(line) <= columns for line in lines)
        leave(watching)


def test_without_colours_nothing_is_coloured(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x")
    with terminal(llmctl, "watch", NO_COLOR="1") as watching:
        watching.until_shown("queued 1")
        for colour in range(30, 38):
            assert f"\x1b[{colour}m" not in watching.seen
        leave(watching)


def test_where_the_locale_has_no_signs_of_ours_ascii_stands_for_them(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    llmctl.submit("claude", "x", "--name", "the-task-with-a-long-name" * 8)
    with terminal(llmctl, "watch", LANG="C", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0") as watching:
        lines = watching.until_shown("queued 1")
        assert watching.seen.isascii()
        assert "dispatcher host-a * " in lines[0]
        assert any(line.startswith(">") for line in lines)
        leave(watching)
