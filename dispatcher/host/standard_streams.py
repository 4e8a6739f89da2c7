"""Standard streams and encoding, which the caller of our programs decides (``>&-``, the locale)."""

import io
import os
import sys


def make_usable() -> None:
    """Open /dev/null for each closed stream, and print "?" for characters that the locale's encoding lacks.

    Otherwise the next file or socket would get the stream's number, and receive what is printed.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            os.set_inheritable(descriptor, True)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def insist_on_utf8() -> None:
    """Start this program again in Python's UTF-8 mode if the locale has another encoding. It does not return then.

    Names of files, arguments and variables come from the database, and an encoding such as Latin-1 cannot write most
    of them.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
