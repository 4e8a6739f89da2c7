"""A run whose agent prints what a test gives it."""

import base64
import secrets
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from tests.dispatcher.api.conftest import Site
from tests.sql.client import Run

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>&lt;{{ 7*7 }}\u202e\x1b[2J\x1b]0;t\x07'
"""What an agent may print, and what a task may be named."""
SHOWN = '<script>alert(1)</script>"><img src=x onerror=alert(1)>&lt;{{ 7*7 }}'
"""What of it is seen."""


@dataclass
class Printing:
    """A run that goes on."""

    site: Site
    dispatcher: UUID
    run: Run
    printed: int = 0

    def prints(self, content: bytes) -> None:
        chunk = {
            "stream": "stdout",
            "starts_at": self.printed,
            "ends_at": self.printed + len(content),
            "content": base64.b64encode(content).decode(),
        }
        self.printed += len(content)
        output = {
            "run_id": str(self.run.id),
            "ago_s": 0,
            "stdout_bytes": self.printed,
            "stderr_bytes": 0,
            "live": True,
            "chunks": [chunk],
        }
        self.site.db.run("select append_output(%s, %s)", self.dispatcher, Jsonb([output]))

    def ends(self, error_class: str | None = None, **report: object) -> None:
        self.site.db.finish(self.dispatcher, self.run, error_class, **report)
        self.site.db.run("select close_dispatcher(%s)", self.dispatcher)


def start(site: Site, number: int) -> Printing:
    """Claim and start a task, which is the only one that is ready."""
    dispatcher = site.db.dispatcher(host=secrets.token_hex(4))
    [run] = site.db.claim(dispatcher, 1).runs
    assert run.number == number
    site.db.start(dispatcher, run)
    return Printing(site, dispatcher, run)
