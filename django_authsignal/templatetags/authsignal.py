"""Template tags: ``{% load authsignal %}``."""

from __future__ import annotations

from django import template
from django.template import Context

from django_authsignal import shortcuts

__all__ = ["step_up_script", "step_up_status", "step_up_unlock_url"]

register = template.Library()


@register.inclusion_tag("authsignal/step_up_script.html", takes_context=True)
def step_up_script(context: Context, nonce: object = None) -> dict[str, str]:
    """The script that steps up without leaving the page: for forms with ``data-step-up``, fetch and htmx.

    *nonce* is for a Content-Security-Policy that demands one; Django's and django-csp's own are found without it.
    """
    if nonce is None:
        nonce = context.get("csp_nonce", getattr(context.get("request"), "csp_nonce", None))
    return {"nonce": "" if nonce is None else str(nonce)}  # Django's is false until it is written


@register.simple_tag(takes_context=True)
def step_up_status(context: Context, action: str, max_age: int | None = None) -> shortcuts.StepUpStatus:
    """``{% step_up_status "viewStatement" as s %}``: ``s.is_open``, ``s.seconds_left``, ``s.verification_method``.

    *max_age* (seconds) is needed where neither this page's policy nor ``AUTHSIGNAL_ACTIONS`` says it.
    """
    request = context["request"]
    if max_age is None:
        return shortcuts.step_up_status(request, action)
    return shortcuts.step_up_status(request, action, max_age=max_age)


@register.simple_tag(takes_context=True)
def step_up_unlock_url(context: Context, path: str = "") -> str:
    """Where the user can verify before typing: opens the window of the page at *path*, by default this one."""
    return shortcuts.step_up_unlock_url(context["request"], path)
