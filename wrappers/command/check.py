"""What makes no sense in the description of a tool, as a sentence for a person."""

import re
from collections.abc import Iterator, Sequence

from wrappers.command import paths
from wrappers.command.argv import check_argv, check_placeholders, permissions_of, placeholders
from wrappers.command.settings import Counts, ErrorRule, EventRule, ToolSettings

SHORT = ("answer", "error", "session", "input_tokens", "output_tokens", "cost_usd")
"""Keys of a tool that are short for a rule without conditions."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
GROUPS = ("seconds", "minutes", "hours", "epoch", "time", "status")
"""The named groups that a pattern of `errors` may have."""


def check(name: str, settings: ToolSettings) -> None:
    """Raise ValueError, with a sentence for a person, if the settings of a tool make no sense."""
    for complaint in _complaints(f"tools.{name}", settings):
        raise ValueError(complaint)


def _complaints(tool: str, settings: ToolSettings) -> Iterator[str]:
    check_argv(f"{tool}.argv", settings.argv)
    for variable, text in settings.env.items():
        check_placeholders(f"{tool}.env.{variable}", [text])
    for key in ("env", "credentials"):
        for variable in getattr(settings, key):
            if not VARIABLE.fullmatch(variable):
                yield f"{tool}.{key}: {variable!r} is not a valid name of a variable"
    if not permissions_of(settings.argv):
        yield f"{tool}.argv: no permission profile is in each of its parts that depend on it"
    yield from _about_prompt(tool, settings)
    yield from _about_report(tool, settings)
    yield from _about_output(tool, settings)
    for key in SHORT:
        yield from _about_path(f"{tool}.{key}", getattr(settings, key))
    for number, rule in enumerate(settings.events):
        yield from _about_rule(f"{tool}.events[{number}]", rule)
        yield from _about_place(f"{tool}.events[{number}]", rule, settings.output)
    for number, pattern in enumerate(settings.fails):
        yield from _about_pattern(f"{tool}.fails[{number}]", pattern)
    for number, error in enumerate(settings.errors):
        yield from _about_error(f"{tool}.errors[{number}]", error)


def _about_prompt(tool: str, settings: ToolSettings) -> Iterator[str]:
    named = placeholders(settings.argv)
    for word, how in (("prompt_file", "file"), ("prompt", "argument")):
        if (settings.prompt == how) != (word in named) and not (
            word == "prompt_file" and settings.prompt is None
        ):
            yield f"{tool}: {{{word}}} stands in argv exactly when prompt is {how}"
    if "prompt" in placeholders(list(settings.env.values())):
        yield f"{tool}.env: {{prompt}} stands in argv only"


def _about_report(tool: str, settings: ToolSettings) -> Iterator[str]:
    named = placeholders([*settings.argv, *settings.env.values()])
    if settings.report is None:
        if "report_directory" in named:
            yield f"{tool}: {{report_directory}} needs report, which says what the file there means"
        return
    if "report_directory" not in named:
        yield f"{tool}.report needs {{report_directory}} in argv or env, so that the tool knows where to write it"
    if "/" in settings.report.file or not settings.report.file.strip("."):
        yield f"{tool}.report.file: expected the name of a file in {{report_directory}}, without a slash"
    for number, rule in enumerate(settings.report.events):
        where = f"{tool}.report.events[{number}]"
        yield from _about_rule(where, rule)
        if rule.line is not None or rule.stderr is not None:
            yield f"{where}: a report is one value of JSON, and has no {'line' if rule.line else 'stderr'}"
        for key in ("waits", "stuck"):
            if getattr(rule, key):
                yield f"{where}.{key}: a report is read when the run is over"


def _about_output(tool: str, settings: ToolSettings) -> Iterator[str]:
    rules = (*settings.events, *(settings.report.events if settings.report else ()))
    if settings.output == "text":
        for key in SHORT:
            if getattr(settings, key):
                yield f"{tool}: {key} needs output: json or output: jsonl"
        proven = settings.fails or any(rule.ends or rule.error or rule.error_class for rule in rules)
        if not proven and settings.proof is None:
            yield (
                f"{tool}: its text does not tell a success from a failure: give the lines that mean a failure under "
                "fails, or say proof: none"
            )
        return
    if settings.fails:
        yield f"{tool}: fails needs output: text"
    if not settings.answer and not any(rule.answer for rule in rules):
        yield f"{tool}: output: {settings.output} needs answer: the path of the final text in the output"


def _about_rule(where: str, rule: EventRule) -> Iterator[str]:
    if sum((bool(rule.when or rule.each), rule.line is not None, rule.stderr is not None)) > 1:
        yield f"{where}: a rule has one of when, line and stderr; when and each look into JSON"
    if rule.line is None and not any(
        getattr(rule, key) for key in rule.__struct_fields__ if key not in ("when", "each", "line", "stderr")
    ):
        yield f"{where} says what a line is, and not what it means: answer, error, ends, ..."
    for path in rule.when:
        yield from _about_path(f"{where}.when", path)
    yield from _about_path(f"{where}.each", rule.each)
    for key, path in _paths_of(rule):
        yield from _about_path(f"{where}.{key}", path)
    if rule.error is None and rule.error_class is None:
        for key in ("status", "resets_in", "resets_at"):
            if getattr(rule, key):
                yield f"{where}.{key} needs error or class: without them the rule tells of no error"


def _about_path(where: str, path: str | None) -> Iterator[str]:
    if path is not None and not all(path.split(".")):
        yield f"{where}: {path!r} is not a valid path: expected steps with a dot between them"


def _about_place(where: str, rule: EventRule, output: str) -> Iterator[str]:
    if rule.line is not None and output != "text":
        yield f"{where}: line needs output: text"
    if output == "text" and rule.line is None and rule.stderr is None:
        yield f"{where}: with output: text a rule has line or stderr"
    if rule.stderr is not None and rule.begins:
        yield f"{where}: a line of stderr begins no turn, since nobody knows where it stands in stdout"
    for key, pattern in (("line", rule.line), ("stderr", rule.stderr)):
        if pattern is not None:
            yield from _about_pattern(f"{where}.{key}", pattern)
            yield from _about_groups(where, rule, list(re.compile(pattern).groupindex))


def _about_groups(where: str, rule: EventRule, groups: Sequence[str]) -> Iterator[str]:
    """Complain about keys that name a group which the pattern of their rule does not have."""
    for key, path in _paths_of(rule):
        if path not in groups:
            has = f"its groups are {', '.join(groups)}" if groups else "it has none"
            yield f"{where}.{key}: the pattern has no group (?P<{path}>...): {has}"


def _paths_of(rule: EventRule | Counts) -> Iterator[tuple[str, str]]:
    for field in rule.__struct_fields__:
        key, value = ("class" if field == "error_class" else field), getattr(rule, field)
        if isinstance(value, Counts):
            yield from ((f"{key}.{inner}", path) for inner, path in _paths_of(value))
        elif field in ("activity", "denied"):
            texts = [value] if isinstance(value, str) else value or ()
            yield from ((key, match[1]) for text in texts for match in paths.PLACEHOLDER.finditer(text))
        elif field not in ("when", "each", "line", "stderr", "error_class") and not isinstance(value, int):
            yield from ((key, path) for path in ([value] if isinstance(value, str) else value or ()))


def _about_error(where: str, error: ErrorRule) -> Iterator[str]:
    if error.match is None and error.status is None:
        yield f"{where} needs match or status: by what is the error known?"
    groups: Sequence[str] = ()
    if error.match is not None:
        yield from _about_pattern(f"{where}.match", error.match)
        groups = list(re.compile(error.match).groupindex)
    for group in groups:
        if group not in GROUPS:
            yield f"{where}.match: (?P<{group}>...) says nothing: expected {', '.join(GROUPS)}"
    if error.error_class is None and "status" not in groups:
        yield f"{where} needs class, or a group (?P<status>...) in match"


def _about_pattern(where: str, pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        yield f"{where}: {pattern!r} is not a regular expression: {error}"
