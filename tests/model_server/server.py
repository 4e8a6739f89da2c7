"""The HTTP side: which dialect a request speaks, and the pace at which its answer leaves."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import msgspec

from tests.model_server import script
from tests.model_server.anthropic import Anthropic
from tests.model_server.chat import Chat
from tests.model_server.dialect import Dialect, ErrorAnswer, Json, Turn, server_sent
from tests.model_server.gemini import Gemini
from tests.model_server.openai import OpenAI

LOOPBACK = "127.0.0.1"
KEY_HEADERS = ("x-api-key", "authorization", "x-goog-api-key")
ENDS_WITHIN = 0.02
"""Seconds between two looks whether the server shall end."""
MODELS = ("test-model", "test-model-mini")
ASIDE = script.Script(answer=script.Say(("A task",)))
"""The answer to what a CLI asks for itself."""
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    prompt: str = ""


def dialect_of(path: str) -> Dialect | None:
    route = path.partition("?")[0]
    if route.endswith("/messages"):
        return Anthropic()
    if route.endswith("/responses"):
        return OpenAI()
    if route.endswith("/chat/completions"):
        return Chat()
    if route.endswith((":streamGenerateContent", ":generateContent")):
        return Gemini()
    return None


class ModelServer:
    """A model server on a port of loopback: a context manager that serves in threads of its own.

    ``record`` is called with each request, from the thread that serves it.
    """

    def __init__(self, port: int = 0, record: Callable[[RecordedRequest], None] | None = None) -> None:
        self.requests: list[RecordedRequest] = []
        self.stopping = threading.Event()
        self._record = record
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._http = _Server((LOOPBACK, port), self)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._http.serve_forever, args=(ENDS_WITHIN,), name="model server", daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def remember(self, request: RecordedRequest) -> None:
        with self._lock:
            self.requests.append(request)
            if self._record is not None:
                self._record(request)

    def times_failed_before(self, prompt: str) -> int:
        """Count the call and return how many came before with the same end of the prompt, from `fail` on."""
        end = prompt[max(0, prompt.rfind("[[fail")) :]
        with self._lock:
            self._seen[end] += 1
            return self._seen[end] - 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model: ModelServer) -> None:
        self.model = model
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection. The connection ends with the response, so the length need not be known."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._remember(b"")
        if "upgrade" in self.headers:  # codex asks its built-in provider for a WebSocket first
            self._send_json(HTTPStatus.UPGRADE_REQUIRED, {"error": {"message": "no WebSockets here"}})
            return
        if self.path.partition("?")[0].endswith("/models"):
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in MODELS]
            self._send_json(HTTPStatus.OK, {"object": "list", "data": models})
            return
        self._send_json(HTTPStatus.NOT_FOUND, {"error": {"message": "this server answers prompts only"}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        dialect = dialect_of(self.path)
        if dialect is None:
            self._remember(body)
            self._send_json(HTTPStatus.NOT_FOUND, {"error": {"message": f"no such endpoint: {self.path}"}})
            return
        try:
            turn = dialect.read(self.path, body)
            wanted = ASIDE if turn.helps else script.read(turn.prompt)
        except (msgspec.MsgspecError, script.ScriptError) as error:
            self._remember(body)
            self._send_json(HTTPStatus.BAD_REQUEST, {"error": {"message": str(error)}})
            return
        self._remember(body, "" if turn.helps else turn.prompt)
        try:
            self._answer(dialect, turn, wanted)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the CLI was stopped

    def _answer(self, dialect: Dialect, turn: Turn, wanted: script.Script) -> None:
        failure = wanted.failure
        key = self.headers.get("authorization", "").removeprefix("Bearer").strip()
        has_key = key and not key.startswith("$")  # the name of a variable that is not there
        if isinstance(dialect, Chat) and not has_key:
            failure = script.Failure(status=401, said="You didn't provide an API key.")
        if failure is not None and self._is_still_due(failure, turn):
            if failure.reason == "html":
                self._send_head(failure.status, "text/html", dialect.failure(failure).headers)
                self.wfile.write(PAGE)
            else:
                key = " ".join(self.headers.get(name, "") for name in KEY_HEADERS)
                said = f"no such key: {key}" if failure.reason == "echo" else failure.said
                self._send_error(dialect.failure(replace(failure, said=said)))
            return
        if not turn.has_tools:
            wanted = wanted.in_words()
        reply = wanted.reply(turn.results)
        if wanted.garbage:
            self._send_head(HTTPStatus.OK, "text/plain")
            self.wfile.write(b"\x00\xff not an answer")
        elif turn.stream:
            pace = wanted if reply is wanted.answer else script.Script()
            frames = dialect.stream(turn, reply)
            if pace.drop and isinstance(dialect, Chat):
                self._send_head(HTTPStatus.OK, "text/event-stream", {"transfer-encoding": "chunked"})
                self._stream([f"{len(frame.encode()):x}\r\n{frame}\r\n" for frame in frames], pace)
            else:
                self._send_head(HTTPStatus.OK, "text/event-stream")
                self._stream(frames, pace)
        elif reply is wanted.answer and isinstance(dialect, Chat):
            self.server.model.stopping.wait(wanted.silent)
            payload = msgspec.json.encode(dialect.whole(turn, reply))
            self._send_head(HTTPStatus.OK, "application/json", {"content-length": str(len(payload))})
            self.wfile.write(payload[: len(payload) // 2] if wanted.drop else payload)
        else:
            self._send_json(HTTPStatus.OK, dialect.whole(turn, reply))

    def _is_still_due(self, failure: script.Failure, turn: Turn) -> bool:
        return failure.first is None or self.server.model.times_failed_before(turn.prompt) < failure.first

    def _stream(self, frames: Sequence[str], wanted: script.Script) -> None:
        pause = wanted.slow / max(1, len(frames) - 1)
        sent = frames[: len(frames) // 2] if wanted.drop else frames
        for number, frame in enumerate(sent):
            if number == 1:
                self.server.model.stopping.wait(wanted.silent)
            if number and pause:
                self.server.model.stopping.wait(pause)
            self.wfile.write(frame.encode())
            self.wfile.flush()

    def _remember(self, body: bytes, prompt: str = "") -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        text = body.decode(errors="replace")
        request = RecordedRequest(
            method=self.command, path=self.path, headers=headers, body=text, prompt=prompt
        )
        self.server.model.remember(request)

    def _send_error(self, error: ErrorAnswer) -> None:
        if error.event is None:
            self._send_json(error.status, error.body, error.headers)
        else:
            self._send_head(error.status, "text/event-stream", error.headers)
            self.wfile.write(server_sent(error.body, error.event).encode())

    def _send_json(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        payload = msgspec.json.encode(body)
        self._send_head(status, "application/json", {**(headers or {}), "content-length": str(len(payload))})
        self.wfile.write(payload)

    def _send_head(self, status: int, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "connection": "close", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class named it)
        """Requests are recorded, not printed."""
