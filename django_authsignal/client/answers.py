"""The typed answers. Each class reads itself from the wire; all members are described in Authsignal's API reference.

Optional members are None, or empty tuples, when the service does not send them. Members that are not listed here
stay readable as ``answer["name"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .wire import Answer, Reader, State

__all__ = ["Action", "ActionSummary", "Authenticator", "Enrolled", "Tracked", "User", "Users", "Validation"]

# Each is ``eq=False``: answers compare as the wire's mapping.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tracked(Answer):
    """The decision about an action. ``is_enrolled`` is False unless the service clearly says true."""

    state: State
    idempotency_key: str
    url: str | None = field(repr=False)
    token: str | None = field(repr=False)
    is_enrolled: bool
    allowed_verification_methods: tuple[str, ...]
    enrolled_verification_methods: tuple[str, ...]
    default_verification_method: str | None
    rule_ids: tuple[str, ...]

    @property
    def challenge_url(self) -> str | None:
        """The hosted page. The service sends it with every state: it is a way in only for CHALLENGE_REQUIRED."""
        return self.url

    @classmethod
    def read(cls, reader: Reader) -> Tracked:
        return cls(
            wire=_with_challenge_url(reader),
            state=reader.state(),
            idempotency_key=reader.required("idempotencyKey", str),
            url=reader.text("url", "challengeUrl"),
            token=reader.text("token"),
            is_enrolled=reader.is_true("isEnrolled"),
            allowed_verification_methods=reader.texts("allowedVerificationMethods"),
            enrolled_verification_methods=reader.texts("enrolledVerificationMethods"),
            default_verification_method=reader.text("defaultVerificationMethod"),
            rule_ids=reader.texts("ruleIds"),
        )


def _with_challenge_url(reader: Reader) -> dict[str, Any]:
    # The first SDK's documentation reads response["challengeUrl"], although the service calls it "url" by now.
    url = reader.text("challengeUrl", "url") if reader.state() is State.CHALLENGE_REQUIRED else None
    return reader.wire if url is None else {**reader.wire, "challengeUrl": url}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Action(Answer):
    """One tracked action as it stands now. ``output`` holds ``custom``, with the customer's own member names."""

    state: State
    created_at: datetime | None
    state_updated_at: datetime | None
    verification_method: str | None
    rule_ids: tuple[str, ...]
    output: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, reader: Reader) -> Action:
        return cls(
            wire=reader.wire,
            state=reader.state(),
            created_at=reader.moment("createdAt"),
            state_updated_at=reader.moment("stateUpdatedAt"),
            verification_method=reader.text("verificationMethod"),
            rule_ids=reader.texts("ruleIds"),
            output=reader.optional("output", dict) or {},
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionSummary(Answer):
    """One line of a user's history. It decides nothing, so an unknown ``state`` is None and not an error."""

    action_code: str
    idempotency_key: str
    state: State | None
    created_at: datetime | None
    updated_at: datetime | None
    state_updated_at: datetime | None
    verification_method: str | None

    @classmethod
    def read(cls, reader: Reader) -> ActionSummary:
        return cls(
            wire=reader.wire,
            action_code=reader.required("actionCode", str),
            idempotency_key=reader.required("idempotencyKey", str),
            state=reader.known_state(),
            created_at=reader.moment("createdAt"),
            updated_at=reader.moment("updatedAt"),
            state_updated_at=reader.moment("stateUpdatedAt"),
            verification_method=reader.text("verificationMethod"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation(Answer):
    """What a challenge token proves. Compare ``user_id``, ``action`` and ``idempotency_key`` with what was stored."""

    is_valid: bool
    state: State | None
    state_updated_at: datetime | None
    user_id: str | None
    action: str | None
    idempotency_key: str | None
    verification_method: str | None
    error: str | None

    @classmethod
    def read(cls, reader: Reader) -> Validation:
        state = None if reader.wire.get("state") is None else reader.state()
        return cls(
            wire=reader.wire,
            is_valid=reader.required("isValid", bool),
            state=state,
            state_updated_at=reader.moment("stateUpdatedAt"),
            user_id=reader.text("userId"),
            action=reader.text("action", "actionCode"),
            idempotency_key=reader.text("idempotencyKey"),
            verification_method=reader.text("verificationMethod"),
            error=reader.text("error"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class User(Answer):
    """A user as the service knows it; an unknown user is one who is not enrolled. ``url`` is historic."""

    user_id: str | None
    is_enrolled: bool
    email: str | None = field(repr=False)
    email_verified: bool
    phone_number: str | None = field(repr=False)
    phone_number_verified: bool
    username: str | None = field(repr=False)
    display_name: str | None = field(repr=False)
    custom: Mapping[str, Any] = field(repr=False)
    enrolled_verification_methods: tuple[str, ...]
    default_verification_method: str | None
    url: str | None = field(repr=False)

    @classmethod
    def read(cls, reader: Reader) -> User:
        return cls(
            wire=reader.wire,
            user_id=reader.text("userId"),
            is_enrolled=reader.is_true("isEnrolled"),
            email=reader.text("email"),
            email_verified=reader.is_true("emailVerified"),
            phone_number=reader.text("phoneNumber"),
            phone_number_verified=reader.is_true("phoneNumberVerified"),
            username=reader.text("username"),
            display_name=reader.text("displayName"),
            custom=reader.optional("custom", dict) or {},
            enrolled_verification_methods=reader.texts("enrolledVerificationMethods"),
            default_verification_method=reader.text("defaultVerificationMethod"),
            url=reader.text("url"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Users(Answer):
    """One page of users; ask again with ``last_evaluated_user_id`` while it is not None."""

    users: tuple[User, ...]
    last_evaluated_user_id: str | None

    @classmethod
    def read(cls, reader: Reader) -> Users:
        return cls(
            wire=reader.wire,
            users=tuple(User.read(user) for user in reader.inners("users")),
            last_evaluated_user_id=reader.text("lastEvaluatedUserId"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Authenticator(Answer):
    """A factor of a user. ``verification_method`` is any text: the service adds methods over time."""

    user_authenticator_id: str
    user_id: str | None
    verification_method: str | None
    created_at: datetime | None
    verified_at: datetime | None
    email: str | None = field(repr=False)
    phone_number: str | None = field(repr=False)

    @classmethod
    def read(cls, reader: Reader) -> Authenticator:
        return cls(
            wire=reader.wire,
            user_authenticator_id=reader.required("userAuthenticatorId", str),
            user_id=reader.text("userId"),
            verification_method=reader.text("verificationMethod", "oobChannel"),
            created_at=reader.moment("createdAt"),
            verified_at=reader.moment("verifiedAt"),
            email=reader.text("email"),
            phone_number=reader.text("phoneNumber"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Enrolled(Answer):
    """A newly enrolled authenticator, with the recovery codes if this was the user's first."""

    authenticator: Authenticator
    recovery_codes: tuple[str, ...] = field(repr=False)

    @classmethod
    def read(cls, reader: Reader) -> Enrolled:
        return cls(
            wire=reader.wire,
            authenticator=Authenticator.read(reader.inner("authenticator")),
            recovery_codes=reader.texts("recoveryCodes"),
        )
