"""Style and scripts of the page. Their addresses hold a digest of the content, so browsers keep them for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException

from dispatcher.api.caller import ApiRequest

FOLDER = Path(__file__).parents[1] / "static"
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class StaticFile:
    content: bytes
    compressed: bytes
    kind: str
    digest: str


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    return StaticFile(content, gzip.compress(content, mtime=0), _KINDS[path.suffix], digest)


FILES = {str(path.relative_to(FOLDER)): _read(path) for path in FOLDER.rglob("*") if path.suffix in _KINDS}
"""By the path below `static/`; some 100 KB in all."""


def address(name: str) -> str:
    """Return the address of a file for a template."""
    return f"/ui/static/{name}?v={FILES[name].digest}"


@get("/static/{name:path}", include_in_schema=False, sync_to_thread=False)
def static_file(request: ApiRequest, name: str, v: str | None = None) -> Response[bytes]:
    """Send a file to anybody: there is nothing of a task in it."""
    file = FILES.get(name.lstrip("/"))
    if file is None:
        raise NotFoundException("there is no such file")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if v == file.digest else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, media_type=file.kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(file.content, media_type=file.kind, headers=headers)


ROUTES = (static_file,)
