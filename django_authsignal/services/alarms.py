"""What went wrong between us and the service: on the row's record, and in the log as loudly as it deserves."""

from __future__ import annotations

import logging
import time

from django_authsignal.client import AuthsignalError, Unauthorized, Unavailable
from django_authsignal.models import ActionEvent, TrackedAction

__all__ = ["alarm", "log_outage", "outage"]

logger = logging.getLogger("django_authsignal")

ALARM_SECONDS = 60


def outage(row: TrackedAction, error: Unavailable) -> None:
    """Record a call that got no answer."""
    row.note(ActionEvent.Kind.OUTAGE, str(error))
    log_outage(row, error)


def log_outage(row: TrackedAction, error: Unavailable) -> None:
    """A warning; an error where TLS failed, as a certificate or a protocol does not mend itself (F4)."""
    level = logging.ERROR if error.is_tls else logging.WARNING
    logger.log(level, "action %r could not be decided: %s", row.action, error)


def alarm(row: TrackedAction, problem: AuthsignalError | str) -> None:
    """Record an answer that must not be."""
    row.note(ActionEvent.Kind.ANOMALY, str(problem))
    if isinstance(problem, Unauthorized):
        _log_unauthorized(problem)
    else:
        logger.error("action %r: %s", row.action, problem)


_last_alarm = -float(ALARM_SECONDS)


def _log_unauthorized(error: Unauthorized) -> None:
    """Critical, but once a minute: every request fails the same way until the secret is mended (F10)."""
    global _last_alarm
    if time.monotonic() - _last_alarm >= ALARM_SECONDS:
        _last_alarm = time.monotonic()
        logger.critical("Authsignal refuses our secret; check AUTHSIGNAL_SECRET and AUTHSIGNAL_REGION: %s", error)
