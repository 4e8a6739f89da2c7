"""What whoever starts us decides: which standard streams are open (``>&-``), and the encoding of names."""

import io
import os
import sys


def make_usable() -> None:
    """Put /dev/null in the places of closed ones, and print what the locale's encoding lacks as "?".

    Else the next file or socket would get such a number, and what is printed.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(descriptor, True)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def insist_on_utf8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale has another encoding; does not return then.

    Names of files, arguments and variables come from the database, and an encoding such as Latin-1 has no bytes for
    most of them.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
