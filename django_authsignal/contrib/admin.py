"""Operations of Django's admin: deletions, chosen actions, changes to chosen fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_authsignal.contrib.operations import Needs, asking, cover, decided, only_decided, require
from django_authsignal.holding import is_secret
from django_authsignal.policy import StepUpPolicy

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object

__all__ = ["StepUpAdminMixin"]

VIEWS = ("changelist_view", "add_view", "change_view", "delete_view")
DELETIONS = ("log_deletions", "delete_model", "delete_queryset")


class StepUpAdminMixin(_ModelAdmin):
    """Put the gate before operations of a ``ModelAdmin``; name it first in the bases.

    A policy with neither ``bind`` nor ``max_age`` is bound to the whole submitted form and the objects it is about, and
    its user reads what will happen: ``{"delete": "Bob"}``, ``{"action": "Publish", "objects": 3}``, ``{"change": "Bob",
    "is_superuser": True}``. Authsignal's rules get the same values, none of them of a password field or the like.
    Where several policies meet in one request, each is asked in turn and all must agree.

    A view runs twice up to such an operation: what you override before it must not write. Not seen are inlines of
    another admin, and views that write by themselves, such as the password form of ``UserAdmin``; protect those with
    ``step_up_required``. Further views that call ``save_model()`` or ``delete_model()`` get PermissionDenied.
    """

    step_up_delete: StepUpPolicy | None = None
    """Deleting an object, or the selected objects once that is confirmed."""
    step_up_add: StepUpPolicy | None = None
    """Adding an object."""
    step_up_change: StepUpPolicy | None = None
    """Saving an object's form, inlines included, or rows that were edited in the list."""
    step_up_fields: Mapping[str, StepUpPolicy] = {}
    """Saving a form that changes this field; of a new object, one that differs from the field's default."""
    step_up_actions: Mapping[str, StepUpPolicy] = {}
    """Running this action; its policy alone speaks for whatever the action deletes or saves. Any other action of yours
    that comes to a deletion or change that needs a step-up gets PermissionDenied: name it here."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Wrapped on the instance, so that no method of a subclass stands outside.
        wrappers = dict.fromkeys(VIEWS, decided) | dict.fromkeys(DELETIONS, partial(asking, self._deletion))
        wrappers |= {"save_model": partial(asking, self._saving)}
        wrappers |= {"get_changelist_formset": self._asking_rows, "get_actions": self._asking_actions}
        for name, wrapper in wrappers.items():
            setattr(self, name, wrapper(getattr(self, name)))
        for name, policies in self._by_view().items():
            getattr(self, name).step_up_operations = policies  # found by checks and commands

    def step_up_policies(self) -> list[StepUpPolicy]:
        """Every policy of this admin."""
        single = (self.step_up_delete, self.step_up_add, self.step_up_change)
        return [*filter(None, single), *self.step_up_fields.values(), *self.step_up_actions.values()]

    def _by_view(self) -> dict[str, tuple[StepUpPolicy, ...]]:
        """What each view may come to; the list changes objects only where its rows can be edited."""
        fields = self.step_up_fields.values()
        rows = (self.step_up_change, *fields) if self.list_editable else ()
        views = {
            "changelist_view": (self.step_up_delete, *rows, *self.step_up_actions.values()),
            "add_view": (self.step_up_add, *fields),
            "change_view": (self.step_up_change, *fields),
            "delete_view": (self.step_up_delete,),
        }
        return {name: tuple(filter(None, policies)) for name, policies in views.items()}

    def _deletion(self, request: HttpRequest, objects: Model | Iterable[Model]) -> Needs:
        def tell() -> Mapping[str, object]:
            doomed = [objects] if isinstance(objects, Model) else list(objects)
            count = {"objects": len(doomed)} if len(doomed) > 1 else {}
            return {"delete": _few(doomed), **count, "_objects": sorted((str(one.pk), str(one)) for one in doomed)}

        return [self.step_up_delete], tell

    def _saving(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> Needs:
        return self._changes(request, [form], change)

    def _changes(self, request: HttpRequest, forms: list[Any], change: bool) -> Needs:
        changing = {name: [form for form in forms if _changes(form, name)] for name in self.step_up_fields}
        fields = {name: changed for name, changed in changing.items() if changed}

        def tell() -> Mapping[str, object]:
            _keep_secret(request, forms)
            what = _few([form.instance for form in forms]) if change else str(self.opts.verbose_name)
            values = {name: _few([_shown(form, name) for form in changed]) for name, changed in fields.items()}
            return {"change" if change else "add": what, **values, "_objects": list(map(told_of, forms))}

        def told_of(form: Any) -> tuple[object, ...]:
            # A new object's key may be made up anew whenever the view runs.
            which = (str(form.instance.pk), str(form.instance)) if change else (None,)
            values = [(name, _few([_shown(form, name)])) for name, changed in fields.items() if form in changed]
            return *which, *values

        return [self.step_up_change if change else self.step_up_add, *map(self.step_up_fields.get, fields)], tell

    def _asking_rows(self, get_formset: Callable[..., Any]) -> Callable[..., Any]:
        """The rows of ``list_editable`` are decided together, before the first of them is saved."""

        @wraps(get_formset)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            formset = get_formset(request, *args, **kwargs)

            def is_valid(rows: Any) -> bool:
                valid: bool = formset.is_valid(rows)
                if valid and (changed := [row for row in rows if row.has_changed()]):
                    require(request, *self._changes(request, changed, change=True))
                return valid

            return type(formset.__name__, (formset,), {"is_valid": is_valid})

        return wrapper

    def _asking_actions(self, get_actions: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(get_actions)
        def wrapper(*args: Any, **kwargs: Any) -> dict[str, Any]:
            return {name: self._asking_action(name, action) for name, action in get_actions(*args, **kwargs).items()}

        return wrapper

    def _asking_action(self, name: str, action: Any) -> Any:
        policy = self.step_up_actions.get(name)
        run = action[0] if isinstance(action, tuple) else action.func

        @wraps(run)
        def guarded(admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
            def tell() -> Mapping[str, object]:
                keys = sorted(map(str, queryset.values_list("pk", flat=True)))
                label = str(dict(self.get_action_choices(request)).get(name, name))
                return {"action": label, "objects": len(keys), "_objects": [(key,) for key in keys]}

            queryset = only_decided(request, queryset)
            if policy or name != "delete_selected":  # for that, step_up_delete speaks once it is confirmed
                require(request, [policy], tell)
                cover(request, self.step_up_policies() if policy else [])
            return run(admin, request, queryset)

        # A tuple, or since Django 6.1 an Action.
        return (guarded, *action[1:]) if isinstance(action, tuple) else replace(action, func=guarded)


def _changes(form: Any, name: str) -> bool:
    """Whether *form* changes the field; ``changed_data`` would believe an initial value that the browser sent."""
    field = form.fields.get(name)
    return field is not None and field.has_changed(form[name].initial, form[name].data)


def _shown(form: Any, name: str) -> object:
    if is_secret(name) or _is_password(form.fields[name].widget):
        return _("(not shown)")
    value = form.cleaned_data.get(name)
    if isinstance(value, QuerySet | list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else value


def _is_password(widget: Any) -> bool:
    """Whether what is typed there, or in a part of it, shows as dots."""
    parts = [widget, *getattr(widget, "widgets", [])]
    return any(getattr(part, "input_type", None) == "password" for part in parts)


def _keep_secret(request: HttpRequest, forms: list[Any]) -> None:
    """Let the holding page ask for passwords again, whatever they are called, as Django keeps them out of reports."""
    known: Any = getattr(request, "sensitive_post_parameters", ())
    if known == "__ALL__":
        return
    found = [field for form in forms for field in form if _is_password(field.field.widget)]
    suffixes = {field.html_name: getattr(field.field.widget, "widgets_names", [""]) for field in found}
    names = [name + suffix for name in suffixes for suffix in suffixes[name]]
    request.sensitive_post_parameters = (*known, *names)  # type: ignore[attr-defined]


def _few(items: list[Any]) -> object:
    """A single value, or the first ten of many; numbers stay numbers for Authsignal's rules."""
    plain = [item if isinstance(item, bool | int | float | Decimal) else str(item) for item in items[:10]]
    return plain[0] if len(items) == 1 else plain
