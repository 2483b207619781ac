"""Wiring: the app's label, its checks and receivers, and the refusal to start with a sandbox in production."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core import checks
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _

__all__ = ["AuthsignalConfig"]


class AuthsignalConfig(AppConfig):
    """The app ``django_authsignal``."""

    name = "django_authsignal"
    label = "authsignal"
    verbose_name = _("Authsignal")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks and receivers; raise ImproperlyConfigured for a sandbox outside DEBUG (T48)."""
        from django_authsignal import connection, receivers

        checks.register(run_checks, "authsignal")
        checks.register(run_deployment_checks, "authsignal", deploy=True)
        user_logged_in.connect(receivers.note_login, dispatch_uid="django_authsignal.login")
        user_logged_out.connect(receivers.void_sessions_actions, dispatch_uid="django_authsignal.logout")
        # The model that is deleted sends the signal, and a proxy of the user model is one of its own.
        for model in apps.get_models():
            concrete = model._meta.concrete_model
            if concrete and concrete._meta.label_lower == settings.AUTH_USER_MODEL.lower():
                pre_delete.connect(
                    receivers.void_deleted_users_actions,
                    sender=model,
                    dispatch_uid="django_authsignal.user_deletion",
                )
        connection.refuse_stray_sandbox()


def run_checks(**kwargs: Any) -> list[checks.CheckMessage]:
    """All our checks. They import whatever they look into, and a server that starts runs none."""
    from django_authsignal.checks import CHECKS

    return [message for check in CHECKS for message in check(**kwargs)]


def run_deployment_checks(**kwargs: Any) -> list[checks.CheckMessage]:
    """Those of ``check --deploy``."""
    from django_authsignal.checks import DEPLOYMENT_CHECKS

    return [message for check in DEPLOYMENT_CHECKS for message in check(**kwargs)]
