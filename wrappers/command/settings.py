"""How a tool is described in config.yaml.

    tools:
      aider:  {argv: [aider, --yes, --message-file, "{prompt_file}"], output: text}
      mytool: {argv: [mytool, --json, [--model, "{model}"]], prompt: stdin, output: json, answer: result.text}
      codex:  {command: /opt/codex/bin/codex}

`argv` is a template. Its placeholders are {prompt_file}, {run_id} and {permission}, which always have a
value, and {model}, {session} (the one to resume) and {config_home}, which may have none. An argument whose
placeholder has no value is left out. A nested list is left out as a whole, so that a flag goes with its
value. {{word}} stands for {word} itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]
Template = Sequence[str | Sequence[str]]

ALWAYS_KNOWN = ("prompt_file", "run_id", "permission")
MAY_BE_MISSING = ("model", "session", "config_home")
Paths = Mapping[str, Sequence[str]]
PATH_FIELDS = ("answer", "error", "session", "input_tokens", "output_tokens", "cost_usd")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CLI that is not built in, or the place of one that is.

    A tool that is built in takes `command` only; any other tool needs `argv`. `answer` and the names after it are
    dotted paths into the JSON that the tool prints (`choices.0.text`). With `output: jsonl` each path is looked up in
    all lines, and the last line that has it counts.
    """

    command: Text | None = None
    """Where the program of a built-in tool is, if it is not on PATH."""
    argv: tuple[Text | tuple[Text, ...], ...] = ()
    """The program and its arguments. Placeholders: `{prompt_file}`, `{run_id}`, `{permission}`, and `{model}`,
    `{session}` and `{config_home}`, which may have no value: an argument, or a nested list, is left out then."""
    prompt: Literal["stdin", "file"] | None = None
    """How the tool reads its prompt; `file` where `{prompt_file}` stands in `argv`."""
    output: Literal["text", "json", "jsonl"] = "text"
    """What the tool prints: text that is the answer, one value of JSON, or lines of JSON."""
    answer: Text | None = None
    """Where the final text is; without one, no run succeeds."""
    error: Text | None = None
    """A value here means that the run failed."""
    session: Text | None = None
    """Where the id of the session is."""
    input_tokens: Text | None = None
    """Where the number of tokens that went in is."""
    output_tokens: Text | None = None
    """Where the number of tokens that came out is."""
    cost_usd: Text | None = None
    """Where the cost in US dollars is."""
    config_home_variable: Text | None = None
    """The variable that names the directory of its login and settings, for a group's `config_home`."""

    @property
    def paths(self) -> Paths:
        """Where to find things in the output, as the steps of each path."""
        paths = {field: getattr(self, field) for field in PATH_FIELDS}
        return {field: tuple(path.split(".")) for field, path in paths.items() if path}


def check(name: str, settings: ToolSettings) -> None:
    """Raise ValueError, with a sentence for a person, if the settings of a tool make no sense."""
    check_argv(f"tools.{name}.argv", settings.argv)
    reads_file = "prompt_file" in placeholders(settings.argv)
    if settings.prompt is not None and (settings.prompt == "file") != reads_file:
        raise ValueError(f"tools.{name}: {{prompt_file}} stands in argv exactly when prompt is file")
    if settings.output == "text" and settings.paths:
        raise ValueError(f"tools.{name}: {min(settings.paths)} needs output: json or output: jsonl")
    if settings.output != "text" and not settings.answer:
        raise ValueError(
            f"tools.{name}: output: {settings.output} needs answer: the path of the final text in the output"
        )


def check_argv(where: str, argv: Template) -> None:
    if not argv:
        raise ValueError(f"{where} is missing: give the program and its arguments as a list")
    if not isinstance(argv[0], str) or placeholders(argv[:1]):
        raise ValueError(f"{where}: the first element is the program and takes no placeholder")
    for unknown in sorted(placeholders(argv) - {*ALWAYS_KNOWN, *MAY_BE_MISSING}):
        known = ", ".join(f"{{{word}}}" for word in (*ALWAYS_KNOWN, *MAY_BE_MISSING))
        raise ValueError(f"{where}: {{{unknown}}} is not a valid placeholder: expected {known}")
    for flag, value in pairwise(argv):
        if isinstance(flag, str) and isinstance(value, str) and may_lose_its_value(flag, value):
            raise ValueError(
                f"{where}: {value} may have no value, which would leave {flag} alone; "
                f'write [{flag}, "{value}"] as a list of its own'
            )


def may_lose_its_value(flag: str, value: str) -> bool:
    match = PLACEHOLDER.fullmatch(value)
    return flag.startswith("-") and "=" not in flag and match is not None and match[2] in MAY_BE_MISSING


def placeholders(argv: Template) -> set[str]:
    arguments = chain.from_iterable([part] if isinstance(part, str) else part for part in argv)
    return {match[2] for argument in arguments for match in PLACEHOLDER.finditer(argument) if match[2]}


def fill_in(argv: Template, values: Mapping[str, str | None]) -> Iterator[str]:
    """Fill in a template; a part with a placeholder that has no value is left out."""

    def value_of(match: re.Match[str]) -> str:
        return values[match[2]] or "" if match[2] else f"{{{match[1]}}}"

    for part in argv:
        if all(values[name] for name in placeholders([part])):
            for argument in [part] if isinstance(part, str) else part:
                yield PLACEHOLDER.sub(value_of, argument)
