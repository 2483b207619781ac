"""What can go wrong with a call to Authsignal, sorted by what the caller can do about it::

    AuthsignalError
     ├─ Unavailable        no usable answer: try again later
     ├─ Unauthorized       401, 403: fix the secret or the region
     ├─ Rejected           any other 4xx: fix the call
     ├─ UnexpectedAnswer   the service answered something we do not understand: treat it as a no
     └─ InvalidSignature   a webhook that was not signed with one of our secrets, or not now

A wrong configuration is a ``ValueError`` when the client is made, and stays outside this tree so that nobody
swallows it. Texts name the method, the route with its ids left out, the status and the service's error code;
they never hold the secret, a token, an id or a body. Causes are named, not chained: the frames of the HTTP
libraries hold the Authorization header.
"""

# The names say the fact, as callers read them in "except Unavailable".
# ruff: noqa: N818
from __future__ import annotations

__all__ = ["AuthsignalError", "InvalidSignature", "Rejected", "Unauthorized", "Unavailable", "UnexpectedAnswer"]


class AuthsignalError(Exception):
    """Anything this room raises about the service or its messages."""


class _CallError(AuthsignalError):
    """One call that did not end well. ``method`` is the HTTP method, ``route`` the path without its ids."""

    def __init__(self, method: str, route: str, *details: object, fact: str) -> None:
        # The arguments, in the subclass's own order, become ``args``: so the error survives pickling.
        super().__init__(method, route, *details)
        self.method = method
        self.route = route
        self._fact = fact

    def __str__(self) -> str:
        return f"{self.method} {self.route}: {self._fact}"


class Unavailable(_CallError):
    """The service gave no usable answer: no connection, a timeout, 429 or 5xx.

    ``sent`` is False only when it is certain that no byte reached the service; of a call that was not even tried,
    when none of the last ones did.
    ``retry_after`` is the number of seconds after which another try makes sense, or None when nothing is known.
    """

    def __init__(
        self, method: str, route: str, sent: bool, retry_after: float | None = None, detail: str = "no answer"
    ) -> None:
        super().__init__(method, route, sent, retry_after, detail, fact=f"unavailable, {detail}")
        self.sent = sent
        self.retry_after = retry_after
        self.detail = detail

    @property
    def is_tls(self) -> bool:
        """Whether TLS failed, by certificate, host name or protocol: that takes somebody to mend."""
        return self.detail.startswith("SSL")


class Unauthorized(_CallError):
    """The service does not accept our secret (``status`` 401 or 403). Every call will fail until it is corrected."""

    def __init__(self, method: str, route: str, status: int = 401) -> None:
        fact = f"{status}, check the API secret and that the API URL is the tenant's region"
        super().__init__(method, route, status, fact=fact)
        self.status = status


class Rejected(_CallError):
    """The service refuses this very call (``status`` 4xx); ``code`` is its error code, or an empty text."""

    def __init__(self, method: str, route: str, status: int, code: str = "") -> None:
        super().__init__(method, route, status, code, fact=f"rejected with {status} {code}".rstrip())
        self.status = status
        self.code = code


class UnexpectedAnswer(_CallError):
    """The answer is not what the service promises; ``reason`` says how, without quoting it."""

    def __init__(self, method: str, route: str, reason: str) -> None:
        super().__init__(method, route, reason, fact=f"unexpected answer, {reason}")
        self.reason = reason


class InvalidSignature(AuthsignalError):
    """A webhook's signature header is malformed, too old, too new, or matches none of our secrets."""
