"""`llmctl token`: tokens, by which programs act through the HTTP API."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.input.times import duration_option
from cli.registry import family
from cli.show.output import Format, FormatOption, show_rows, write

app = family("Manage the tokens with which programs use the HTTP API.")


class Role(StrEnum):
    PRODUCER = "producer"
    READER = "reader"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command("ls")
@app.command("list", hidden=True)
def list_tokens(output: FormatOption = Format.TABLE) -> None:
    """List tokens: what each may, until when, and when it was last used. The tokens themselves are not kept."""
    from cli.database.connection import opened
    from cli.show.token_tables import TOKENS
    from sql import calls
    from sql.rows.people import TokenRow

    with opened() as db:
        rows = db.call(calls.list_tokens())
    show_rows(TokenRow, rows, TOKENS, output, empty="no tokens yet; `llmctl token add` makes one")


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Your name for whoever will use it.")],
    role: Annotated[
        Role,
        typer.Option(
            help="Let it submit and steer tasks (producer), only see (reader), do both and steer accounts and limits"
            " (operator), or do everything (admin)."
        ),
    ],
    tenant: Annotated[
        list[str] | None, typer.Option(help="Confine it to this tenant. Repeatable; all unless given.")
    ] = None,
    expires: Annotated[
        int | None, duration_option("Let it expire after 90d, 12h, …; never unless given.")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only the token.")] = False,
) -> None:
    """Make a token and print it. It is shown this once: the database keeps only its hash."""
    from cli.database.connection import opened
    from cli.show.token_tables import introduce
    from dispatcher.configuration import settings
    from dispatcher.tokens import hashed, new_token
    from sql import calls

    secret = new_token()
    with opened() as db:
        db.call(calls.add_token(name, hashed(secret), role, tenant or None, expires))
        known = {token.name: token for token in db.call(calls.list_tokens())}
    write(secret if quiet else introduce(known[name], secret, settings.load().api))


@app.command()
def logout(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Log out all browsers of a token. Programs that use it go on."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        ended = db.call(calls.end_sessions(name))
    write(f"token {name}: {ended} {'browser is' if ended == 1 else 'browsers are'} logged out")


@app.command("rm")
def remove(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Remove a token. Whoever uses it is refused from the next request on."""
    from cli.database.connection import opened
    from sql import calls

    with opened() as db:
        db.call(calls.remove_token(name))
    write(f"token {name} removed")
