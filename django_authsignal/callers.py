"""Who sent a request: a person's browser, or a script that reads the answer."""

from __future__ import annotations

from django.http import HttpRequest

__all__ = ["wants_json"]


def wants_json(request: HttpRequest) -> bool:
    """Whether a script asks: by Accept, by sending JSON, by htmx's header, or because an API view says so."""
    if getattr(request, "_authsignal_script", False):
        return True
    if request.headers.get("HX-Request") == "true":
        return True
    preferred = request.get_preferred_type(["text/html", "application/json", "application/problem+json"])
    if preferred and preferred != "text/html":
        return True
    names_html = "text/html" in request.headers.get("Accept", "")
    return not names_html and str(request.content_type).endswith("json")
