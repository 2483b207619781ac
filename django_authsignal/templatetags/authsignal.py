"""Template tags: ``{% load authsignal %}``."""

from __future__ import annotations

from django import template
from django.template import Context

__all__ = ["step_up_script"]

register = template.Library()


@register.inclusion_tag("authsignal/step_up_script.html", takes_context=True)
def step_up_script(context: Context, nonce: object = None) -> dict[str, str]:
    """The script that steps up without leaving the page: for forms with ``data-step-up``, fetch and htmx.

    *nonce* is for a Content-Security-Policy that demands one; Django's and django-csp's own are found without it.
    """
    if nonce is None:
        nonce = context.get("csp_nonce", getattr(context.get("request"), "csp_nonce", None))
    return {"nonce": "" if nonce is None else str(nonce)}  # Django's is false until it is written
