"""What the shell offers for arguments and options whose values are in the database.

A completer is given as ``autocompletion=`` and called by typer with the context and what is typed so far. It returns
values with a word about each, for shells that show it.
"""

from collections.abc import Callable, Iterable

from typer import Context

Completer = Callable[[Context, str], list[tuple[str, str]]]

NOTHING = "\0"
"""Is said about what is typed where no value begins like it, so that the shell does not offer files instead."""

LIMIT_KINDS = ("tool", "model", "tenant", "queue", "workflow")


def live(kind: str, *always: str) -> Completer:
    """Return a completer for values of a kind that known_values() in SQL names, and for those of ``always``."""

    def complete(ctx: Context, incomplete: str) -> list[tuple[str, str]]:
        found = _known(ctx, kind, incomplete)
        known = {value for value, _ in found}
        return _or_nothing([*((one, "") for one in always if one not in known), *found], incomplete)

    return complete


def listed(*values: str) -> Completer:
    """Return a completer for values that are always the same; each may follow others and a comma."""

    def complete(ctx: Context, incomplete: str) -> list[tuple[str, str]]:  # noqa: ARG001 - typer passes it by name
        before, comma, _ = incomplete.rpartition(",")
        given = before.split(",")
        return _or_nothing([(before + comma + one, "") for one in values if one not in given], incomplete)

    return complete


def several(kind: str) -> Completer:
    """Return a completer for values of a kind, each of which may follow others and a comma."""

    def complete(ctx: Context, incomplete: str) -> list[tuple[str, str]]:
        before, comma, last = incomplete.rpartition(",")
        given = before.split(",")
        found = _known(ctx, kind, last)
        return _or_nothing(
            [(before + comma + one, about) for one, about in found if one not in given], incomplete
        )

    return complete


def limit_scopes(ctx: Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer ``tool:NAME`` and its like."""
    kind, colon, name = incomplete.partition(":")
    if not colon:
        return _or_nothing([(f"{one}:", "") for one in LIMIT_KINDS], incomplete)
    found = _known(ctx, kind, name) if kind in LIMIT_KINDS else []
    return _or_nothing([(f"{kind}:{value}", about) for value, about in found], incomplete)


def summed_by(*columns: str) -> Completer:
    """Return a completer for what `llmctl stats` adds up by: one of ``columns``, or ``label:KEY``."""

    def complete(ctx: Context, incomplete: str) -> list[tuple[str, str]]:
        kind, colon, key = incomplete.partition(":")
        if (kind, colon) != ("label", ":"):
            return _or_nothing([*((one, "") for one in columns), ("label:", "")], incomplete)
        found = _known(ctx, "label_key", key)
        return _or_nothing([(f"label:{value}", about) for value, about in found], incomplete)

    return complete


def task_columns(ctx: Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer the fields of tasks, and ``label:KEY``; each may follow others and a comma."""
    from sql.rows.people import TaskRow

    before, comma, last = incomplete.rpartition(",")
    kind, colon, key = last.partition(":")
    if (kind, colon) == ("label", ":"):
        names = [f"label:{value}" for value, _ in _known(ctx, "label_key", key)]
    else:
        names = [one for one in (*TaskRow.__struct_fields__, "label:") if one not in before.split(",")]
    return _or_nothing([(before + comma + name, "") for name in names], incomplete)


def _known(ctx: Context, kind: str, prefix: str) -> list[tuple[str, str]]:
    from cli.database.known_values import known_values

    return known_values(kind, prefix, ctx.find_root().params.get("config"))


def _or_nothing(offered: Iterable[tuple[str, str]], incomplete: str) -> list[tuple[str, str]]:
    fitting = [(value, about) for value, about in offered if value.startswith(incomplete)]
    return fitting or [(incomplete, NOTHING)]
