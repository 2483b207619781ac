from django_authsignal.client import Event
from django_authsignal.signals import webhook_received

from . import providers


def connect() -> None:
    webhook_received.connect(send_text, dispatch_uid="treasury.send_text")


def send_text(event: Event, **kwargs: object) -> bool:
    """Send the code of a challenge ourselves."""
    if event.type != "sms.created":
        return False
    providers.send(event.text("to"), event.text("code"))
    return True
