"""Many clients that nobody knows, each with a large body: `dispatcher serve` stays small, and serves the others."""

from pathlib import Path

import pytest
import trio

from tests.fixtures.api import client_of, enable
from tests.fixtures.dispatchers import PATIENCE, Site

MB = 2**20
CLIENTS = 200
HEAD = (
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer llmctl_made-up\r\n"
    "Content-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n"
)


def resident(pid: int, kind: str) -> int:
    """Return VmRSS, or VmHWM which is the most that it ever was, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) * 1024


async def refused(port: int, head: str, size: int) -> bytes:
    """Send a request until it is answered, and return the status."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as client, trio.open_nursery() as nursery:
        answer = b""

        async def send() -> None:
            await client.send_all(head.encode())
            try:
                for _ in range(size // 2**16):
                    await client.send_all(b"x" * 2**16)
            except trio.BrokenResourceError:
                pass  # the server waits only so long for what it does not want

        nursery.start_soon(send)
        while b"\r\n" not in answer:
            piece = await client.receive_some()
            assert piece, "the connection broke before the answer was there"
            answer += piece
        nursery.cancel_scope.cancel()
    return answer.split(b" ")[1]


@pytest.mark.parametrize(
    ("path", "media_type", "announced", "statuses"),
    [
        ("/tasks", "application/json", 60 * MB, {b"401"}),
        ("/tasks", "multipart/form-data; boundary=b", 60 * MB, {b"401"}),
        ("/health", "application/json", 60 * MB, {b"405"}),
        ("/ui/login", "application/x-www-form-urlencoded", 60 * MB, {b"413"}),
        ("/ui/new", "multipart/form-data; boundary=b", 60 * MB, {b"303"}),
        ("/hooks/forge", "application/json", 2 * MB, {b"401", b"503"}),  # the signature is of the whole body
    ],
)
def test_large_bodies_of_nobody_cost_little_memory(
    site: Site, path: str, media_type: str, announced: int, statuses: set[bytes]
) -> None:
    secret = site.directory / "secret"
    secret.write_text("a secret of the forge")
    secret.chmod(0o600)
    hook = {"kind": "github", "secret": f"file:{secret}", "task": {"tool": "sh", "prompt": "true"}}
    site.config["inbound_hooks"] = {"forge": hook}
    enable(site)
    serving = site.start(command="serve")
    client = client_of(site, serving)
    assert client.get("/tasks")[0] == 200
    before = resident(serving.pid, "VmRSS")
    port = int(client.url.rpartition(":")[2])
    found: list[bytes] = []

    async def crowd() -> None:
        head = HEAD.format(path=path, media_type=media_type, size=announced)

        async def one() -> None:
            found.append(await refused(port, head, 2 * MB))

        with trio.fail_after(2 * PATIENCE):
            async with trio.open_nursery() as nursery:
                for _ in range(CLIENTS):
                    nursery.start_soon(one)

    trio.run(crowd)
    assert set(found) <= statuses
    assert len(found) == CLIENTS
    grown = (resident(serving.pid, "VmHWM") - before) / MB
    assert grown < 150, f"{grown:.0f} MiB"
    assert client.get("/tasks")[0] == 200
