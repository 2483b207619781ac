"""{% step_up_script %}: what it renders, and the nonce that a Content-Security-Policy demands."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.template import Context, RequestContext, Template
from django.test import RequestFactory


def render(context=None, arguments=""):
    return Template(f"{{% load authsignal %}}{{% step_up_script {arguments} %}}").render(context or Context())


def nonces(html):
    return re.findall(r'nonce="([^"]*)"', html)


def test_script_is_a_file_of_ours_right_after_its_texts():
    """The script takes the element before it; nothing is inline, so `script-src 'self'` is enough."""
    html = render()

    assert html.strip().endswith('</template><script src="/static/authsignal/step-up.js" defer></script>')
    assert html.count("<script") == 1
    assert "style=" not in html
    assert 'data-css="/static/authsignal/step-up.css"' in html


def test_every_state_of_the_dialog_offers_a_way_out():
    html = render()

    for state in ["challenge", "waiting", "enrol", "told", "refused", "expired", "spent"]:
        buttons = re.findall(r'<button[^>]*data-for="([^"]*)"', html)
        assert any(state in names.split() for names in buttons)


def test_given_nonce_is_written():
    assert nonces(render(Context({"csp_nonce": "other", "mine": 'a"b'}), "nonce=mine")) == ["a&quot;b"]


def test_nonce_of_the_context_or_the_request_is_found():
    request = RequestFactory().get("/")
    assert nonces(render(RequestContext(request))) == []

    request.csp_nonce = "django-csp's"  # as its middleware sets it
    assert nonces(render(RequestContext(request))) == ["django-csp&#x27;s"]
    assert nonces(render(Context({"csp_nonce": "context's"}))) == ["context&#x27;s"]


def test_nonce_is_the_one_that_django_promises_in_its_header(settings):
    """Django's nonce is false until something writes it."""
    csp = pytest.importorskip("django.middleware.csp", reason="Django 6.0 and newer")
    settings.SECURE_CSP = {"script-src": ["'self'", "<CSP_NONCE_SENTINEL>"]}

    def view(request):
        return HttpResponse(render(Context({"csp_nonce": csp.get_nonce(request)})))

    response = csp.ContentSecurityPolicyMiddleware(view)(RequestFactory().get("/"))

    [nonce] = nonces(response.text)
    assert f"'nonce-{nonce}'" in response["Content-Security-Policy"]
