"""`/tasks/N/files`: the files that a task was given and that its agent wrote."""

import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from os import fstat
from typing import Annotated
from urllib.parse import quote

from litestar import HttpMethod, Response, get, route
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from litestar.response import Stream
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import HttpError, documented
from dispatcher.api.routes.tasks import Number
from dispatcher.host.threads import in_thread
from dispatcher.workspaces.stored_files import open_stored, verified
from sql import calls
from sql.rows.output import StoredFile
from sql.rows.people import FileRow

Range = Annotated[
    str | None,
    Parameter(header="Range", required=False, description="`bytes=0-999`, `bytes=1000-` or `bytes=-500`."),
]
IfRange = Annotated[
    str | None,
    Parameter(
        header="If-Range", required=False, description="An ETag: send the range only if it is still this."
    ),
]
Path = Annotated[str, Parameter(description="The path of the file below the work directory.")]

OCTETS = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK_BYTES = 256 * 2**10


class Files(Struct, frozen=True):
    items: list[FileRow]


@get(
    "/tasks/{number:int}/files",
    summary="List the files of a task",
    tags=["files"],
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def list_files(caller: Caller, number: Number) -> Files:
    """List the input files, and the files that the last run with any has written."""
    return Files(await caller.call(calls.list_files(str(number))))


@route(
    "/tasks/{number:int}/files/{path:path}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    summary="Fetch a file of a task",
    tags=["files"],
    media_type=OCTETS,
    status_code=HTTPStatus.OK,
    responses={
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
        HTTPStatus.PARTIAL_CONTENT: ResponseSpec(
            bytes, generate_examples=False, description="The range that was asked for.", media_type=OCTETS
        ),
    },
    response_headers=[
        ResponseHeader(
            name="ETag", description="The SHA-256 of the file.", documentation_only=True, required=False
        ),
    ],
)
async def read_file(
    caller: Caller, number: Number, path: Path, wanted: Range = None, if_range: IfRange = None
) -> Response[bytes]:
    """Return a file as an attachment, whole or a range of it. Several ranges at once are not taken apart.

    A file that is too large for the database is read from the disk of this host. If another host keeps it, the problem
    names the place.
    """
    name = path.removeprefix("/")
    file = await intact_file(caller, number, name)
    asked = _asked(wanted if if_range in (None, _tag(file)) else None, file.size_bytes)
    response = attachment(file, name.rpartition("/")[2], asked)
    response.headers["Accept-Ranges"] = "bytes"
    return response


async def intact_file(caller: Caller, number: int, path: str) -> StoredFile:
    """Return a file that is what was stored, and can be read here. Raises :class:`DispatchError`."""
    file = await caller.call(calls.read_file(str(number), path))
    await in_thread(_require_intact, file, path)
    return file


def attachment(
    file: StoredFile, name: str, part: tuple[int, int] | None = None, media_type: str = OCTETS
) -> Response[bytes]:
    """Return a file that a browser saves under this name: all of it, or the part from a byte up to another."""
    begin, end = part or (0, file.size_bytes)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Length": str(end - begin),
        "ETag": _tag(file),
    }
    status = HTTPStatus.OK
    if part:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size_bytes}"
        status = HTTPStatus.PARTIAL_CONTENT
    if file.storage_url is None:
        content = (file.content or b"")[begin:end]
        return Response(content, status_code=status, media_type=media_type, headers=headers)
    pieces = _pieces(file.storage_url, begin, end)
    return Stream(pieces, status_code=status, media_type=media_type, headers=headers)  # type: ignore[return-value]


def _tag(file: StoredFile) -> str:
    return f'"{file.sha256}"'


def _asked(wanted: str | None, size: int) -> tuple[int, int] | None:
    """Return where the part begins and ends that a Range header asks for; None if it asks for the whole file."""
    found = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < begin:
        return None
    if begin >= size:
        raise HttpError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "range-not-satisfiable",
            f"the range begins at {begin}, but the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return begin, end


def _require_intact(file: StoredFile, name: str) -> None:
    """Raise :class:`DispatchError` if a file is not what was stored, or cannot be read here."""
    if file.storage_url is None:
        deque(verified([file.content or b""], file.sha256, name), maxlen=0)
        return
    with open_stored(file.storage_url) as stored:
        state = fstat(stored.fileno())
    _require_intact_copy(
        file.storage_url, file.sha256, name, (state.st_ino, state.st_mtime_ns, state.st_size)
    )


@lru_cache(1_000)
def _require_intact_copy(url: str, sha256: str, name: str, _: tuple[int, ...]) -> None:
    """Look once into each state of a copy: a client may fetch a large file in many ranges."""
    with open_stored(url) as stored:
        deque(verified(iter(lambda: stored.read(_CHUNK_BYTES), b""), sha256, name), maxlen=0)


def _pieces(url: str, begin: int, end: int) -> Iterator[bytes]:
    with open_stored(url) as stored:
        stored.seek(begin)
        while begin < end and (piece := stored.read(min(_CHUNK_BYTES, end - begin))):
            begin += len(piece)
            yield piece


ROUTES = (list_files, read_file)
