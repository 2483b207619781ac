"""The Server API, as views over the store. Paths and members are those of the public API reference.

Where SDKs of different years disagree the sandbox accepts both: POST and PATCH on users, ``oobChannel`` and
``verificationMethod``, ``url`` beside ``challengeUrl``, ``action`` beside ``actionCode``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, JsonResponse

from .records import Action, State, User, timestamp
from .store import Store
from .wire import ApiError, SandboxRequest, bad_request, body_of, members

ACTION_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
PROFILE = {"email": str, "phoneNumber": str, "username": str}
TRACK = PROFILE | {
    "idempotencyKey": str,
    "redirectUrl": str,
    "redirectToSettings": bool,
    "ipAddress": str,
    "userAgent": str,
    "custom": dict,
    "scope": str,
}
USER = PROFILE | {
    "emailVerified": bool,
    "phoneNumberVerified": bool,
    "displayName": str,
    "custom": dict,
    "locale": str,
    "defaultVerificationMethod": str,
}
AUTHENTICATOR = {
    "email": str,
    "phoneNumber": str,
    "otpUri": str,
    "isDefault": bool,
    "credentialId": str,
    "name": str,
}
ENROLLABLE = ("SMS", "EMAIL_OTP", "EMAIL_MAGIC_LINK", "AUTHENTICATOR_APP", "WHATSAPP", "PASSKEY")
# The service lists no older actions.
HISTORY_SECONDS = 30 * 24 * 3600


def not_found(request: HttpRequest, *segments: str) -> JsonResponse:
    raise ApiError(404, "not_found", "Not Found")


def track(request: SandboxRequest, user_id: str, action_code: str) -> JsonResponse:
    """Track an action; a key that is known already gives that action again, with a fresh token and url."""
    check_action_code(action_code)
    store, given = request.sandbox, members(body_of(request), TRACK)
    check_redirect_url(store, given.get("redirectUrl"))
    user = store.update_user(user_id, {name: given[name] for name in PROFILE if name in given})
    action = store.track(
        user_id,
        action_code,
        given.get("idempotencyKey"),
        redirect_url=given.get("redirectUrl"),
        to_settings=given.get("redirectToSettings", False),
        custom=given.get("custom", {}),
        ip_address=given.get("ipAddress"),
        user_agent=given.get("userAgent"),
    )
    token = store.token(action, scope=given.get("scope", "read:authenticators"))
    answer = {
        "state": action.state,
        "idempotencyKey": action.key,
        "url": store.page_url(token),
        "token": token,
        "ruleIds": list(action.rule_ids),
    } | user.enrolment()
    if action.state == State.CHALLENGE_REQUIRED:
        answer["challengeUrl"] = answer["url"]
    return JsonResponse(answer)


def check_action_code(action_code: str) -> None:
    if not ACTION_CODE.fullmatch(action_code):
        raise bad_request("The action code must match ^[a-zA-Z0-9_-]{1,64}$.")


def check_redirect_url(store: Store, url: str | None) -> None:
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise bad_request("redirectUrl must be an absolute http or https URL.")
    if store.rules.redirect_hosts and parts.netloc not in store.rules.redirect_hosts:
        raise bad_request(f"redirectUrl names the host {parts.netloc}, which redirect_hosts does not list.")


def get_action(request: SandboxRequest, user_id: str, action_code: str, key: str) -> JsonResponse:
    return JsonResponse(_known_action(request, user_id, action_code, key).wire())


def update_action(request: SandboxRequest, user_id: str, action_code: str, key: str) -> JsonResponse:
    """Set the state, as an operator does in the portal, and merge ``custom``."""
    action = _known_action(request, user_id, action_code, key)
    given = members(body_of(request), {"state": str, "custom": dict})
    if "state" in given and given["state"] not in list(State):
        raise bad_request(f"state must be one of {', '.join(State)}.")
    if "custom" in given:
        given["custom"] = {**action.custom, **given["custom"]}
    return JsonResponse(request.sandbox.update_action(action, **given).wire())


def query_actions(request: SandboxRequest, user_id: str) -> JsonResponse:
    earliest = request.sandbox.clock() - HISTORY_SECONDS
    if "fromDate" in request.GET:
        earliest = max(earliest, _seconds(request.GET["fromDate"]))
    codes = {code for code in request.GET.get("codes", "").split(",") if code}
    state = request.GET.get("state")
    found = [
        action.summary()
        for action in request.sandbox.actions(user_id)
        if action.created_at >= earliest and (not codes or action.code in codes) and state in (None, "", action.state)
    ]
    return JsonResponse(found, safe=False)


def get_user(request: SandboxRequest, user_id: str) -> JsonResponse:
    """The user; anybody unknown is a user who is not enrolled. ``url`` and ``accessToken`` serve the oldest SDKs."""
    store = request.sandbox
    user = store.user(user_id)
    if redirect_url := request.GET.get("redirectUrl"):
        check_redirect_url(store, redirect_url)
        user = store.update_user(user_id, {}, redirect_url=redirect_url)
    token = store.token(user)
    return JsonResponse(user.attributes() | user.enrolment() | {"url": store.page_url(token), "accessToken": token})


def update_user(request: SandboxRequest, user_id: str) -> JsonResponse:
    user = request.sandbox.update_user(user_id, members(body_of(request), USER))
    return JsonResponse({"userId": user.id} | user.attributes())


def delete_user(request: SandboxRequest, user_id: str) -> JsonResponse:
    request.sandbox.delete_user(user_id, actions=request.GET.get("actions") == "true")
    return JsonResponse({"success": True})


def query_users(request: SandboxRequest) -> JsonResponse:
    """Users by exact username, email or phoneNumber, in pages of ``limit``."""
    wanted = {name: request.GET[name] for name in PROFILE if request.GET.get(name)}
    if not wanted:
        raise bad_request("Give at least one of username, email, phoneNumber.")
    limit = _limit(request.GET.get("limit", "100"))
    found = [user for user in request.sandbox.users() if wanted.items() <= user.fields.items()]
    after = request.GET.get("lastEvaluatedUserId")
    start = next((place for place, user in enumerate(found, 1) if user.id == after), 0)
    page = found[start : start + limit]
    answer: dict[str, Any] = {"users": [_listed(user) for user in page]}
    if len(found) > start + limit:
        answer["lastEvaluatedUserId"] = page[-1].id
    return JsonResponse(answer)


def enrol(request: SandboxRequest, user_id: str) -> JsonResponse:
    """Record a factor that the application verified itself; the first one brings recovery codes."""
    payload = body_of(request)
    method = payload.get("verificationMethod") or payload.get("oobChannel")
    if method not in ENROLLABLE:
        raise bad_request(f"verificationMethod must be one of {', '.join(ENROLLABLE)}.")
    store = request.sandbox
    was_enrolled = store.user(user_id).is_enrolled
    answer: dict[str, Any] = {"authenticator": store.enrol(user_id, method, members(payload, AUTHENTICATOR)).wire()}
    if not was_enrolled:
        answer["recoveryCodes"] = [f"sandbox-{number:02}" for number in range(1, 11)]
    return JsonResponse(answer)


def list_authenticators(request: SandboxRequest, user_id: str) -> JsonResponse:
    known = request.sandbox.user(user_id).authenticators
    return JsonResponse([authenticator.wire() for authenticator in known], safe=False)


def delete_authenticator(request: SandboxRequest, user_id: str, authenticator_id: str) -> JsonResponse:
    if not request.sandbox.remove_authenticator(user_id, authenticator_id):
        raise ApiError(404, "not_found", "The authenticator was not found.")
    return JsonResponse({"success": True})


def validate(request: SandboxRequest) -> JsonResponse:
    """What a token stands for now. Always 200: ``isValid`` is the answer."""
    given = members(body_of(request), {"token": str, "userId": str, "action": str})
    visit = request.sandbox.visit(given.get("token", ""))
    if visit is None or visit.action is None or visit.expires_at <= request.sandbox.clock():
        return JsonResponse({"isValid": False})
    action = visit.action
    if given.get("userId", action.user_id) != action.user_id:
        return JsonResponse({"isValid": False, "error": "User is invalid."})
    if given.get("action", action.code) != action.code:
        return JsonResponse({"isValid": False, "error": "Action is invalid."})
    return JsonResponse(_validation(action))


def _validation(action: Action) -> dict[str, Any]:
    answer = {
        "isValid": action.state in (State.ALLOW, State.CHALLENGE_SUCCEEDED),
        "state": action.state,
        "stateUpdatedAt": timestamp(action.state_updated_at),
        "userId": action.user_id,
        "action": action.code,
        "actionCode": action.code,
        "idempotencyKey": action.key,
    }
    return answer | ({"verificationMethod": action.method} if action.method else {})


def _known_action(request: SandboxRequest, user_id: str, action_code: str, key: str) -> Action:
    action = request.sandbox.action(user_id, action_code, key)
    if action is None:
        raise ApiError(404, "not_found", "The action was not found.")
    return action


def _listed(user: User) -> dict[str, Any]:
    shown = ("email", "emailVerified", "phoneNumber", "phoneNumberVerified", "username", "displayName")
    attributes = {name: value for name, value in user.attributes().items() if name in shown}
    return {"userId": user.id, "isEnrolled": user.is_enrolled} | attributes


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request("fromDate must be an ISO 8601 time.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _limit(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise bad_request("limit must be a number from 1 to 9999.")
    return int(text)
