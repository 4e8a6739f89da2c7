"""A network namespace that holds nothing but the loopback interface.

The real agent CLIs are run in such a namespace only: whatever they try to reach besides the model server
of the tests does not exist there. `python -m tests.loopback_only PROGRAM ARGUMENT…` runs a program in a new
one.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
INTERFACE_REQUEST = "16sH14x"  # struct ifreq: the interface's name, its flags, the rest of the union


class NoNamespaceError(Exception):
    """This machine does not let us make a network namespace; the message says why."""


def enter() -> None:
    """Move this process into a new network namespace with only loopback, which is up.

    An ordinary user needs a user namespace for it, in which the user keeps its own id. That works only in a
    process of one thread. Raises NoNamespaceError where the kernel or a security module refuses.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        if user == 0:
            unshare(CLONE_NEWNET)
        else:
            unshare(CLONE_NEWUSER | CLONE_NEWNET)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        raise_loopback()
    except OSError as refusal:
        raise NoNamespaceError(f"no network namespace of our own: {refusal}") from refusal


def unshare(flags: int) -> None:
    """`os.unshare`, which Python has only since 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def raise_loopback() -> None:
    """What `ip link set lo up` does, without iproute2."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack(INTERFACE_REQUEST, b"lo", 0))
        name, flags = struct.unpack(INTERFACE_REQUEST, answer)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack(INTERFACE_REQUEST, name, flags | IFF_UP))


def main(argv: list[str]) -> None:
    if not argv:
        sys.exit("usage: python -m tests.loopback_only PROGRAM [ARGUMENT…]")
    try:
        enter()
    except NoNamespaceError as refusal:
        sys.exit(str(refusal))
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1:])
