"""Which policy stands before a route: its view's own, ``AUTHSIGNAL_PROTECT``'s, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, wraps
from typing import Any, TypeVar, cast
from urllib.parse import unquote

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.views import LogoutView
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, URLPattern, URLResolver, get_resolver, get_script_prefix, resolve

from django_authsignal.conf import app_settings
from django_authsignal.policy import ANSWERED_BY_GATE, PolicyArguments, StepUpPolicy

__all__ = [
    "NOT_OF_A_LOGIN",
    "Route",
    "area_policy",
    "asks_itself",
    "is_exempt",
    "policy_before",
    "policy_for",
    "protected_patterns",
    "routes",
    "sign_in_policy",
    "step_up_exempt",
]

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Route:
    """One URL pattern of the project."""

    pattern: str
    name: str
    """Namespaced view name; the view's dotted path where it has none."""
    view: Callable[..., Any]
    policy: StepUpPolicy | None
    """What stands before it, unresolved."""
    is_own: bool
    """Whether the view itself asks for it, not ``AUTHSIGNAL_PROTECT``."""
    operations: tuple[StepUpPolicy, ...] = ()
    """What the view asks before single operations: an admin's, a view set's, or by permissions."""

    @property
    def policies(self) -> tuple[StepUpPolicy, ...]:
        """Every policy behind this route."""
        further = tuple(policy for policy in self.operations if policy != self.policy)
        return (self.policy, *further) if self.policy else further

    @property
    def by_method(self) -> dict[str, list[StepUpPolicy]]:
        """What asks before each method, of a view set; empty for a view that does not tell its methods apart."""
        known: dict[str, StepUpPolicy | None] = getattr(self.view, "step_up_by_method", {})
        area, permissions = area_policy(self.view, self.name), _permissions(self.view)
        before = {}
        for method, own in known.items():
            if method in ANSWERED_BY_GATE:
                continue
            asked = [each for each in (own, *permissions) if each and each.resolved().protects(method)]
            before[method] = [area] if area and not asked and area.resolved().protects(method) else asked
        return before


def step_up_exempt(view: V) -> V:
    """Let ``AUTHSIGNAL_PROTECT`` and the sign-in step-up pass this view over, here and nowhere else it is used."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await view(*args, **kwargs)

    else:

        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

    wrapper.step_up_exempt = True  # type: ignore[attr-defined]
    return cast(V, wrapper)


def is_exempt(view: Callable[..., Any], name: str) -> bool:
    """Whether *view* is passed over: marked so, as our own pages are wherever they are mounted, or a way to log out."""
    if getattr(view, "step_up_exempt", False) is True or issubclass(getattr(view, "view_class", object), LogoutView):
        return True
    return name.endswith(":logout") and hasattr(view, "admin_site")


def policy_for(view: Callable[..., Any], name: str) -> StepUpPolicy | None:
    """The policy before this *view* under this view *name*: its own, else that of the area it stands in."""
    own = getattr(view, "step_up_policy", None)
    return own if own is not None else area_policy(view, name)


def area_policy(view: Callable[..., Any], name: str) -> StepUpPolicy | None:
    """What ``AUTHSIGNAL_PROTECT`` puts before this *view*: the first pattern that matches its *name*."""
    if is_exempt(view, name):
        return None
    return next((policy for pattern, policy in protected_patterns() if fnmatchcase(name, pattern)), None)


def asks_itself(view: Callable[..., Any], request: HttpRequest) -> bool:
    """Whether the view's own policy will stop *this* request; one that lets it pass leaves it to the area."""
    own = getattr(view, "step_up_policy", None)
    if own is None:
        return False
    policy: StepUpPolicy = own.resolved()
    asked = policy.protects(str(request.method)) and not policy.report_only
    return asked and (policy.when is None or bool(policy.when(request)))


def policy_before(path: str) -> StepUpPolicy | None:
    """The policy before the page at *path*, as ``get_full_path()`` has it, unresolved; None for a path of nobody."""
    prefix = get_script_prefix().rstrip("/")
    try:
        match = resolve(unquote(path.partition("?")[0].removeprefix(prefix)))
    except Resolver404:
        return None
    return policy_for(match.func, match.view_name)


NOT_OF_A_LOGIN: PolicyArguments = {"methods": None, "when": None, "bind": None, "max_age": None, "recheck": False}
"""Arguments that speak of requests: a login is asked about whatever the request is, once."""


def sign_in_policy() -> StepUpPolicy | None:
    """What every login must pass, resolved; None without ``AUTHSIGNAL_SIGN_IN_ACTION``."""
    action = app_settings.SIGN_IN_ACTION
    return replace(StepUpPolicy(action).resolved(), **NOT_OF_A_LOGIN) if action else None


@cache
def protected_patterns() -> tuple[tuple[str, StepUpPolicy], ...]:
    """``AUTHSIGNAL_PROTECT`` as policies, in its order. Raises ImproperlyConfigured for an entry that cannot work."""
    entries = []
    for pattern, arguments in app_settings.PROTECT.items():
        try:
            entries.append((pattern, StepUpPolicy(**arguments)))
        except TypeError as error:
            raise ImproperlyConfigured(f"AUTHSIGNAL_PROTECT[{pattern!r}]: {error}") from error
    return tuple(entries)


def routes() -> Iterator[Route]:
    """Every route of the project with what stands before it."""
    yield from _routes(get_resolver().url_patterns, "", [])


def _routes(patterns: list[URLPattern | URLResolver], prefix: str, namespaces: list[str | None]) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = [*namespaces, pattern.namespace] if pattern.namespace else namespaces
            yield from _routes(pattern.url_patterns, path, inner)
        else:
            view = pattern.callback
            # By Django's own class, so that the name is the one that a request's match has.
            name = ResolverMatch(view, (), {}, pattern.name, namespaces=namespaces).view_name
            own = getattr(view, "step_up_policy", None) is not None
            yield Route(path, name, view, policy_for(view, name), own, _operations(view))


def _operations(view: Any) -> tuple[StepUpPolicy, ...]:
    marked = (*getattr(view, "step_up_policies", ()), *getattr(view, "step_up_operations", ()))
    policies = [*marked, *_permissions(view)]
    return tuple(policy for place, policy in enumerate(policies) if policy not in policies[:place])


def _permissions(view: Any) -> list[StepUpPolicy]:
    """What REST framework's permissions ask, each of which counts; those composed by an operator need not."""
    of_class = getattr(getattr(view, "cls", None), "permission_classes", ())
    classes = getattr(view, "initkwargs", {}).get("permission_classes", of_class)
    return [asks.step_up for asks in classes if isinstance(getattr(asks, "step_up", None), StepUpPolicy)]


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "AUTHSIGNAL_PROTECT":
        protected_patterns.cache_clear()


setting_changed.connect(_forget, dispatch_uid="django_authsignal.protection")
