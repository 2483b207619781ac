"""Every route of the project and what stands before it."""

from __future__ import annotations

from argparse import ArgumentParser
from fnmatch import fnmatchcase
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_authsignal import protection
from django_authsignal.policy import StepUpPolicy
from django_authsignal.protection import Route

NOTHING = "-"
READING = "GET"
"""What a view set may leave open where it asks before the rest."""
UNPROTECTED = 3
"""Exit code when ``--fail-unprotected`` finds a route."""


class Command(BaseCommand):
    """``manage.py authsignal_urls [--protected] [--fail-unprotected PATTERN …]``"""

    help = (
        "List every route with its step-up policies. With --fail-unprotected PATTERN, exit with 3 when a route whose "
        "view name matches (such as 'api:*') has none, or none before the POST, PUT, PATCH or DELETE of a view set, "
        "unless its view is exempt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--protected", action="store_true", help="list only routes that have a policy")
        parser.add_argument(
            "--fail-unprotected",
            metavar="PATTERN",
            action="append",
            default=[],
            help="exit with 3 when a route whose view name matches is unprotected; may be given several times",
        )

    def handle(self, *, protected: bool, fail_unprotected: list[str], **options: Any) -> None:
        routes = list(protection.routes())
        for route in routes:
            if route.policies or not protected:
                self.stdout.write(f"/{route.pattern}\t{route.name}\t{_described(route)}")
        for pattern in fail_unprotected:
            self._fail(pattern, [route for route in routes if fnmatchcase(route.name, pattern)])

    def _fail(self, pattern: str, matching: list[Route]) -> None:
        if not matching:
            raise CommandError(f"No route's view name matches {pattern!r}: is it spelt as in the list above?")
        naked = [route.name for route in matching if _described(route) == NOTHING or _open(route)]
        if naked:
            raise CommandError(f"Without a step-up: {', '.join(naked)}", returncode=UNPROTECTED)


def _described(route: Route) -> str:
    if not route.policies:
        return "exempt" if protection.is_exempt(route.view, route.name) else NOTHING
    policies = list(route.policies)
    for asked in route.by_method.values():
        policies += [area for area in asked if area not in policies]  # what a view set leaves open is the area's
    described = [_of(policy.resolved(), _when(policy, route)) + _origin(policy, route) for policy in policies]
    if left := _open(route):
        described.append(f"{', '.join(left)}: nothing")
    return "; ".join(described)


def _of(policy: StepUpPolicy, when: str) -> str:
    kind = "single use" if policy.max_age is None else f"window of {policy.max_age} s"
    return f"{policy.action} ({kind}, {when}{', report-only' if policy.report_only else ''})"


def _when(policy: StepUpPolicy, route: Route) -> str:
    """Before what of the route's view the policy asks."""
    if policy != route.policy and policy in getattr(route.view, "step_up_operations", ()):
        return "before the operation"
    asked = [method for method, policies in route.by_method.items() if policy in policies]
    if len(asked) < len(route.by_method):
        return ", ".join(asked or policy.resolved().methods or ["no method"])
    return ", ".join(policy.resolved().methods or ["all methods"])


def _origin(policy: StepUpPolicy, route: Route) -> str:
    by_settings = policy not in route.policies or (policy == route.policy and not route.is_own)
    return " by AUTHSIGNAL_PROTECT" if by_settings else ""


def _open(route: Route) -> list[str]:
    """Methods of a view set that change something and have nothing before them."""
    if protection.is_exempt(route.view, route.name):
        return []
    return [method for method, asked in route.by_method.items() if not asked and method != READING]
