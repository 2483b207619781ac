"""Authenticators of a user: enrolment by the user, on the hosted page, and by the project, for a verified number."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import Error
from django.http import HttpRequest
from django.urls import reverse

from django_authsignal import attributes, connection, sessions, signals
from django_authsignal.client import AuthsignalError, Client, State, Tracked
from django_authsignal.client.sealed import Payload, Sealed
from django_authsignal.conf import app_settings
from django_authsignal.models import TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services import alarms, asking
from django_authsignal.services.pages import sign_page
from django_authsignal.services.question import question, return_path
from django_authsignal.statuses import Status

__all__ = [
    "MANAGE_ACTION",
    "Enrolment",
    "Phase",
    "add_phone",
    "announce_phone",
    "enrol_path",
    "enrol_phone",
    "enrolment_phase",
    "find_user",
    "start_enrolment",
    "start_managing",
]

logger = logging.getLogger("django_authsignal")

ENROL_ACTION = "enrolAuthenticator"
"""Action code under which starting an enrolment is tracked."""
MANAGE_ACTION = "manageAuthenticators"
"""Action code of the step-up before the hosted settings page, and of the visit to it."""
RECENT_LOGIN_SECONDS = 300
"""How long after a login an authenticator may be enrolled: a stolen session must not be enough (T12)."""


class Phase(StrEnum):
    """Where an enrolment stands."""

    START = "start"
    SIGN_IN_AGAIN = "sign_in_again"
    ALREADY = "already"
    DONE = "done"
    HOSTED = "hosted"
    """Go to the hosted page."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What to do next, and for HOSTED where."""

    phase: Phase
    url: str = ""


def enrol_path(request: HttpRequest) -> str:
    """Our enrol page, which remembers under signature the page that *request* asked for."""
    path = reverse("authsignal:enrol")
    back = return_path(request)
    return f"{path}?{urlencode({'back': sign_page(back)})}" if back else path


def enrolment_phase(request: HttpRequest, *, returned: bool) -> Phase:
    """What the enrol page has to say; after a return from the hosted page, by the service's word and not the URL's."""
    if returned:
        try:
            user = connection.get_client().get_user(attributes.authsignal_user_id(request.user))
        except AuthsignalError as error:
            logger.warning("an enrolment could not be confirmed: %s", error)
            return Phase.FAILED
        if user.is_enrolled:
            return Phase.DONE
    return Phase.START if sessions.has_recent_login(request, RECENT_LOGIN_SECONDS) else Phase.SIGN_IN_AGAIN


def start_enrolment(request: HttpRequest, return_url: str) -> Enrolment:
    """Open the hosted enrolment page for the first authenticator of a user who has just signed in.

    A user who has one already gets no page: a further factor needs the existing one first.
    """
    if not sessions.has_recent_login(request, RECENT_LOGIN_SECONDS):
        return Enrolment(Phase.SIGN_IN_AGAIN)
    answer = _visit(request, ENROL_ACTION, {"redirectUrl": return_url})
    if answer and answer.is_enrolled:
        return Enrolment(Phase.ALREADY)
    return _hosted(answer, State.ALLOW)


def start_managing(request: HttpRequest, return_url: str) -> Enrolment:
    """Open the hosted settings page, where a user adds and removes authenticators.

    Only for a request that has just passed a challenge: whoever comes here may add a factor of their own (T12).
    """
    answer = _visit(request, MANAGE_ACTION, {"redirectUrl": return_url, "redirectToSettings": True})
    return _hosted(answer, State.ALLOW, State.CHALLENGE_REQUIRED)


def _visit(request: HttpRequest, action: str, extra: dict[str, Any]) -> Tracked | None:
    """Track a visit to a hosted page that is no challenge; the row only records it. None: it could not be tracked."""
    try:
        asked = question(request, StepUpPolicy(action))
        payload = Payload(asking.told(asked), **extra)
        row = TrackedAction.objects.begin(asked.claim, enforced=False)
        try:
            answer = asking.track(asked, row, payload, connection.get_client())
        except AuthsignalError as error:
            row.end(Status.VOID, "unavailable")
            alarms.alarm(row, error)
            return None
        row.end(Status.VOID, "enrolment")
    except Error:
        logger.exception("a visit to a hosted page could not be recorded")
        return None
    return answer


def _hosted(answer: Tracked | None, *states: State) -> Enrolment:
    url = connection.hosted_page(answer.url) if answer and answer.state in states else ""
    return Enrolment(Phase.HOSTED, url) if url else Enrolment(Phase.FAILED)


def find_user(authsignal_user_id: str) -> Any | None:
    """The user whom Authsignal knows by this id, if any: by our rows, else by primary key where that is the id."""
    rows = TrackedAction.objects.current().filter(authsignal_user_id=authsignal_user_id, user__isnull=False)
    row = rows.filter(environment=connection.environment()).select_related("user").order_by("-created_at").first()
    if row is not None or app_settings.USER_ID is not None:
        return row and row.user
    users = get_user_model()
    try:
        user = users._default_manager.filter(pk=users._meta.pk.to_python(authsignal_user_id)).first()
    except ValidationError:
        return None
    # "+7" and "1_0" are numbers too, but nobody's id.
    return user if user is not None and str(user.pk) == authsignal_user_id else None


def enrol_phone(user: Any, phone_number: str, verification_method: str, *, dry_run: bool = False) -> bool:
    """Enrol a phone number (E.164) that the project has verified. False when it is there already.

    Raises AuthsignalError when the service cannot be asked or refuses.
    """
    phone_number = Sealed(phone_number)
    user_id = attributes.authsignal_user_id(user)
    is_new = add_phone(connection.get_client(), user_id, phone_number, verification_method, dry_run=dry_run)
    if is_new and not dry_run:
        announce_phone(user, verification_method)
    return is_new


def add_phone(client: Client, user_id: str, phone_number: str, verification_method: str, *, dry_run: bool) -> bool:
    """What ``enrol_phone()`` asks of the service, and nothing of the database: for threads."""
    phone_number = Sealed(phone_number)  # what the client raises passes through here
    for authenticator in client.get_authenticators(user_id):
        if (authenticator.verification_method, authenticator.phone_number) == (verification_method, phone_number):
            return False
    if not dry_run:
        client.enrol_authenticator(user_id, {"verificationMethod": verification_method, "phoneNumber": phone_number})
    return True


def announce_phone(user: Any, verification_method: str) -> None:
    """Tell the project's receivers that *user* has a new authenticator."""
    signals.enrolment_changed.send_robust(
        sender=type(user), user=user, change="created", verification_method=verification_method, source="project"
    )
