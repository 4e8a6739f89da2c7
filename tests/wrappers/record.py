"""`python -m tests.wrappers.record [CLI...] [SCENE...]`: record what the real CLIs print for the tests without them.

`CLI@VERSION` records another version than the pinned one, into a directory of its own below `recorded/versions`.
Each recording is what a CLI wrote to stdout, `NAME.out`, and how it ended, `NAME.ending.json`, in the directory of the
CLI. `NAME.report` is the report that it wrote, where its preset names one. Paths and ports of this
machine are replaced. A preset has what is expected of its recordings in `expected.yaml` beside them.
"""

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from tests.agents.real_agents import CLIS, OTHERS, PATIENCE, Ran, installation, serving
from tests.wrappers.desk import Desk
from wrappers.command import argv, presets

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
    asked = "[[run: ls; exit 3]] [[say: I could not]]"
    if desk.cli in OTHERS:
        asked = f"[[write report.md: all is well]] {asked}"
    return desk.run_raw(asked, permission="read")


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
OF_PRESETS: Mapping[str, Scene] = {
    **{name: play for name, play in SCENES.items() if name != "asks"},
    "told-to-wait-long": prompt("[[fail 429 retry-after=600]]"),
    "unpaid": prompt("[[fail 402]]"),
    "key-forbidden": prompt("[[fail 403]]"),
    "not-found": prompt("[[fail 404]]"),
    "tool-then-empty": prompt("[[write report.md: all is well]] [[empty]]"),
    "garbage": prompt("[[garbage]]"),
    "odd": prompt("[[odd]]"),
}
RETRIED = prompt("[[fail 500 first=1]] [[say: It is done.]]")
TOO_BUSY = prompt("[[fail 529]]")


def too_busy_by_default(desk: Desk) -> Ran:
    """Let claude choose its model: of those that it calls its best, it tells a 529 in words of its own."""
    desk.takes_default_model = True
    return desk.run_raw("[[fail 529]]")


OF_ONE: Mapping[str, Mapping[str, Scene]] = {
    "claude": {
        "too-busy": TOO_BUSY,
        "too-busy-by-default": too_busy_by_default,
        "resumed-in-vain": resumed_in_vain,
        "subscription-limit": subscribed("[[fail quota]]"),
        "subscription-throttled": subscribed("[[fail 429]]"),
        "full-as-root": full,
        "asks-in-vain": asked_in_vain,
    },
    "codex": {"too-busy": TOO_BUSY},
    "gemini": {
        "too-busy": TOO_BUSY,
        "late-prompt": Desk.run_without_prompt,
        "in-a-loop": prompt("[[say: " + "It says the same thing over and over again. " * 40 + "]]"),
        "outside": prompt("[[write /var/tmp/outside.md: x]] [[say: I could not.]]"),
    },
    "pi": {"retried": RETRIED},
    "cline": {"retried": RETRIED},
    "vibe": {"retried": RETRIED, "outside": prompt("[[write /var/tmp/outside.md: x]] [[say: I could not.]]")},
}
OF_THE_PINNED = ("full-as-root", "asks-in-vain", "late-prompt", "in-a-loop", "outside", "resumed")
"""Scenes that are recorded of the pinned versions only."""


def main() -> None:
    named = [word for word in sys.argv[1:] if word.partition("@")[0] in (*CLIS, *OTHERS)]
    wanted = set(sys.argv[1:]) - {*named}
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as agents:
        for recorded in named or CLIS:
            cli, _, version = recorded.partition("@")
            place = RECORDED / "versions" / recorded if version else RECORDED / cli
            for scene, play in scenes_of(cli).items():
                if (wanted and scene not in wanted) or (version and scene in OF_THE_PINNED):
                    continue
                directory = Path(name) / recorded / scene
                directory.mkdir(parents=True)
                desk = Desk(agents, cli, directory, version or None)
                desk.waits_for = 3 if cli in OTHERS else PATIENCE
                desk.most_output = 20_000 if cli in OTHERS else desk.most_output
                keep(place / scene, play(desk), places(directory))
                sys.stdout.write(f"{recorded} {scene}\n")
                sys.stdout.flush()


def scenes_of(cli: str) -> Mapping[str, Scene]:
    """Return the scenes of a CLI, by name; those of a preset without those for which its CLI has no way."""
    if cli in CLIS:
        return {**SCENES, **OF_ONE[cli]}
    described = presets.preset(cli)
    lacks: set[str] = set()
    if "read" not in argv.permissions_of(described.argv):
        lacks |= {"forbidden"}
    if "session" not in argv.placeholders(described.argv):
        lacks |= {"resumed", "foreign-session"}
    return {name: play for name, play in {**OF_PRESETS, **OF_ONE.get(cli, {})}.items() if name not in lacks}


def places(directory: Path) -> dict[str, str]:
    """Paths of this machine, and what stands for them in a recording."""
    installed = installation().resolve()
    mangled = str(directory).replace("/", "-")  # how claude names its project directories
    relative = str(directory)[1:]  # how opencode names files above its directory
    bun = {"$bunfs/root/": "$bunfs/"}  # where programs that bun made say that their files are
    return {str(directory): "/run", relative: "run", mangled: "-run", str(installed): "/agents", **bun}


def keep(path: Path, ran: Ran, places: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".out").write_bytes(scrubbed(ran.stdout, places))
    if ran.ending.report:
        path.with_suffix(".report").write_bytes(scrubbed(ran.ending.report, places))
    told = replace(ran.ending, report=b"")
    ending = scrubbed(msgspec.json.format(msgspec.json.encode(told)), places)
    path.with_suffix(".ending.json").write_bytes(ending + b"\n")


def scrubbed(text: bytes, places: Mapping[str, str]) -> bytes:
    for here, there in places.items():
        text = text.replace(here.encode(), there.encode())
    return re.sub(rb"127\.0\.0\.1:\d+", b"model", text)


if __name__ == "__main__":
    main()
