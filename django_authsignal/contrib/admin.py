"""Operations of Django's admin: deletions, chosen actions, changes to chosen fields.

What a request will do, only the admin's own view knows, after permissions, CSRF, forms and formsets. So the view runs
until it reaches an operation that needs a step-up, is left there before anything is written, and its transactions are
rolled back; then, outside any transaction, the gate decides; then the view runs for good. No operation without a
decision (T37): it is the operations that refuse, whoever calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.core import checks
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from django_authsignal.binding import content_of, named_key
from django_authsignal.decorators import step_up_required
from django_authsignal.holding import is_secret
from django_authsignal.models import TrackedAction
from django_authsignal.policy import StepUpPolicy

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
else:
    _ModelAdmin = object

__all__ = ["StepUpAdminMixin"]

Values = Mapping[str, object]
View = Callable[..., HttpResponseBase]

MOST_NAMED = 10
"""Objects of one request that the holding page names; of more it says only how many."""


class StepUpAdminMixin(_ModelAdmin):
    """Put the gate before operations of a ``ModelAdmin``; name it first in the bases.

    A policy with neither ``bind`` nor ``max_age`` is bound to the whole submitted form and to the objects that it is
    about, and the user reads what will happen: ``{"delete": "Bob"}``, ``{"action": "Publish", "objects": 3}``,
    ``{"change": "Bob", "is_superuser": True}``. These values also reach Authsignal's rules, those of password fields
    and the like excepted. Where several policies meet in one request, each is asked in turn and all must agree.

    Not seen: an inline of another admin, and views that write by themselves, such as ``UserAdmin``'s password form;
    ``step_up_required`` protects those. A view that calls ``save_model()`` or ``delete_model()`` from elsewhere is
    refused.
    """

    step_up_delete: StepUpPolicy | None = None
    """Deleting an object, or the selected objects once that is confirmed."""
    step_up_add: StepUpPolicy | None = None
    """Adding an object."""
    step_up_change: StepUpPolicy | None = None
    """Saving an object's form, inlines included, or a row that was edited in the list."""
    step_up_fields: Mapping[str, StepUpPolicy] = {}
    """Saving a form that changes the field; for a new object, one that differs from the field's default."""
    step_up_actions: Mapping[str, StepUpPolicy] = {}
    """Running the action. Its policy alone speaks for whatever the action deletes or saves."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for name, wrap in WRAPPED.items():  # on the instance, so that no method of a subclass stands outside
            setattr(self, name, wrap(self, getattr(self, name)))

    def step_up_policies(self) -> list[StepUpPolicy]:
        """Every policy of this admin."""
        single = (self.step_up_delete, self.step_up_add, self.step_up_change)
        return [*filter(None, single), *self.step_up_fields.values(), *self.step_up_actions.values()]

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """Django's checks, and W030: a name that protects nothing."""
        actions = {getattr(action, "__name__", action) for action in self.actions or ()}
        actions |= {name for name, _function in self.admin_site.actions} - {"delete_selected"}
        unknown = {name: "step_up_delete protects delete_selected." for name in self.step_up_actions.keys() - actions}
        unknown |= {name: "Name a field." for name in self.step_up_fields if not self._has_field(name)}
        found = [*super().check(**kwargs)]
        for name, hint in unknown.items():
            text = f"step_up_actions or step_up_fields names {name!r}, which is none that it could protect."
            found.append(checks.Warning(text, hint=hint, obj=type(self), id="authsignal.W030"))
        return found

    def _has_field(self, name: str) -> bool:
        try:
            return bool(self.opts.get_field(name))
        except FieldDoesNotExist:
            return name in self.form.base_fields
