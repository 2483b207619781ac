"""Signals, sent with ``send_robust`` after the fact is committed: a failing receiver never changes a decision.

The signals of an action carry ``action`` (the ``TrackedAction``), and their sender is that class.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.dispatch import Signal

if TYPE_CHECKING:
    from django_authsignal.models import TrackedAction

__all__ = [
    "action_tracked",
    "enrolment_changed",
    "step_up_approved",
    "step_up_bypassed",
    "step_up_challenged",
    "step_up_refused",
    "step_up_spent",
    "webhook_received",
]

action_tracked = Signal()
"""The service answered a track call (report-only ones too)."""

step_up_challenged = Signal()
"""A challenge was started."""

step_up_approved = Signal()
"""The user passed the challenge; the approval waits to be spent."""

step_up_spent = Signal()
"""An approval was spent, or an ALLOW used: the protected request goes on now."""

step_up_refused = Signal()
"""A request was refused: blocked, under review, not enrolled, a challenge that failed, or taken back by Authsignal."""

step_up_bypassed = Signal()
"""A request went on without an approval because its policy says so: ``reason`` is 'unenrolled' or 'unavailable'."""

enrolment_changed = Signal()
"""The authenticators of ``user`` changed, as this project enrolled one or a webhook says; the sender is the user's
class. ``change`` is 'created', 'updated' or 'deleted', ``verification_method`` a text such as 'SMS' or ''.

``source`` is 'project' or 'webhook': with webhooks registered, what this project enrols is told by both."""

webhook_received = Signal()
"""A genuine webhook arrived for the first time: ``event``, a ``django_authsignal.client.Event``, the sender's class.

Events of the types email.created, sms.created and push.created are not recorded anywhere, so this is the only place
where their code can be met: send it on, keep it nowhere, and return True. Unless a receiver does, and none of them
fails, the service is told so and the user's challenge does not start."""


def announce(signal: Signal, action: TrackedAction, **details: Any) -> None:
    """Send *signal* about *action* once the surrounding transaction, if there is one, has committed."""
    send = partial(signal.send_robust, sender=type(action), action=action, **details)
    transaction.on_commit(send, using=router.db_for_write(type(action)), robust=True)
