"""The wrapper of a tool that config.yaml describes."""

from collections.abc import Sequence

from wrappers.base import Parser, Request, Wrapper
from wrappers.command.parser import JsonParser, TextParser
from wrappers.command.settings import ToolSettings, check, fill_in, placeholders


def command(name: str, settings: ToolSettings) -> Wrapper:
    """Make the wrapper. Raises ValueError, with a sentence for a person, for settings that make no sense."""
    check(name, settings)

    def arguments(request: Request) -> Sequence[str]:
        values = {
            "prompt_file": request.prompt_file,
            "run_id": request.run_id,
            "permission": request.permission,
            "model": request.model,
            "session": request.resume,
            "config_home": request.config_home,
        }
        return tuple(fill_in(settings.argv[1:], values))

    def parser() -> Parser:
        if settings.output == "text":
            return TextParser(name)
        return JsonParser(name, settings.paths, lines=settings.output == "jsonl")

    return Wrapper(
        name=name,
        program=settings.command or str(settings.argv[0]),
        install_hint=f"install it, or give its path in the configuration as tools.{name}.command",
        arguments=arguments,
        parser=parser,
        stdin="null" if "prompt_file" in placeholders(settings.argv) else "prompt",
        config_home_variable=settings.config_home_variable,
    )
