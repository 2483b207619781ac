"""Pages of ours to go back to, carried under signature: never a path that a stranger wrote into a URL (T25)."""

from __future__ import annotations

from django.core import signing
from django.utils.http import url_has_allowed_host_and_scheme

__all__ = ["sign_page", "signed_page"]

SALT = "django_authsignal.page"
LIFETIME = 3600


def sign_page(path: str) -> str:
    """*path* as text that only we can write."""
    return signing.dumps(path, salt=SALT)


def signed_page(text: str) -> str:
    """The path that ``sign_page`` wrote within the last hour; '' for anything else."""
    try:
        path = str(signing.loads(text, salt=SALT, max_age=LIFETIME))
    except signing.BadSignature:
        return ""
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""
