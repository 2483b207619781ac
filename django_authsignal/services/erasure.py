"""Erasure: a person's data go, at Authsignal and here; that something was decided, and that it was erased, stays."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from django_authsignal import attributes, connection
from django_authsignal.client import Rejected
from django_authsignal.conf import app_settings
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.querysets import TrackedActionQuerySet
from django_authsignal.statuses import Status

__all__ = ["Erasure", "forget", "ids_of"]

logger = logging.getLogger("django_authsignal")

BATCH = 500
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased; in a dry run, what would have been."""

    pseudonym: str
    """Whose the actions are now. '' when there were none."""
    actions: int
    ended: int
    """How many of them were still unfinished."""
    elsewhere: int
    """Actions of the same id in another environment or tenant: they are left alone."""
    remote: bool
    """Whether Authsignal has confirmed that it deleted the user."""


def ids_of(user: Any) -> list[str]:
    """Every id that Authsignal knows *user* by: today's, and those of a former ``AUTHSIGNAL_USER_ID``.

    Raises ImproperlyConfigured for a user without a usable id.
    """
    current = attributes.authsignal_user_id(user)
    rows = TrackedAction.objects.current().filter(user_id=user.pk, **_here()).exclude(authsignal_user_id=current)
    return [current, *rows.order_by("authsignal_user_id").values_list("authsignal_user_id", flat=True).distinct()]


def forget(authsignal_user_id: str, *, remote: bool = True, dry_run: bool = False) -> Erasure:
    """Delete the user at Authsignal (unless *remote* is false), and take the person out of every action here.

    Unfinished actions end first, so that none can be used any more. Can be repeated: when the service cannot be asked
    (AuthsignalError; ValueError for an id that no call can name), nothing is erased here yet. Raises RuntimeError
    inside a transaction, whose rollback would bring back what is deleted there.
    """
    known = TrackedAction.objects.current().filter(authsignal_user_id=authsignal_user_id)
    rows = known.filter(**_here())
    elsewhere = known.exclude(**_here()).count()
    if dry_run:
        ended = rows.unfinished().count()
        return Erasure(pseudonym="", actions=rows.count(), ended=ended, elsewhere=elsewhere, remote=False)
    with transaction.atomic(using=rows.db, durable=True):
        ended = rows.end(Status.VOID, "forgotten")
    if remote:
        _delete_at_authsignal(authsignal_user_id)
    where = "deleted at Authsignal too" if remote else "not deleted at Authsignal"
    if newest := rows.order_by("-created_at", "-pk").first():
        newest.note(ActionEvent.Kind.FORGOTTEN, where)
    pseudonym = f"forgotten-{uuid.uuid4()}"
    actions = _scrub(rows, pseudonym)
    logger.info("a user was erased: %d actions are %s now; %s", actions, pseudonym, where)
    name = pseudonym if actions else ""
    return Erasure(pseudonym=name, actions=actions, ended=ended, elsewhere=elsewhere, remote=remote)


def _here() -> dict[str, str]:
    return {"environment": connection.environment(), "tenant": app_settings.TENANT_ID}


def _delete_at_authsignal(authsignal_user_id: str) -> None:
    try:
        connection.get_client().delete_user(authsignal_user_id, actions=True)
    except Rejected as error:
        if error.status != NOT_FOUND:  # deleted before
            raise


def _scrub(rows: TrackedActionQuerySet, pseudonym: str) -> int:
    """How many of *rows*, which are one person's, are the pseudonym's now."""
    done = 0
    while keys := list(rows.order_by("created_at").values_list("pk", flat=True)[:BATCH]):
        done += _scrub_batch(rows.filter(pk__in=keys), keys, pseudonym)
    return done


def _scrub_batch(rows: TrackedActionQuerySet, keys: Iterable[Any], pseudonym: str) -> int:
    with transaction.atomic(using=rows.db, durable=True):
        rows.end(Status.VOID, "forgotten")  # what was begun meanwhile
        # Staff typed some of the details; that and when something happened stays.
        events = ActionEvent.objects.using(rows.db).filter(action__in=keys)
        events.exclude(kind=ActionEvent.Kind.FORGOTTEN).exclude(detail="").update(detail="")
        return rows.update(
            user=None,
            authsignal_user_id=pseudonym,
            ip_address=None,
            return_path="",
            binding="",
            channel="",
            auth_hash="",
        )
