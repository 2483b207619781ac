"""Numbered system checks: every misconfiguration that can be seen before a request comes."""

from __future__ import annotations

from django_authsignal.checks.project import check_areas, check_contrib, check_project
from django_authsignal.checks.settings import (
    check_credentials,
    check_deployment,
    check_names,
    check_settings,
    check_site_url,
)
from django_authsignal.checks.views import check_views

__all__ = ["CHECKS", "DEPLOYMENT_CHECKS"]

CHECKS = [
    check_credentials,
    check_site_url,
    check_settings,
    check_names,
    check_project,
    check_areas,
    check_views,
    check_contrib,
]
DEPLOYMENT_CHECKS = [check_deployment]
"""Run with ``check --deploy`` only."""
