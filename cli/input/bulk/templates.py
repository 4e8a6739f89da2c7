"""Templates: text in which ``{{name}}`` stands for a value of a row. There is no other syntax."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from dispatcher.errors import UsageError
from dispatcher.task_rows.fields import nearest
from dispatcher.task_rows.text import text_of

# Looks at no character twice: neither at each backslash of a run, nor at blanks around a name.
_REFERENCE = re.compile(r"(?<!\\)(?P<slashes>\\*)\{\{(?!\{)(?:(?P<name>[^{}\r\n]{0,1000})\}\})?")

_OF_OTHER_TASKS = re.compile(r"(?:results?|file|patch|patches):")
"""What begins so is filled in when the task starts, with what other tasks made."""

_MOST_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Template:
    """``texts`` surround the values of ``names``, so there is one more text than names."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        r"""Find each ``{{name}}``; blanks beside the name mean nothing, and ``{{{name}}}`` is a value in braces.

        ``\{{`` is a literal ``{{``, and ``\\{{name}}`` a backslash before a value, as in Handlebars. A backslash
        elsewhere is itself, and so is a place for what another task made, such as ``{{result:plan}}``. Raises
        :class:`UsageError` for ``{{`` without a name.
        """
        texts: list[str] = []
        names: list[str] = []
        literal, done = "", 0
        for found in _REFERENCE.finditer(text):
            slashes, name = found["slashes"], (found["name"] or "").strip(" \t")
            literal += text[done : found.start()] + slashes[: len(slashes) // 2]
            done = found.end()
            if len(slashes) % 2 or _OF_OTHER_TASKS.match(name):
                literal += text[found.end("slashes") : done]
            elif name:
                texts.append(literal)
                names.append(name)
                literal = ""
            else:
                line = text.count("\n", 0, found.start()) + 1
                raise UsageError(
                    f"line {line} of the template: {{{{ is not followed by a name and }}}}",
                    hint=r"write \{{ for two literal braces",
                )
        return cls((*texts, literal + text[done:]), tuple(names))

    def render(self, values: Mapping[str, object], most: int = sys.maxsize) -> str:
        """Return the text with the values in their places.

        Raises :class:`UsageError` for a name without a value, and for a text of more than ``most`` characters, before
        the text is made: a template may name a large value many times.
        """
        found = {name: self._value(name, values) for name in dict.fromkeys(self.names)}
        length = sum(map(len, self.texts)) + sum(len(found[name]) for name in self.names)
        if length > most:
            raise UsageError(f"the template would make {length:,} characters; there is room for {most:,}")
        rendered = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            rendered += (found[name], text)
        return "".join(rendered)

    @staticmethod
    def _value(name: str, values: Mapping[str, object]) -> str:
        value = values.get(name)
        if value is None:
            raise _missing(name, values)
        return value if isinstance(value, str) else text_of(value)


def _missing(name: str, values: Mapping[str, object]) -> UsageError:
    if name in values:
        return UsageError(f"{{{{{name}}}}} is null here")
    meant = nearest(name, values)
    names = list(values)
    there = ", ".join(names[:_MOST_NAMES_SHOWN]) + (", …" if names[_MOST_NAMES_SHOWN:] else "")
    return UsageError(
        f"there is no {{{{{name}}}}}; there is {there or 'nothing'}",
        hint=f"did you mean {{{{{meant}}}}}?" if meant else r"write \{{ for two literal braces",
    )
