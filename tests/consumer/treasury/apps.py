from django.apps import AppConfig


class TreasuryConfig(AppConfig):
    name = "treasury"

    def ready(self) -> None:
        from . import receivers

        receivers.connect()
