"""Arguments and variables as templates.

The placeholders ALWAYS_KNOWN have a value in each run, those in MAY_BE_MISSING may have none. A text whose placeholder
has no value is left out. A nested list is left out as a whole, so that a flag goes with its value. {{word}} stands for
{word} itself.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import get_args

from wrappers.base import Request
from wrappers.command.settings import ByPermission
from wrappers.modes import Permission

Part = str | Sequence[str] | ByPermission
Template = Sequence[Part]
Values = Mapping[str, str | None]

ALWAYS_KNOWN = ("prompt_file", "prompt", "run_id", "permission", "report_directory")
MAY_BE_MISSING = ("model", "session", "config_home")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")


def values_of(request: Request) -> Values:
    return {
        "prompt_file": request.prompt_file,
        "prompt": request.prompt or "",
        "run_id": request.run_id,
        "permission": request.permission,
        "report_directory": request.report_directory or "",
        "model": request.model,
        "session": request.resume,
        "config_home": request.config_home,
    }


def check_argv(where: str, argv: Template) -> None:
    """Raise ValueError, with a sentence for a person, for a template that makes no sense."""
    if not argv:
        raise ValueError(f"{where} is missing: give the program and its arguments as a list")
    if not isinstance(argv[0], str) or placeholders(argv[:1]):
        raise ValueError(f"{where}: the first element is the program and takes no placeholder")
    check_placeholders(where, argv)
    for number, part in enumerate(argv):
        for profile, texts in part.permission.items() if isinstance(part, ByPermission) else ():
            for word in sorted(placeholders([texts]) & {*MAY_BE_MISSING}):
                raise ValueError(
                    f"{where}[{number}].permission.{profile}: {{{word}}} may have no value, which would leave out all "
                    "that the profile needs; put it elsewhere"
                )
    for flag, value in pairwise(argv):
        if isinstance(flag, str) and isinstance(value, str) and _may_lose_its_value(flag, value):
            raise ValueError(
                f"{where}: {value} may have no value, which would leave {flag} alone; "
                f'write [{flag}, "{value}"] as a list of its own'
            )


def check_placeholders(where: str, template: Template) -> None:
    for unknown in sorted(placeholders(template) - {*ALWAYS_KNOWN, *MAY_BE_MISSING}):
        known = ", ".join(f"{{{word}}}" for word in (*ALWAYS_KNOWN, *MAY_BE_MISSING))
        raise ValueError(f"{where}: {{{unknown}}} is not a valid placeholder: expected {known}")


def permissions_of(argv: Template) -> Sequence[Permission]:
    """Return the profiles that each part of the arguments knows."""
    parts = [part.permission for part in argv if isinstance(part, ByPermission)]
    return [profile for profile in get_args(Permission) if all(profile in part for part in parts)]


def placeholders(template: Template) -> set[str]:
    arguments = chain.from_iterable(_texts(part) for part in template)
    return {match[2] for argument in arguments for match in PLACEHOLDER.finditer(argument) if match[2]}


def fill_in(argv: Template, values: Values) -> Iterator[str]:
    """Fill in a template; a part with a placeholder that has no value is left out."""
    for part in argv:
        if isinstance(part, ByPermission):
            profile = values["permission"]
            yield from fill_in([text for name, text in part.permission.items() if name == profile], values)
        elif (texts := fill_in_all(_texts(part), values)) is not None:
            yield from texts


def fill_in_all(texts: Sequence[str], values: Values) -> Sequence[str] | None:
    """Fill in the placeholders of texts; None if one has no value. One that is always known may be empty."""

    def value_of(match: re.Match[str]) -> str:
        return values[match[2]] or "" if match[2] else f"{{{match[1]}}}"

    if any(not values[name] for name in placeholders(texts) if name in MAY_BE_MISSING):
        return None
    return [PLACEHOLDER.sub(value_of, text) for text in texts]


def _texts(part: Part) -> Sequence[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, ByPermission):
        return list(chain.from_iterable(part.permission.values()))
    return part


def _may_lose_its_value(flag: str, value: str) -> bool:
    match = PLACEHOLDER.fullmatch(value)
    return flag.startswith("-") and "=" not in flag and match is not None and match[2] in MAY_BE_MISSING
