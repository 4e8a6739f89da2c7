"""`python -m tests.wrappers.record [SCENE...]`: record what the real CLIs print, for the tests that do without them.

Each recording is what a CLI wrote to stdout, `NAME.out`, and how it ended, `NAME.ending.json`, in the
directory of the CLI. Paths and ports of this machine are replaced.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tests.agents.real_agents import CLIS, INSTALLED, Ran, serving
from tests.wrappers.desk import Desk

RECORDED = Path(__file__).parent / "recorded"

Scene = Callable[[Desk], Ran]


def prompt(text: str) -> Scene:
    return lambda desk: desk.run_raw(text)


def resumed(desk: Desk) -> Ran:
    first = desk.run("[[say: noted]]").outcome
    return desk.run_raw("[[say: I remember]]", resume=first.session_id)


def resumed_in_vain(desk: Desk) -> Ran:
    first = desk.run("[[say: noted]]").outcome
    return desk.run_raw("[[fail 429]]", resume=first.session_id)


def logged_out(desk: Desk) -> Ran:
    desk.log_out()
    return desk.run_raw("hello")


def forbidden(desk: Desk) -> Ran:
    return desk.run_raw("[[run: ls; exit 3]] [[say: I could not]]", permission="read")


def full(desk: Desk) -> Ran:
    return desk.run_raw("hello", permission="full")


def asked_in_vain(desk: Desk) -> Ran:
    """Ask where no hook may run: the same happens when the model calls another tool beside."""
    (desk.account.config_home / "settings.json").write_text('{"disableAllHooks": true}')
    return desk.run_raw("[[ask: Which colour? | red | blue]] [[say: I took red.]]")


def foreign_session(desk: Desk) -> Ran:
    return desk.run_raw("hello", resume="0b8f4f8e-3c63-4f0e-9d0e-6a3f4f1f2a11")


def subscribed(text: str) -> Scene:
    def scene(desk: Desk) -> Ran:
        desk.subscribe()
        return desk.run_raw(text)

    return scene


SCENES: Mapping[str, Scene] = {
    "ok": prompt("[[say: It is done — ça va 🎉]]"),
    "write": prompt("[[write report.md: all is well]] [[say: Written.]]"),
    "forbidden": forbidden,
    "resumed": resumed,
    "logged-out": logged_out,
    "throttled": prompt("[[fail 429]]"),
    "quota": prompt("[[fail quota]]"),
    "credit": prompt("[[fail credit]]"),
    "key-refused": prompt("[[fail 401]]"),
    "server-error": prompt("[[fail 500]]"),
    "overloaded": prompt("[[fail 503]]"),
    "too-long": prompt("[[fail context]]"),
    "empty": prompt("[[empty]]"),
    "refused": prompt("[[refuse]]"),
    "broken-off": prompt("[[say: the first half, the second half]] [[drop]]"),
    "told-to-wait": prompt("[[fail 429 retry-after=1]]"),
    "foreign-session": foreign_session,
    "asks": prompt("[[write a.md: begun]] [[ask: Which colour? | red | blue]] [[say: I took red.]]"),
}
OF_ONE: Mapping[str, Mapping[str, Scene]] = {
    "claude": {
        "resumed-in-vain": resumed_in_vain,
        "subscription-limit": subscribed("[[fail quota]]"),
        "subscription-throttled": subscribed("[[fail 429]]"),
        "full-as-root": full,
        "asks-in-vain": asked_in_vain,
    },
    "codex": {},
    "gemini": {
        "late-prompt": Desk.run_without_prompt,
        "in-a-loop": prompt("[[say: " + "It says the same thing over and over again. " * 40 + "]]"),
        "outside": prompt("[[write /var/tmp/outside.md: x]] [[say: I could not.]]"),
    },
}


def main() -> None:
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as agents:
        for cli in CLIS:
            for scene, play in {**SCENES, **OF_ONE[cli]}.items():
                if sys.argv[1:] and scene not in sys.argv[1:]:
                    continue
                directory = Path(name) / cli / scene
                directory.mkdir(parents=True)
                desk = Desk(agents, cli, directory)
                keep(RECORDED / cli / scene, play(desk), places(directory))


def places(directory: Path) -> dict[str, str]:
    """Paths of this machine, and what stands for them in a recording."""
    installed = Path(os.environ.get("LLMCTL_TEST_AGENTS", INSTALLED)).resolve()
    mangled = str(directory).replace("/", "-")  # how claude names its project directories
    return {str(directory): "/run", mangled: "-run", str(installed): "/agents"}


def keep(path: Path, ran: Ran, places: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".out").write_bytes(scrubbed(ran.stdout, places))
    ending = scrubbed(msgspec.json.format(msgspec.json.encode(ran.ending)), places)
    path.with_suffix(".ending.json").write_bytes(ending + b"\n")


def scrubbed(text: bytes, places: Mapping[str, str]) -> bytes:
    for here, there in places.items():
        text = text.replace(here.encode(), there.encode())
    return re.sub(rb"127\.0\.0\.1:\d+", b"model", text)


if __name__ == "__main__":
    main()
