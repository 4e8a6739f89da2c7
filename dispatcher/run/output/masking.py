"""Masking secrets in what is stored, logged or shown, wherever a stream of output is cut into pieces.

Where secrets overlap, the one that begins first counts, then the longest: so none is left whole.
"""

import json
import re
from collections.abc import Iterable, Iterator

MASK = "***"

_CLIP = "…".encode()
_TELLING = 4  # bytes of a secret; fewer may match by chance


class Masking:
    """Knows the secrets of one run. Without any, everything passes as it is.

    ``keys`` are the secrets that are certainly keys. Only these are masked in files, see :attr:`of_files`.
    """

    def __init__(self, secrets: Iterable[str], keys: Iterable[str] = ()) -> None:
        self._keys = tuple(keys)
        forms = {form.encode(errors="surrogateescape") for secret in secrets for form in _forms(secret)}
        self._secrets = sorted(forms - {b""}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None

    @property
    def of_files(self) -> "Masking":
        """The masking for output files, in which a region or an address that a group names must stay readable."""
        return Masking(self._keys)

    @property
    def longest(self) -> int:
        """The length of the longest secret in bytes."""
        return len(self._secrets[0]) if self._secrets else 0

    def text(self, text: str) -> str:
        """Mask a whole text, also the beginning of a secret before the ``…`` of a clipped text."""
        if self._pattern is None or not text:
            return text
        raw = self._pattern.sub(MASK.encode(), text.encode(errors="replace"))
        *clipped, last = raw.split(_CLIP)
        return _CLIP.join([*map(self._without_beginning, clipped), last]).decode(errors="replace")

    def beginning(self, raw: bytes, *, final: bool) -> tuple[bytes, int]:
        """Mask as much of ``raw`` as can be judged; return that, and the length of raw that it stands for.

        The rest begins like a secret: pass it again, with what follows it. With ``final``, nothing follows and there is
        no rest. So the result does not depend on how a stream is cut.
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
        """Mask a whole stream, piece by piece; the result does not depend on where the pieces end."""
        left = b""
        for piece in pieces:
            left += piece
            judged, length = self.beginning(left, final=False)
            left = left[length:]
            yield judged
        yield self.beginning(left, final=True)[0]

    def end(self, raw: bytes, skipped: int) -> bytes:
        """Mask ``raw`` and return it without its first ``skipped`` bytes, which may hold the beginning of a secret."""
        out = []
        position = skipped
        for start, end in self._decided(raw, final=True):
            if end > skipped:
                out += [raw[position:start], MASK.encode()]
                position = end
        return b"".join([*out, raw[position:]])

    def _decided(self, raw: bytes, *, final: bool) -> Iterator[tuple[int, int]]:
        """Yield where secrets begin and end, as far as no further byte can change that."""
        if self._pattern is None:
            return
        position = 0
        while match := self._pattern.search(raw, position):
            if not final and self._possible_secret(raw, position) <= match.start():
                return
            yield match.span()
            position = match.end()

    def _possible_secret(self, raw: bytes, position: int) -> int:
        """Return where in ``raw[position:]`` an unfinished secret begins; the end of raw if nowhere."""
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
    """Yield a secret as it is, and as JSON writes it: most agents print JSON."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
