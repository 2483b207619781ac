"""How each outcome is told: status, code and words (the outcome table of the documentation)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_authsignal.services.decision import Outcome

__all__ = ["REASONS", "WORDS", "Words"]


@dataclass(frozen=True, slots=True)
class Words:
    """One outcome in HTTP and in words."""

    status: int
    code: str
    """The ``code`` member of the problem+json body."""
    title: Promise
    message: Promise


WORDS = {
    Outcome.CHALLENGE: Words(
        403,
        "step_up_required",
        _("Verify that it is you"),
        _("What you are about to do needs proof that it is really you."),
    ),
    Outcome.ENROL: Words(
        403,
        "step_up_enrol",
        _("Set up verification first"),
        _("What you are about to do needs proof that it is really you, and there is no way to verify you yet."),
    ),
    Outcome.BLOCKED: Words(
        403,
        "step_up_blocked",
        _("This was not allowed"),
        _("Nothing was done. If you think this is a mistake, please contact support."),
    ),
    Outcome.UNDER_REVIEW: Words(
        403,
        "step_up_under_review",
        _("This needs a review"),
        _("Nothing was done yet. Someone has to look at this before it can go on."),
    ),
    Outcome.ALREADY_USED: Words(
        409,
        "step_up_already_used",
        _("This was already sent"),
        _("Your approval was used once and cannot be used again. Check what happened before you repeat it."),
    ),
    Outcome.THROTTLED: Words(
        429,
        "step_up_throttled",
        _("Too many unfinished verifications"),
        _("Nothing was done. Finish one of them, or wait a few minutes and try again."),
    ),
    Outcome.UNAVAILABLE: Words(
        503,
        "step_up_unavailable",
        _("We cannot verify you right now"),
        _("Nothing was done. Please try again in a moment."),
    ),
    Outcome.UPSTREAM_ERROR: Words(
        502,
        "step_up_error",
        _("Something went wrong while verifying you"),
        _("Nothing was done, and the error was recorded. Please try again later."),
    ),
    Outcome.INVALID: Words(
        400,
        "step_up_invalid",
        _("Something is missing or wrong"),
        _("Nothing was done. Go back, correct this and send it again:"),
    ),
    Outcome.LOGIN: Words(
        401,
        "step_up_login",
        _("Please sign in"),
        _("Nothing was done, because nobody is signed in."),
    ),
}

REASONS = {
    "verification_method": _("The way you verified yourself is not accepted here. Try again and choose another one."),
    "unenrolled": _("There is no way to verify you yet."),
}
"""What a user can do about a refusal, where there is something."""
