"""Sending an event to a webhook: one POST over HTTP/1.1, signed by Standard Webhooks.

Nothing that a receiver does reaches further than its own delivery: no redirect is followed, the answer is read to a
bound, and the time is limited by the caller. A proxy in the environment is not used, since it would look up the host.
"""

import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import SplitResult

import h11
import trio

from dispatcher.hooks.addresses import RefusedAddressError, Resolve, addresses_of
from dispatcher.hooks.attempt import Attempt

MOST_HEAD = 16 * 2**10
MOST_BODY = 4 * 2**10
"""Bytes of an answer that are read: the lines before its body, and the body."""
MOST_ADDRESSES = 4


class Answer(NamedTuple):
    """The status, the headers by their names in small letters, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def tls() -> ssl.SSLContext:
    """Read the certificates that this machine trusts."""
    return ssl.create_default_context()


async def post(
    parts: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool,
    resolve: Resolve,
    context: ssl.SSLContext,
) -> Attempt:
    """Send ``body``, and return what came of it. The caller limits the time."""
    host = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = await addresses_of(host, port, allow_private=allow_private, resolve=resolve)
        stream = await _connected(addresses, port)
        async with stream:
            if parts.scheme == "https":
                stream = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
            return _judged(await _exchange(stream, parts, body, headers))
    except RefusedAddressError as error:
        return Attempt("failed", str(error))
    except (OSError, UnicodeError) as error:
        return Attempt("failed", f"{host} cannot be reached: {error}")
    except (trio.BrokenResourceError, ssl.SSLError, h11.RemoteProtocolError) as error:
        return Attempt("failed", f"{host} did not answer by HTTP: {error.__cause__ or error}")


async def _connected(addresses: Sequence[str], port: int) -> trio.abc.Stream:
    """Connect to the first address that takes a connection. Raises OSError."""
    error: OSError = OSError("it has no address")
    for address in addresses[:MOST_ADDRESSES]:
        family = trio.socket.AF_INET6 if ":" in address else trio.socket.AF_INET
        connection = trio.socket.socket(family, trio.socket.SOCK_STREAM)
        try:
            await connection.connect((address, port))
            return trio.SocketStream(connection)
        except OSError as failure:
            connection.close()
            error = failure
        except BaseException:
            connection.close()
            raise
    raise error


async def _exchange(
    stream: trio.abc.Stream, parts: SplitResult, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """Send the request, and read the answer to its bounds. Raises h11.RemoteProtocolError for what is no HTTP."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
    request = h11.Request(
        method="POST",
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=[
            ("host", parts.netloc),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("user-agent", "llmctl"),
            ("connection", "close"),
            *headers.items(),
        ],
    )
    for part in (request, h11.Data(body), h11.EndOfMessage()):
        await stream.send_all(connection.send(part) or b"")
    answer, read = None, b""
    while answer is None or (answer.status_code >= 300 and len(read) < MOST_BODY):
        try:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                piece = bytes(await stream.receive_some(4096))
                if not piece and answer is None:
                    raise h11.RemoteProtocolError("it closed the connection")
                connection.receive_data(piece)
        except (h11.RemoteProtocolError, trio.BrokenResourceError):
            if answer is None:
                raise
            break  # the status counts, whatever comes after it
        if isinstance(event, h11.Response):
            answer = event
        elif isinstance(event, h11.Data):
            read += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
    assert answer is not None
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    return Answer(answer.status_code, found, read[:MOST_BODY])


def _judged(answer: Answer) -> Attempt:
    said = " ".join(answer.body.decode(errors="replace").split())
    detail = f"HTTP {answer.status}" + (f": {said[:300]}" if said else "")
    if 200 <= answer.status < 300:
        return Attempt("delivered", detail)
    if answer.status == 410:
        return Attempt("gone", f"the receiver said that it is gone ({detail})")
    if 300 <= answer.status < 400:
        detail = f"HTTP {answer.status}: redirects are not followed"
    return Attempt("failed", detail, _seconds_of(answer.headers.get("retry-after")))


def _seconds_of(retry_after: str | None) -> float | None:
    """Return the seconds of a header retry-after, which is a number or a date. Not sensible: None."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after[:9])
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
