"""Time zones by their IANA names, the one of this host, and the version of their data.

The data is the system's, or else that of the package ``tzdata``.
"""

import os
import zoneinfo
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from dispatcher.errors import UsageError

_LOCAL_TIME = Path("/etc/localtime")


def zone(name: str) -> ZoneInfo:
    """Return a zone. Raises :class:`UsageError` for a name that is not known on this host."""
    try:
        return ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name!r} is not a known time zone: expected a name such as Europe/Berlin or UTC"
        ) from None


def local_name(local_time: Path = _LOCAL_TIME) -> str:
    """Return the name of the zone of this host, which ``TZ`` or /etc/localtime tells; UTC where neither names one."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    with suppress(OSError):
        names.append(str(local_time.resolve()).partition("/zoneinfo/")[2])
    for name in names:
        with suppress(UsageError):
            if name and not name.startswith("/"):
                return zone(name).key
    return "UTC"


def data_version() -> str:
    """Return the version of the data that :func:`zone` reads, such as 2026b; empty where the system does not tell it.

    Versions compare as texts.
    """
    for path in zoneinfo.TZPATH:
        if Path(path, "UTC").exists():
            return _version_in(Path(path))
    return _version_in(Path(str(files("tzdata")), "zoneinfo"))


def forget() -> None:
    """Read the data anew from now on."""
    ZoneInfo.clear_cache()


def _version_in(directory: Path) -> str:
    with suppress(OSError):
        return (directory / "+VERSION").read_text().strip()
    with suppress(OSError), (directory / "tzdata.zi").open() as data:
        words = data.readline().split()
        if words[:2] == ["#", "version"]:
            return words[2]
    return ""
