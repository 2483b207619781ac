"""What a view demands: one frozen value that every surface shares."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_authsignal.conf import app_settings

__all__ = ["ANSWERED_BY_GATE", "PolicyArguments", "StepUpPolicy", "policy_of"]

Values = Mapping[str, object]

ANSWERED_BY_GATE = frozenset({"HEAD", "OPTIONS", "TRACE"})
"""Methods that are never tracked, spent or run on a gated view."""

_ACTION_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CHOICES = {
    "unenrolled": (None, "enrol", "deny", "allow"),
    "on_unavailable": ("deny", "allow"),
    "minimum": ("allow", "challenge"),
    "mode": (None, "enforce", "report_only"),
}


class PolicyArguments(TypedDict, total=False):
    """The keyword arguments of every surface; ``StepUpPolicy`` says what each means."""

    methods: Collection[str] | None
    max_age: int | None
    recheck: bool
    bind: Collection[str] | Callable[[HttpRequest], Values] | None
    ask_again: Collection[str]
    when: Callable[[HttpRequest], bool] | None
    custom: Values | Callable[[HttpRequest], Values] | None
    unenrolled: str | None
    on_unavailable: str
    verification_methods: Collection[str] | None
    minimum: str
    mode: str | None


@dataclass(frozen=True, slots=True)
class StepUpPolicy:
    """How one action is protected. Raises ``ImproperlyConfigured`` when made with values that cannot work.

    ``AUTHSIGNAL_ACTIONS = {"withdrawFunds": {"max_age": 60}}`` overrides any argument but the action, per action code.
    """

    action: str
    """Action code at Authsignal: 1 to 64 letters, digits, ``_`` or ``-`` (API reference, track action)."""
    methods: Collection[str] | None = None
    """HTTP methods that need the step-up. None: all. ``["POST"]`` lets GET pass; other unsafe methods answer 405."""
    max_age: int | None = None
    """None: every approval serves one request. Seconds: an approval opens a window for this action in this session."""
    recheck: bool = False
    """With ``max_age``: look up the row that opened the window on each request, so that a revocation counts at once."""
    bind: Collection[str] | Callable[[HttpRequest], Values] | None = None
    """What the user is shown and the rules see: names of sent values, or a function that returns a mapping, which then
    also is all that the approval is for. None and names: it is for everything that the request carries."""
    ask_again: Collection[str] = ()
    """Names of form fields that the holding page must not carry, only ask for again."""
    when: Callable[[HttpRequest], bool] | None = None
    """Only requests for which this returns true are protected."""
    custom: Values | Callable[[HttpRequest], Values] | None = None
    """Further data points for Authsignal's rules."""
    unenrolled: str | None = None
    """What ALLOW means for a user without any authenticator: enrol, deny or allow. None: ``AUTHSIGNAL_UNENROLLED``."""
    on_unavailable: str = "deny"
    """'allow' lets at most 5 requests a user and hour pass while no connection to the service can be made."""
    verification_methods: Collection[str] | None = None
    """Methods that a passed challenge may have used: ``{"PASSKEY"}``. A plain ALLOW used none; see ``minimum``."""
    minimum: str = "allow"
    """'challenge': a plain ALLOW is not enough."""
    mode: str | None = None
    """'report_only': track and record, stop nothing. None: ``AUTHSIGNAL_MODE``."""

    def __post_init__(self) -> None:
        if not isinstance(self.action, str) or not _ACTION_CODE.fullmatch(self.action):
            raise ImproperlyConfigured(f"{self.action!r} is no action code: use 1 to 64 letters, digits, '_' or '-'.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise self._wrong(f"{name} must be one of {', '.join(repr(choice) for choice in choices)}.")
        self._freeze("methods", upper=True)
        self._freeze("verification_methods", upper=True)
        self._freeze("ask_again", upper=False)
        if not callable(self.bind):
            self._freeze("bind", upper=False)
        self._refuse_contradictions()

    def _freeze(self, name: str, *, upper: bool) -> None:
        """Turn a collection of names into a tuple; a lone string is a mistake that would iterate its letters."""
        value = getattr(self, name)
        if value is None:
            return
        names = isinstance(value, Collection) and not isinstance(value, str | bytes)
        if not names or not all(isinstance(item, str) and item for item in value):
            raise self._wrong(f"{name} must be a list of names, such as {name}=['{value}'].")
        object.__setattr__(self, name, tuple(item.upper() if upper else item for item in value))

    def _refuse_contradictions(self) -> None:
        age = self.max_age
        if age is not None and (isinstance(age, bool) or not isinstance(age, int) or not 1 <= age <= 86_400):
            raise self._wrong("max_age must be whole seconds from 1 to 86400, or left out for single use.")
        if self.bind is not None and age is not None:
            raise self._wrong("bind ties an approval to one transaction and max_age opens a window: choose one.")
        if self.recheck and age is None:
            raise self._wrong("recheck belongs to max_age; a single use is looked up anyway.")
        for name in ("bind", "methods", "verification_methods"):
            if getattr(self, name) == ():
                raise self._wrong(f"{name} is empty: name at least one, or leave it out.")
        if ANSWERED_BY_GATE.intersection(self.methods or ()):
            raise self._wrong("methods cannot name HEAD, OPTIONS or TRACE: the gate answers those itself.")
        if self.minimum == "challenge" and "allow" in (self.unenrolled, self.on_unavailable):
            raise self._wrong("minimum='challenge' rules out unenrolled='allow' and on_unavailable='allow'.")

    def _wrong(self, hint: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"step-up policy of action {self.action!r}: {hint}")

    def resolved(self) -> StepUpPolicy:
        """This policy with the project's ``AUTHSIGNAL_ACTIONS`` applied."""
        overrides: Any = app_settings.ACTIONS.get(self.action)
        if not overrides:
            return self
        if unknown := set(overrides) - PolicyArguments.__annotations__.keys():
            raise self._wrong(f"AUTHSIGNAL_ACTIONS gives it no argument {', '.join(sorted(map(repr, unknown)))}.")
        return replace(self, **overrides)

    @property
    def report_only(self) -> bool:
        """True when this action is only watched."""
        return (self.mode or app_settings.MODE) == "report_only"

    @property
    def for_unenrolled(self) -> str:
        """'enrol', 'deny' or 'allow': the policy's own word, else the project's; never 'allow' under a minimum."""
        word = self.unenrolled or app_settings.UNENROLLED
        return "enrol" if word == "allow" and self.minimum == "challenge" else word

    def protects(self, method: str) -> bool:
        """Whether a request with this HTTP *method* needs the step-up."""
        return method not in ANSWERED_BY_GATE and (self.methods is None or method in self.methods)

    def accepts(self, verification_method: str) -> bool:
        """Whether a challenge passed with *verification_method* is good enough; a missing one is the weakest."""
        return self.verification_methods is None or verification_method in self.verification_methods


def policy_of(action: str | StepUpPolicy, arguments: PolicyArguments) -> StepUpPolicy:
    """The policy that a surface was given: an action code with arguments, or a policy, refined by arguments."""
    return replace(action, **arguments) if isinstance(action, StepUpPolicy) else StepUpPolicy(action, **arguments)
