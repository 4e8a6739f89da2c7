"""Commands before and after an agent, in a real dispatcher: a setup makes ready, and a check proves."""

from pathlib import Path

import pytest

from dispatcher.run.preparation.environment import INHERITED, TEMPORARY
from tests.fixtures.dispatchers import Site


@pytest.fixture
def site(site: Site) -> Site:
    site.configure("security", allow_commands=True)
    site.configure("groups", sh={"env": {"SITE": str(site.directory), "SECRET": "env:PATH"}})
    return site


def commands(site: Site, number: int) -> list[tuple[int, str, str, int | None]]:
    """Return run number, kind, verdict and exit code of all commands of a task."""
    rows = site.sql(
        "SELECT r.run_no, c.* FROM run_commands AS c JOIN task_runs AS r ON r.id = c.run_id "
        "JOIN tasks AS t ON t.id = r.task_id WHERE number = %s ORDER BY r.run_no, kind DESC",
        number,
    )
    return [(row["run_no"], row["kind"], row["verdict"], row["exit_code"]) for row in rows]


def output(site: Site, number: int, stream: str) -> str:
    """Return what is stored of a stream of all runs of a task."""
    rows = site.sql(
        "SELECT o.content FROM run_output AS o JOIN task_runs AS r ON r.id = o.run_id "
        "JOIN tasks AS t ON t.id = r.task_id WHERE number = %s AND stream = %s ORDER BY r.run_no, starts_at",
        number,
        stream,
    )
    return b"".join(row["content"] for row in rows).decode()


def written(site: Site, name: str) -> str:
    """The path, for a shell, of a file that survives the run."""
    return str(site.directory / name)


def test_setup_agent_and_check_run_one_after_the_other_in_the_work_directory(site: Site) -> None:
    number = site.submit(
        "cat ready; echo work >done; echo answer",
        setup_command="pwd >ready; echo prepared",
        check_command="cat ready done; echo proven >&2",
    )

    site.run()

    task, place = site.task(number), str(site.workspace(number) / "work")
    assert (task["status"], task["result"]["text"]) == ("succeeded", f"{place}\nanswer")
    assert commands(site, number) == [(1, "setup", "passed", 0), (1, "check", "passed", 0)]
    assert output(site, number, "setup") == "prepared\n"
    assert output(site, number, "check") == f"{place}\nwork\nproven\n"
    assert output(site, number, "stdout") == f"{place}\nanswer\n"


def test_a_check_that_fails_fails_the_attempt_and_the_next_agent_is_told_how(site: Site) -> None:
    number = site.submit(
        "echo one attempt >>$SITE/journal; cp $0 $SITE/told; echo done; exit",
        check_command=f"echo 1 failed, 3 passed; test $(wc -l <{written(site, 'journal')}) = 2",
        max_attempts=3,
    )

    site.run()

    assert site.task(number)["status"] == "succeeded"
    assert commands(site, number) == [(1, "check", "failed", 1), (2, "check", "passed", 0)]
    first, second = site.runs(number)
    assert (first["error_class"], first["attempt"], second["attempt"]) == ("check_failed", 1, 2)
    assert "failed with exit code 1: 1 failed, 3 passed" in first["error_message"]
    told = (site.directory / "told").read_text()
    assert told.startswith("echo one attempt")
    assert told.endswith("Its output ended with:\n\n1 failed, 3 passed\n"), told


def test_a_task_whose_check_never_passes_fails_in_the_end(site: Site) -> None:
    number = site.submit("echo x >>$SITE/journal; echo done; exit", check_command="exit 9", max_attempts=2)

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"]) == ("failed", "check_failed")
    assert "the check `exit 9` failed with exit code 9" in task["error_message"]
    assert site.journal_lines() == ["x", "x"]


def test_nothing_is_checked_after_an_agent_that_failed(site: Site) -> None:
    number = site.submit("exit 3", check_command=f"echo x >>{written(site, 'journal')}", max_attempts=1)

    site.run()

    assert site.task(number)["error_class"] == "agent_error"
    assert (site.journal_lines(), commands(site, number)) == ([], [])


def test_a_setup_that_fails_starts_no_agent_and_uses_up_no_attempt(site: Site) -> None:
    number = site.submit(
        "echo agent >>$SITE/journal; echo done",
        setup_command=f"echo setup >>{written(site, 'journal')}; echo no network; "
        f"test $(wc -l <{written(site, 'journal')}) = 2",
        max_attempts=3,
    )

    site.run()

    assert site.journal_lines() == ["setup", "setup", "agent"]
    first, second = site.runs(number)
    assert (first["error_class"], first["started_at"], second["attempt"]) == ("setup_failed", None, 1)
    assert "failed with exit code 1: no network" in first["error_message"]
    assert commands(site, number) == [(1, "setup", "failed", 1), (2, "setup", "passed", 0)]


def test_a_command_gets_what_an_agent_inherits_and_nothing_of_its_account(site: Site) -> None:
    number = site.submit("echo done", check_command="env; cat")

    site.run()

    variables = dict(line.split("=", 1) for line in output(site, number, "check").splitlines())
    ours = {"LLMCTL_TASK", "LLMCTL_RUN", "LLMCTL_OWNER", "GIT_CEILING_DIRECTORIES", "TERM", *TEMPORARY}
    assert variables.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} <= {*INHERITED, *ours}
    assert variables["LLMCTL_TASK"] == str(number)
    assert variables["GIT_CEILING_DIRECTORIES"] == str(site.workspace(number))


@pytest.mark.parametrize("kind", ["setup", "check"])
def test_a_command_that_runs_too_long_is_stopped_with_all_that_it_started(site: Site, kind: str) -> None:
    command = (
        f"export SITE={site.directory}; setsid sleep 1000 & trap '' TERM; echo begun; sleep 1000; sleep 1000"
    )
    fields: dict[str, object] = {f"{kind}_command": command, f"{kind}_timeout_s": 1}
    number = site.submit("echo done", tool="sh", max_attempts=1, **fields)

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"]) == ("failed", f"{kind}_failed")
    assert "longer than its timeout" in task["error_message"]
    assert [(kind, verdict) for _, kind, verdict, _ in commands(site, number)] == [(kind, "timeout")]
    assert output(site, number, kind) == "begun\n"
    assert site.agents() == []


def test_the_time_of_a_setup_is_not_taken_from_the_agent(site: Site) -> None:
    gate = site.gate()
    number = site.submit("echo done", setup_command=gate.pass_through, timeout_s=1)
    dispatcher = site.start()
    dispatcher.wait_for("command started", task=number)
    site.sql("SELECT pg_sleep(1.2)")

    gate.open()

    site.wait_for("succeeded", number)


@pytest.mark.parametrize("kind", ["setup", "check"])
def test_a_cancel_ends_a_command_and_the_task(site: Site, kind: str) -> None:
    command = f"export SITE={site.directory}; setsid sleep 1000 & sleep 1000"
    fields: dict[str, object] = {f"{kind}_command": command}
    number = site.submit("echo done", tool="sh", **fields)
    dispatcher = site.start()
    dispatcher.wait_for("command started", task=number, kind=kind)

    site.cancel(number)

    site.wait_until(lambda: site.task(number)["status"] == "canceled")
    assert site.agents() == []
    assert len(site.runs(number)) == 1


def test_what_a_command_leaves_running_ends_with_it(site: Site) -> None:
    leave = f"export SITE={site.directory}; setsid sleep 1000 & setsid sleep 1000 & exit 0"
    number = site.submit("echo done", setup_command=leave, check_command=leave)

    site.run()

    assert site.task(number)["status"] == "succeeded"
    assert site.agents() == []


def test_nothing_of_the_agent_runs_beside_its_check(site: Site) -> None:
    number = site.submit(
        "setsid sh -c 'echo $$ >$SITE/left; sleep 1000' & while ! test -s $SITE/left; do :; done; echo done",
        check_command=f"! kill -0 $(cat {written(site, 'left')})",
    )

    site.run()

    assert commands(site, number) == [(1, "check", "passed", 0)]


def test_a_command_that_prints_too_much_is_stopped(site: Site) -> None:
    site.configure("execution", max_log_bytes=100_000)
    number = site.submit("echo done", check_command="yes", max_attempts=1)

    site.run()

    task = site.task(number)
    assert task["error_class"] == "check_failed"
    assert "printed more than ten times" in task["error_message"]
    assert len(output(site, number, "check")) == 100_000


def test_secrets_are_masked_in_what_a_command_prints(site: Site) -> None:
    key = "sk-ant-0123456789abcdef"
    file = site.directory / "key"
    file.write_text(key)
    file.chmod(0o600)
    site.configure("groups", sh={"env": {"SITE": str(site.directory), "API_KEY": f"file:{file}"}})
    number = site.submit("echo done", check_command=f"cat {file}; exit 1", max_attempts=1)

    site.run()

    assert output(site, number, "check") == "***"
    assert key not in str(site.sql("SELECT * FROM run_commands")) + str(site.task(number))


def test_people_see_which_command_is_at_work_before_it_ends(site: Site) -> None:
    setup, check = site.gate("setup"), site.gate("check")
    number = site.submit(
        "echo done",
        setup_command=f"echo first; {setup.pass_through}",
        check_command=f"echo second\n{check.pass_through}",
    )
    site.start()

    def shown() -> str:
        (run,) = site.runs(number) or [{"activity": None}]
        return run["activity"] or ""

    site.wait_until(lambda: shown().startswith("setting up: echo first"))
    site.wait_until(lambda: output(site, number, "setup") == "first\n")
    assert site.task(number)["status"] == "leased"
    setup.open()
    site.wait_until(lambda: shown() == "checking: echo second…")
    site.wait_until(lambda: output(site, number, "check") == "second\n")
    site.wait_until(lambda: site.task(number)["status"] == "running")
    check.open()
    site.wait_for("succeeded", number)


def test_a_command_of_a_task_needs_the_consent_of_the_configuration(site: Site) -> None:
    del site.config["security"]["allow_commands"]
    site.configure("security")
    number = site.submit("echo x >>$SITE/journal; echo done", check_command="true")
    plain = site.submit("echo done", check_command="")

    site.run()

    task = site.task(number)
    assert (task["status"], task["error_class"]) == ("failed", "permission_denied")
    assert "set security.allow_commands" in task["error_message"]
    assert site.journal_lines() == []
    assert site.task(plain)["status"] == "succeeded"


def test_an_agent_cannot_put_something_in_the_place_of_its_check(site: Site) -> None:
    number = site.submit(
        "mkdir ../check; head -n1 ../run >../check/run; echo 'exit 0' >>../check/run; "
        "ln -s $SITE/journal ../check/output.log; echo done",
        check_command="echo real; exit 5",
        max_attempts=1,
    )

    site.run()

    assert commands(site, number) == [(1, "check", "failed", 5)]
    assert site.journal_lines() == []


def test_commands_run_in_the_directory_that_a_task_chose(site: Site, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    site.configure("security", allowed_roots=[str(tmp_path)])
    number = site.submit(
        "cat ready; echo done",
        workdir=str(chosen),
        setup_command="pwd >ready",
        check_command="pwd; exit 3",
        max_attempts=1,
    )

    site.run()

    assert site.task(number)["error_class"] == "check_failed"
    assert output(site, number, "check") == f"{chosen}\n"
    assert output(site, number, "stdout") == f"{chosen}\ndone\n"


def test_a_prompt_that_is_fetched_in_pieces_is_followed_by_what_the_check_said(site: Site) -> None:
    prompt = f"cp $0 $SITE/told; echo done; exit\n{'x' * 3_000_000}"
    number = site.submit(
        prompt,
        check_command=f"echo nothing works; echo x >>{site.journal}; test $(wc -l <{site.journal}) = 2",
    )

    site.run()

    assert site.task(number)["status"] == "succeeded"
    told = (site.directory / "told").read_text()
    assert told.startswith(f"{prompt}\n\nYour work is not done yet: the check")
    assert told.endswith("ended with:\n\nnothing works\n")


def test_a_check_whose_work_directory_is_gone_fails_and_says_so(site: Site) -> None:
    number = site.submit("rm -r ../work; echo done", check_command="true", max_attempts=1)

    site.run()

    task = site.task(number)
    assert task["error_class"] == "check_failed"
    assert "work" in task["error_message"]
