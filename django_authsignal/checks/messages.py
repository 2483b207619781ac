"""What the checks share: numbered messages, and complaints caught."""

from __future__ import annotations

from collections.abc import Callable

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

__all__ = ["Messages", "error", "problem_of", "warning"]

Messages = list[checks.CheckMessage]


def problem_of(read: Callable[[], object], error: type[Exception] = ImproperlyConfigured) -> str:
    """What *read* complains about; '' when it does not."""
    try:
        read()
    except error as found:
        return str(found)
    except ImportError as found:
        return str(found)
    return ""


def error(number: int, text: str, hint: str) -> checks.Error:
    return checks.Error(text, hint=hint, id=f"authsignal.E{number:03}")


def warning(number: int, text: str, hint: str) -> checks.Warning:
    return checks.Warning(text, hint=hint, id=f"authsignal.W{number:03}")
