"""`dispatcher check`, `status` and `stop` while dispatchers run."""

import json
import subprocess
import threading

from tests.fixtures.dispatchers import PATIENCE, Site

# Status


def test_status_tells_who_lives_and_what_each_runs(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done", name="slow one")
    running = site.start()
    site.wait_for("running", number)
    told = site.command("status")
    assert told.returncode == 0
    database, first, task = told.stdout.splitlines()
    assert database.startswith(f"database    {site.config['database']['name']} on PostgreSQL at ")
    assert f"process {running.pid}, version " in first
    assert ": alive, heartbeat " in first
    assert first.endswith("; runs 1, serves all groups")
    assert task.startswith(f"  {number} slow one  sh, runs for ")
    [as_json] = json.loads(site.command("status", "-o", "json").stdout)["dispatchers"]
    assert (as_json["pid"], as_json["alive"], as_json["tasks"][0]["number"]) == (running.pid, True, number)


def test_status_without_any_dispatcher_says_how_to_start_one(site: Site) -> None:
    told = site.command("status")
    assert told.returncode == 1
    assert told.stdout.splitlines()[1:] == ["dispatcher  none is running; start one: `dispatcher run`"]


def test_a_dispatcher_whose_lease_ran_out_is_away(site: Site) -> None:
    site.start().wait_for("dispatcher started")
    site.sql("UPDATE dispatchers SET lease_expires_at = now() - interval '1 minute'")
    told = site.command("status")
    assert told.returncode == 1
    assert ": away, its agents may still run, heartbeat " in told.stdout


# Stop


def test_stop_waits_for_agents_and_then_for_the_process(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    running = site.start()
    site.wait_for("running", number)
    answers: list[subprocess.CompletedProcess[str]] = []
    stopping = threading.Thread(target=lambda: answers.append(site.command("stop")))
    stopping.start()
    running.wait_for("received signal")
    assert site.task(number)["status"] == "running"
    gate.open()
    stopping.join(PATIENCE)
    assert running.wait() == 0
    [answer] = answers
    assert answer.returncode == 0
    assert f"process {running.pid} starts nothing more" in answer.stderr
    assert site.task(number)["status"] == "succeeded"


def test_stop_now_stops_agents_and_gives_their_attempt_back(site: Site) -> None:
    gate = site.gate()
    number = site.submit(f"{gate.pass_through}; echo done")
    running = site.start()
    site.wait_for("running", number)
    assert site.command("stop", "--now").returncode == 0
    assert running.wait() == 0
    assert site.agents() == []
    task = site.task(number)
    assert (task["status"], task["attempt"]) == ("queued", 0)


def test_stop_needs_no_database(site: Site) -> None:
    running = site.start()
    running.wait_for("dispatcher started")
    assert site.command("stop", url="postgresql://nobody@127.0.0.1:1").returncode == 0
    assert running.wait() == 0


def test_stop_without_a_dispatcher_is_no_error(site: Site) -> None:
    first = site.start()
    first.wait_for("dispatcher started")
    first.kill()
    told = site.command("stop")
    assert (told.returncode, told.stderr) == (0, f"no dispatcher holds {site.work_dir}\n")


# Check


def test_check_beside_a_running_dispatcher_has_no_problem_but_those_of_the_tests_server(site: Site) -> None:
    running = site.start()
    running.wait_for("dispatcher started")
    told = site.command("check", "-o", "json")
    findings = json.loads(told.stdout)
    problems = [finding["what"] for finding in findings if finding["level"] == "problem"]
    assert [problem.split(":")[0] for problem in problems] == ["fsync is off"]
    assert told.returncode == 1
    seen = {finding["what"] for finding in findings}
    assert f"held by the dispatcher that is process {running.pid}" in seen
    assert any(what.startswith("running on ") for what in seen)
    subjects = {finding["subject"] for finding in findings}
    assert subjects >= {
        "database",
        "work directory",
        "dispatchers",
        "tool sh",
        "group sh",
        "tool claude",
        "machine",
    }
