"""A project with django-otp and django-allauth, in a process of its own, that follows docs/leaving.md.

Its argument says which of the two it leaves. ``export_phones.py`` and ``move_apps.py``, as the page has them, are in
the current folder. Prints who has which authenticators at Authsignal afterwards, and what their apps were moved with.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module, reload

import django
from django.conf import settings
from django.core.management import call_command

PEER = sys.argv[1]
PHONES = {"alice": ("+64211234567", True), "bob": ("+64211234568", False)}
APPS = {
    "django-otp": ["django_otp", "django_otp.plugins.otp_totp", "otp_twilio"],
    "django-allauth": ["allauth", "allauth.account", "allauth.mfa"],
}
MIDDLEWARE = {"django-otp": [], "django-allauth": ["allauth.account.middleware.AccountMiddleware"]}
settings.configure(
    SECRET_KEY="leaving-" * 8,
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django_authsignal",
        *APPS[PEER],
    ],
    MIDDLEWARE=["django_authsignal.middleware.StepUpMiddleware", *MIDDLEWARE[PEER]],
    ROOT_URLCONF="django_authsignal.urls",
    ACCOUNT_ADAPTER=f"{__name__}.Adapter",
    MFA_TOTP_ISSUER="Bank",
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from django_authsignal.connection import get_client  # noqa: E402
from django_authsignal.testing import Authsignal  # noqa: E402

if PEER == "django-allauth":
    from allauth.account.adapter import DefaultAccountAdapter

    class Adapter(DefaultAccountAdapter):
        def get_phone(self, user):
            return PHONES.get(user.username)


def people_of_otp():
    from django_otp.plugins.otp_totp.models import TOTPDevice
    from otp_twilio.models import TwilioSMSDevice

    for name, (number, verified) in PHONES.items():
        user = User.objects.create_user(name)
        TwilioSMSDevice.objects.create(user=user, number=number, confirmed=verified)
    TOTPDevice.objects.create(user=user, key="3132333435363738393031323334353637383930")


def people_of_allauth():
    from allauth.mfa.totp.internal.auth import TOTP

    for name in (*PHONES, "carol"):
        User.objects.create_user(name)
    TOTP.activate(User.objects.get(username="bob"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")


def follow(service):
    """The page's second step, twice: what is done already changes nothing."""
    for user in User.objects.all():
        service.unenrolled(user)
    import_module("export_phones")
    moves = import_module("move_apps")
    call_command("authsignal_enrol", csv="people.csv", verbosity=0, stdout=sys.stderr)
    call_command("authsignal_enrol", csv="people.csv", verbosity=0, stdout=sys.stderr)
    reload(moves)


call_command("migrate", verbosity=0)
people_of_otp() if PEER == "django-otp" else people_of_allauth()
with Authsignal() as service:
    follow(service)
    factors = {user.username: get_client().get_authenticators(user.pk) for user in User.objects.all()}
    moved = [request.payload["otpUri"] for request in service.requests if "otpUri" in request.payload]
    told = {name: [one.verification_method for one in found] for name, found in factors.items()}
    sys.stdout.write(json.dumps({"factors": told, "moved": moved}))
