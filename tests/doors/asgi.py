"""The doors in a server process of its own, on the test's database."""

import django
from django.conf import settings
from django.core.asgi import get_asgi_application

django.setup()
settings.ROOT_URLCONF = "tests.doors.ledger"
settings.AUTHSIGNAL_PROTECT = {"*area": {"action": "payArea"}}
application = get_asgi_application()
