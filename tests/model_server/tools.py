"""Which of the tools that a request offers does a step of the script, and with which arguments.

Each CLI has its own names: `write`, `write_file`, `create`, `editor`; `bash`, `shell`, `run_shell_command`. So the tool
is looked up by its name, and its arguments by the names and types in its schema.
"""

import posixpath
from collections.abc import Mapping, Sequence

import msgspec

from tests.model_server.script import Ask, Run, Step, Write

WRITE = ("write", "write_file", "create", "create_file", "save", "editor", "Create")
RUN = ("bash", "shell", "run_shell_command", "run_commands", "run_command", "execute_command", "Execute")
ASK = ("question", "ask_user", "ask_user_question", "ask_question", "AskUser")

PATH = ("filePath", "file_path", "path", "filename", "file", "absolute_path")
CONTENT = ("content", "contents", "file_text", "text", "new_text")
PLAIN_TEXT = "Do as the test says"  # droid wants a sentence of three to eight words
COMMAND = ("command", "cmd", "commands", "script", "code")


class Schema(msgspec.Struct):
    """The part of a JSON schema that decides which value is sent."""

    type: str | list[str] = "string"
    description: str = ""
    enum: list[object] | None = None
    properties: dict[str, "Schema"] = {}
    required: list[str] = []
    items: "Schema | bool | None" = None


class Tool(msgspec.Struct):
    name: str
    parameters: Schema = msgspec.field(default_factory=Schema)


class Call(msgspec.Struct, frozen=True):
    name: str
    arguments: Mapping[str, object]


def call_for(step: Step, tools: Sequence[Tool], directory: str) -> Call:
    """Return the call of a tool that does the step. If none can, the call names one that does not exist.

    ``directory`` is put in front of a path whose description says that it must be absolute.
    """
    names: Sequence[str]
    given: Mapping[str, object]
    match step:
        case Write(path, content):
            names = WRITE
            if named(WRITE, tools) is None and named(RUN, tools) is not None:
                return call_for(Run(f"printf %s {quoted(content)} > {quoted(path)}"), tools, directory)
            given = {**dict.fromkeys(PATH, path), **dict.fromkeys(CONTENT, content), "command": "create"}
        case Run(command):
            names = RUN
            given = dict.fromkeys(COMMAND, command)
        case Ask(text, options):
            names = ASK
            choices = [{"label": option, "description": f"take {option}"} for option in options]
            question = {"question": text, "header": "Choice", "options": choices, "multiSelect": False}
            given = {"questions": [question], "question": text, "options": options, "choices": options}
    tool = named(names, tools)
    if tool is None:
        return Call(names[0], given)
    return Call(tool.name, arguments_of(tool.parameters, given, directory))


def named(names: Sequence[str], tools: Sequence[Tool]) -> Tool | None:
    by_name = {tool.name: tool for tool in tools}
    return next((by_name[name] for name in names if name in by_name), None)


def arguments_of(schema: Schema, given: Mapping[str, object], directory: str) -> dict[str, object]:
    """Return what is given of the schema's properties, and for the other required ones the plainest value."""
    arguments: dict[str, object] = {}
    for name, wanted in schema.properties.items():
        if name in given or name in schema.required:
            arguments[name] = value_of(wanted, given.get(name))
        if name in given and name in PATH and "absolute" in wanted.description:
            arguments[name] = posixpath.join(directory, str(given[name]))
    return arguments


def value_of(schema: Schema, given: object) -> object:
    kinds = [schema.type] if isinstance(schema.type, str) else schema.type
    if "array" in kinds and isinstance(given, str):
        return [given]
    if given is not None:
        return given
    if schema.enum:
        return schema.enum[0]
    plain = {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}
    return plain.get(kinds[0], PLAIN_TEXT)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
