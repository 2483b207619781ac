"""What the sandbox remembers, as frozen values, each with its form on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

__all__ = ["Action", "Authenticator", "Challenge", "State", "User", "VERIFICATION_METHODS", "Visit", "timestamp"]

VERIFICATION_METHODS = ("SMS", "EMAIL_OTP", "EMAIL_MAGIC_LINK", "AUTHENTICATOR_APP", "PASSKEY")
OUT_OF_BAND = ("SMS", "EMAIL_OTP", "EMAIL_MAGIC_LINK", "WHATSAPP")


class State(StrEnum):
    """The eight states of an action."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"
    CHALLENGE_REQUIRED = "CHALLENGE_REQUIRED"
    CHALLENGE_SUCCEEDED = "CHALLENGE_SUCCEEDED"
    CHALLENGE_FAILED = "CHALLENGE_FAILED"
    REVIEW_REQUIRED = "REVIEW_REQUIRED"
    REVIEW_SUCCEEDED = "REVIEW_SUCCEEDED"
    REVIEW_FAILED = "REVIEW_FAILED"


def timestamp(seconds: float) -> str:
    """Unix seconds as the wire writes times: ISO 8601 in UTC with milliseconds and ``Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """One factor; ``fields`` are its wire fields such as ``phoneNumber``."""

    id: str
    user_id: str
    method: str
    created_at: float
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where its code goes: a phone number or e-mail, empty for an app."""
        return str(self.fields.get("phoneNumber") or self.fields.get("email") or "")

    def is_same_as(self, other: Authenticator) -> bool:
        return all(
            getattr(self, name) == getattr(other, name) for name in ("user_id", "method", "address")
        ) and self.fields.get("credentialId") == other.fields.get("credentialId")

    def wire(self) -> dict[str, Any]:
        """Today's fields together with the historic ones (``oobChannel`` and company), for old SDKs."""
        out_of_band = self.method in OUT_OF_BAND
        return _present(
            userAuthenticatorId=self.id,
            userId=self.user_id,
            verificationMethod=self.method,
            createdAt=timestamp(self.created_at),
            verifiedAt=timestamp(self.created_at),
            authenticatorType="OOB" if out_of_band else self.method,
            oobChannel=self.method if out_of_band else None,
            isActive=True,
            isDefault=False,
        ) | dict(self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user; ``fields`` are the wire fields given by track, identify or the rules file."""

    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    authenticators: tuple[Authenticator, ...] = ()
    redirect_url: str | None = None

    @property
    def is_enrolled(self) -> bool:
        return bool(self.authenticators)

    @property
    def methods(self) -> tuple[str, ...]:
        """The enrolled verification methods, the default first, each once."""
        ordered = sorted(self.authenticators, key=lambda authenticator: not authenticator.fields.get("isDefault"))
        methods = dict.fromkeys(authenticator.method for authenticator in ordered)
        default = self.fields.get("defaultVerificationMethod")
        return tuple(sorted(methods, key=lambda method: method != default))

    def authenticator_for(self, method: str | None) -> Authenticator | None:
        return next((known for known in self.authenticators if known.method == method), None)

    def attributes(self) -> dict[str, Any]:
        return {"emailVerified": False, "phoneNumberVerified": False} | dict(self.fields)

    def enrolment(self) -> dict[str, Any]:
        """The four members that track and get user share."""
        return {
            "isEnrolled": self.is_enrolled,
            "allowedVerificationMethods": list(VERIFICATION_METHODS),
            "enrolledVerificationMethods": list(self.methods),
        } | _present(defaultVerificationMethod=next(iter(self.methods), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One tracked action. ``state`` is text: the test kit may make the service say anything."""

    user_id: str
    code: str
    key: str
    state: str
    outcome: str
    """What the rules decided, such as CHALLENGE; it never changes."""
    created_at: float
    state_updated_at: float
    redirect_url: str | None = None
    to_settings: bool = False
    custom: Mapping[str, Any] = field(default_factory=dict)
    rule_ids: tuple[str, ...] = ()
    method: str | None = None
    authenticator_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None

    def wire(self) -> dict[str, Any]:
        return _present(
            state=self.state,
            createdAt=timestamp(self.created_at),
            stateUpdatedAt=timestamp(self.state_updated_at),
            output={"custom": dict(self.custom)},
            ruleIds=list(self.rule_ids),
            verificationMethod=self.method,
        )

    def summary(self) -> dict[str, Any]:
        """Its entry in the list of a user's actions."""
        return _present(
            actionCode=self.code,
            idempotencyKey=self.key,
            createdAt=timestamp(self.created_at),
            updatedAt=timestamp(self.state_updated_at),
            state=self.state,
            stateUpdatedAt=timestamp(self.state_updated_at),
            verificationMethod=self.method,
            verifiedByAuthenticatorId=self.authenticator_id,
            ipAddress=self.ip_address,
            userAgent=self.user_agent,
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """What a token speaks of: a user and, unless it came from get user, one action."""

    user: User
    action: Action | None
    expires_at: float
    scope: str

    @property
    def redirect_url(self) -> str | None:
        return self.action.redirect_url if self.action else self.user.redirect_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A headless challenge: a code sent before or without a hosted page. ``sent_to`` are wire fields."""

    id: str
    action_code: str
    key: str
    method: str
    expires_at: int
    sent_to: Mapping[str, str] = field(default_factory=dict)
    user_id: str | None = None
    attempts: int = 0
    is_verified: bool = False

    def wire(self) -> dict[str, Any]:
        return _present(
            challengeId=self.id,
            expiresAt=self.expires_at,
            verificationMethod=self.method,
            action=self.action_code,
            **self.sent_to,
        )
