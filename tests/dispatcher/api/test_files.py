"""The files of tasks: attachments, whole or in ranges, from the database or from the disk of this host."""

import hashlib
import secrets
from pathlib import Path
from urllib.parse import quote

import pytest

from dispatcher.workspaces.large_files import LargeFiles
from tests.dispatcher.api.conftest import Api, one_postgres, problem

pytestmark = [one_postgres, pytest.mark.anyio]

CONTENT = bytes(range(256)) * 4


async def with_file(api: Api, name: str = "out/report.bin", content: str = "hello") -> str:
    """Submit a task with an input file, and return the path of the file."""
    number = await api.submit(input_files=[{"path": name, "content": content}])
    return f"/tasks/{number}/files/{quote(name)}"


async def with_large_file(api: Api, url: str, sha256: str, size: int = len(CONTENT)) -> str:
    """Give a task a file that is kept outside of the database."""
    number = await api.submit()
    api.site.db.run(
        "insert into task_files (task_id, path, is_input, storage_url, size_bytes, sha256, mode)"
        " select id, 'big', true, %s, %s, %s, 420 from tasks where number = %s",
        url,
        size,
        sha256,
        number,
    )
    return f"/tasks/{number}/files/big"


async def kept(api: Api, directory: Path) -> tuple[str, Path]:
    """Keep a file as a dispatcher does. Returns its path in the API, and on disk."""
    files = LargeFiles(directory)
    with files.in_use():
        copy = files.put([CONTENT])
    return await with_large_file(api, copy.url, copy.digest), directory / copy.digest[:2] / copy.digest


async def test_a_file_is_an_attachment_that_no_browser_shows(api: Api) -> None:
    path = await with_file(api, 'a "quoted" <name>é.html', "<script>alert(1)</script>")
    answer = await api("GET", path, "reader")
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''a%20%22quoted%22%20%3Cname%3E%C3%A9.html"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'


@pytest.mark.parametrize(
    ("wanted", "status", "content", "place"),
    [
        ("bytes=0-0", 206, "h", "bytes 0-0/5"),
        ("bytes=1-3", 206, "ell", "bytes 1-3/5"),
        ("bytes=2-", 206, "llo", "bytes 2-4/5"),
        ("bytes=-2", 206, "lo", "bytes 3-4/5"),
        ("bytes=3-99", 206, "lo", "bytes 3-4/5"),
        ("bytes=-99", 206, "hello", "bytes 0-4/5"),
        ("bytes=0-4", 206, "hello", "bytes 0-4/5"),
        ("bytes=3-1", 200, "hello", None),
        ("bytes=0-0,2-3", 200, "hello", None),
        ("lines=1-2", 200, "hello", None),
        ("bytes=a-b", 200, "hello", None),
        ("bytes=-", 200, "hello", None),
        ("bytes=" + "9" * 5000 + "-", 200, "hello", None),
    ],
)
async def test_ranges(api: Api, wanted: str, status: int, content: str, place: str | None) -> None:
    answer = await api("GET", await with_file(api), headers={"Range": wanted})
    assert (answer.status_code, answer.text) == (status, content)
    assert answer.headers.get("content-range") == place
    assert answer.headers["content-length"] == str(len(content))


async def test_a_range_behind_the_end_cannot_be_satisfied(api: Api) -> None:
    for content, wanted in (("hello", "bytes=5-"), ("hello", "bytes=-0"), ("", "bytes=0-")):
        answer = await api("GET", await with_file(api, content=content), headers={"Range": wanted})
        problem(answer, 416, "range-not-satisfiable")
        assert answer.headers["content-range"] == f"bytes */{len(content)}"


async def test_a_range_of_a_file_that_has_changed_is_the_whole_file(api: Api) -> None:
    path = await with_file(api)
    tag = (await api("HEAD", path)).headers["etag"]
    for if_range, status in ((tag, 206), ('"other"', 200)):
        answer = await api("GET", path, headers={"Range": "bytes=1-", "If-Range": if_range})
        assert answer.status_code == status


async def test_head_says_what_get_would_and_sends_nothing(api: Api, tmp_path: Path) -> None:
    for path, size in ((await with_file(api), 5), ((await kept(api, tmp_path))[0], len(CONTENT))):
        answer = await api("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == str(size)
        assert answer.headers["accept-ranges"] == "bytes"


async def test_a_large_file_comes_from_the_disk_whole_and_in_ranges(api: Api, tmp_path: Path) -> None:
    path, _ = await kept(api, tmp_path)
    assert (await api("GET", path)).content == CONTENT
    answer = await api("GET", path, headers={"Range": "bytes=1000-"})
    assert (answer.status_code, answer.content) == (206, CONTENT[1000:])
    assert answer.headers["content-range"] == f"bytes 1000-1023/{len(CONTENT)}"


async def test_a_damaged_copy_is_not_sent(api: Api, tmp_path: Path) -> None:
    path, copy = await kept(api, tmp_path)
    assert (await api("GET", path)).status_code == 200
    copy.write_bytes(secrets.token_bytes(len(CONTENT)))
    assert (
        problem(await api("GET", path), 500, "internal")
        == "big is damaged: its content is not what was stored"
    )


async def test_a_file_that_this_host_does_not_have_is_explained(api: Api, tmp_path: Path) -> None:
    path, copy = await kept(api, tmp_path)
    copy.unlink()
    answer = await api("GET", path)
    assert "which cannot be read here" in problem(answer, 404, "file-elsewhere")
    assert "fetch it on the dispatcher's host" in answer.json()["hint"]
    elsewhere = await with_large_file(api, "s3://bucket/key", "0" * 64)
    assert "s3://bucket/key" in problem(await api("GET", elsewhere), 404, "file-elsewhere")
    for url in (tmp_path.as_uri(), "file:///dev/zero"):
        answer = await api("GET", await with_large_file(api, url, "0" * 64))
        assert "is not a regular file" in problem(answer, 404, "file-elsewhere")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "a%00b",
        "%27%3B--",
        "%ff",
        "nope",
    ],
)
async def test_a_hostile_name_is_no_file(api: Api, name: str) -> None:
    number = await api.submit(input_files=[{"path": "ok", "content": "x"}])
    answer = await api("GET", f"/tasks/{number}/files/{name}")
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_files_of_another_tenant_do_not_exist(api: Api) -> None:
    path = await with_file(api)
    problem(await api("GET", path, "reader", "umbrella"), 404, "LD404")
    problem(await api("GET", path.partition("/files")[0] + "/files", "reader", "umbrella"), 404, "LD404")
