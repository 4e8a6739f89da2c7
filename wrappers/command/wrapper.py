"""The wrapper of a tool that a preset or config.yaml describes."""

import re
import signal
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from wrappers.base import GentleStop, Login, Parser, PromptLimit, Request, Stdin, Versions, Wrapper
from wrappers.command import argv
from wrappers.command.check import check
from wrappers.command.errors import Errors
from wrappers.command.parser import Description, JsonParser, TextParser
from wrappers.command.settings import Counts, EventRule, StopSettings, ToolSettings

LONGEST_ARGUMENT = 128 * 1024 - 2048
"""Bytes of a prompt in an argument: Linux takes 128 KiB, with what stands around the prompt."""
STDIN: Mapping[str | None, Stdin] = {"file": "null", "argument": "null", "pipe": "pipe"}


def command(name: str, settings: ToolSettings) -> Wrapper:
    """Make the wrapper. Raises ValueError, with a sentence for a person, for settings that make no sense."""
    check(name, settings)
    described = description(name, settings)
    program = settings.command or str(settings.argv[0])

    def arguments(request: Request) -> Sequence[str]:
        return tuple(argv.fill_in(settings.argv[1:], argv.values_of(request)))

    def variables(request: Request) -> Mapping[str, str]:
        values = argv.values_of(request)
        filled = {key: argv.fill_in_all([text], values) for key, text in settings.env.items()}
        return {key: texts[0] for key, texts in filled.items() if texts is not None}

    def parser() -> Parser:
        if settings.output == "text":
            return TextParser(described)
        return JsonParser(described, lines=settings.output == "jsonl")

    def new_home(variables: Collection[str]) -> Mapping[str, str]:  # noqa: ARG001
        return settings.config_home_files

    stop = settings.stop or StopSettings()
    reads_file = "prompt_file" in argv.placeholders(settings.argv)
    return Wrapper(
        name=name,
        program=program,
        install_hint=settings.install
        or f"install it, or give its path in the configuration as tools.{name}.command",
        arguments=arguments,
        variables=variables,
        parser=parser,
        stdin=STDIN.get("file" if reads_file else settings.prompt, "prompt"),
        takes_prompt_as_argument=settings.prompt == "argument",
        longest_prompt=longest_prompt(settings),
        permissions=argv.permissions_of(settings.argv),
        report_file=None if settings.report is None else settings.report.file,
        models=settings.models,
        is_proven=settings.proof is None,
        prints_events=settings.output == "jsonl"
        and any(rule.say or rule.activity for rule in settings.events),
        stop=GentleStop(signal.Signals[f"SIG{stop.signal}"], stop.grace),
        config_home_variable=settings.config_home_variable,
        default_config_home=settings.default_config_home,
        new_home=new_home,
        stall_timeout=settings.stall_timeout,
        steering_files=settings.steering_files,
        steering_clones=settings.steering_clones,
        env_files=settings.env_files,
        versions=None
        if settings.versions is None
        else Versions(settings.versions.oldest, settings.versions.measured),
        login=login(program, settings),
    )


def description(name: str, settings: ToolSettings) -> Description:
    """Compile what the parsers need."""
    of_report = () if settings.report is None else settings.report.events
    of_json = [rule for rule in settings.events if rule.line is None and rule.stderr is None]
    return Description(
        name=name,
        of_json=(*of_json, *short_rules(settings)),
        of_lines=[(re.compile(rule.line), rule) for rule in settings.events if rule.line is not None],
        of_stderr=[(re.compile(rule.stderr), rule) for rule in settings.events if rule.stderr is not None],
        of_report=of_report,
        fails=[re.compile(pattern) for pattern in settings.fails],
        has_answer_rule=any(rule.answer for rule in (*settings.events, *of_report)),
        needs_end=any(rule.ends for rule in (*settings.events, *of_report)),
        errors=Errors(
            name=name,
            rules=[(rule, re.compile(rule.match) if rule.match else None) for rule in settings.errors],
            exit_codes=settings.exit_codes,
        ),
    )


def short_rules(settings: ToolSettings) -> Sequence[EventRule]:
    """Return the rule that the short keys of a tool stand for."""
    if settings.output == "text":
        return ()
    counts = Counts(
        input_tokens=settings.input_tokens, output_tokens=settings.output_tokens, cost_usd=settings.cost_usd
    )
    return [EventRule(answer=settings.answer, error=settings.error, session=settings.session, set=counts)]


def longest_prompt(settings: ToolSettings) -> PromptLimit | None:
    known = [settings.longest_prompt, LONGEST_ARGUMENT if settings.prompt == "argument" else None]
    limits = [limit for limit in known if limit is not None]
    return PromptLimit(min(limits), "bytes") if limits else None


def login(program: str, settings: ToolSettings) -> Login | None:
    if not settings.credentials and settings.login is None:
        return None
    told = settings.login
    return Login(
        variables=settings.credentials,
        suggested=next(chain(settings.credentials), ""),
        command=program if told is None else told.command,
        status=() if told is None else told.status,
        files=() if told is None else told.files,
    )
