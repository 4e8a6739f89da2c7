"""`dispatcher tool …`: the agent CLIs that are known, and trying a description on recorded output."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dispatcher.commands.options import HELP, Output, OutputOption, settings_of
from dispatcher.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wrappers.base import Wrapper

app = typer.Typer(
    help="Show the tools, and try a description on recorded output.",
    no_args_is_help=True,
    context_settings=HELP,
    rich_markup_mode=None,
)
MOST_BYTES = 256 * 1024 * 1024
"""Of what is tried: ten times what is stored of a run, and more."""


@app.command("list")
def list_tools(context: typer.Context, output: OutputOption = Output.TEXT) -> None:
    """List all tools.

    These are the tools that are built in, the presets, and those of config.yaml.
    """
    from dispatcher.commands.tool_list import as_json, as_lines, known_tools

    tools = known_tools(settings_of(context))
    typer.echo(as_json(tools) if output is Output.JSON else "\n".join(as_lines(tools)))


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print the description of a preset, to copy or to read."""
    from wrappers.command import presets
    from wrappers.registry import BUILT_IN

    if name in BUILT_IN:
        raise UsageError(f"{name} is built in: it has no description, since its output needs code")
    if name not in presets.names():
        raise NotFoundError(f"there is no preset {name!r}: expected one of {', '.join(presets.names())}")
    typer.echo(presets.text(name), nl=False)


@app.command("try")
def try_tool(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="The name of a tool, or a YAML file with a description.")
    ],
    exit_code: Annotated[int, typer.Option(metavar="N", help="The exit code of the run.")] = 0,
    stderr: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the run wrote to standard error.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The report that the tool wrote, if it writes one.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Explain what a run printed, line by line.

    What it printed is read from standard input. At the end stands what the run comes to.

    The file holds what stands below the name of a tool in config.yaml. Nothing is started, and no database is needed.
    The exit code is 1 if the run would have failed.

    For example: mytool --json < prompt | dispatcher tool try mytool.yaml
    """
    from dispatcher.commands.tool_trial import Recorded, as_json, as_lines, tried

    wrapper = _wrapper(context, what)
    trial = tried(
        wrapper,
        Recorded(
            stdout=_bounded(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input"),
            stderr=_read(stderr),
            report=_read(report),
            exit_code=exit_code,
        ),
    )
    typer.echo(as_json(trial) if output is Output.JSON else "\n".join(as_lines(trial)))
    if not trial.outcome.succeeded:
        raise typer.Exit(ExitCode.FAILED)


def _wrapper(context: typer.Context, what: str) -> "Wrapper":
    from wrappers.registry import configured

    if _is_file(what):
        return _described_in(Path(what))
    try:
        wrappers = configured(settings_of(context).tools)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if what not in wrappers:
        raise NotFoundError(
            f"{what!r} is neither a file nor a tool: expected a YAML file, or one of {', '.join(wrappers)}"
        )
    return wrappers[what]


def _is_file(what: str) -> bool:
    return "/" in what or what.endswith((".yaml", ".yml"))


def _described_in(file: Path) -> "Wrapper":
    """Return the tool that a file describes, which has the name of the file unless it says another one."""
    from dispatcher.configuration import bounded_yaml, strict_yaml
    from wrappers.command.presets import completed
    from wrappers.command.settings import ToolSettings
    from wrappers.command.wrapper import command

    name, content, where = _entry(file.stem, bounded_yaml.read(file), str(file))
    settings = strict_yaml.build(ToolSettings, content, where)
    try:
        return command(name, completed(name, settings))
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error


def _entry(name: str, content: "Mapping[str, object]", where: str) -> "tuple[str, Mapping[str, object], str]":
    """Return the name, the description and its place: of an entry of `tools:`, of one with its name, or of all."""
    if not {"argv", "preset"} & content.keys() and len(content) == 1:
        [(key, inner)] = content.items()
        if isinstance(inner, dict):
            return _entry(name if key == "tools" else str(key), inner, f"{where}: {key}")
    return name, content, where


def _read(file: Path | None) -> bytes:
    from dispatcher.configuration.given_files import open_regular

    if file is None:
        return b""
    with open_regular(file) as opened:
        return _bounded(opened.read(MOST_BYTES + 1), str(file))


def _bounded(content: bytes, where: str) -> bytes:
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"{where} holds more than {MOST_BYTES // 2**20} MiB, which is more than a run may print"
        )
    return content
