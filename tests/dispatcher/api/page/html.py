"""A page as a test reads it: a small tree of its elements, and its forms as a browser would send them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: "list[Element | str]" = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    @property
    def text(self) -> str:
        """All text in it, each run of white space as one blank."""
        parts = (child if isinstance(child, str) else f" {child.text} " for child in self.children)
        return " ".join("".join(parts).split())

    def walk(self) -> "Iterator[Element]":
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.walk()

    def all(self, tag: str = "", **attributes: str) -> "list[Element]":
        """Return the elements with this tag and these attributes; `class_` is one of its classes."""
        return [one for one in self.walk() if one._fits(tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> "Element":
        [found] = self.all(tag, **attributes)
        return found

    def fields(self) -> list[tuple[str, str]]:
        """Return what a browser sends of this form, as it is: no button, and no box that is not ticked."""
        sent = []
        for one in self.all("input"):
            ticked = one.attributes.get("type") not in ("checkbox", "radio") or "checked" in one
            if "name" in one and ticked:
                sent.append((one["name"], one.attributes.get("value", "")))
        for one in self.all("select"):
            [chosen] = [option for option in one.all("option") if "selected" in option] or one.all("option")[
                :1
            ]
            sent.append((one["name"], chosen["value"]))
        for one in self.all("textarea"):
            typed = "".join(child for child in one.children if isinstance(child, str))
            sent.append((one["name"], typed.removeprefix("\n")))
        return sent

    def _fits(self, tag: str, attributes: dict[str, str]) -> bool:
        for name, wanted in attributes.items():
            if name == "class_":
                if wanted not in self.attributes.get("class", "").split():
                    return False
            elif self.attributes.get(name) != wanted:
                return False
        return tag in ("", self.tag)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("", {})

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.at.tag == tag, f"</{tag}> ends <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def parse(html: str) -> Element:
    """Return the tree of a page, whose elements must all be closed in order."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.at is builder.root, f"<{builder.at.tag}> is not closed"
    return builder.root
