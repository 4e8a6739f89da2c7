"""What lists, descriptions, logs and the shell say of changes and checks."""

from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.repositories.projects import Project
from tests.cli.verbs.changes.conftest import RED, Recorder, changed

pytestmark = one_postgres


def test_ls_has_a_column_for_changes_and_verdicts_only_if_there_is_one(
    llmctl: Llmctl, record: Recorder
) -> None:
    llmctl.submit("codex", "x", "--hold")
    assert "CHANGE" not in llmctl.ok("ls")
    record(changed(l1="one"), verdict="passed")
    record(changed(l2="two"), "--retries", "0", verdict="failed", ends=RED)
    shown = llmctl.ok("ls")
    assert "CHANGE" in shown
    assert "+1 -1 ✓" in shown
    assert "+1 -1 ✗ check" in shown


def test_show_tells_the_change_the_verdict_and_how_to_go_on(
    llmctl: Llmctl, record: Recorder, project: Project
) -> None:
    number = record(changed(l1="one"), "--retries", "0", verdict="failed", check="pytest -q", ends=RED)
    head = project.git("rev-parse", "--short=12", f"refs/llmctl/{number}/1")
    facts = dict(line.split("  ", 1) for line in llmctl.ok("show", number).split("\n\n")[0].splitlines())
    facts = {title: value.strip() for title, value in facts.items()}
    assert facts["repository"] == str(project.path)
    assert facts["base"] == project.git("rev-parse", "--short=12", "HEAD")
    assert facts["change"] == f"1 file, +1 -1 ({head} at refs/llmctl/{number}/1)"
    assert facts["verdict"] == "red: pytest -q"
    assert facts["go on"] == f"`llmctl diff {number}`, `llmctl apply {number}`, `llmctl branch {number}`"
    assert f"end of the check (all of it: `llmctl logs {number} --check`):\n  1 failed\n" in llmctl.ok(
        "show", number
    )


def test_logs_of_a_check_and_a_setup(llmctl: Llmctl, dispatcher: PlayedDispatcher, tmp_path: Path) -> None:
    number = llmctl.submit("claude", "x", "--setup", "npm ci", "--check", "npm test")
    [run] = dispatcher.start()
    for stream, content in (("setup", b"added 9\n"), ("check", b"1 \x1b[31mfailed\x1b[0m\n")):
        dispatcher.connection.execute(
            "SELECT store_command_output(%s, %s, %s, 0, %s)", [dispatcher.id, run, stream, content]
        )
    dispatcher.finish(run, final_text="done")
    assert llmctl.ok("logs", number, "--check") == "1 failed"
    assert llmctl.ok("logs", number, "--setup") == "added 9"
    assert llmctl.ok("logs", number, "--check", "-f") == "1 failed"
    assert llmctl("logs", number, "--check", "-d", tmp_path / "out").code == 0
    assert (tmp_path / "out" / f"{number}.check.log").read_text() == "1 failed\n"
    refused = llmctl("logs", number, "--check", "--stderr")
    assert (refused.code, "give one of them" in refused.err) == (2, True)
    without = llmctl.submit("claude", "x")
    dispatcher.run(final_text="done")
    assert llmctl("logs", without, "--check").err == "the check of run 1 printed nothing\n"


def test_the_shell_offers_tasks_with_changes(llmctl: Llmctl, record: Recorder) -> None:
    llmctl.submit("codex", "x", "--hold")
    number = record(changed(l1="one"), "--name", "first")
    for verb in ("diff", "apply", "branch", "merge", "push"):
        offered = llmctl(verb, "", _LLMCTL_COMPLETE="zsh").out.splitlines()
        assert offered == ["words", f"{number}\tfirst, succeeded"], verb


def test_a_submit_says_what_is_not_part_of_the_task(there: Llmctl, project: Project) -> None:
    done = there("submit", "claude", "x", "--repo", ".")
    assert (done.code, done.err) == (0, "")
    project.write(code="mine", new="x")
    index = (project.path / ".git" / "index").read_bytes()
    done = there("submit", "claude", "x", "--repo", ".")
    assert (done.code, done.err) == (0, f"2 uncommitted changes in {project.path} are not part of it\n")
    assert (project.path / ".git" / "index").read_bytes() == index
    (project.path / "new").unlink()
    assert there("submit", "claude", "x", "--repo", ".").err.endswith(
        f"1 uncommitted change in {project.path} is not part of it\n"
    )
    assert (
        there("submit", "claude", "x", "--repo", "/nowhere").code == 0
    )  # the dispatcher may be on another host
    assert there("submit", "claude", "x", "--repo", "shop").err == ""


def test_nothing_that_a_repository_names_runs_when_somebody_submits_for_it(
    there: Llmctl, project: Project, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    canary = tmp_path / "canary"
    canary.write_text(f"#!/bin/sh\necho $0 $* >> {ran}\ncat\n")
    canary.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.process",
        "core.sshCommand",
        "core.pager",
    ):
        project.git("config", key, str(canary))
    project.git("config", "alias.rev-parse", f"!{canary}")
    project.write(**{".gitattributes": "* filter=evil\n", "code": "mine", "new": "x"})
    done = there("submit", "claude", "x", "--repo", ".")
    assert (done.code, done.err) == (0, f"3 uncommitted changes in {project.path} are not part of it\n")
    assert not ran.exists()


def test_what_the_user_ignores_everywhere_is_no_uncommitted_change(there: Llmctl, project: Project) -> None:
    ignore = Path(there.environment["HOME"]) / ".config" / "git" / "ignore"
    ignore.parent.mkdir(parents=True)
    ignore.write_text("*.swp\n")
    project.write(**{"code.swp": "x"})
    without = {name: value for name, value in there.environment.items() if name != "XDG_CONFIG_HOME"}
    assert replace(there, environment=without)("submit", "claude", "x", "--repo", ".").err == ""


def test_with_an_embedded_server_no_repository_is_refused_at_once(llmctl: Llmctl, tmp_path: Path) -> None:
    alone = {name: value for name, value in llmctl.environment.items() if name != "LLMCTL_DATABASE_URL"}
    embedded = replace(llmctl, environment={**alone, "LLMCTL_HOME": str(tmp_path / "other")})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text("{}\n")
    refused = embedded("submit", "claude", "x", "--repo", ".", "--dry-run")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: {llmctl.directory} is not a git repository\n")
    refused = embedded("submit", "claude", "x", "--repo", "/nowhere", "--dry-run")
    assert "error: /nowhere is not a directory on this host" in refused.err
