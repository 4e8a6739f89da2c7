"""The keys of a terminal: what its bytes mean. A pure function, but for the bytes of a key that is not complete."""

import codecs
import re

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")

_PASTE, _PASTED = "\x1b[200~", "\x1b[201~"
"""Between them stands what was pasted, which gives no commands."""

PASTED = "pasted "
"""With this the key begins that stands for a text that was pasted."""

_NAMES = {
    **{
        f"\x1b{lead}{end}": name
        for lead in "[O"
        for end, name in zip("ABHF", ("up", "down", "home", "end"), strict=True)
    },
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1b[7~": "home",
    "\x1b[8~": "end",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x15": "erase",
    "\x02": "page up",
    "\x06": "page down",
    "\x0c": "redraw",
    " ": "space",
}


class Keys:
    """Takes bytes as they come, which may end within a character or within the sequence of one key."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    @property
    def incomplete(self) -> bool:
        """Whether what came last may be the beginning of a key: Escape is also how sequences begin."""
        return bool(self._begun) and not self._begun.startswith(_PASTE)

    def feed(self, read: bytes) -> list[str]:
        """Return the keys: a printable character is one itself, others have a name, and unknown ones are left out."""
        return self._keys(self._begun + self._decoder.decode(read), complete=False)

    def end(self) -> list[str]:
        """Return what is left as keys of its own, when nothing followed for a while."""
        return self._keys(self._begun, complete=True)

    def _keys(self, text: str, *, complete: bool) -> list[str]:
        self._begun = ""
        keys, at = [], 0
        while at < len(text):
            if not complete and _BEGUN.match(text, at):
                self._begun = text[at:]
                break
            found = _SEQUENCE.match(text, at)
            one = found[0] if found else text[at]
            if one == _PASTE:
                end = text.find(_PASTED, at)
                if end < 0 and not complete:
                    self._begun = text[at:]
                    break
                pasted = text[at + len(_PASTE) : end if end >= 0 else None]
                keys.append(PASTED + "".join(filter(str.isprintable, pasted)))
                at = end + len(_PASTED) if end >= 0 else len(text)
                continue
            at += len(one)
            if name := _NAMES.get(one, one if one.isprintable() else ""):
                keys.append(name)
        return keys
