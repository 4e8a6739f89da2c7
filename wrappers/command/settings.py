"""How a tool is described in config.yaml, and how a preset of this package describes one.

    tools:
      qwen: {preset: qwen}                       # the presets are in wrappers/presets
      codex: {command: /opt/codex/bin/codex}     # a built-in tool: only where its program is
      mytool:
        argv: [mytool, --json, [--model, "{model}"], {permission: {edit: [--edit], full: [--yolo]}}]
        output: jsonl
        events:
          - {when: {type: turn}, begins: true}
          - {when: {type: message, role: assistant}, answer: text, say: text}
          - {when: {type: error}, error: message, status: code}
          - {when: {type: done}, ends: true, set: {input_tokens: usage.in, output_tokens: usage.out}}
        errors:
          - {match: 'usage limit .* resets in (?P<minutes>\\d+) minutes', class: limit}

docs/tools.md explains each key with an example.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from wrappers.modes import AuthMode, Permission

Text = Annotated[str, msgspec.Meta(min_length=1)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="a regular expression")]
Path = Annotated[str, msgspec.Meta(min_length=1, description="a path, such as usage.input_tokens")]
"""Where a value is: steps with dots between them. A number is a place in a list, from the end if negative, and `*`
means all of a list: their texts are joined, their numbers added."""
Paths = Path | tuple[Path, ...]
"""Several paths: the first that leads to a text, or the sum of all numbers."""
Scalar = Annotated[str | bool | int | float, msgspec.Meta(description="a text or number or boolean")]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
ExitCode = Annotated[int, msgspec.Meta(ge=1, le=255)]
ErrorClass = Literal[
    "limit",
    "throttled",
    "overloaded",
    "auth",
    "no_credit",
    "budget",
    "context_too_long",
    "invalid_request",
    "permission_denied",
    "empty_result",
    "agent_error",
    "no_resources",
]
"""What an error does to the task and its account: see docs/design.md, Accounts."""


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of a description have in common: an unknown key is an error."""


class ByPermission(Strict, frozen=True, kw_only=True):
    """Arguments that depend on the permission profile. A task with a profile that is not named is refused."""

    permission: Mapping[Permission, tuple[Text, ...]]
    """The arguments by profile: `read`, `edit`, `full`."""


class Counts(Strict, frozen=True, kw_only=True):
    """Where numbers of tokens and dollars are."""

    input_tokens: Paths | None = None
    """Tokens that went in, with those from a cache: several paths are added up."""
    cached_input_tokens: Paths | None = None
    """Those of them that came from a cache."""
    output_tokens: Paths | None = None
    """Tokens that came out."""
    cost_usd: Paths | None = None
    """Dollars."""


class EventRule(Strict, frozen=True, kw_only=True):
    """What a line of the output means. All rules that fit a line are applied, in their order."""

    when: Mapping[Path, Scalar | tuple[Scalar, ...] | None] = {}
    """What must be at these paths of a JSON line: this value, one of these values, null for nothing, or "*" for
    anything; false and what is empty count as nothing. Without conditions the rule fits each line."""
    each: Path | None = None
    """A list in the line: the rule is applied to each of its values, and `when` and all paths lead from there."""
    line: Pattern | None = None
    """For `output: text`: what a line of stdout must hold in its first 4,000 characters. The other keys name its named
    groups. Such a line is no part of the answer."""
    stderr: Pattern | None = None
    """What a line of stderr must hold in its first 4,000 characters; the other keys name its named groups."""
    begins: bool = False
    """The agent begins another turn: the answer, the error and the end so far do not count. An error on stderr counts
    all the same unless the run ends in order, since nobody knows between which lines of stdout it stands."""
    answer: Paths | None = None
    """The final text, until another one comes."""
    say: Paths | None = None
    """What the agent says, for people who follow it."""
    activity: Text | tuple[Text, ...] | None = None
    """What the agent does, such as "runs {input.command}", for people; the first whose values are all there."""
    session: Path | None = None
    """The id of the session: up to 200 characters without spaces that do not begin with `-`."""
    add: Counts | None = None
    """What is counted here is added to the usage of the run."""
    set: Counts | None = None
    """What is counted here is the usage of the run so far."""
    error: Paths | None = None
    """The run has failed, unless it begins another turn or ends in order: what is said about it. With nothing there it
    is no error."""
    status: Path | None = None
    """The HTTP status of the service, which gives the error its class."""
    error_class: ErrorClass | None = msgspec.field(default=None, name="class")
    """The class of the error, if the rule knows it. Without `error` each line that fits is one. Another turn overcomes
    such an error; an end in order does not."""
    resets_in: Path | None = None
    """In how many seconds the service works again."""
    resets_at: Path | None = None
    """When it does: seconds since the epoch, or a time as in ISO 8601."""
    waits: bool = False
    """The service asked the CLI to slow down, and it waits for that by itself: it is stopped soon, and its task
    waits without a slot. An error of such a line counts only if the run fails."""
    denied: Text | tuple[Text, ...] | None = None
    """What the agent was not allowed to do, such as "runs {input.command}"; the first whose values are all there."""
    stuck: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    """After so many such lines the CLI goes round in circles, and is stopped."""
    ends: bool = False
    """The run has come to its end in order, so an error before was overcome. Where a rule has this, no run succeeds
    without it, and a run that lives on after it may be stopped by a signal."""


class ErrorRule(Strict, frozen=True, kw_only=True):
    """The class of a failure by what is said about it. The first rule that fits counts."""

    match: Pattern | None = None
    """What the error, or else the end of stderr, must hold. Its named groups `seconds`, `minutes`, `hours` say in how
    long the service works again, `epoch` or `time` (ISO 8601) when, and `status` is an HTTP status."""
    status: Status | tuple[Status, ...] | None = None
    """The HTTP status that the event has told, or the group `status` of a rule before this one."""
    error_class: ErrorClass | None = msgspec.field(default=None, name="class")
    """The class; without it, that of the group `status`."""


class ReportSettings(Strict, frozen=True, kw_only=True):
    """A JSON file that the CLI writes about its run, for what its output does not tell."""

    file: Text
    """Its name in `{report_directory}`."""
    events: tuple[EventRule, ...]
    """What it means: rules as for the output, applied to the whole document after the last line."""


class StopSettings(Strict, frozen=True, kw_only=True):
    """How a run of the tool is stopped."""

    signal: Literal["TERM", "INT", "HUP", "QUIT"] = "TERM"
    """The signal after which it ends in order."""
    grace: Annotated[float, msgspec.Meta(gt=0, le=600)] = 5.0
    """How many seconds it gets before it is killed."""


class LoginSettings(Strict, frozen=True, kw_only=True):
    """How a person logs in, and how to see whether somebody has."""

    command: Text
    """What a person types to log in."""
    status: tuple[Text, ...] = ()
    """Arguments with which the program ends with 0 exactly when it has a login. It must send nothing."""
    files: tuple[Text, ...] = ()
    """Files of the config home that are there when it has a login, where it has no such arguments."""


class VersionSettings(Strict, frozen=True, kw_only=True):
    """The versions that the description was made for, as `--version` prints them."""

    oldest: Text
    """The oldest that was seen to work."""
    measured: Text
    """The one that was measured; `dispatcher check` warns of others."""


class ToolSettings(Strict, frozen=True, kw_only=True):
    """A CLI that is not built in, or the place of one that is.

    A tool that is built in takes `command` only. Any other tool needs `preset` or `argv`. What stands beside a preset
    replaces what the preset says, key by key; the variables of `env` are added to those of the preset.
    """

    preset: Text | None = None
    """The name of a description that comes with the package: `dispatcher tool list`."""
    command: Text | None = None
    """Where the program is, if it is not on PATH."""
    install: Text | None = None
    """How a person installs the program."""
    argv: tuple[Text | tuple[Text, ...] | ByPermission, ...] = ()
    """The program and its arguments. Placeholders: `{prompt_file}`, `{prompt}`, `{run_id}`, `{permission}`,
    `{report_directory}`, and `{model}`, `{session}` and `{config_home}`, which may have no value: an argument, or a
    nested list, is left out then. `{permission: {read: [...], edit: [...], full: [...]}}` depends on the profile."""
    prompt: Literal["stdin", "pipe", "file", "argument"] | None = None
    """How the tool gets its prompt: the file as stdin (unless something else is said), a pipe as stdin, `{prompt_file}`
    in `argv`, or `{prompt}` in `argv`, which other users of the host can see and which holds at most 128 KiB."""
    longest_prompt: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """The most bytes of a prompt that the tool takes whole. A longer one is refused before the agent starts."""
    env: Mapping[str, str] = {}
    """Variables, with the placeholders of `argv`. One whose placeholder has no value is left out."""
    output: Literal["text", "json", "jsonl"] = "text"
    """What the tool prints: text that is the answer (unless a rule finds the answer), one value of JSON, or lines of
    JSON."""
    answer: Path | None = None
    """Where the final text is, in any line: short for a rule."""
    error: Path | None = None
    """A value here means that the run failed: short for a rule."""
    session: Path | None = None
    """Where the id of the session is, in any line."""
    input_tokens: Path | None = None
    """Where the number of tokens that went in is: short for a rule."""
    output_tokens: Path | None = None
    """Where the number of tokens that came out is: short for a rule."""
    cost_usd: Path | None = None
    """Where the cost in US dollars is: short for a rule."""
    events: tuple[EventRule, ...] = ()
    """What the lines of the output mean."""
    fails: tuple[Pattern, ...] = ()
    """For `output: text`: a line that holds one of these in its first 4,000 characters means that the run failed,
    whatever the exit code is."""
    proof: Literal["none"] | None = None
    """`none` says that a success of this tool cannot be proven: its exit code and its text are all there is."""
    errors: tuple[ErrorRule, ...] = ()
    """The class of a failure, by its words or status. What no rule knows has the class of its HTTP status, of its exit
    code, or `agent_error`."""
    exit_codes: Mapping[ExitCode, ErrorClass] = {}
    """The class of a failure by the exit code, if nothing else tells it."""
    report: ReportSettings | None = None
    """A file in which the tool reports how its run went."""
    stop: StopSettings | None = None
    """How a run is stopped."""
    stall_timeout: Annotated[float, msgspec.Meta(gt=0, le=86400)] | None = None
    """After how many seconds without output a run is stopped if neither its task nor `execution` says that: for a tool
    that waits silently for its service."""
    config_home_variable: Text | None = None
    """The variable that names the directory of its login and settings, for a group's `config_home`. Tools with several
    such variables take `{config_home}` in `env`."""
    default_config_home: Text | None = None
    """Where that directory is without the variable, relative to HOME."""
    config_home_files: Mapping[str, str] = {}
    """The texts of files, by their names, for a config home that the dispatcher makes: such as settings without which
    the tool waits in its slot for minutes."""
    steering_files: tuple[Text, ...] = ()
    """Files that would tell the tool itself which service and key to use: no input file of a task may be one of them. A
    name with a slash at its end is a directory anywhere, any other a file at the top of the work directory."""
    steering_clones: tuple[Text, ...] = ()
    """Those of them that the tool obeys whatever it is told: it does not start in an untrusted repository with one."""
    env_files: tuple[Text, ...] = ()
    """Files with variables that the tool reads by itself, in its directory, the ones above it, or its config home."""
    credentials: Mapping[str, AuthMode] = {}
    """Variables that are a login each: a `key`, whose use costs money, or the `token` of a subscription."""
    login: LoginSettings | None = None
    """How it is logged in without such a variable."""
    versions: VersionSettings | None = None
    """The versions that this was made for."""
    models: tuple[Text, ...] = ()
    """The models that it knows, if the list is complete: a task with another one is refused when it is submitted."""
