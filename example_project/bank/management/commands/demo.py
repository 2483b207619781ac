"""The example bank and, beside it, the sandbox that plays Authsignal: two servers, one command."""

from __future__ import annotations

import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import BaseCommand, CommandError, call_command
from django.core.servers import basehttp
from django.core.wsgi import get_wsgi_application
from django.urls import reverse

from django_authsignal.attributes import authsignal_user_id
from django_authsignal.sandbox.rules import Rules
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from example_project.bank.seed import open_account

RULES = Path(settings.BASE_DIR) / "sandbox-rules.json"
PHONES = {"alice": "+64211234567", "bob": "+64217654321"}

WELCOME = """
  Bank      {bank}/
  Admin     {bank}/admin/
  Sandbox   {sandbox}/   (plays Authsignal)

  Sign in as alice, bob or carol, or as admin; the password is the same word.
  The code to type on the sandbox's pages is 123456.

  Try this
    Transfer 50             small amounts pass at once
    Transfer 5,000          asks for a step-up, then pays exactly once
    Pay "Blocked Ltd"       is refused
    Statement               asks once, then stays open for five minutes
    Profile                 asks when you save
    Transfer as carol       who has no authenticator yet
    Admin                   as admin: the story of every action; delete an account, make bob staff

  Ctrl-C ends both.
"""


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the bank; the next free one if busy")
        parser.add_argument("--sandbox-port", type=int, default=8001, help="of the sandbox; the next free one if busy")

    def handle(self, *, port: int, sandbox_port: int, **options: Any) -> None:
        try:
            self.serve(port, sandbox_port)
        except KeyboardInterrupt:
            self.stdout.write("\nThe bank and the sandbox are closed.")

    def serve(self, port: int, sandbox_port: int) -> None:
        call_command("migrate", verbosity=0)
        store = Store(Rules.from_file(RULES))
        open_account("admin", is_staff=True, is_superuser=True)
        open_account("carol")
        for username, phone in PHONES.items():
            # A real service remembers; the sandbox is told at every start.
            store.enrol(authsignal_user_id(open_account(username)), "SMS", {"phoneNumber": phone})

        port = free_port(port)
        bank = f"http://127.0.0.1:{port}"
        with SandboxServer(store, "localhost", free_port(sandbox_port, avoid=port)) as sandbox:
            # Known only now; the package reads its settings when it uses them.
            settings.AUTHSIGNAL_SITE_URL = bank
            settings.AUTHSIGNAL_API_URL = f"{sandbox.url}/v1"
            store.send_webhooks(f"{bank}{reverse('authsignal:webhook')}")
            basehttp.run(
                "127.0.0.1",
                port,
                StaticFilesHandler(get_wsgi_application()),
                threading=True,
                on_bind=lambda _: print(WELCOME.format(bank=bank, sandbox=sandbox.url), file=self.stdout, flush=True),
            )


def free_port(wanted: int, *, avoid: int = 0) -> int:
    """*wanted*, or the first port after it that nobody listens on."""
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port != avoid:
                return port
    raise CommandError(f"No free port from {wanted} to {wanted + 49}.")
