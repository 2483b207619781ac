"""Settings that cannot work: the error report that they cause shows no secret (T65 A38)."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.views.debug import ExceptionReporter

from django_authsignal.client.signature import HEADER

from .events import CODE, PATH, encoded, message, signed

SECRET = "sandbox_VERYSECRETVALUE1234"


@pytest.fixture
def reports():
    """The error mails of this test, as text and as HTML."""
    mails = []

    class Mailer(logging.Handler):
        def emit(self, record):
            reporter = ExceptionReporter(record.request, *record.exc_info, is_email=True)
            mails.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    mailer, logger = Mailer(logging.ERROR), logging.getLogger("django.request")
    logger.addHandler(mailer)
    yield mails
    logger.removeHandler(mailer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_TOLERANCE", 0),
        ("TENANT_ID", None),
        ("SECRET", f"{SECRET}\n"),
        ("SECRET_FALLBACKS", [SECRET, ""]),
        ("SECRET_FALLBACKS", SECRET),
    ],
)
@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("genuine", [True, False])
def test_report_of_a_broken_setting_shows_no_secret_and_no_code(settings, reports, name, value, debug, genuine):
    settings.AUTHSIGNAL_SECRET, settings.DEBUG = SECRET, debug
    setattr(settings, f"AUTHSIGNAL_{name}", value)
    body = encoded(message())
    header = signed(body, secret=SECRET) if genuine else "t=1,v2=x"
    client = Client(raise_request_exception=False)
    response = client.post(PATH, body, content_type="application/json", headers={HEADER: header})
    assert response.status_code == (500 if genuine or name != "TENANT_ID" else 400)
    told = "".join([response.text, *reports])
    assert [word for word in ("VERYSECRETVALUE", CODE) if word in told] == []
    assert genuine is False or reports
