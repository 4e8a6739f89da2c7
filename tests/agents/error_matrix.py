"""`python -m tests.agents.error_matrix`: the result of each failure of each real CLI, as a table from real runs.

Each CLI meets each failure once. A real dispatcher starts it, with an account for each failure, so that the table also
shows what happens to the account. The model server on loopback fails as the prompt says.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dispatcher.database.migrate import migrate
from tests.agents.real_agents import CLIS, Agents
from tests.agents.real_agents import serving as serving_agents
from tests.fixtures import postgres
from tests.fixtures.dispatchers import Site

KEY = "sk-dummy-of-the-error-matrix"
RESETS = 7200
"""Seconds until the usage limits are reset, where the service tells."""
STALL_TIMEOUT = 20
LONGEST = 400.0

MODES: Mapping[str, str] = {
    "answer": "[[say: done]]",
    "writes a file": "[[write report.md: all is well]] [[say: Written.]]",
    "slow, 5 s": "[[slow 5]] [[say: It took its time.]]",
    "huge, 4 MB": "[[large 4000000]]",
    "repeats itself": "[[say: " + "It says the same thing over and over again. " * 40 + "]]",
    "429": "[[fail 429 retry-after=1]]",
    "429, wait 600 s": "[[fail 429 retry-after=600]]",
    "quota": f"[[fail quota resets={RESETS}]]",
    "subscription 429": "[[fail 429 retry-after=600]]",
    "subscription quota": f"[[fail quota resets={RESETS}]]",
    "subscription model": f"[[fail model resets={RESETS}]]",
    "no credit": "[[fail credit]]",
    "500": "[[fail 500]]",
    "502": "[[fail 502]]",
    "502, HTML": "[[fail html]]",
    "503": "[[fail 503]]",
    "529": "[[fail 529]]",
    "401": "[[fail 401]]",
    "403": "[[fail 403]]",
    "404": "[[fail 404]]",
    "too long": "[[fail context]]",
    "silent": "[[silent 300]]",
    "stream drops": "[[say: the first half, the second half]] [[drop]]",
    "garbage": "[[garbage]]",
    "refusal": "[[refuse]]",
    "empty answer": "[[empty]]",
    "logged out": "hello",
    "task budget": "[[write a.md: x]] [[write b.md: x]] [[say: too dear]]",
}

# The three differ only where a CLI reports less.
CLASSES: Mapping[str, tuple[str | None, str | None, str | None]] = {
    "answer": (None, None, None),
    "writes a file": (None, None, None),
    "slow, 5 s": (None, None, None),
    "huge, 4 MB": (None, None, None),
    "repeats itself": (None, None, "agent_error"),
    "429, wait 600 s": ("throttled", "throttled", "throttled"),
    "429": ("throttled", "throttled", "throttled"),
    "quota": ("throttled", "limit", "limit"),
    "subscription 429": ("throttled", None, None),
    "subscription quota": ("limit", None, None),
    "subscription model": ("limit", None, None),
    "no credit": ("no_credit", "no_credit", "auth"),
    "500": ("overloaded", "overloaded", "overloaded"),
    "502": ("overloaded", "overloaded", "overloaded"),
    "502, HTML": ("overloaded", "overloaded", "overloaded"),
    "503": ("overloaded", "overloaded", "overloaded"),
    "529": ("overloaded", "overloaded", "overloaded"),
    "401": ("auth", "auth", "auth"),
    "403": ("auth", "auth", "auth"),
    "404": ("invalid_request", "invalid_request", "invalid_request"),
    "too long": ("context_too_long", "context_too_long", "context_too_long"),
    "silent": ("stalled", "stalled", "stalled"),
    "stream drops": (None, "agent_error", "agent_error"),
    "garbage": ("agent_error", "agent_error", "agent_error"),
    "refusal": ("invalid_request", "invalid_request", "invalid_request"),
    "empty answer": ("empty_result", "empty_result", "empty_result"),
    "logged out": ("auth", "auth", "auth"),
    "task budget": ("budget", None, None),
}
SUBSCRIPTIONS = ("subscription 429", "subscription quota", "subscription model")
ONLY_CLAUDE = (*SUBSCRIPTIONS, "task budget")


class Policy(NamedTuple):
    """The effect of an error class: attempts used, and what happens to the task and the group."""

    attempts: int
    task: str
    group: str


POLICY: Mapping[str | None, Policy] = {
    None: Policy(0, "succeeded", "open"),
    "limit": Policy(0, "queued: limit", "cooling"),
    "throttled": Policy(0, "queued: retry", "open"),
    "overloaded": Policy(0, "queued: retry", "backs off"),
    "auth": Policy(0, "queued", "paused"),
    "no_credit": Policy(0, "queued", "paused"),
    "budget": Policy(1, "failed", "open"),
    "context_too_long": Policy(1, "failed", "open"),
    "invalid_request": Policy(1, "failed", "open"),
    "empty_result": Policy(1, "queued: retry", "open"),
    "agent_error": Policy(1, "queued: retry", "open"),
    "stalled": Policy(1, "queued: retry", "open"),
}
OF_A_MODEL = Policy(0, "queued: limit", "a model cools")
"""The effect of a limit of the model alone."""


@dataclass(frozen=True)
class Row:
    """The result of one failure of one CLI. ``reset_s`` is how long its group cools down."""

    cli: str
    mode: str
    error_class: str | None
    reset_s: int | None
    policy: Policy

    def cells(self) -> tuple[str, ...]:
        reset = "" if self.reset_s is None else f"{self.reset_s} s"
        return (
            *(self.cli, self.mode, self.error_class or "-", reset),
            *(str(self.policy.attempts), self.policy.task, self.policy.group),
        )


def scenes() -> Iterator[tuple[str, str]]:
    for mode in MODES:
        for cli in CLIS:
            if cli == "claude" or mode not in ONLY_CLAUDE:
                yield cli, mode


def expected() -> dict[tuple[str, str], tuple[str | None, Policy]]:
    """The class of each scene, and what follows from it."""
    table = {}
    for cli, mode in scenes():
        error_class = CLASSES[mode][CLIS.index(cli)]
        policy = OF_A_MODEL if mode == "subscription model" else POLICY[error_class]
        table[cli, mode] = (error_class, policy)
    return table


def group_of(cli: str, mode: str) -> str:
    return f"{cli}-{mode.replace(',', '').replace(' ', '-')}"


def play(site: Site, agents: Agents, directory: Path) -> list[Row]:
    """Let each CLI meet each failure once."""
    groups: dict[str, object] = {}
    for cli, mode in scenes():
        account = agents.account(cli, directory / group_of(cli, mode), KEY)
        variables = {name: "env:MATRIX_KEY" if value == KEY else value for name, value in account.env.items()}
        if mode in ("logged out", *SUBSCRIPTIONS):
            variables = {name: value for name, value in variables.items() if value != "env:MATRIX_KEY"}
        if mode in SUBSCRIPTIONS:
            variables["CLAUDE_CODE_OAUTH_TOKEN"] = "env:MATRIX_KEY"  # a name, not a secret
        groups[group_of(cli, mode)] = {
            "tool": cli,
            "account": mode,
            "env": variables,
            "config_home": str(account.config_home),
            "task_budget_usd": 0.0001 if mode == "task budget" else None,
        }
    site.configure("tools", **{cli: {"command": str(agents.program(cli))} for cli in CLIS})
    site.configure("groups", **groups)
    numbers = {
        scene: site.submit(
            MODES[scene[1]],
            tool=scene[0],
            account=scene[1],
            model="gemini-2.5-flash" if scene[0] == "gemini" else None,
            max_attempts=2,
            stall_timeout_s=STALL_TIMEOUT if scene[1] == "silent" else None,
        )
        for scene in scenes()
    }
    site.start(env={"MATRIX_KEY": KEY})

    def all_ended() -> bool:
        # Nothing may begin a second run, however short its back-off is, unless the host was too busy for the first.
        site.sql(
            """
            SELECT change_group(group_name, slots) FROM (
                SELECT group_name, max_concurrent, (
                    bool_and(finished_at IS NOT NULL AND coalesce(error_class, '') = 'no_resources')
                )::integer AS slots
                FROM worker_groups JOIN task_runs USING (group_name) GROUP BY group_name, max_concurrent
            ) AS wanted WHERE slots <> max_concurrent
            """
        )
        ended = site.sql(
            "SELECT count(*) AS runs FROM task_runs"
            " WHERE finished_at IS NOT NULL AND error_class IS DISTINCT FROM 'no_resources'"
        )
        return bool(ended[0]["runs"] == len(numbers))

    site.wait_until(all_ended, LONGEST)
    return [row_of(site, cli, mode, number) for (cli, mode), number in numbers.items()]


def row_of(site: Site, cli: str, mode: str, number: int) -> Row:
    [found] = site.sql(
        """
        SELECT r.error_class, t.attempt,
            -- A back-off that was short is over by now.
            t.status || CASE WHEN t.status <> 'queued' OR t.next_attempt_at IS NULL THEN ''
                ELSE ': ' || coalesce(t.wait_reason, 'retry')
            END AS task,
            CASE
                WHEN g.paused THEN 'paused'
                WHEN g.cooldown_class = 'overloaded' THEN 'backs off'
                WHEN g.cooldown_until > clock() THEN 'cooling'
                WHEN g.models_cool_until > clock() THEN 'a model cools'
                ELSE 'open'
            END AS state,
            CASE WHEN g.cooldown_class = 'limit'
                THEN extract(EPOCH FROM g.cooldown_until - r.finished_at)::integer END AS reset_s
        FROM tasks AS t JOIN task_runs AS r ON r.task_id = t.id JOIN worker_groups AS g ON g.group_name = r.group_name
        WHERE t.number = %s AND r.error_class IS DISTINCT FROM 'no_resources'
        """,
        number,
    )
    policy = Policy(found["attempt"], found["task"], found["state"])
    return Row(cli, mode, found["error_class"], found["reset_s"], policy)


HEADING = ("CLI", "FAILURE", "CLASS", "RESET", "ATTEMPTS", "TASK", "GROUP")


def table(rows: Sequence[Row]) -> str:
    lines = [HEADING, *(row.cells() for row in sorted(rows, key=lambda row: CLIS.index(row.cli)))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


@contextmanager
def stage(directory: Path) -> Iterator[tuple[Site, Agents]]:
    """A database, dispatchers and CLIs, outside of a test."""
    for name in ("home", "site", "agents"):
        (directory / name).mkdir()
    with postgres.serving(directory / "home") as server, serving_agents(directory / "agents") as agents:
        name = server.create()
        migrate(server.settings(name))
        site = Site(directory / "site", server.settings(name))
        try:
            yield site, agents
        finally:
            site.close()


def main() -> int:
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as (site, agents):
        rows = play(site, agents, Path(name) / "accounts")
    print(table(rows))  # noqa: T201
    wanted = expected()
    wrong = [row for row in rows if (row.error_class, row.policy) != wanted[row.cli, row.mode]]
    for row in wrong:
        print(f"differs from the policy: {row.cli}, {row.mode}")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
