"""Authenticators of a user: enrolment by the user, on the hosted page, and by the project, for a verified number."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.db import Error
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from django_authsignal import attributes, connection, sessions, signals
from django_authsignal.client import AuthsignalError, State
from django_authsignal.models import TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.services import asking
from django_authsignal.services.question import question, return_path
from django_authsignal.statuses import Status

__all__ = [
    "Enrolment",
    "Phase",
    "enrol_path",
    "enrol_phone",
    "enrolment_phase",
    "remembered_path",
    "start_enrolment",
]

logger = logging.getLogger("django_authsignal")

ENROL_ACTION = "enrolAuthenticator"
"""Action code under which starting an enrolment is tracked."""
ENROL_SALT = "django_authsignal.enrol"
ENROL_SECONDS = 3600
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
    return f"{path}?{urlencode({'back': signing.dumps(back, salt=ENROL_SALT)})}" if back else path


def remembered_path(signed: str) -> str:
    """The page under a signature of ours; '' for anything else (T25)."""
    try:
        path = str(signing.loads(signed, salt=ENROL_SALT, max_age=ENROL_SECONDS))
    except signing.BadSignature:
        return ""
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""


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
    try:
        return _start(request, return_url)
    except Error:
        logger.exception("an enrolment could not be recorded")
        return Enrolment(Phase.FAILED)


def _start(request: HttpRequest, return_url: str) -> Enrolment:
    asked = question(request, StepUpPolicy(ENROL_ACTION))
    payload = {**asking.told(asked), "redirectUrl": return_url}
    row = TrackedAction.objects.begin(asked.claim, enforced=False)
    try:
        answer = asking.track(asked, row, payload, connection.get_client())
    except AuthsignalError as error:
        row.end(Status.VOID, "unavailable")
        asking.alarm(row, error)
        return Enrolment(Phase.FAILED)
    row.end(Status.VOID, "enrolment")
    if answer.is_enrolled:
        return Enrolment(Phase.ALREADY)
    url = connection.hosted_page(answer.url)
    if answer.state is not State.ALLOW or not url:
        return Enrolment(Phase.FAILED)
    return Enrolment(Phase.HOSTED, url)


def enrol_phone(user: Any, phone_number: str, verification_method: str, *, dry_run: bool = False) -> bool:
    """Enrol a phone number (E.164) that the project has verified. False when it is there already.

    Raises AuthsignalError when the service cannot be asked or refuses.
    """
    client, user_id = connection.get_client(), attributes.authsignal_user_id(user)
    for authenticator in client.get_authenticators(user_id):
        if (authenticator.verification_method, authenticator.phone_number) == (verification_method, phone_number):
            return False
    if not dry_run:
        client.enrol_authenticator(user_id, {"verificationMethod": verification_method, "phoneNumber": phone_number})
        signals.enrolment_changed.send_robust(sender=type(user), user=user)
    return True
