"""Rows: what was asked, what became of it. Rows know themselves, querysets know sets; neither calls the service.

``status`` is ours and moves forward only, by conditional UPDATEs that name the state they leave:

    CREATED ─> PENDING ─> APPROVED ─> SPENT
       └─────────────────────────────> SPENT          a first answer ALLOW
    CREATED, PENDING, APPROVED ─> REFUSED | VOID      everything else may only end a row

``remote_state`` is what the service last said. It can veto a spend, never cause one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, router
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_authsignal.claims import Claim
from django_authsignal.querysets import TrackedActionQuerySet, committed
from django_authsignal.statuses import LIVE, SKEW, UNFINISHED, Status

__all__ = ["ActionEvent", "Status", "TrackedAction"]

ROUTE_LIMIT = 255
PATH_LIMIT = 2000
METHOD_LIMIT = 16


class TrackedAction(models.Model):
    """One action that was tracked: the local truth about one decision. Holds no token, body, amount or address."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="authsignal_actions",
        verbose_name=_("user"),
    )
    authsignal_user_id = models.CharField(_("Authsignal user id"), max_length=256)
    tenant = models.CharField(_("tenant"), max_length=64, blank=True)
    environment = models.CharField(_("environment"), max_length=8)
    action = models.CharField(_("action"), max_length=64)
    idempotency_key = models.UUIDField(_("idempotency key"), default=uuid.uuid4)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.CREATED)
    remote_state = models.CharField(_("remote state"), max_length=32, blank=True)
    remote_state_at = models.DateTimeField(_("remote state at"), null=True, blank=True)
    remote_state_source = models.CharField(_("remote state source"), max_length=16, blank=True)
    reason = models.CharField(_("reason"), max_length=64, blank=True)
    enforced = models.BooleanField(_("enforced"), default=True)
    route = models.CharField(_("route"), max_length=ROUTE_LIMIT)
    method = models.CharField(_("method"), max_length=METHOD_LIMIT)
    return_path = models.CharField(_("return path"), max_length=PATH_LIMIT, blank=True)
    binding = models.CharField(max_length=80)
    channel = models.CharField(max_length=80)
    auth_hash = models.CharField(max_length=80)
    is_enrolled = models.BooleanField(_("enrolled"), null=True)
    verification_method = models.CharField(_("verification method"), max_length=32, blank=True)
    rule_ids = models.JSONField(_("rules"), default=list, blank=True)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    spent_at = models.DateTimeField(_("spent at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)

    objects = TrackedActionQuerySet.as_manager()

    class Meta:
        verbose_name = _("tracked action")
        verbose_name_plural = _("tracked actions")
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key", "authsignal_user_id", "action"], name="authsignal_action_key"
            ),
            models.UniqueConstraint(
                fields=["user", "channel", "action", "route", "binding"],
                condition=Q(status__in=LIVE, enforced=True),
                name="authsignal_one_live_action",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.SPENT) | Q(spent_at__isnull=False), name="authsignal_spent_has_time"
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.APPROVED) | Q(approved_at__isnull=False, expires_at__isnull=False),
                name="authsignal_approved_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=LIVE) | Q(enforced=True), name="authsignal_live_is_enforced"
            ),
        ]
        # What the history is asked for, always newest first; each one costs every insert a little.
        indexes = [
            models.Index(fields=["user", "created_at"], name="authsignal_user_history"),
            models.Index(fields=["authsignal_user_id", "created_at"], name="authsignal_id_history"),
            models.Index(fields=["created_at"], name="authsignal_by_time"),
            models.Index(fields=["status", "created_at"], name="authsignal_by_status"),
            models.Index(fields=["action", "created_at"], name="authsignal_by_action"),
            models.Index(fields=["reason", "created_at"], name="authsignal_by_reason", condition=~Q(reason="")),
            models.Index(
                fields=["verification_method", "created_at"],
                name="authsignal_by_method",
                condition=~Q(verification_method=""),
            ),
        ]
        permissions = [
            ("refresh_trackedaction", _("Can ask Authsignal about a tracked action")),
            ("unblock_trackedaction", _("Can lift a block into a new challenge")),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.idempotency_key}"

    def fits(self, claim: Claim) -> bool:
        """Whether everything that never changes about a row equals the claim."""
        return (
            self.authsignal_user_id == claim.authsignal_user_id
            and self.tenant == claim.tenant
            and self.environment == claim.environment
            and self.route == claim.route
            and self.method == claim.method
            and self.binding in claim.bindings
            and self.auth_hash in claim.auth_hashes
        )

    def is_fresh(self, now: datetime) -> bool:
        """Whether a live row's time has come and not yet passed, by either direction of the clock (T17, T70)."""
        since = self.approved_at or self.created_at
        return self.expires_at is not None and since - SKEW <= now < self.expires_at

    def challenge(self, facts: Mapping[str, Any], expires_at: datetime) -> bool:
        """CREATED -> PENDING. False when another live row for the same content was first."""
        try:
            return self._move([Status.CREATED], status=Status.PENDING, expires_at=expires_at, **facts)
        except IntegrityError:
            return False

    def allow(self, facts: Mapping[str, Any]) -> bool:
        """CREATED -> SPENT: the first answer was ALLOW and serves the request at hand."""
        return self._move([Status.CREATED], status=Status.SPENT, spent_at=timezone.now(), return_path="", **facts)

    def approve(self, facts: Mapping[str, Any], approved_at: datetime, lifetime: timedelta) -> bool:
        """PENDING -> APPROVED, once, while the challenge is fresh."""
        now = timezone.now()
        return self._move(
            [Status.PENDING],
            Q(expires_at__gt=now, created_at__lte=now + SKEW),
            status=Status.APPROVED,
            approved_at=approved_at,
            expires_at=approved_at + lifetime,
            **facts,
        )

    def spend(self, claim: Claim) -> bool:
        """APPROVED -> SPENT for *claim*; False if someone else was first or anything no longer fits (T6)."""
        now = timezone.now()
        return self._move(
            [Status.APPROVED],
            Q(
                user_id=claim.user_pk,
                authsignal_user_id=claim.authsignal_user_id,
                tenant=claim.tenant,
                environment=claim.environment,
                action=claim.action,
                route=claim.route,
                method=claim.method,
                binding__in=claim.bindings,
                channel__in=claim.channels,
                auth_hash__in=claim.auth_hashes,
                enforced=True,
                approved_at__lte=now + SKEW,
                expires_at__gt=now,
                remote_state="CHALLENGE_SUCCEEDED",
            ),
            status=Status.SPENT,
            spent_at=now,
            return_path="",
        )

    def end(self, status: Status, reason: str, facts: Mapping[str, Any] | None = None) -> bool:
        """Any unfinished state -> REFUSED or VOID."""
        return self._move(
            UNFINISHED, status=status, reason=reason, ended_at=timezone.now(), return_path="", **(facts or {})
        )

    def retarget(self, path: str) -> bool:
        """Let the newest page that waits for this challenge be the one to come back to."""
        return self._move([Status.PENDING], return_path=path)

    def note(self, kind: ActionEvent.Kind, detail: str = "") -> None:
        """Append what the row's own timestamps cannot tell."""
        ActionEvent.objects.using(router.db_for_write(ActionEvent)).create(
            action=self, kind=kind, detail=detail[:255], at=timezone.now()
        )

    def _move(self, leaving: Iterable[Status], also: Q | None = None, **values: Any) -> bool:
        """The only way a row changes: one UPDATE, committed on its own, that repeats every condition."""
        database = router.db_for_write(type(self))
        with committed(database, durable=self.enforced):
            rows = type(self).objects.using(database).filter(also or Q(), pk=self.pk, status__in=list(leaving))
            moved = rows.update(**values) == 1
        if moved:
            for name, value in values.items():
                setattr(self, name, value)
        return moved


class ActionEvent(models.Model):
    """What happened to an action beside the happy story. Append-only."""

    class Kind(models.TextChoices):
        """What was noted."""

        REFUSED = "refused", pgettext_lazy("what happened", "refused")
        MISMATCH = "mismatch", _("a different request named this action")
        NOT_VERIFIED = "not_verified", _("came back without passing the challenge")
        BYPASSED = "bypassed", _("went on without an approval")
        OUTAGE = "outage", _("the service could not be asked")
        ANOMALY = "anomaly", _("the service answered what it must not")
        UNFINISHED = "unfinished", _("spent, but the view did not finish")
        REVOKED = "revoked", _("the service took it back")
        DRIFT = "drift", _("the service said something else than this history")
        REFRESHED = "refreshed", _("an operator asked the service")
        LIFTED = "lifted", _("an operator lifted the block into a new challenge")
        FORGOTTEN = "forgotten", _("the user's data were erased")

    action = models.ForeignKey(TrackedAction, models.CASCADE, related_name="events", verbose_name=_("tracked action"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    detail = models.CharField(_("detail"), max_length=255, blank=True)
    at = models.DateTimeField(pgettext_lazy("time", "at"))

    class Meta:
        verbose_name = _("action event")
        verbose_name_plural = _("action events")

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M:%S}"
