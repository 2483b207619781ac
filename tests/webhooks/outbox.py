"""An app of the bank's server process that passes codes on, as a project does with its own provider for texts."""

from __future__ import annotations

import json
from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

__all__ = ["Outbox"]


class Outbox(AppConfig):
    """Appends each message to the file ``BANK_OUTBOX``; that is its provider."""

    name = "tests.webhooks"
    label = "outbox"

    def ready(self) -> None:
        from django_authsignal.signals import webhook_received

        webhook_received.connect(self.send, weak=False)

    def send(self, event, **kwargs) -> bool:
        if event.type not in ("sms.created", "email.created"):
            return False
        with Path(settings.BANK_OUTBOX).open("a") as outbox:
            outbox.write(json.dumps({"to": event.text("to"), "code": event.text("code")}) + "\n")
        return True
