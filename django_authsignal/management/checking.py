"""The steps of ``authsignal_check``: each looks at one thing that must work and says what to do when it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, router
from django.db.migrations.executor import MigrationExecutor

from django_authsignal import connection
from django_authsignal.client import AuthsignalError, Unauthorized, Unavailable
from django_authsignal.conf import REGIONS, app_settings
from django_authsignal.management.exits import Exit
from django_authsignal.management.service import sandbox_hint
from django_authsignal.models import TrackedAction

__all__ = [
    "Outcome",
    "Step",
    "cause_of",
    "failed",
    "migrations_step",
    "service_steps",
    "settings_step",
    "system_checks_step",
]

MEASURABLE_SKEW = 1.0
"""Seconds. Dates in HTTP are cut to whole seconds, so less cannot be told."""
SKEW_TO_MENTION = 5.0


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at."""

    name: str
    outcome: Outcome
    says: str
    todo: tuple[str, ...] = ()
    exit: Exit = Exit.OK
    facts: Mapping[str, float] = field(default_factory=dict)
    """Figures for a program that reads them."""


def failed(name: str, code: Exit, says: str, *todo: str) -> Step:
    return Step(name, Outcome.FAILED, says, todo, code)


def cause_of(error: Unavailable) -> str:
    """Why there was no answer, in words."""
    return {
        "gaierror": "the host's name has no address",
        "ConnectionRefusedError": "nothing listens there",
        "ConnectionResetError": "the connection was cut",
        "RemoteDisconnected": "the connection was closed without an answer",
        "TimeoutError": f"no answer within {app_settings.TIMEOUT:g} s",
        "SSLCertVerificationError": "its TLS certificate cannot be verified",
        "SSLError": "TLS failed",
    }.get(error.detail, error.detail)


def settings_step() -> Step:
    """Whether the settings are good enough to make calls and signatures."""
    try:
        connection.get_client()
    except (ImproperlyConfigured, ImportError, ValueError) as problem:
        return failed("settings", Exit.FAILED, str(problem), "Correct the settings; manage.py check has hints.")
    says = f"{connection.environment()}, {app_settings.API_URL}, mode {app_settings.MODE}"
    if app_settings.MODE == "report_only":
        todo = "Nothing is stopped in this mode: set AUTHSIGNAL_MODE = 'enforce' when step-ups are to be demanded."
        return Step("settings", Outcome.WARNING, says, (todo,))
    return Step("settings", Outcome.OK, says)


def system_checks_step() -> Step:
    """Our own system checks, those of ``check --deploy`` included."""
    found = checks.run_checks(tags=["authsignal"], include_deployment_checks=True)
    loud = [message for message in found if not message.is_silenced()]
    errors = [message for message in loud if message.is_serious()]
    todo = [f"{message.id}: {message.msg} {message.hint or ''}".rstrip() for message in loud]
    says = f"{_counted(len(errors), 'error')}, {_counted(len(loud) - len(errors), 'warning')}"
    if errors:
        return failed("checks", Exit.FAILED, says, *todo)
    return Step("checks", Outcome.WARNING if loud else Outcome.OK, says, tuple(todo))


def migrations_step() -> Step:
    """Whether our tables are as this version wants them."""
    database = router.db_for_write(TrackedAction)
    try:
        executor = MigrationExecutor(connections[database])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes("authsignal"))
    except Error as error:
        says = f"the database {database!r} cannot be asked ({type(error).__name__})"
        return failed("migrations", Exit.FAILED, says, "Is it running, and is DATABASES right?")
    pending = [migration.name for migration, _backwards in plan if migration.app_label == "authsignal"]
    if pending:
        says = f"not applied to {database!r}: {', '.join(pending)}"
        return failed("migrations", Exit.FAILED, says, "Run manage.py migrate authsignal.")
    return Step("migrations", Outcome.OK, f"all applied to {database!r}")


def service_steps(max_skew: float) -> Iterator[Step]:
    """Secret, connection and clock, by two harmless calls: only the second one shows what a call costs usually."""
    client, url = connection.get_client(), app_settings.API_URL
    try:
        first, second = client.ping(), client.ping()
    except Unauthorized as error:
        says = f"{url} does not accept AUTHSIGNAL_SECRET (status {error.status})"
        todo = f"Is it the API secret key of your tenant, and is the tenant in this region ({', '.join(REGIONS)})?"
        yield failed("secret", Exit.UNAUTHORIZED, says, todo)
    except Unavailable as error:
        todo = sandbox_hint().strip() or "Does this machine reach it (DNS, firewall, proxy)? Else try again later."
        yield failed("connection", Exit.UNAVAILABLE, f"{url} gives no answer: {cause_of(error)}", todo)
    except AuthsignalError as error:
        says = f"what answers at {url} is not Authsignal's Server API ({error})"
        yield failed("connection", Exit.FAILED, says, "Correct AUTHSIGNAL_REGION or AUTHSIGNAL_API_URL.")
    else:
        yield Step("secret", Outcome.OK, "accepted")
        yield Step(
            "connection",
            Outcome.OK,
            f"connected and answered in {first.seconds * 1000:.0f} ms, then in {second.seconds * 1000:.0f} ms",
            facts={"first_seconds": round(first.seconds, 4), "then_seconds": round(second.seconds, 4)},
        )
        yield _clock(second.ahead, max_skew)


def _clock(ahead: float | None, max_skew: float) -> Step:
    if ahead is None:
        return Step("clock", Outcome.WARNING, "cannot be compared: the service's answer has no date")
    says = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} Authsignal's"
    if abs(ahead) <= MEASURABLE_SKEW:
        says = "in step with Authsignal's"
    facts = {"clock_ahead_seconds": round(ahead, 1)}
    if abs(ahead) <= min(SKEW_TO_MENTION, max_skew):
        return Step("clock", Outcome.OK, says, facts=facts)
    todo = (
        "Synchronise this machine's clock (NTP). While it is wrong, approvals end too early or too late, and webhooks "
        f"are refused once it is more than {app_settings.WEBHOOK_TOLERANCE} s off.",
    )
    if abs(ahead) > max_skew:
        return Step("clock", Outcome.FAILED, says, todo, Exit.CLOCK, facts)
    return Step("clock", Outcome.WARNING, says, todo, facts=facts)


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
