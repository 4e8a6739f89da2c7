"""Scenes in real runs: a real dispatcher starts each CLI, with an account for each failure."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.agents.matrix.built_in import BY_SUBSCRIPTION
from tests.agents.matrix.described import SILENT, recorded
from tests.agents.matrix.policy import Policy
from tests.agents.matrix.scenes import Scene
from tests.agents.real_agents import Agents
from tests.fixtures.dispatchers import Site
from tests.wrappers.desk import MODEL, MODELS
from wrappers.command import argv, presets

KEY = "sk-dummy-of-the-error-matrix"
SECRETS = {KEY: "MATRIX_KEY", "fk-dummy": "MATRIX_FACTORY_KEY"}
"""The variable of the dispatcher that holds each secret of an account."""
STALL_TIMEOUT = 20
LONGEST = 1200.0
AT_ONCE = 12
"""Runs at a time: most CLIs wait more than they work."""
SLOW = ("500", "503", "429", "429, wait 600 s", "silent")
QUEUE = "matrix"
WITHOUT_TOOLS = ("llm",)
"""Those that cannot write a file."""
HEAD = 20
"""How much of an answer is shown."""


@dataclass(frozen=True)
class Row:
    """The result of one scene. ``reset_s`` is how long its group cools down, ``ran_s`` how long its slot was taken."""

    scene: Scene
    error_class: str | None
    message: str
    reset_s: int | None
    policy: Policy
    answer: str
    tokens: tuple[int, int] | None
    has_session: bool
    ran_s: float

    @property
    def is_as_expected(self) -> bool:
        return (self.error_class, self.policy) == (self.scene.error_class, self.scene.policy)

    @property
    def is_told_as_recorded(self) -> bool:
        """Whether a success has the answer, the tokens and the session that its recording has."""
        seen = None if self.scene.is_built_in else recorded(self.scene.cli, self.scene.mode)
        if seen is None or self.error_class is not None:
            return True
        tokens = None if seen.tokens is None else (seen.tokens[0], seen.tokens[2])
        return (self.answer, self.tokens, self.has_session) == (seen.answer, tokens, seen.session)

    @property
    def is_false_success(self) -> bool:
        return self.scene.is_failure and (self.policy.task == "succeeded" or self.answer != "")


def play(
    site: Site, agents: Agents, directory: Path, wanted: Sequence[Scene], tell: Callable[[str], object] = str
) -> list[Row]:
    """Let each CLI meet each failure once. ``tell`` is given a line for each run that has ended."""
    configure(site, agents, directory, wanted)
    # In turns, since those of one CLI work and wait at the same time; what waits longest begins first.
    in_turns = sorted(wanted, key=lambda scene: (scene.mode not in SLOW, scene.position))
    numbers = {submit(site, scene): scene for scene in in_turns}
    site.start(env=secrets())
    begun, told = time.monotonic(), set[int]()

    def all_ended() -> bool:
        close_groups_that_ended(site)
        for number, error_class in ended(site).items():
            if number not in told:
                told.add(number)
                scene, seconds = numbers[number], time.monotonic() - begun
                tell(
                    f"{seconds:4.0f} s  {len(told)}/{len(numbers)}  {scene.cli}, {scene.mode}: {error_class or '-'}"
                )
        return len(told) == len(numbers)

    site.wait_until(all_ended, LONGEST)
    rows = {scene: row_of(site, scene, number) for number, scene in numbers.items()}
    return [rows[scene] for scene in wanted]


def configure(site: Site, agents: Agents, directory: Path, wanted: Sequence[Scene]) -> None:
    """Give each scene an account of its own."""
    clis = {scene.cli for scene in wanted}
    site.configure("tools", **{cli: {"command": str(agents.program(cli))} for cli in clis})
    site.configure("security", allow_dangerous_flags=True)
    site.configure("limits", **{f"queue:{QUEUE}": AT_ONCE})
    site.configure("groups", **{scene.group: group_of(scene, agents, directory, site) for scene in wanted})


def group_of(scene: Scene, agents: Agents, directory: Path, site: Site) -> dict[str, object]:
    account = agents.account(scene.cli, directory / scene.group, KEY)
    variables = {
        name: f"env:{SECRETS[value]}" if value in SECRETS else value for name, value in account.env.items()
    }
    if scene.mode in ("logged out", *BY_SUBSCRIPTION):
        variables = {name: value for name, value in variables.items() if value != "env:MATRIX_KEY"}
    if scene.mode in BY_SUBSCRIPTION:
        variables["CLAUDE_CODE_OAUTH_TOKEN"] = "env:MATRIX_KEY"  # a name, not a secret
    return {
        "tool": scene.cli,
        "account": scene.mode,
        "env": {"SITE": str(site.directory), **variables},
        "config_home": str(account.config_home),
        "task_budget_usd": 0.0001 if scene.mode == "task budget" else None,
    }


def fields_of(scene: Scene) -> dict[str, object]:
    """Return what the task of a scene has besides its prompt."""
    fields: dict[str, object] = {"tool": scene.cli, "account": scene.mode, "queue": QUEUE, "max_attempts": 2}
    if scene.cli == "gemini" or not scene.is_built_in:
        fields["model"] = MODELS.get(scene.cli, MODEL)
    if not scene.is_built_in:
        profiles = argv.permissions_of(presets.preset(scene.cli).argv) or ("edit",)
        fields["permission"] = "edit" if "edit" in profiles else list(profiles)[-1]
    if scene.mode == "writes a file" and scene.cli not in WITHOUT_TOOLS:
        fields["output_files"] = ["report.md"]
    if scene.mode == "foreign session":
        fields["session_id"] = str(uuid.uuid4())
    if scene.mode == "silent" or (scene.cli, scene.mode) in SILENT:
        fields["stall_timeout_s"] = STALL_TIMEOUT
    return fields


def submit(site: Site, scene: Scene, **others: object) -> int:
    """Queue the task of a scene and return its number."""
    return site.submit_many([{"prompt": scene.prompt, **fields_of(scene), **others}])[0]


def secrets() -> dict[str, str]:
    """Return the variables of the dispatcher that hold what the accounts need."""
    return {name: secret for secret, name in SECRETS.items()}


def close_groups_that_ended(site: Site) -> None:
    """Let nothing begin a second run, however short its back-off is, unless the host was too busy for the first."""
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


def ended(site: Site) -> dict[int, str | None]:
    """Return the class of each task that had its run, by its number."""
    rows = site.sql(
        """
        SELECT t.number, r.error_class FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id
        WHERE r.finished_at IS NOT NULL AND r.error_class IS DISTINCT FROM 'no_resources'
        """
    )
    return {row["number"]: row["error_class"] for row in rows}


def row_of(site: Site, scene: Scene, number: int) -> Row:
    [found] = site.sql(
        """
        SELECT r.error_class, coalesce(r.error_message, '') AS message, t.attempt,
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
                THEN extract(EPOCH FROM g.cooldown_until - r.finished_at)::integer END AS reset_s,
            coalesce(t.result ->> 'text', '') AS answer, r.input_tokens, r.output_tokens,
            r.session_id IS NOT NULL AS has_session, coalesce(r.latency_ms, 0) / 1000.0 AS ran_s
        FROM tasks AS t JOIN task_runs AS r ON r.task_id = t.id JOIN worker_groups AS g ON g.group_name = r.group_name
        WHERE t.number = %s AND r.error_class IS DISTINCT FROM 'no_resources'
        """,
        number,
    )
    tokens = None if found["input_tokens"] is None else (found["input_tokens"], found["output_tokens"])
    return Row(
        scene=scene,
        error_class=found["error_class"],
        message=found["message"],
        reset_s=found["reset_s"],
        policy=Policy(found["attempt"], found["task"], found["state"]),
        answer=found["answer"],
        tokens=tokens,
        has_session=found["has_session"],
        ran_s=float(found["ran_s"]),
    )


HEADING = (
    *("CLI", "MODE", "CLASS", "RESET", "ATTEMPTS", "TASK", "GROUP"),
    *("ANSWER", "TOKENS", "SESSION", "SECONDS"),
)


def cells(row: Row) -> tuple[str, ...]:
    reset = "" if row.reset_s is None else f"{row.reset_s} s"
    answer = " ".join(row.answer.split())
    return (
        *(row.scene.cli, row.scene.mode, row.error_class or "-", reset),
        *(str(row.policy.attempts), row.policy.task, row.policy.group),
        answer if len(answer) <= HEAD else answer[: HEAD - 1] + "…",
        "-" if row.tokens is None else f"{row.tokens[0]}/{row.tokens[1]}",
        "yes" if row.has_session else "-",
        f"{row.ran_s:.0f}",
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text, with one line for each."""
    lines = [HEADING, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
