"""Values that must not be seen. They work like the plain ones, but a traceback, debug page or log shows no content.

Error pages print the local variables of every frame by their ``repr``; error reporters also look into mappings and
lists, and cut long texts before they print them. So everything confidential that one of our frames holds while an
exception may pass (the secret, the Authorization header, tokens, bodies) is one of these, all the way down.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, SupportsIndex, overload

__all__ = ["Members", "Payload", "Sealed", "SealedBytes", "basic", "sealed"]


class Sealed(str):
    """A text without a ``repr``: an adapter can send it, a list of local variables cannot show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<sealed>"

    def __getitem__(self, place: SupportsIndex | slice) -> Sealed:
        return Sealed(super().__getitem__(place))


class SealedBytes(bytes):
    """A body without a ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} sealed bytes>"

    @overload
    def __getitem__(self, place: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> SealedBytes: ...
    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return SealedBytes(part) if isinstance(part, bytes) else part


class Members(dict[str, Any]):
    """An object of JSON without a ``repr``, its texts sealed."""

    def __init__(self, *args: Any, **members: Any) -> None:
        super().__init__((name, sealed(value)) for name, value in dict(*args, **members).items())

    def __repr__(self) -> str:
        return f"<{len(self)} sealed members>"


class Payload(Members):
    """The members of a request, without those that are None: the service reads a missing one as "not given"."""

    def __init__(self, *args: Any, **members: Any) -> None:
        known = dict(*args, **members).items()
        super().__init__((name, value) for name, value in known if value is not None)


def sealed(value: Any) -> Any:
    """*value*, of JSON's types, with every text in it sealed."""
    if isinstance(value, str):
        return Sealed(str.__str__(value))  # of a member of an Enum: its text, not its name
    if isinstance(value, Mapping):
        return Members(value)
    return [sealed(part) for part in value] if isinstance(value, list | tuple) else value


def basic(secret: str) -> Sealed:
    """The Authorization header of the API secret: HTTP Basic, the secret as user name and no password.

    The secret is opaque text. Raises ValueError when it is empty or not a text.
    """
    if not isinstance(secret, str) or not secret:
        raise ValueError("The Authsignal API secret must be a text and must not be empty.")
    return Sealed("Basic " + b64encode(f"{secret}:".encode("utf-8", "surrogateescape")).decode("ascii"))
