"""Limits of models, outages and throttling, as a real dispatcher meets them. The agent plays claude."""

import stat
from pathlib import Path

import pytest

from tests.fixtures.dispatchers import Site

AGENT = """#!/bin/sh
# $SITE/MODEL says how the next run of that model ends: opus-limit, overloaded or throttled. Otherwise it answers.
model=none resumed=no
while [ $# -gt 0 ]; do
    case $1 in --model) model=$2 ;; --resume) resumed=yes ;; esac
    shift
done
echo "$model $resumed" >> "$SITE/journal"
trouble=$(cat "$SITE/$model" 2>/dev/null)
rm -f "$SITE/$model"
echo '{"type":"system","subtype":"init","session_id":"s-1"}'
case $trouble in
opus-limit)
    info='"status":"rejected","rateLimitType":"seven_day_opus","resetsAt":'$(($(date +%s) + 2))
    echo '{"type":"rate_limit_event","rate_limit_info":{'"$info"'}}'
    status=429 ;;
overloaded) status=529 ;;
throttled) status=429 ;;
*)
    echo '{"type":"result","subtype":"success","is_error":false,"session_id":"s-1","result":"done"}'
    exit 0 ;;
esac
printf '{"type":"result","subtype":"success","is_error":true,"session_id":"s-1","api_error_status":%s}' $status
echo
exit 1
"""


@pytest.fixture
def claude(site: Site) -> Site:
    agent = site.directory / "claude"
    agent.write_text(AGENT)
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    site.configure("tools", claude={"command": str(agent)})
    site.configure(
        "groups", main={"tool": "claude", "max_concurrent": 2, "env": {"SITE": str(site.directory)}}
    )
    return site


def next_run(site: Site, model: str, trouble: str) -> None:
    Path(site.directory, model).write_text(trouble)


def group(site: Site) -> dict[str, object]:
    return site.sql("SELECT * FROM list_groups() WHERE group_name = 'main'")[0]


def test_a_limit_of_a_model_parks_its_task_until_the_dispatcher_wakes_at_its_end(claude: Site) -> None:
    next_run(claude, "opus", "opus-limit")
    limited = claude.submit("p", tool="claude", model="opus")
    claude.start()
    claude.wait_until(lambda: claude.task(limited)["wait_reason"] == "limit")
    assert group(claude)["state"] == "open"

    claude.wait_for("succeeded", claude.submit("p", tool="claude", model="sonnet"))
    claude.wait_for("succeeded", limited)

    assert [run["error_class"] for run in claude.runs(limited)] == ["limit", None]
    assert claude.task(limited)["attempt"] == 0


def test_after_an_outage_one_task_opens_the_account_for_all(claude: Site) -> None:
    next_run(claude, "sonnet", "overloaded")
    first = claude.submit("p", tool="claude", model="sonnet")
    claude.start()
    claude.wait_until(lambda: group(claude)["state"] == "overloaded")
    others = [claude.submit("p", tool="claude") for _ in range(3)]
    claude.sql("UPDATE worker_groups SET cooldown_until = clock() + '1 s'")  # instead of 15

    claude.wait_for("succeeded", first, *others)

    assert group(claude)["state"] == "open"
    assert claude.task(first)["attempt"] == 0
    assert claude.journal.read_text().split("\n").count("sonnet yes") == 1  # its session went on


def test_an_account_that_is_throttled_for_long_is_said_in_the_log_and_by_the_check(claude: Site) -> None:
    claude.sql("UPDATE worker_groups SET throttled_since = clock() - interval '45 min', throttled_runs = 9")
    next_run(claude, "sonnet", "throttled")
    claude.submit("p", tool="claude", model="sonnet", backoff_s=600)
    dispatcher = claude.start()

    said = dispatcher.wait_for("all runs of a worker group are throttled", group="main")

    assert (said["runs"], str(said["what_to_do"]).startswith("give it fewer slots")) == (10, True)
    found = claude.command("check").stdout
    assert "has been throttled for 45 min, in all of its last 10 runs" in found, found
    assert "llmctl group set main --max N" in found
