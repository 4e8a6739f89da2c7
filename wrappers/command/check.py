"""What makes no sense in the description of a tool, as a sentence for a person."""

import re
from collections.abc import Iterator

from wrappers.command.argv import check_argv, check_placeholders, permissions_of, placeholders
from wrappers.command.settings import EventRule, ToolSettings

SHORT = ("answer", "error", "session", "input_tokens", "output_tokens", "cost_usd")
"""Keys of a tool that are short for a rule without conditions."""


def check(name: str, settings: ToolSettings) -> None:
    """Raise ValueError, with a sentence for a person, if the settings of a tool make no sense."""
    for complaint in _complaints(f"tools.{name}", settings):
        raise ValueError(complaint)


def _complaints(tool: str, settings: ToolSettings) -> Iterator[str]:
    check_argv(f"{tool}.argv", settings.argv)
    for variable, text in settings.env.items():
        check_placeholders(f"{tool}.env.{variable}", [text])
    if not permissions_of(settings.argv):
        yield f"{tool}.argv: no permission profile is in each of its parts that depend on it"
    yield from _about_prompt(tool, settings)
    yield from _about_output(tool, settings)
    rules = [("events", rule) for rule in settings.events]
    if settings.report is not None:
        if "report_directory" not in {
            *placeholders(settings.argv),
            *placeholders(list(settings.env.values())),
        }:
            yield f"{tool}.report needs {{report_directory}} in argv or env, so that the tool knows where to write it"
        rules += [("report.events", rule) for rule in settings.report.events]
    for number, (where, rule) in enumerate(rules):
        yield from _about_rule(f"{tool}.{where}[{number}]", rule, settings.output, where)
    for key, patterns in (("fails", settings.fails), ("errors", [rule.match for rule in settings.errors])):
        for number, pattern in enumerate(patterns):
            yield from _about_pattern(f"{tool}.{key}[{number}]", pattern)
    for number, error in enumerate(settings.errors):
        if error.match is None and error.status is None:
            yield f"{tool}.errors[{number}] needs match or status: by what is the error known?"
        if error.error_class is None and "(?P<status>" not in (error.match or ""):
            yield f"{tool}.errors[{number}] needs class, or a group (?P<status>...) in match"


def _about_prompt(tool: str, settings: ToolSettings) -> Iterator[str]:
    named = placeholders(settings.argv)
    for word, how in (("prompt_file", "file"), ("prompt", "argument")):
        if (settings.prompt == how) != (word in named) and not (
            word == "prompt_file" and settings.prompt is None
        ):
            yield f"{tool}: {{{word}}} stands in argv exactly when prompt is {how}"


def _about_output(tool: str, settings: ToolSettings) -> Iterator[str]:
    rules = (*settings.events, *(settings.report.events if settings.report else ()))
    if settings.output == "text":
        for key in SHORT:
            if getattr(settings, key):
                yield f"{tool}: {key} needs output: json or output: jsonl"
        proven = settings.fails or any(rule.ends or rule.error for rule in rules)
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


def _about_rule(where: str, rule: EventRule, output: str, section: str) -> Iterator[str]:
    if sum((bool(rule.when), rule.line is not None, rule.stderr is not None)) > 1:
        yield f"{where}: a rule has one of when, line and stderr"
    if rule.line is not None and (output != "text" or section != "events"):
        yield f"{where}: line needs output: text"
    if rule.stderr is not None and section != "events":
        yield f"{where}: a report has no stderr"
    if output == "text" and section == "events" and rule.line is None and rule.stderr is None:
        yield f"{where}: with output: text a rule has line or stderr"
    for pattern in (rule.line, rule.stderr):
        yield from _about_pattern(where, pattern)


def _about_pattern(where: str, pattern: str | None) -> Iterator[str]:
    try:
        re.compile(pattern or "")
    except (re.error, RecursionError, OverflowError) as error:
        yield f"{where}: {pattern!r} is not a regular expression: {error}"
