"""What the machine knows on its own: who was asked for what, what the user approved, and what that allows.

Nothing here asks the package or its database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .site import ROUTES, Effect, Route

SKEW = 120
APPROVAL_LIVES = 300
CHALLENGE_LIVES = 600
HARMLESS = ("ALLOW", "CHALLENGE_SUCCEEDED", "CHALLENGE_REQUIRED", "REVIEW_SUCCEEDED")
"""What the service may say later without taking anything back."""


@dataclass(eq=False)
class Person:
    user: Any
    generation: int = 0
    """How often the password was changed."""
    active: bool = True
    enrolled: bool = True

    @property
    def id(self) -> str:
        return str(self.user.pk)


@dataclass(eq=False)
class Login:
    """One sign-in of one person in one browser, until the next."""

    person: Person
    generation: int
    over: bool = False
    rattled: bool = False
    """Its requests overlapped: what the session remembers may be what either of them wrote last."""

    @property
    def works(self) -> bool:
        return not self.over and self.person.active and self.generation == self.person.generation


@dataclass(eq=False)
class Submit:
    """One request for an effect."""

    number: int
    login: Login
    path: str
    sent: dict[str, str]
    named: str
    """The key of the challenge that it says it continues."""
    style: str
    """'form', 'json' or 'async': a form for the asynchronous handler."""
    generation: int
    effects: list[Effect] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """What the network did with the calls that it caused: 'refused' or 'sent'."""

    @property
    def route(self) -> Route:
        return ROUTES[self.path]

    @property
    def subject(self) -> tuple[object, ...]:
        """What an approval of this request is for."""
        told_apart = self.style == "json" and self.path.startswith("/pay") and not self.route.narrow
        return (self.path, told_apart, *self.route.content(self.sent))


@dataclass(eq=False)
class Challenge:
    """A challenge that the service wants to be passed, and how that goes."""

    key: str
    submit: Submit
    url: str
    token: str
    begun: float
    shown: float = 0.0
    arrived: bool = False
    """Whether the answer that asks for it reached us as it was sent, which was when it was *shown*."""
    standing: str = "open"
    """As the service sees it: open, passed, or the state in which it cannot be passed."""
    method: str = ""
    passed_at: float = 0.0
    approved_at: float | None = None
    """When its user came back from passing it, in the browser that it was begun in; or earlier, when it was passed."""
    used: bool = False
    disturbed: bool = False
    """Something happened after which it may, but need not, be of use."""

    @property
    def login(self) -> Login:
        return self.submit.login

    def in_time(self, now: float) -> bool:
        if self.approved_at is not None:
            return self.approved_at - SKEW <= now < self.approved_at + APPROVAL_LIVES
        return self.begun - SKEW <= now < self.shown + CHALLENGE_LIVES


@dataclass(frozen=True)
class Window:
    login: Login
    generation: int
    action: str
    at: int
    outcome: str
    method: str
    key: str


@dataclass
class World:
    people: list[Person] = field(default_factory=list)
    submits: list[Submit] = field(default_factory=list)
    challenges: dict[str, Challenge] = field(default_factory=dict)
    allowed: dict[str, tuple[Submit, bool]] = field(default_factory=dict)
    """Keys that were answered ALLOW, by the submit that asked, and whether its user was enrolled."""
    vetoed: set[str] = field(default_factory=set)
    """Keys that the service has taken back, as far as we were told."""
    windows: list[Window] = field(default_factory=list)
    bypasses: list[tuple[Person, float]] = field(default_factory=list)

    def misfits(self, challenge: Challenge, submit: Submit, now: float) -> Iterator[str]:
        """Why this challenge does not let that request go on."""
        if challenge.login is not submit.login:
            yield "it was begun by another user, in another browser, or before another sign-in"
        if challenge.submit.subject != submit.subject:
            yield "it is for something else"
        if challenge.submit.generation != submit.login.person.generation:
            yield "the password was changed since"
        if challenge.approved_at is None:
            yield "nobody came back from passing it"
        elif not challenge.in_time(now):
            yield "its time has not come, or is over"
        if challenge.key in self.vetoed:
            yield "the service took it back"
        if challenge.used:
            yield "it was used before"
        if not submit.route.accepts(challenge.method):
            yield f"it was passed by {challenge.method}"

    def shut(self, window: Window, submit: Submit, now: float) -> Iterator[str]:
        """Why this window does not let that request go on."""
        route = submit.route
        if window.login is not submit.login or window.generation != submit.login.person.generation:
            yield "it is another sign-in's, or of before a change of the password"
        if window.action != route.action or route.max_age is None:
            yield "it is of another action"
        elif not -SKEW <= int(now) - window.at < route.max_age:
            yield "its time has not come, or is over"
        if window.outcome == "allow" and route.policy.get("minimum") == "challenge":
            yield "no challenge was passed"
        if window.outcome == "challenge" and not route.accepts(window.method):
            yield f"it was opened by {window.method}"
        if route.policy.get("recheck") and window.key in self.vetoed:
            yield "the service took it back"

    def newest_window(self, submit: Submit) -> Window | None:
        found = [one for one in self.windows if one.login is submit.login and one.action == submit.route.action]
        return found[-1] if found else None
