"""A history to reconcile: rows as requests, crashes and closed browsers leave them, beside the service's own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from django_authsignal.models import ActionEvent, TrackedAction

SECOND = timedelta(seconds=1)


class Past:
    """Makes rows of a user, and the same actions at the service, and reads both."""

    def __init__(self, store: Any, user: Any) -> None:
        self.store, self.user = store, user

    def row(
        self, status: str = "created", said: str | None = None, *, age: float = 600, **fields: Any
    ) -> TrackedAction:
        """A row that began *age* seconds ago; the service says *said* of it (None: it knows no such action)."""
        began = timezone.now() - age * SECOND
        row = TrackedAction.objects.create(
            **{
                "user": self.user,
                "authsignal_user_id": str(self.user.pk),
                "environment": "sandbox",
                "action": "pay",
                "route": "pay/",
                "method": "POST",
                "status": status,
                "created_at": began,
                **ways(status, began),
                **fields,
            }
        )
        if said:
            self.says(row, said, at=fields.get("remote_state_at") or began)
        return row

    def says(self, row: TrackedAction, state: str, at: datetime | None = None) -> None:
        """From now on the service says *state* of the row, since *at*."""
        known = self.store.track(row.authsignal_user_id, row.action, str(row.idempotency_key))
        changed = self.store.update_action(known, state=state)
        began = row.created_at.timestamp()
        since = (at or timezone.now()).timestamp()
        self.store.update_action(changed, created_at=began, state_updated_at=since)


def ways(status: str, began: datetime) -> dict[str, Any]:
    """What a row of this status has, binding included: live rows for the same content cannot be two."""
    own = {"binding": str(began.timestamp())}
    answered = {"answered_at": began, "remote_state_at": began, "remote_state_source": "track"}
    passed = {"approved_at": began, "remote_state": "CHALLENGE_SUCCEEDED", "remote_state_source": "validate"}
    until = {"expires_at": began + 300 * SECOND}
    return (
        own
        | {
            "created": {},
            "pending": answered | until | {"remote_state": "CHALLENGE_REQUIRED"},
            "approved": answered | until | passed,
            "spent": answered | until | passed | {"spent_at": began},
            "refused": answered | {"remote_state": "BLOCK", "reason": "block", "ended_at": began},
            "void": {"reason": "unavailable", "ended_at": began},
        }[status]
    )


def stands(row: TrackedAction) -> tuple[str, str, str]:
    """Its status, why it ended, and what the service said last."""
    row.refresh_from_db()
    return row.status, row.reason, row.remote_state


def drifts(row: TrackedAction) -> list[str]:
    return list(row.events.filter(kind=ActionEvent.Kind.DRIFT).values_list("detail", flat=True))


def everything() -> list[Any]:
    """All that a sync could change."""
    return [list(TrackedAction.objects.order_by("pk").values()), list(ActionEvent.objects.order_by("pk").values())]
