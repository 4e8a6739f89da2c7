"""A task's way through a real dispatcher: answers, files, retries, refusals, times, order."""

import os
import socket
import stat
from pathlib import Path

from dispatcher.run.preparation.environment import INHERITED, TEMPORARY
from tests.fixtures.dispatchers import Site


def test_an_agent_s_answer_becomes_the_task_s_result(site: Site) -> None:
    number = site.submit("what goes in comes out", tool="cat")

    site.run()

    task, (run,) = site.task(number), site.runs(number)
    assert task["status"] == "succeeded"
    assert task["result"]["text"] == "what goes in comes out"
    assert (run["status"], run["exit_code"], run["stdout_trunc"]) == (
        "succeeded",
        0,
        "what goes in comes out",
    )
    assert run["claimed_at"] <= run["started_at"] <= run["finished_at"]
    assert list(site.workspace(number).parent.glob("*-*")) == [], "the workspace is removed"


def test_input_files_lie_in_the_work_directory_with_their_modes(site: Site) -> None:
    number = site.submit(
        "stat -c '%a %n' data/in.txt tool; cat data/in.txt; ./tool",
        input_files=[
            {"path": "data/in.txt", "content": "from outside\n", "mode": 0o640},
            {"path": "tool", "content": "#!/bin/sh\necho it runs", "mode": 0o755},
        ],
    )

    site.run()

    assert site.task(number)["result"]["text"] == "640 data/in.txt\n755 tool\nfrom outside\nit runs"


def test_declared_output_files_are_kept_also_those_of_a_run_that_failed(site: Site) -> None:
    make = "mkdir -p out; printf 'a\\0b' >out/made; chmod 750 out/made; echo done"
    good = site.submit(make, output_files=["out/made"])
    bad = site.submit(f"{make}; exit 3", output_files=["out/made"], max_attempts=1)

    site.run()

    assert [site.task(number)["status"] for number in (good, bad)] == ["succeeded", "failed"]
    for number in (good, bad):
        (file,) = site.sql(
            "SELECT f.* FROM task_files AS f JOIN tasks AS t ON t.id = f.task_id WHERE number = %s", number
        )
        assert (file["path"], file["content"], file["mode"]) == ("out/made", b"a\0b", 0o750)
        assert site.runs(number)[0]["output_files"] == ["out/made"]


def test_a_declared_output_that_is_missing_fails_the_run_by_name(site: Site) -> None:
    number = site.submit("echo fine", output_files=["report.md"], max_attempts=1)

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"]) == ("failed", "output_missing")
    assert "report.md" in task["error_message"]


def test_a_task_that_fails_twice_and_then_succeeds_took_three_attempts(site: Site) -> None:
    number = site.submit(
        "echo x >>$SITE/journal; test $(wc -l <$SITE/journal) = 3 && echo at last", max_attempts=3
    )

    site.run()

    assert site.task(number)["result"]["text"] == "at last"
    runs = site.runs(number)
    assert [(run["run_no"], run["attempt"], run["status"], run["exit_code"]) for run in runs] == [
        (1, 1, "failed", 1),
        (2, 2, "failed", 1),
        (3, 3, "succeeded", 0),
    ]


def test_a_failed_task_waits_for_its_next_attempt_without_being_looked_for(site: Site) -> None:
    number = site.submit("test -e $SITE/journal && echo done; touch $SITE/journal", backoff_s=1)

    dispatcher = site.run()

    assert site.task(number)["status"] == "succeeded"
    assert len(dispatcher.log("run ended")) == 2


def test_an_agent_that_runs_too_long_is_stopped_and_says_so(site: Site) -> None:
    number = site.submit("echo begun; sleep 300", timeout_s=1, max_attempts=1)

    site.run()

    task, (run,) = site.task(number), site.runs(number)
    assert (task["status"], task["error_class"]) == ("failed", "timeout")
    assert (run["status"], run["stdout_trunc"]) == ("timed_out", "begun\n")
    assert "timeout" in task["error_message"]
    assert site.agents() == []


def test_an_empty_answer_is_no_success(site: Site) -> None:
    number = site.submit("true", max_attempts=1)

    site.run()

    assert site.task(number)["error_class"] == "empty_result"


def test_a_scheduled_task_starts_on_time_and_nothing_looks_for_it_before(site: Site) -> None:
    site.configure("dispatcher", heartbeat_interval=3600, lease_interval=7200)  # nothing else wakes it
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    number = site.submit("date +%s.%N", delay_s=1.5)

    site.wait_for("succeeded", number)

    task = site.task(number)
    assert float(task["result"]["text"]) >= task["scheduled_at"].timestamp()


def test_a_task_of_an_open_transaction_starts_at_its_commit_and_not_before(site: Site) -> None:
    dispatcher = site.start()
    dispatcher.wait_for("dispatcher started")
    with site.database.transaction():
        inside = site.submit("echo inside")
        site.sql("SELECT pg_notify('task_ready', 'a wake-up that finds nothing')")
        outside = site.submit_elsewhere("echo outside")
        site.wait_for("succeeded", outside)
        assert dispatcher.log("run started", task=inside) == []

    site.wait_for("succeeded", inside)


def test_a_higher_priority_goes_first(site: Site) -> None:
    site.configure("groups", sh={"max_concurrent": 1})
    for priority in (1, 5, 9, 3):
        site.submit(f"echo {priority} | tee -a $SITE/journal", priority=priority)

    site.run()

    assert site.journal_lines() == ["9", "5", "3", "1"]


def test_a_limit_of_one_never_lets_two_agents_run(site: Site) -> None:
    site.configure("tools", twin={"argv": ["sh", "{prompt_file}"], "proof": "none"})
    site.configure("groups", sh={"max_concurrent": 8}, cat={"max_concurrent": 1})
    site.configure(
        "groups",
        twin={"tool": "twin", "max_concurrent": 8, "env": {"SITE": str(site.directory)}},
        single={"tool": "sh", "account": "single", "max_concurrent": 1, "env": {"SITE": str(site.directory)}},
    )
    site.configure("limits", **{"tool:twin": 1, "model:x": 1, "tenant:x": 1, "queue:x": 1})
    tasks = [
        {"tool": "sh", "prompt": _ALONE.format("group"), "account": "single"},
        {"tool": "twin", "prompt": _ALONE.format("tool")},
        {"tool": "sh", "prompt": _ALONE.format("model"), "model": "x"},
        {"tool": "sh", "prompt": _ALONE.format("tenant"), "tenant_id": "x"},
        {"tool": "sh", "prompt": _ALONE.format("queue"), "queue": "x"},
    ]
    numbers = site.submit_many(tasks * 10)

    site.run()

    assert site.journal_lines() == []
    assert {site.task(number)["status"] for number in numbers} == {"succeeded"}
    assert site.sql("SELECT * FROM check_counters()") == []


_ALONE = "mkdir $SITE/{0} && echo alone || echo {0} >>$SITE/journal; rmdir $SITE/{0}"


def test_what_cannot_be_started_says_why_and_others_go_on(site: Site) -> None:
    project = site.directory / "project"
    project.mkdir()
    (project / "one").symlink_to("two")
    (project / "two").symlink_to("one")
    roots = [str(project), "~no-such-user/projects", str(project / "one"), str(site.work_dir)]
    site.configure("security", allowed_roots=roots)
    refused = {
        site.submit("hello", permission="full"): ("permission_denied", "allow_dangerous_flags"),
        site.submit("hello", workdir="/no/such/place"): ("spawn_failed", "/no/such/place"),
        site.submit("hello", workdir="/usr"): ("permission_denied", "allowed_roots"),
        site.submit("hello", workdir=str(site.work_dir)): (
            "permission_denied",
            "reply to a task to continue in",
        ),
        site.submit("hello", workdir="/" + "x" * 300): ("spawn_failed", "File name too long"),
        site.submit("hello", workdir=str(project), input_files=[{"path": "one/file", "content": "x"}]): (
            "spawn_failed",
            "the workspace could not be made",
        ),
    }
    fine = site.submit("echo fine")

    site.run()

    assert site.task(fine)["status"] == "succeeded"
    for number, (error_class, words) in refused.items():
        task = site.task(number)
        assert (task["status"], task["error_class"]) == ("failed", error_class)
        assert words in task["error_message"]
        assert len(site.runs(number)) == 1, "trying again would not help"
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_group_for_which_this_host_lacks_something_is_closed_and_none_of_its_tasks_fails(
    site: Site,
) -> None:
    fifo = site.directory / "fifo"
    os.mkfifo(fifo, 0o600)
    not_executable = site.directory / "notes.txt"
    not_executable.write_text("#!/bin/sh\n")
    broken = _script(site.directory / "broken", "#!/no/such/interpreter\n")
    reasons = {
        "keyless": "API_KEY is env:NOT_SET_ANYWHERE, but the dispatcher has no variable NOT_SET_ANYWHERE",
        "nobodys_key": "API_KEY: cannot read ~no-such-user/key",
        "fifo_key": f"API_KEY: {fifo} is not a regular file",
        "homeless": "'~no-such-user/home' names a home directory that does not exist",
        "absent": "no-such-agent is not installed on this host, or not on its dispatcher's PATH: install it",
        "unexecutable": f"{not_executable} is not installed on this host",
        "no_interpreter": "could not be started: llmctl-run",
        "unknown": "this dispatcher does not know how to call unknown: describe it under tools:",
    }
    programs = {
        "absent": "no-such-agent",
        "unexecutable": str(not_executable),
        "no_interpreter": str(broken),
    }
    site.configure(
        "tools", **{tool: {"argv": [programs.get(tool, "cat")], "proof": "none"} for tool in reasons}
    )
    site.configure(
        "groups",
        **{tool: {"tool": tool} for tool in (*programs, "unknown")},
        keyless={"tool": "keyless", "env": {"API_KEY": "env:NOT_SET_ANYWHERE"}},
        nobodys_key={"tool": "nobodys_key", "env": {"API_KEY": "file:~no-such-user/key"}},
        fifo_key={"tool": "fifo_key", "env": {"API_KEY": f"file:{fifo}"}},
        homeless={"tool": "homeless", "config_home": "~no-such-user/home"},
    )
    del site.config["tools"]["unknown"], site.config["groups"]["unknown"]
    tasks = {tool: [site.submit("hello", tool=tool, max_attempts=1) for _ in range(3)] for tool in reasons}
    fine = site.submit("echo fine")

    site.start()
    site.wait_until(lambda: len(site.sql("SELECT FROM list_groups() WHERE state = 'paused'")) == len(reasons))
    site.wait_for("succeeded", fine)

    host = socket.gethostname()
    for tool, reason in reasons.items():
        site.wait_for("queued", *tasks[tool])
        assert {site.task(task)["attempt"] for task in tasks[tool]} == {0}
        [group] = site.sql("SELECT reason FROM list_groups() WHERE group_name = %s", tool)
        assert group["reason"].startswith(f"cannot run on {host}: {reason}"), group
        assert group["reason"].endswith(f"; `llmctl group resume {tool}` tries again")
    assert site.sql("SELECT * FROM check_counters()") == []


def test_a_task_may_work_in_a_directory_of_its_choice_more_than_once(site: Site) -> None:
    chosen = site.directory / "project"
    chosen.mkdir()
    site.configure("security", allowed_roots=[str(site.directory)])
    number = site.submit(
        "pwd; cat given; test -e tried || { touch tried; exit 1; }",
        workdir=str(chosen),
        input_files=[{"path": "given", "content": "the same"}],
    )

    site.run()

    assert site.task(number)["result"]["text"] == f"{chosen}\nthe same"
    assert (chosen / "tried").exists(), "what the task chose is not ours to remove"


def test_until_empty_waits_for_what_is_queued_for_later(site: Site) -> None:
    site.submit("echo now")
    later = site.submit("echo later", delay_s=1)

    site.run()

    assert site.task(later)["status"] == "succeeded"


def test_an_agent_sees_no_variable_that_is_not_its_own(site: Site) -> None:
    number = site.submit("env")
    dispatcher = site.start("--until-empty", env={"OTHER_KEY": "hidden", "ANTHROPIC_API_KEY": "hidden"})
    assert dispatcher.wait() == 0

    seen = {line.partition("=")[0] for line in site.task(number)["result"]["text"].splitlines()}

    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert seen - of_the_shell - set(INHERITED) == {"TERM", "SITE", "LLMCTL_RUN", "LLMCTL_OWNER", *TEMPORARY}


def test_workspaces_are_private(site: Site) -> None:
    site.configure("execution", cleanup="never")
    number = site.submit("echo x >made")

    site.run()

    for place in (site.work_dir / ".id", *site.workspace(number).parent.iterdir()):
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, place


def _script(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o755)
    return path


def test_a_usage_limit_parks_the_task_until_the_account_s_window_opens(site: Site) -> None:
    limited = _script(
        site.directory / "claude",
        """#!/bin/sh
resets=$(($(date +%s) + 7200))
echo '{"type":"system","subtype":"init","session_id":"s"}'
echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":'$resets'}}'
echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"session_id":"s","result":"limit"}'
exit 1
""",
    )
    site.configure("tools", claude={"command": str(limited)})
    site.configure("groups", claude={"tool": "claude"})
    number = site.submit("hello", tool="claude")
    site.start()

    site.wait_until(lambda: site.task(number)["wait_reason"] == "limit")

    task = site.task(number)
    assert (task["status"], task["attempt"], task["error_class"]) == ("queued", 0, "limit")
    assert 7000 < (task["next_attempt_at"] - task["updated_at"]).total_seconds() <= 7206
