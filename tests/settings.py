"""The example bank's settings, made fit for tests."""

import json
import os

from example_project.settings import *  # noqa: F403

DEBUG = False
# One cheap round instead of a million.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

AUTHSIGNAL_SECRET = "sandbox_test"
AUTHSIGNAL_ALLOW_SANDBOX = True

if os.environ.get("AUTHSIGNAL_TEST_DATABASE") == "postgresql":
    # conftest.py starts it, and then knows the HOST.
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "bank", "USER": "postgres"}}

# Set for server processes that a test starts: the test's own database, and the server's own address.
if "BANK_TEST_DATABASE" in os.environ:
    DATABASES = {"default": json.loads(os.environ["BANK_TEST_DATABASE"])}
if "AUTHSIGNAL_SITE_URL" in os.environ:
    AUTHSIGNAL_SITE_URL = os.environ["AUTHSIGNAL_SITE_URL"]
# Whatever else a test wants its server to differ in.
globals().update(json.loads(os.environ.get("BANK_TEST_SETTINGS", "{}")))

# Set for a process that a test has killed at a chosen point.
if "BANK_TEST_CRASH" in os.environ:
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.rig.crashes.Crashes"]  # noqa: F405
