"""The same project while it is tested: no secret, and no network for whoever forgets the test kit."""

from club.settings import *  # noqa: F403

AUTHSIGNAL_SECRET = "none"
AUTHSIGNAL_API_URL = ""
AUTHSIGNAL_ADAPTER = "django_authsignal.testing.no_network"
