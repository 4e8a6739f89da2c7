"""The cookie of the page: the id of a session, which stands for a token and ends by itself."""

import hashlib
from dataclasses import dataclass

from litestar.datastructures import Cookie

from dispatcher.configuration.sections.service import ApiSettings

SECONDS = 30 * 86_400
"""How long a browser keeps it; session_ends() says how long it is good."""
FORMER = "llmctl_token"
"""The cookie of earlier versions. It held a token, so it is taken back where it still comes."""


@dataclass(frozen=True)
class SessionCookie:
    """A browser sends the cookies of a host to all its ports: so each site has a name of its own for it."""

    name: str
    secure: bool

    @classmethod
    def of(cls, settings: ApiSettings, database_id: str) -> "SessionCookie":
        """Return the cookie of the site whose tasks are in this database."""
        secure = settings.behind_proxy or settings.tls_key is not None
        site = hashlib.sha256(database_id.encode()).hexdigest()[:12]
        return cls(f"{'__Host-' if secure else ''}llmctl-{site}", secure)

    def holding(self, session: str) -> Cookie:
        """Return the cookie with the id of a session."""
        return self._cookie(session, SECONDS)

    def taken_back(self) -> Cookie:
        """Return what removes the cookie: a browser looks at its attributes, too."""
        return self._cookie("", 0)

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            self.name,
            path="/",
            value=value,
            max_age=max_age,
            httponly=True,
            samesite="strict",
            secure=self.secure,
        )
