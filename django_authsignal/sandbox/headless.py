"""Headless challenges: a code sent and verified without a hosted page, before or after the user is known."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from django.http import JsonResponse

from .api import check_action_code
from .challenges import MAX_ATTEMPTS
from .records import Action, Challenge, State
from .store import Store
from .wire import ApiError, SandboxRequest, bad_request, body_of, members

START = {
    "verificationMethod": str,
    "action": str,
    "email": str,
    "phoneNumber": str,
    "smsChannel": str,
    "challengeId": str,
    "idempotencyKey": str,
    "userId": str,
}
METHODS = ("EMAIL_OTP", "SMS", "WHATSAPP")
SEARCHABLE = {"challengeId": "id", "userId": "user_id", "action": "action_code", "verificationMethod": "method"}
SENT_TO = ("email", "phoneNumber", "smsChannel")


def start(request: SandboxRequest) -> JsonResponse:
    """Send a code; with the ``challengeId`` of a known challenge, send it again."""
    store, given = request.sandbox, members(body_of(request), START)
    if given.get("verificationMethod") not in METHODS:
        raise bad_request(f"verificationMethod must be one of {', '.join(METHODS)}.")
    check_action_code(given.get("action", ""))
    known = store.challenges.get(given.get("challengeId"))
    challenge = Challenge(
        id=known.id if known else str(uuid.uuid4()),
        action_code=given["action"],
        key=known.key if known else given.get("idempotencyKey", str(uuid.uuid4())),
        method=given["verificationMethod"],
        expires_at=int(store.clock()) + store.lifetime,
        sent_to={name: given[name] for name in SENT_TO if name in given},
        user_id=given.get("userId"),
    )
    to = challenge.sent_to.get("email" if challenge.method == "EMAIL_OTP" else "phoneNumber", "")
    about = {"userId": challenge.user_id, "actionCode": challenge.action_code, "idempotencyKey": challenge.key}
    if not store.webhooks.starts_challenge(challenge.method, to, store.code, **about):
        raise bad_request("The application did not send the code that its webhook was given.")
    store.challenges.save(challenge)
    return JsonResponse(
        {"challengeId": challenge.id, "idempotencyKey": challenge.key, "expiresAt": challenge.expires_at}
    )


def verify(request: SandboxRequest) -> JsonResponse:
    """Try a code; ten tries per challenge."""
    given = members(body_of(request), {"challengeId": str, "verificationCode": str})
    store = request.sandbox
    is_right = given.get("verificationCode") == store.code
    tried = store.challenges.attempt(_known(request, given), is_right=is_right, now=store.clock())
    if not tried.is_verified:
        reason = "MAX_ATTEMPTS_EXCEEDED" if tried.attempts > MAX_ATTEMPTS else "CODE_INVALID_OR_EXPIRED"
        return JsonResponse({"isVerified": False, "failureReason": reason})
    if tried.user_id:
        _settle(store, tried, tried.user_id)
    sent_to = {name: value for name, value in tried.sent_to.items() if name != "smsChannel"}
    return JsonResponse({"isVerified": True, "verificationMethod": tried.method} | sent_to)


def find(request: SandboxRequest) -> JsonResponse:
    """The newest live challenge that fits the query, or an empty object."""
    wanted: dict[str, Any] = {name: value for name, value in request.GET.items() if name in SEARCHABLE and value}
    for challenge in request.sandbox.challenges.live(request.sandbox.clock()):
        if all(getattr(challenge, SEARCHABLE[name]) == value for name, value in wanted.items()):
            return JsonResponse(challenge.wire())
    return JsonResponse({})


def claim(request: SandboxRequest) -> JsonResponse:
    """Tie a challenge to a user, by default only when its code was verified; answers a token for ``/validate``."""
    given = members(body_of(request), {"challengeId": str, "userId": str, "skipVerificationCheck": bool})
    challenge, store = _known(request, given), request.sandbox
    if not given.get("userId"):
        raise bad_request("userId is required.")
    if not challenge.is_verified and not given.get("skipVerificationCheck"):
        raise bad_request("The challenge has not been verified.")
    claimed = store.challenges.save(replace(challenge, user_id=given["userId"]))
    action = _settle(store, claimed, given["userId"])
    return JsonResponse({"token": store.token(action), "verificationMethod": claimed.method})


def _known(request: SandboxRequest, given: dict[str, Any]) -> Challenge:
    challenge = request.sandbox.challenges.get(given.get("challengeId"))
    if challenge is None:
        raise ApiError(404, "not_found", "The challenge was not found.")
    return challenge


def _settle(store: Store, challenge: Challenge, user_id: str) -> Action:
    """The action that the challenge is about, now that its user is known, in the state that the challenge gives it."""
    action = store.track(user_id, challenge.action_code, challenge.key)
    state = State.CHALLENGE_SUCCEEDED if challenge.is_verified else State.CHALLENGE_REQUIRED
    settled = store.answer_challenge(action, state, method=challenge.method)
    if settled.state != state:
        raise bad_request("The application refused the challenge by its webhook.")
    return settled
