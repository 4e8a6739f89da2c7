"""Taking secrets out of what is stored, logged or shown, wherever a stream of output happens to be cut.

Where secrets overlap, the one that begins first counts, then the longest: so none is left whole.
"""

import json
import re
from collections.abc import Iterable, Iterator

MASK = "***"

_CLIP = "…".encode()
_TELLING = 4  # so many bytes of a secret may be more than chance


class Masking:
    """Knows the secrets of one run. Without any, everything passes as it is.

    ``keys`` are those among them that are keys beyond doubt, which alone are masked in files, see :attr:`of_files`.
    """

    def __init__(self, secrets: Iterable[str], keys: Iterable[str] = ()) -> None:
        self._keys = tuple(keys)
        forms = {form.encode(errors="surrogateescape") for secret in secrets for form in _forms(secret)}
        self._secrets = sorted(forms - {b""}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None

    @property
    def of_files(self) -> "Masking":
        """The masking of what an agent wrote for others: a region or an address that a group names must stay in it."""
        return Masking(self._keys)

    @property
    def longest(self) -> int:
        """The length of the longest secret in bytes."""
        return len(self._secrets[0]) if self._secrets else 0

    def text(self, text: str) -> str:
        """Mask a whole text, also a secret of which a clipped text shows only the beginning before its ``…``."""
        if self._pattern is None or not text:
            return text
        raw = self._pattern.sub(MASK.encode(), text.encode(errors="replace"))
        *clipped, last = raw.split(_CLIP)
        return _CLIP.join([*map(self._without_beginning, clipped), last]).decode(errors="replace")

    def beginning(self, raw: bytes, *, final: bool) -> tuple[bytes, int]:
        """Mask what can be judged of ``raw``; answers that and the length of raw that it stands for.

        What is left begins like a secret: give it again, with what follows it. With ``final``, nothing follows and
        nothing is left. So a stream comes out the same, in whatever pieces it is given.
        """
        out = []
        position = 0
        for start, end in self._decided(raw, final=final):
            out += [raw[position:start], MASK.encode()]
            position = end
        undecided = len(raw) if final else self._possible_secret(raw, position)
        out.append(raw[position:undecided])
        return b"".join(out), undecided

    def stream(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Mask a whole stream, piece by piece; what comes out does not depend on where they end."""
        left = b""
        for piece in pieces:
            left += piece
            judged, length = self.beginning(left, final=False)
            left = left[length:]
            yield judged
        yield self.beginning(left, final=True)[0]

    def end(self, raw: bytes, skipped: int) -> bytes:
        """Mask ``raw`` without its first ``skipped`` bytes, which may hold the beginning of a secret."""
        out = []
        position = skipped
        for start, end in self._decided(raw, final=True):
            if end > skipped:
                out += [raw[position:start], MASK.encode()]
                position = end
        return b"".join([*out, raw[position:]])

    def _decided(self, raw: bytes, *, final: bool) -> Iterator[tuple[int, int]]:
        """Where secrets stand that no further byte can change."""
        if self._pattern is None:
            return
        position = 0
        while match := self._pattern.search(raw, position):
            if not final and self._possible_secret(raw, position) <= match.start():
                return
            yield match.span()
            position = match.end()

    def _possible_secret(self, raw: bytes, position: int) -> int:
        """Where in ``raw[position:]`` an unfinished secret begins; the end of raw if nowhere."""
        for start in range(max(position, len(raw) - self.longest + 1), len(raw)):
            if self._begins_secret(raw[start:]):
                return start
        return len(raw)

    def _begins_secret(self, piece: bytes) -> bool:
        return any(len(secret) > len(piece) and secret.startswith(piece) for secret in self._secrets)

    def _without_beginning(self, raw: bytes) -> bytes:
        left = len(raw) - self._possible_secret(raw, 0)
        return raw[:-left] + MASK.encode() if left >= _TELLING else raw


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as JSON writes it: most agents print JSON."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
