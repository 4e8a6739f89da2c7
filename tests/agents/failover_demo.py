"""`python -m tests.agents.failover_demo`: a usage limit on one of two accounts, as the database shows it.

Two subscriptions of the real claude meet a model server on loopback. One reaches its limit, its task goes on with the
other, and when its cool-down has ended, one task probes it before it opens.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.agents.error_matrix import stage
from tests.agents.real_agents import Agents
from tests.fixtures.dispatchers import Dispatcher, Site

KEY = "sk-dummy-7d1c9a3e5b"
LONGEST = 150.0
RESETS = 15
"""Seconds until the service lets the account in again."""


def add_accounts(site: Site, agents: Agents, home: Path, cli: str, *names: str) -> None:
    """Subscriptions of claude, keys of the others, as groups of one slot each."""
    groups: dict[str, object] = {}
    for name in names:
        account = agents.account(cli, home / name, KEY)
        env = {key: "env:ACCOUNT_KEY" if value == KEY else value for key, value in account.env.items()}
        if cli == "claude":
            del env["ANTHROPIC_API_KEY"]
            env["CLAUDE_CODE_OAUTH_TOKEN"] = "env:ACCOUNT_KEY"  # a name, not a secret
        groups[name] = {"tool": cli, "account": name, "env": env, "config_home": str(account.config_home)}
    site.configure("tools", **{cli: {"command": str(agents.program(cli))}})
    site.configure("groups", **groups)


def start(site: Site) -> Dispatcher:
    return site.start(env={"ACCOUNT_KEY": KEY})


def group_state(site: Site, name: str) -> str:
    return str(site.sql("SELECT state FROM list_groups() WHERE group_name = %s", name)[0]["state"])


@dataclass(frozen=True)
class Seen:
    """What a person would see at one moment: the state of the limited account, and why a task waits for it."""

    at: datetime
    state: str
    why: str


@dataclass(frozen=True)
class Demonstration:
    """``hit`` met the limit of the account ``cooled``. The two ``probes`` may only run there."""

    hit: int
    cooled: str
    probes: tuple[int, int]
    seen: tuple[Seen, ...]


def play(site: Site, agents: Agents, home: Path) -> Demonstration:
    add_accounts(site, agents, home, "claude", "one", "two")
    site.configure("groups", one={"max_concurrent": 2}, two={"max_concurrent": 2})
    start(site)
    hit = site.submit(f"[[fail quota resets={RESETS} first=1]] [[say: moved]]", tool="claude")
    site.wait_for("succeeded", hit, within=LONGEST)
    cooled = str(site.runs(hit)[0]["group_name"])

    probes = [
        site.submit(f"[[slow 3]] [[say: probe {n}]]", tool="claude", account=cooled) for n in ("one", "two")
    ]
    seen = [look(site, cooled, probes[1])]
    site.wait_for("running", probes[0], within=LONGEST)
    seen.append(look(site, cooled, probes[1]))
    site.wait_for("succeeded", *probes, within=LONGEST)
    seen.append(look(site, cooled, probes[1]))
    return Demonstration(hit, cooled, (probes[0], probes[1]), tuple(seen))


def look(site: Site, group: str, number: int) -> Seen:
    [found] = site.sql(
        "SELECT clock() AS at, state, why_waiting(%s) AS why FROM list_groups() WHERE group_name = %s",
        str(number),
        group,
    )
    return Seen(found["at"], str(found["state"]), str(found["why"] or ""))


def story(site: Site, played: Demonstration) -> Iterator[str]:
    """Yield what happened, from the records of all runs, in order."""
    events: list[tuple[datetime, str]] = []
    for number in (played.hit, *played.probes):
        for run in site.runs(number):
            words = f"task {number} on account {run['group_name']}"
            told = run["error_message"] or f"answers {run['final_text']!r}"
            events += [
                (run["claimed_at"], f"{words}: starts, attempt {run['attempt']}"),
                (run["finished_at"], f"{words}: {run['error_class'] or 'succeeded'}: {told}"),
            ]
    events += [
        (moment.at, f"account {played.cooled} is {moment.state}" + (f": {moment.why}" if moment.why else ""))
        for moment in played.seen
    ]
    events.sort()
    began = events[0][0]
    return (f"{(at - began).total_seconds():6.1f} s  {words}" for at, words in events)


def main() -> int:
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as (site, agents):
        played = play(site, agents, Path(name) / "accounts")
        sys.stdout.writelines(f"{line}\n" for line in story(site, played))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
