"""``manage.py authsignal_sandbox``: an Authsignal on this machine, for development."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from django_authsignal.sandbox.loopback import is_loopback
from django_authsignal.sandbox.rules import Rules, RulesError
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store

# How many ports after the wanted one are tried before giving up.
PORTS_TO_TRY = 20


class Command(BaseCommand):
    help = "Serve an Authsignal sandbox on this machine: the API, the hosted pages, and your rules."
    # The sandbox needs neither the project's models nor its URLs.
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8001, help="first port to try (default 8001)")
        parser.add_argument("--host", default="localhost", help="a loopback address (default localhost)")
        parser.add_argument("--secret", default="sandbox_demo", help="the API key, starting with sandbox_")
        parser.add_argument(
            "--rules", metavar="FILE", help="a .toml or .json file; see django_authsignal.sandbox.rules"
        )
        parser.add_argument("--code", default="123456", help="the code that passes every challenge (default 123456)")
        parser.add_argument(
            "--webhook-url",
            metavar="URL",
            help="send webhooks here, such as http://localhost:8000/step-up/webhook/; this machine only",
        )
        parser.add_argument(
            "--also-sign-with",
            metavar="SECRET",
            action="append",
            default=[],
            help="sign webhooks with this secret too, as during a rotation; may be repeated",
        )
        parser.add_argument(
            "--webhook-messages",
            action="store_true",
            help="leave the sending of codes to your application, by sms.created and email.created",
        )

    def handle(self, *, port: int, host: str, secret: str, rules: str | None, code: str, **options: Any) -> None:
        refuse_unsafe(host, secret)
        try:
            store = Store(Rules.from_file(rules) if rules else None, secret=secret, code=code)
        except RulesError as error:
            raise CommandError(str(error)) from error
        connect_webhooks(store, options)
        server = self.listen(store, host, port)
        with server:
            self.announce(store, rules)
            try:
                server.wait()
            except KeyboardInterrupt:
                self.stdout.write("\nThe sandbox has stopped; what it knew is gone.")

    def listen(self, store: Store, host: str, wanted: int) -> SandboxServer:
        """A server on the wanted port, or the next free one after it."""
        for port in range(wanted, wanted + PORTS_TO_TRY):
            try:
                server = SandboxServer(store, host, port)
            except (OSError, OverflowError):
                continue
            if port != wanted:
                self.stdout.write(self.style.WARNING(f"Port {wanted} is busy, using {port} instead."))
            return server
        raise CommandError(f"No free port from {wanted} to {wanted + PORTS_TO_TRY - 1}; choose another with --port.")

    def announce(self, store: Store, rules: str | None) -> None:
        lines = [f'AUTHSIGNAL_SECRET = "{store.secret}"', f'AUTHSIGNAL_API_URL = "{store.origin}/v1"']
        if not settings.DEBUG:
            lines.append("AUTHSIGNAL_ALLOW_SANDBOX = True")
        self.stdout.write(self.style.SUCCESS(f"Authsignal sandbox at {store.origin}/") + "  (Ctrl-C stops it)")
        self.stdout.write("Put these lines into your settings:\n")
        for line in lines:
            self.stdout.write(f"    {line}")
        self.stdout.write(f"\nThe code to type is {store.code}. Rules: {rules or 'none, so every action is allowed'}.")
        if store.webhooks.sender:
            self.stdout.write(f"Webhooks go to {store.webhooks.sender.url}")


def connect_webhooks(store: Store, options: Mapping[str, Any]) -> None:
    """Raise CommandError for a URL that the sandbox does not post to, and for options that need one."""
    url, secrets, sends_messages = (options[name] for name in ("webhook_url", "also_sign_with", "webhook_messages"))
    if not url:
        if secrets or sends_messages:
            raise CommandError("--also-sign-with and --webhook-messages need a --webhook-url.")
        return
    try:
        store.send_webhooks(url, also_sign_with=secrets, sends_messages=sends_messages)
    except ValueError as error:
        raise CommandError(f"--webhook-url: {error}") from error


def refuse_unsafe(host: str, secret: str) -> None:
    """Raise CommandError unless a sandbox may run here: it approves whoever asks."""
    if not (settings.DEBUG or getattr(settings, "AUTHSIGNAL_ALLOW_SANDBOX", False)):
        raise CommandError(
            "The sandbox approves whoever asks, so it only runs with DEBUG = True. "
            "For a test run without DEBUG, set AUTHSIGNAL_ALLOW_SANDBOX = True."
        )
    if not is_loopback(host):
        raise CommandError(f"--host {host}: others could reach the sandbox there; use localhost, 127.0.0.1 or ::1.")
    if not secret.startswith("sandbox_"):
        raise CommandError(
            "--secret must start with sandbox_, so that it can never be a real key; for example --secret sandbox_demo."
        )
