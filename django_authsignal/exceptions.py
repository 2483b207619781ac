"""Django-side errors.

PermissionDenied ─ StepUpRequired    the gate did not let this request through; ``decision`` says why
ImproperlyConfigured                 a setting or a call is wrong: yours to fix, outside every other tree
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied

if TYPE_CHECKING:
    from django_authsignal.services.decision import Decision

__all__ = ["StepUpRequired"]


class StepUpRequired(PermissionDenied):
    """Raised by ``require_step_up``: this request may not go on.

    A subclass of Django's ``PermissionDenied``, so that a project without ``StepUpMiddleware`` answers a plain 403.
    """

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"step-up for {decision.action_code!r}: {decision.outcome}")
        self.decision = decision
