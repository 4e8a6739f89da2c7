"""A described tool, and what its parser makes of output."""

import msgspec
import yaml

from wrappers.base import Ending, Event, Outcome, Request, Wrapper
from wrappers.command.settings import ToolSettings
from wrappers.command.wrapper import command


def settings_of(text: str) -> ToolSettings:
    """The settings from YAML. Without argv it is `mytool`; a text says that it proves nothing unless it says more."""
    said = yaml.safe_load(text) or {}
    defaults: dict[str, object] = {"argv": ["mytool"]}
    if said.get("output", "text") == "text" and not said.keys() & {"fails", "events", "report", "preset"}:
        defaults["proof"] = "none"
    return msgspec.convert({**defaults, **said}, ToolSettings)


def tool(text: str) -> Wrapper:
    return command("mytool", settings_of(text))


def complaint(text: str) -> str:
    """What is said about settings that make no sense."""
    try:
        tool(text)
    except ValueError as error:
        return str(error)
    return ""


def request(**values: str | None) -> Request:
    return Request(run_id="the-run", prompt_file="/run/prompt", **values)  # type: ignore[arg-type]


def argv(text: str, **values: str | None) -> list[str]:
    return list(tool(text).invocation(request(**values)).argv)


def run(
    text: str,
    output: str | bytes,
    *,
    exit_code: int | None = 0,
    stderr: str = "",
    report: str = "",
    step: int = 7,
) -> tuple[Outcome, list[Event]]:
    """Feed output in chunks of a few bytes; return the outcome and the events."""
    parser = tool(text).parser()
    stream = output if isinstance(output, bytes) else output.encode()
    events: list[Event] = []
    for start in range(0, len(stream), step):
        events += parser.feed_stdout(stream[start : start + step])
    events += parser.feed_stderr(stderr.encode())
    ending = Ending(exit_code=exit_code, stderr_tail=stderr, report=report.encode())
    return parser.finish(ending), events


def outcome(
    text: str, output: str | bytes, *, exit_code: int | None = 0, stderr: str = "", report: str = ""
) -> Outcome:
    return run(text, output, exit_code=exit_code, stderr=stderr, report=report)[0]
