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
UNPROTECTED = 3
"""Exit code when ``--fail-unprotected`` finds a route."""


class Command(BaseCommand):
    """``manage.py authsignal_urls [--protected] [--fail-unprotected PATTERN …]``"""

    help = (
        "List every route with its step-up policies. With --fail-unprotected PATTERN, exit with 3 when a route whose "
        "view name matches (such as 'api:*') has none, unless its view is exempt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--protected", action="store_true", help="list only routes that have a policy")
        parser.add_argument(
            "--fail-unprotected",
            metavar="PATTERN",
            action="append",
            default=[],
            help="exit with 3 when a route whose view name matches has no policy; may be given several times",
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
        naked = [route.name for route in matching if _described(route) == NOTHING]
        if naked:
            raise CommandError(f"Without a step-up: {', '.join(naked)}", returncode=UNPROTECTED)


def _described(route: Route) -> str:
    if not route.policies:
        return "exempt" if protection.is_exempt(route.view, route.name) else NOTHING
    described = []
    for policy in route.policies:
        by_settings = policy == route.policy and not route.is_own
        described.append(f"{_of(policy.resolved())}{' by AUTHSIGNAL_PROTECT' if by_settings else ''}")
    return "; ".join(described)


def _of(policy: StepUpPolicy) -> str:
    kind = "single use" if policy.max_age is None else f"window of {policy.max_age} s"
    methods = ", ".join(policy.methods) if policy.methods else "all methods"
    return f"{policy.action} ({kind}, {methods}{', report-only' if policy.report_only else ''})"
