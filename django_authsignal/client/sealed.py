"""Values that must not be seen. They work like the plain ones, but a traceback, debug page or log shows no content.

Error pages print the local variables of every frame by their ``repr``, so everything confidential that one of our
frames holds while an exception may pass (the secret, the Authorization header, tokens, bodies) is one of these.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

__all__ = ["Sealed", "SealedBytes", "Payload", "basic"]


class Sealed(str):
    """A text without a ``repr``: an adapter can send it, a list of local variables cannot show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<sealed>"


class SealedBytes(bytes):
    """A body without a ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} sealed bytes>"


class Payload(dict[str, Any]):
    """The members of a request, without those that are None: the service reads a missing one as "not given"."""

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__((name, value) for name, value in dict(*args, **members).items() if value is not None)

    def __repr__(self) -> str:
        return f"<{len(self)} sealed members>"


def basic(secret: str) -> Sealed:
    """The Authorization header of the API secret: HTTP Basic, the secret as user name and no password.

    The secret is opaque text. Raises ValueError when it is empty or not a text.
    """
    if not isinstance(secret, str) or not secret:
        raise ValueError("The Authsignal API secret must be a text and must not be empty.")
    return Sealed("Basic " + b64encode(f"{secret}:".encode("utf-8", "surrogateescape")).decode("ascii"))
