"""What agents print, as bytes and live: exact after any interruption, and what is told about it."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from dispatcher.log_views import view_of
from tests.dispatcher.api.conftest import Api, Site, one_postgres, problem
from tests.dispatcher.api.live.following import Following, following
from tests.sql.client import Client, Run
from tests.wrappers.record import RECORDED

pytestmark = one_postgres

HOSTILE = (
    bytes(range(256))
    + b"\r\n\r\ndata: x\n\nevent: end\n\n\xff\xc3"
    + "ä\u202e<script>".encode()
    + b"\x1b[2J\0"
)


@dataclass
class Printing:
    """A run that prints what the test lets it print."""

    db: Client
    dispatcher: UUID
    run: Run
    positions: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})

    @property
    def path(self) -> str:
        return f"/tasks/{self.run.number}/runs/1/log"

    def print(self, *pieces: bytes, stream: str = "stdout") -> None:
        chunks = []
        for piece in pieces:
            start = self.positions[stream]
            self.positions[stream] += len(piece)
            content = base64.b64encode(piece).decode()
            chunks.append(
                {"stream": stream, "starts_at": start, "ends_at": start + len(piece), "content": content}
            )
        self.db.run("select append_output(%s, %s)", self.dispatcher, Jsonb([self._output(chunks)]))

    def end(self) -> None:
        self.db.finish(self.dispatcher, self.run, result={"text": "ok"}, final_text="ok")
        self.db.run("select close_dispatcher(%s)", self.dispatcher)

    def _output(self, chunks: list[dict[str, object]]) -> dict[str, object]:
        sizes = {f"{stream}_bytes": size for stream, size in self.positions.items()}
        return {"run_id": str(self.run.id), "ago_s": 0, "live": True, "chunks": chunks, **sizes}


@pytest.fixture
async def agent(api: Api, site: Site) -> Printing:
    return await printing(api, "codex")


async def printing(api: Api, tool: str) -> Printing:
    db = api.site.db
    db.run("select put_group(%s, %s, %s, 100)", f"{tool}-x", tool, "x")
    db.run("update tasks set status = 'canceled', finished_at = clock() where status = 'queued'")
    number = await api.submit(tool=tool)
    dispatcher = db.dispatcher(host=f"host-{number}")
    [run] = db.claim(dispatcher, 1).runs
    db.start(dispatcher, run)
    return Printing(db, dispatcher, run)


async def told(stream: Following) -> tuple[bytes, str | None]:
    """Return what a stream brings up to its end, and the id of the last piece."""
    content, last = b"", None
    while (event := await stream.next()).name == "output":
        content += event.content
        last = event.id
    assert event.name == "end"
    return content, last


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


async def test_a_log_is_told_as_it_is_printed_and_exactly(api: Api, agent: Printing) -> None:
    agent.print(*cut(HOSTILE, 7))
    async with following(api, f"{agent.path}/events") as stream:
        first = await stream.next("output")
        assert (first.id, first.content) == ("7", HOSTILE[:7])
        agent.print(b"more")
        agent.end()
        content, last = await told(stream)
    assert first.content + content == HOSTILE + b"more"
    assert last == str(len(HOSTILE) + 4)


async def test_a_stream_goes_on_exactly_behind_the_last_event_that_was_seen(
    api: Api, agent: Printing
) -> None:
    agent.print(*cut(HOSTILE, 13))
    agent.end()
    seen, last_id = b"", ""
    while not last_id.endswith("-end"):
        async with following(api, f"{agent.path}/events", headers={"Last-Event-ID": last_id}) as stream:
            event = await stream.next()  # and the connection breaks
            seen += event.content if event.name == "output" else b""
            last_id = event.id or ""
    assert seen == HOSTILE
    async with following(api, f"{agent.path}/events", headers={"Last-Event-ID": last_id}) as stream:
        assert (stream.status, await stream.rest()) == (204, [])


async def test_a_stream_goes_on_exactly_where_a_crash_had_lost_pieces_and_they_were_cut_anew(
    api: Api, agent: Printing
) -> None:
    agent.print(b"abcd", b"efgh")
    async with following(api, f"{agent.path}/events") as stream:
        await stream.next("output")
        last_id = (await stream.next("output")).id or ""
    agent.db.run("delete from run_output where run_id = %s and starts_at >= 4", agent.run.id)
    agent.db.run("update task_runs set stdout_stored = 4 where id = %s", agent.run.id)
    agent.positions["stdout"] = 4
    agent.print(b"efghij")
    agent.end()
    async with following(api, f"{agent.path}/events", headers={"Last-Event-ID": last_id}) as stream:
        assert (await told(stream))[0] == b"ij"


@pytest.mark.parametrize("tool", ["claude", "codex", "gemini"])
async def test_the_text_of_a_resumed_stream_is_what_logs_prints(api: Api, tool: str) -> None:
    recorded = (RECORDED / tool / "write.out").read_bytes()
    agent = await printing(api, tool)
    agent.print(*cut(recorded, 100))
    agent.end()
    told, last_id = "", ""
    while not last_id.endswith("-end"):
        url = f"{agent.path}/events?view=text"
        async with following(api, url, headers={"Last-Event-ID": last_id}) as stream:
            event = await stream.next()
            told += str(event.data["text"])
            last_id = event.id or ""
    view = view_of(tool, "stdout", raw=False)
    assert told == (view.feed(recorded) + view.end()).decode()


async def test_text_is_harmless_and_its_last_line_comes_with_the_end(api: Api, agent: Printing) -> None:
    agent.print(b"a\x1b[2Jb\r\nlast", stream="stderr")
    agent.end()
    async with following(api, f"{agent.path}/events?view=text&stream=stderr") as stream:
        assert (await stream.next()).data == {"text": "ab\n"}
        assert (await stream.next("end")).data["text"] == "last"


async def test_the_end_has_the_remarks_of_logs(api: Api, agent: Printing) -> None:
    agent.print(b"oops", stream="stderr")
    agent.end()
    async with following(api, f"{agent.path}/events") as stream:
        end = (await stream.next("end")).data
    assert end["status"] == "succeeded"
    assert end["remarks"] == ["run 1 printed nothing on stdout, but 4 B on stderr (shown with stream=stderr)"]


async def test_a_log_is_read_as_bytes_from_any_position(api: Api, agent: Printing) -> None:
    agent.print(*cut(HOSTILE, 50))
    answer = await api("GET", f"{agent.path}?from=100")
    assert answer.content == HOSTILE[100:]
    assert answer.headers["llmctl-log-next"] == str(len(HOSTILE))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    agent.print(b"more")
    answer = await api("GET", f"{agent.path}?from={answer.headers['llmctl-log-next']}")
    assert answer.content == b"more"
    agent.end()


async def test_a_log_that_was_deleted_says_so(api: Api, agent: Printing) -> None:
    agent.print(b"old")
    agent.end()
    agent.db.run("delete from run_output where run_id = %s", agent.run.id)
    agent.db.run("update tasks set output_pruned_at = clock() where number = %s", agent.run.number)
    assert "was deleted on" in problem(await api("GET", agent.path), 410, "output-deleted")
    async with following(api, f"{agent.path}/events") as stream:
        [end] = await stream.rest()
    assert "was deleted on" in str(end.data["remarks"])


async def test_the_log_of_another_tenants_task_does_not_exist(api: Api, agent: Printing) -> None:
    agent.print(b"secret")
    for path in (agent.path, f"{agent.path}/events"):
        problem(await api("GET", path, "reader", "elsewhere"), 404, "LD404")
    problem(await api("GET", f"/tasks/{agent.run.number}/runs/9/log/events"), 404, "LD404")
    agent.end()
