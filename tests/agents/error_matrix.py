"""`python -m tests.agents.error_matrix [CLI...] [MODE...]`: what each failure of each real CLI comes to, in real runs.

A real dispatcher starts each CLI once for each failure, with an account for each, so that the table also shows what
happens to the account. The model server on loopback fails as the prompt says. Below the table, a class that is not the
common one is explained, and what differs from the policy is named; the exit code is 1 then.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dispatcher.database.migrate import migrate
from tests.agents.matrix.play import Row, cells, play, table
from tests.agents.matrix.scenes import KNOWN, scenes
from tests.agents.real_agents import Agents
from tests.agents.real_agents import serving as serving_agents
from tests.fixtures import postgres
from tests.fixtures.dispatchers import Site


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


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def remarks(rows: Sequence[Row]) -> Iterator[str]:
    """Explain classes that are not the common ones."""
    for row in rows:
        if row.scene.reason is not None:
            yield f"{row.scene.cli}, {row.scene.mode}: {row.error_class or 'a success'}, since {row.scene.reason}"


def complaints(rows: Sequence[Row]) -> Iterator[str]:
    """Name what differs from the policy."""
    for row in rows:
        which = f"{row.scene.cli}, {row.scene.mode}"
        if row.is_false_success:
            yield f"a false success: {which}: {row.answer!r}"
        if not row.is_told_as_recorded:
            yield f"answer, tokens or session are not as recorded: {which}: {cells(row)}"
        if not row.is_as_expected:
            yield f"differs from the policy: {which} (expected: {row.scene.error_class or '-'})"


def main() -> int:
    clis = [cli for cli in KNOWN if cli in sys.argv[1:]] or KNOWN
    modes = [word for word in sys.argv[1:] if word not in KNOWN]
    wanted = list(scenes(clis, modes))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name, stage(Path(name)) as (site, agents):
        rows = play(site, agents, Path(name) / "accounts", wanted, say)
    say("\n" + table(rows) + "\n")
    for remark in remarks(rows):
        say(remark)
    wrong = list(complaints(rows))
    for complaint in wrong:
        say(complaint)
    say(f"{len(rows)} runs in {time.monotonic() - begun:.0f} s; {len(wrong)} differ from the policy")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
