"""A log that is followed over HTTP, while what it depends on is killed, is byte for byte what is stored."""

import os
import signal
from contextlib import suppress

from tests.faults.conftest import Crashing
from tests.fixtures.api import ApiClient, api_process, client_of, enable, free_port
from tests.fixtures.dispatchers import Dispatcher, Site

STEPS = 4
LINE = bytes(range(256)) + b"\r\n\r\ndata: x\n\nevent: end\n\n\xff\xc3<script>\x1b[2J\0"
PRINTED = LINE * 50
AGENT = f"""
import os
for step in range({STEPS}):
    os.write(1, {LINE!r} * 50)
    os.system("flock -s $SITE/gate-%d true" % step)
"""


class Follower:
    """Reads a log event by event, and comes back with the last id whenever the stream breaks."""

    def __init__(self, path: str) -> None:
        self.content = b""
        self._path = path
        self._last_id = ""

    def read(self, client: ApiClient, until: int) -> bool:
        """Read until so many bytes are there, and hang up; or to the end, and return True."""
        while len(self.content) < until:
            with suppress(OSError), client.events(self._path, self._last_id) as stream:
                for event in stream:
                    self._last_id = event.id or self._last_id
                    if event.name == "end":
                        return True
                    if event.name == "output":
                        self.content += event.content
                    if len(self.content) >= until:
                        break
        return False


def stored(site: Site, number: int) -> bytes:
    rows = site.sql("SELECT content FROM read_output(%s, 1, 'stdout')", str(number))
    return b"".join(bytes(row["content"]) for row in rows)


def kill_api(dispatcher: Dispatcher) -> None:
    """Kill it with SIGKILL, and wait until the next one serves."""
    served = len(dispatcher.log("the API is served"))
    os.kill(api_process(dispatcher, served), signal.SIGKILL)
    api_process(dispatcher, served + 1)


def test_whatever_is_killed_the_followed_log_is_what_is_stored(crashing: Crashing) -> None:
    site = crashing.site
    enable(site, port=free_port())
    gates = [site.gate(f"gate-{step}") for step in range(STEPS)]
    number = site.submit(AGENT, tool="python")
    dispatcher = site.start()
    client = client_of(site, dispatcher)
    site.wait_for("running", number)
    follower = Follower(f"/tasks/{number}/runs/1/log/events")
    for step, gate in enumerate(gates):
        assert not follower.read(client, until=(step + 1) * len(PRINTED))
        if step in (1, 3):
            kill_api(dispatcher)
        if step in (2, 3):
            crashing.kill()
            crashing.start()
        gate.open()
    site.wait_for("succeeded", number)
    assert follower.read(client, until=STEPS * len(PRINTED) + 1)
    assert follower.content == PRINTED * STEPS == stored(site, number)
    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.wait() == 0
