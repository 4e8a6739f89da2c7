"""Another web site on this machine, whose pages try to use ours in the name of a person who is logged in there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.browser.chromium import STRANGER


class Attacker:
    """Serves one page at each of its two names. ``html`` is that page."""

    def __init__(self, port: int) -> None:
        self.addresses = {
            "another site": f"http://{STRANGER}:{port}/",
            "another port": f"http://127.0.0.1:{port}/",  # the same site to a browser: it sends strict cookies
        }
        self.html = ""


@contextmanager
def attacker() -> Iterator[Attacker]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Attacker(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()
