"""The verbs of `llmctl`, and the module of each, which is imported only when the verb is called.

So the help of `llmctl` and the shell's completion cost no more than typer itself. Building the options of all verbs
would add a quarter (measured).
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command


class Verb(NamedTuple):
    name: str
    module: str
    """Its ``app`` is a family of verbs. The verb is a member of it or, if none has its name, the whole family."""
    help: str
    alias: str | None = None


VERBS = (
    Verb("submit", "cli.verbs.tasks.submit", "Queue a task, or many from a file.", alias="enqueue"),
    Verb("reply", "cli.verbs.tasks.reply", "Continue the session of a task."),
    Verb("inbox", "cli.verbs.inbox", "List what waits for you: questions, approvals, accounts."),
    Verb("answer", "cli.verbs.tasks.decisions", "Answer the question of an agent."),
    Verb("approve", "cli.verbs.tasks.decisions", "Approve of the results of tasks."),
    Verb("deny", "cli.verbs.tasks.decisions", "Deny the results of tasks."),
    Verb("pick", "cli.verbs.tasks.decisions", "Pick one of several tries by hand."),
    Verb("ls", "cli.verbs.tasks.listing", "List tasks: what runs, what waits and why.", alias="list"),
    Verb("show", "cli.verbs.tasks.listing", "Show everything about one task.", alias="get"),
    Verb("watch", "cli.verbs.watch", "Watch tasks and groups live."),
    Verb("logs", "cli.verbs.tasks.logs", "Print the output of agents, also while they run."),
    Verb("result", "cli.verbs.tasks.results", "Print the final text of tasks."),
    Verb("wait", "cli.verbs.tasks.results", "Wait until tasks have ended."),
    Verb("cancel", "cli.verbs.tasks.actions", "Cancel tasks, also running ones."),
    Verb("retry", "cli.verbs.tasks.actions", "Try tasks again, or start them early."),
    Verb("hold", "cli.verbs.tasks.actions", "Keep queued tasks from starting."),
    Verb("release", "cli.verbs.tasks.actions", "Let held tasks start."),
    Verb("top", "cli.verbs.tasks.actions", "Put queued tasks first."),
    Verb("edit", "cli.verbs.tasks.edit", "Change queued tasks."),
    Verb("runs", "cli.verbs.tasks.listing", "List the runs of a task."),
    Verb("files", "cli.verbs.tasks.files", "List and fetch the files of tasks."),
    Verb("diff", "cli.verbs.changes.diff", "Print what tasks changed in repositories."),
    Verb("apply", "cli.verbs.changes.apply", "Stage what a task changed in a checkout."),
    Verb("branch", "cli.verbs.changes.branch", "Make a branch of what a task changed."),
    Verb("merge", "cli.verbs.changes.merge", "Merge what tasks changed, checked one by one."),
    Verb("push", "cli.verbs.changes.branch", "Push what a task changed to a remote."),
    Verb("workflow", "cli.verbs.workflows", "See and change tasks that belong together."),
    Verb("stats", "cli.verbs.stats", "Sum up runs, tokens and costs."),
    Verb("prune", "cli.verbs.prune", "Delete tasks that ended long ago."),
    Verb("schedule", "cli.verbs.schedules", "Submit tasks again and again, by cron."),
    Verb("group", "cli.verbs.groups", "Manage accounts: how many agents each runs."),
    Verb("limit", "cli.verbs.limits", "Limit tools, models, tenants, queues, workflows."),
    Verb("token", "cli.verbs.tokens", "Manage the tokens of the HTTP API."),
    Verb("hook", "cli.verbs.hooks", "See whom hooks tell what, and repeat it."),
    Verb("doctor", "cli.verbs.doctor", "Find out what keeps tasks from running."),
    Verb("demo", "cli.verbs.demo", "See it work, with simulated agents."),
)


MEANT: Mapping[str, str] = {
    **dict.fromkeys(("add", "create", "new", "queue", "run", "sbatch"), "submit"),
    **dict.fromkeys(("ps", "queued", "squeue", "status", "tasks"), "ls"),
    **dict.fromkeys(("describe", "info", "inspect", "view"), "show"),
    **dict.fromkeys(("follow", "log", "output", "stdout", "tail"), "logs"),
    **dict.fromkeys(("answers", "results"), "result"),
    **dict.fromkeys(("abort", "delete", "kill", "remove", "rm", "scancel", "stop", "terminate"), "cancel"),
    **dict.fromkeys(("again", "redo", "requeue", "rerun", "restart"), "retry"),
    **dict.fromkeys(("defer", "freeze", "suspend"), "hold"),
    **dict.fromkeys(("attempts", "history", "sacct"), "runs"),
    **dict.fromkeys(("cat", "download", "fetch"), "files get"),
    **dict.fromkeys(("changes", "patch"), "diff"),
    **dict.fromkeys(("cherry-pick", "pick", "stage"), "apply"),
    **dict.fromkeys(("checkout", "switch"), "branch"),
    **dict.fromkeys(("cron", "crontab", "schedules", "timer"), "schedule ls"),
    **dict.fromkeys(("cost", "costs", "summary", "usage"), "stats"),
    **dict.fromkeys(("chat", "continue"), "reply"),
    **dict.fromkeys(("account", "accounts", "groups", "slots"), "group list"),
    **dict.fromkeys(("drain", "pause"), "group pause"),
    **dict.fromkeys(("resume", "start", "unpause"), "group resume"),
    **dict.fromkeys(("cool", "cooldown"), "group cool"),
    **dict.fromkeys(("limits", "throttle"), "limit list"),
    **dict.fromkeys(("check", "health"), "doctor"),
    **dict.fromkeys(("flow", "flows", "pipeline", "workflows"), "workflow ls"),
    **dict.fromkeys(("dag", "graph"), "workflow graph"),
    **dict.fromkeys(("accept", "confirm"), "approve"),
    **dict.fromkeys(("decline", "disapprove", "reject"), "deny"),
    **dict.fromkeys(("pending", "questions", "todo"), "inbox"),
    "help": "--help",
    "version": "--version",
}
"""What people mean by words that other programs have for it."""

DESTROYS = frozenset({"prune", "remove", "rm"})
"""Verbs that delete things: what somebody typed by mistake never leads there."""


class Suggesting(TyperGroup):
    """A family of verbs that says what was meant by a word that is none of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"suggest_commands": False})

    # Any: the types that the base class names here are not public in typer.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            if args[0] not in self.commands and not args[0].startswith("-"):
                shown = [name for name, command in self.commands.items() if not command.hidden]
                error.message = f"No such command {args[0]!r}.{_meant(ctx.command_path, args[0], shown)}"
            raise


def _meant(path: str, typed: str, verbs: Collection[str]) -> str:
    meant = [MEANT[typed]] if path == "llmctl" and typed in MEANT else get_close_matches(typed, verbs)
    harmless = [f"`{path} {verb}`" for verb in meant if verb not in DESTROYS]
    return f" Did you mean {' or '.join(harmless)}?" if harmless else ""


class Verbs(Suggesting):
    """Knows the name and the help of each verb, and finds its options in its module when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, known, rest = super().resolve_command(ctx, args)
        verb = next((verb for verb in VERBS if name in (verb.name, verb.alias)), None)
        if verb is None:
            return name, known, rest
        family = get_command(import_module(verb.module).app)
        return (
            name,
            family.commands.get(verb.name, family) if isinstance(family, TyperGroup) else family,
            rest,
        )


def family(about: str | None = None) -> typer.Typer:
    """Return an app for the verbs of one module, in the style of all others."""
    return typer.Typer(
        cls=Suggesting,
        help=about,
        rich_markup_mode=None,  # rich would be imported for each help page
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def announce(app: typer.Typer) -> None:
    """Add the name and the help of each verb to ``app``."""
    for verb in VERBS:
        app.command(verb.name, help=verb.help)(_stands_for_the_verb)
        if verb.alias:
            app.command(verb.alias, help=verb.help, hidden=True)(_stands_for_the_verb)


def _stands_for_the_verb() -> None:
    raise AssertionError("Verbs puts the real one into its place")
