"""What a receiver can do, and what comes of it. It plays on loopback."""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from subprocess import run

import pytest
import trio

from dispatcher.configuration.sections.hooks import parts_of
from dispatcher.hooks import webhook
from dispatcher.hooks.attempt import Attempt

Receive = Callable[[trio.abc.Stream, bytes], Awaitable[None]]


def says(answer: bytes) -> Receive:
    async def say(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(answer)

    return say


def prints_for_ever(beginning: bytes) -> Receive:
    async def print_on(stream: trio.abc.Stream, _: bytes) -> None:
        await stream.send_all(beginning)
        while True:  # until we are left
            await stream.send_all(b"x" * 10_000)

    return print_on


async def sent(
    receive: Receive,
    *,
    resolved: Sequence[str] = ("127.0.0.1",),
    allow_private: bool = True,
    scheme: str = "http",
    server: ssl.SSLContext | None = None,
    client: ssl.SSLContext | None = None,
) -> tuple[Attempt, list[bytes]]:
    """Send an event to a receiver of the name receiver.example; return what came of it, and all requests."""
    requests: list[bytes] = []
    looked_up = []

    async def handle(stream: trio.SocketStream) -> None:
        speaks = (
            stream
            if server is None
            else trio.SSLStream(stream, server, server_side=True, https_compatible=True)
        )
        try:
            request = b""
            while not request.endswith(b"{}"):
                request += await speaks.receive_some(4096) or b"{}"
            requests.append(request)
            await receive(speaks, request)
            await stream.aclose()
        except trio.BrokenResourceError:
            pass  # it has heard enough, or refuses our certificate

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return resolved if len(looked_up) == 1 else ["192.0.2.1"]

    async with trio.open_nursery() as nursery:
        serving = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        port = serving[0].socket.getsockname()[1]
        attempt = await webhook.post(
            parts_of(f"{scheme}://receiver.example:{port}/hear?a=b", allow_private=True),
            b"{}",
            {"webhook-id": "e1"},
            allow_private=allow_private,
            resolve=resolve,
            context=client or ssl.create_default_context(),
        )
        nursery.cancel_scope.cancel()
    assert looked_up == ["receiver.example"]
    return attempt, requests


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", Attempt("delivered", "HTTP 204")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nwelcome", Attempt("delivered", "HTTP 200")),
        (b"HTTP/1.1 410 Gone\r\n\r\n", Attempt("gone", "the receiver said that it is gone (HTTP 410)")),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n{}\n", Attempt("failed", "HTTP 503: {}", 7.0)),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: soon\r\n\r\n", Attempt("failed", "HTTP 429")),
        (
            b"HTTP/1.1 429 Slow\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n",
            Attempt("failed", "HTTP 429", 0.0),
        ),
        (
            b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1/\r\n\r\n",
            Attempt("failed", "HTTP 307: redirects are not followed"),
        ),
        (b"", Attempt("failed", "receiver.example did not answer by HTTP: it closed the connection")),
        (
            b"SSH-2.0-OpenSSH\r\n\r\n",
            Attempt(
                "failed",
                "receiver.example did not answer by HTTP: illegal status line: bytearray(b'SSH-2.0-OpenSSH')",
            ),
        ),
    ],
)  # fmt: skip
def test_what_a_receiver_answers_decides(answer: bytes, expected: Attempt) -> None:
    attempt, requests = trio.run(sent, says(answer))
    assert attempt == expected
    [request] = requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "POST /hear?a=b HTTP/1.1"
    assert {"content-type: application/json", "content-length: 2", "webhook-id: e1"} < set(lines)
    assert lines[1].startswith("host: receiver.example:")


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 500 Oops\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_an_answer_without_end_is_read_to_a_bound(beginning: bytes) -> None:
    attempt, _ = trio.run(sent, prints_for_ever(beginning))
    assert attempt.outcome == "failed"
    assert len(attempt.detail) < 400


def test_a_host_that_resolves_to_a_private_address_is_not_connected_to() -> None:
    attempt, requests = trio.run(partial(sent, says(b""), allow_private=False))
    assert (attempt.outcome, requests) == ("failed", [])
    assert "127.0.0.1, which is not a public address" in attempt.detail


@pytest.mark.parametrize("name", ["receiver.example", "somebody.else"])
def test_the_certificate_must_be_of_the_host_that_is_named(tmp_path: Path, name: str) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    answer = says(b"HTTP/1.1 200 OK\r\n\r\n")
    attempt, requests = trio.run(partial(sent, answer, scheme="https", server=server, client=client))
    if name == "receiver.example":
        assert (attempt.outcome, len(requests)) == ("delivered", 1)
    else:
        assert (attempt.outcome, requests) == ("failed", [])
        assert "certificate" in attempt.detail
