"""Pages to go back to: ours alone, by our signature alone."""

from __future__ import annotations

import pytest
import time_machine
from django.core import signing

from django_authsignal.services.pages import SALT, sign_page, signed_page


def test_page_is_remembered_for_an_hour():
    with time_machine.travel("2026-01-01 12:00Z", tick=False) as clock:
        signed = sign_page("/pay/?a=1")
        clock.shift(3600)
        assert signed_page(signed) == "/pay/?a=1"
        clock.shift(1)
        assert signed_page(signed) == ""


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "/pay/",
        "x" * 5000,
        signing.dumps("/pay/", salt="other"),
        signing.dumps("https://evil.example/", salt=SALT),
        signing.dumps("//evil.example/", salt=SALT),
        signing.dumps("/pay/", salt=SALT) + "x",
    ],
    ids=["empty", "plain", "long", "other-salt", "other-site", "other-host", "forged"],
)
def test_only_a_page_of_ours_under_our_signature_is_remembered(signed):  # T25
    assert signed_page(signed) == ""


def test_signature_survives_a_rotation_of_the_secret_key(settings):
    signed = sign_page("/pay/")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"
    assert signed_page(signed) == "/pay/"
