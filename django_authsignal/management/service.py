"""Authsignal, as commands ask it that can do without an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

from django_authsignal import connection
from django_authsignal.client import AuthsignalError, Client, Rejected, Unauthorized, Unavailable

__all__ = ["Service", "sandbox_hint"]

T = TypeVar("T")


def sandbox_hint() -> str:
    """Where to look first when it is the sandbox that does not answer, to be put behind a sentence; else ''."""
    return " Is manage.py authsignal_sandbox running?" if connection.environment() == connection.SANDBOX else ""


class Service:
    """Asked for as long as it answers: after the first failure everything else is left open, and ``silence`` says why.

    With *local* it is not asked at all.
    """

    def __init__(self, *, local: bool) -> None:
        self.silence = "not asked (--local)" if local else _unusable()

    def ask(self, question: Callable[[Client], T]) -> tuple[T | None, str]:
        """The answer and '', or None and why there is none."""
        if self.silence:
            return None, self.silence
        try:
            return question(connection.get_client()), ""
        except (Unauthorized, Unavailable) as error:
            hint = sandbox_hint() if isinstance(error, Unavailable) else ""
            self.silence = f"Authsignal cannot be asked ({error}).{hint}"
            return None, self.silence
        except Rejected as error:
            return None, "Authsignal does not know it" if error.status == 404 else str(error)
        except (AuthsignalError, ValueError) as error:  # an answer nobody understands, or an id that no URL can carry
            return None, str(error)


def _unusable() -> str:
    try:
        connection.get_client()
    except (ImproperlyConfigured, ImportError, ValueError) as error:
        return f"Authsignal cannot be asked ({error})"
    return ""
