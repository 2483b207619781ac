"""Pages of ours to go back to, carried under signature: never a path that a stranger wrote into a URL (T25)."""

from __future__ import annotations

from django.core import signing
from django.utils.http import url_has_allowed_host_and_scheme

__all__ = ["own_page", "sign_page", "signed_page"]

SALT = "django_authsignal.page"
LIFETIME = 3600


def own_page(path: str) -> str:
    """*path* if it leads nowhere but to a page of this site, else ''. Asked when one is kept, and again when used."""
    safe = url_has_allowed_host_and_scheme(path, allowed_hosts=None) and path.isprintable()
    return path if safe else ""


def sign_page(path: str) -> str:
    """*path* as text that only we can write."""
    return signing.dumps(path, salt=SALT)


def signed_page(text: str) -> str:
    """The path that ``sign_page`` wrote within the last hour; '' for anything else."""
    try:
        return own_page(str(signing.loads(text, salt=SALT, max_age=LIFETIME)))
    except signing.BadSignature:
        return ""
