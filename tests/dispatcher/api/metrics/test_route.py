"""`/metrics` over HTTP, as Prometheus asks for it."""

import hashlib
from functools import partial

import httpx
import pytest
from httpx import ASGITransport

from dispatcher.api.application import application
from dispatcher.api.gateway import open_gateway
from dispatcher.api.live.changes import Changes
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import connect
from tests.dispatcher.api.metrics.promtool import promtool
from tests.sql.client import Client


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


async def test_any_token_may_scrape_and_a_confined_one_gets_its_own_tenants(
    database_settings: Settings, database: str
) -> None:
    with Client(database) as db:
        db.group("main")
        db.submit_some(2, tenant_id="acme", queue="mine")
        db.submit(tenant_id="other", queue="theirs")
        for name, tenants in (("all", None), ("one", ["acme"])):
            digest = hashlib.sha256(name.encode()).digest()
            db.run("select add_token(%s, %s, 'reader', %s)", name, digest, tenants)
    changes = Changes(partial(connect, database_settings), 60)
    async with open_gateway(database_settings) as gateway:
        app = application(database_settings, gateway, changes)
        transport = ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            nobody = await client.get("/metrics")
            whole, own = [
                await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
                for token in ("all", "one")
            ]
    assert nobody.status_code == 401
    assert whole.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert promtool("check", "metrics", given=whole.content) == ""
    assert 'llmctl_tasks{queue="theirs",state="queued",tool="claude"} 1.0' in whole.text
    assert "llmctl_group_slots{" in whole.text
    assert 'llmctl_tasks{queue="mine",state="queued",tool="claude"} 2.0' in own.text
    assert "theirs" not in own.text
    assert "llmctl_group_slots{" not in own.text
