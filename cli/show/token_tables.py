"""Tokens for people: pure functions of what the database returned."""

import shlex
from collections.abc import Sequence

from cli.show.tables import Column
from cli.show.task_tables import when
from dispatcher.configuration.sections.service import ApiSettings
from sql.rows.people import TokenRow

_MAY = {
    "producer": "submit, see and steer the tasks of {}",
    "reader": "see the tasks of {}, and change nothing",
    "operator": "submit, see and steer the tasks of {}, and steer accounts and limits",
    "admin": "do everything, also make tokens",
}

TOKENS: Sequence[Column[TokenRow]] = (
    Column("NAME", lambda token: token.name),
    Column("ROLE", lambda token: token.role),
    Column(
        "TENANTS", lambda token: "all" if token.tenants is None else ", ".join(token.tenants), elastic=True
    ),
    Column("EXPIRES", lambda token: _expiry(token), style=lambda token: "red" if token.expired else ""),
    Column("LAST USED", lambda token: "never" if token.last_used_at is None else when(token.last_used_at)),
    Column(
        "BROWSERS",
        lambda token: str(token.sessions or ""),
        right=True,
        spare=2,
        shown=lambda tokens: any(token.sessions for token in tokens),
    ),
    Column("CREATED", lambda token: when(token.created_at), spare=1),
)


def _expiry(token: TokenRow) -> str:
    if token.expired:
        return "expired"
    return "never" if token.expires_at is None else when(token.expires_at)


def introduce(token: TokenRow, secret: str, api: ApiSettings) -> str:
    """Return a new token with what it may, for how long, and how it is used."""
    whose = "all tenants" if token.tenants is None else f"tenant {', '.join(token.tenants)}"
    until = "it is removed" if token.expires_at is None else when(token.expires_at)
    return (
        f"token {token.name} added. Until {until} it may {_MAY[token.role].format(whose)}.\n\n"
        f"  {secret}\n\n"
        "Keep it: it is shown only this once. It is sent with each request:\n\n"
        f'  curl -H "Authorization: Bearer {secret}" {_curl_address(api)}/tasks'
    )


def _curl_address(api: ApiSettings) -> str:
    if api.socket:
        return f"--unix-socket {shlex.quote(api.socket)} http://localhost"
    host = f"[{api.host}]" if ":" in api.host else api.host
    return f"{'https' if api.tls_key else 'http'}://{host}:{api.port}"
