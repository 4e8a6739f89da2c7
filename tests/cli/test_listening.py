"""A command that waits for events notices when none can come any more."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

from cli.database import events
from cli.database.events import listening
from dispatcher.configuration.settings import Settings
from dispatcher.database import connection
from dispatcher.errors import DatabaseError
from tests.cli.conftest import one_postgres
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.proxy import Proxy, proxy

pytestmark = one_postgres


@pytest.fixture
def between(
    postgres_server: PostgresServer,
    database_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Proxy]:
    """Stands between us and the database of the configuration."""
    with (
        TemporaryDirectory(prefix="llmctl-proxy-") as directory,
        proxy(Path(directory), postgres_server.embedded.place.socket_directory()) as made,
    ):
        config = tmp_path / "config.yaml"
        config.write_text(f"database: {{name: {database_settings.database.name}}}\n")
        monkeypatch.setenv("LLMCTL_CONFIG", str(config))
        url = f"postgresql://llmctl@/postgres?host={quote(directory, safe='')}"
        monkeypatch.setenv("LLMCTL_DATABASE_URL", url)
        yield made


def test_who_hears_nothing_finds_out_whether_the_server_is_there(
    between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PROOF_SECONDS", 0.1)
    monkeypatch.setattr(connection, "LAST_PATIENCE", -8.0)  # two seconds in all
    with listening("task_event") as listener:
        assert listener.wait() == []
        between.swallow("llmctl listener")
        with pytest.raises(DatabaseError, match="did not answer"):
            listener.wait()
