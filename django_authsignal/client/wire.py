"""The vocabulary of the wire: states, the strict reader of an answer's members, and the base of all answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, NoReturn, TypeVar

from .errors import UnexpectedAnswer
from .sealed import sealed

__all__ = ["ID_LIMIT", "Answer", "Reader", "State", "moment_of"]

ID_LIMIT = 64
"""Characters of an event's id, type and tenant id; the service's own are UUIDs and short words."""

T = TypeVar("T")


class State(StrEnum):
    """What the service says about an action; equal to its text on the wire."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"
    CHALLENGE_REQUIRED = "CHALLENGE_REQUIRED"
    CHALLENGE_SUCCEEDED = "CHALLENGE_SUCCEEDED"
    CHALLENGE_FAILED = "CHALLENGE_FAILED"
    REVIEW_REQUIRED = "REVIEW_REQUIRED"
    REVIEW_SUCCEEDED = "REVIEW_SUCCEEDED"
    REVIEW_FAILED = "REVIEW_FAILED"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        # One page of the service's documentation names the state by its rule outcome.
        return cls.REVIEW_REQUIRED if value == "REVIEW" else None


class Reader:
    """Reads the members of one answer by their exact types: nothing is true because it is "truthy".

    Absent and null are the same. A member of another type than promised raises UnexpectedAnswer, which names the
    member and never its value. The reader itself shows nothing of the answer when it is printed.
    """

    __slots__ = ("_method", "_route", "wire")

    def __init__(self, wire: object, method: str, route: str) -> None:
        self._method = method
        self._route = route
        self.wire: dict[str, Any] = wire if isinstance(wire, dict) else {}
        expected = self.wire is wire
        del wire  # tracebacks show local variables
        if not expected:
            self.fail("an object was expected")

    def fail(self, reason: str) -> NoReturn:
        raise UnexpectedAnswer(self._method, self._route, reason)

    def optional(self, name: str, kind: type[T]) -> T | None:
        value = self.wire.get(name)
        if value is None:
            return None
        # Exact types, as isinstance(True, int) holds.
        if type(value) is kind:
            return value
        del value  # as in __init__
        return self.fail(f"{name} is not of type {kind.__name__}")

    def required(self, name: str, kind: type[T]) -> T:
        value = self.optional(name, kind)
        return self.fail(f"{name} is missing") if value is None else value

    def is_true(self, name: str) -> bool:
        """True only for the JSON value ``true``; whatever else stands there counts as no."""
        return self.wire.get(name) is True

    def text(self, *names: str) -> str | None:
        """The first of *names* that is given: the service renamed some members over the years."""
        return next((text for name in names if (text := self.optional(name, str)) is not None), None)

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(self.optional(name, list) or ())
        if all(isinstance(value, str) for value in values):
            return values
        del values  # as in __init__
        return self.fail(f"{name} is not a list of texts")

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 time with its offset, as an aware datetime."""
        text = self.optional(name, str)
        if text is None:
            return None
        return moment_of(text) or self.fail(f"{name} is not a time with offset")

    def known_state(self) -> State | None:
        """The state, or None when it is absent or a word we do not know."""
        text = self.optional("state", str)
        try:
            return State(text) if text else None
        except ValueError:
            return None

    def state(self) -> State:
        """The state of an answer that decides: unknown and absent are errors, not passes."""
        return self.known_state() or self.fail("state is missing or unknown")

    def inner(self, name: str) -> Reader:
        return Reader(self.wire.get(name), self._method, self._route)

    def inners(self, name: str) -> list[Reader]:
        # No loop variable: before Python 3.12 a comprehension is a frame with variables of its own.
        return [*map(partial(Reader, method=self._method, route=self._route), self.required(name, list))]


def moment_of(text: str) -> datetime | None:
    """*text*, an ISO 8601 time with its offset, in UTC; None if it is none, or lies where databases and their
    conversions end: nothing happens there."""
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return utc if utc and 2000 <= utc.year < 3000 else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer(Mapping[str, Any]):
    """A frozen, typed answer that also reads as the wire's own mapping: ``answer["isEnrolled"]``, ``in``, ``len``.

    It compares like that mapping. Its ``repr`` leaves out tokens, URLs, addresses and everything customers send.
    """

    wire: dict[str, Any] = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return sealed(self.wire[name])  # error reporters look into mappings

    def __iter__(self) -> Iterator[str]:
        return iter(self.wire)

    def __len__(self) -> int:
        return len(self.wire)
