"""``manage.py authsignal_forget USER``: erase a person's data, at Authsignal and in the history here."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from django_authsignal.client import AuthsignalError, Unauthorized, Unavailable
from django_authsignal.management import command
from django_authsignal.management.database import explained
from django_authsignal.management.exits import Exit
from django_authsignal.management.people import find_person
from django_authsignal.management.service import sandbox_hint
from django_authsignal.services.erasure import Erasure, forget, ids_of

EXIT_CODES = """\
exit codes:
  0  the person is forgotten (or was already)
  1  Authsignal refused the call, or the settings or the id cannot work
  2  wrong usage
  3  no such user, or more than one
  5  Authsignal does not accept AUTHSIGNAL_SECRET
  6  Authsignal or the database cannot answer now: run it again
  130  interrupted: run it again
"""
STOPPED = "Unfinished actions under this id are ended; nothing else of it is erased here yet."


class Command(command.Command):
    help = (
        "Erase a person: delete the user and all actions at Authsignal, then take the person out of the history here. "
        "The Django account stays. Running it again is safe."
    )

    epilog = EXIT_CODES

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        person = parser.add_mutually_exclusive_group(required=True)
        person.add_argument("user", nargs="?", metavar="USER", help="user name, or primary key")
        person.add_argument("--authsignal-id", metavar="ID", help="for a user whose account is deleted already")
        parser.add_argument("--local-only", action="store_true", help="delete nothing at Authsignal")
        parser.add_argument("--dry-run", action="store_true", help="count, but change nothing here or at Authsignal")

    @explained()
    def handle(
        self, *, user: str | None, authsignal_id: str | None, local_only: bool, dry_run: bool, **options: Any
    ) -> None:
        try:
            for known_as in [authsignal_id] if authsignal_id else ids_of(find_person(user or "", or_id=True)):
                erasure = forget(known_as, remote=not local_only, dry_run=dry_run)
                self.stdout.write(told(erasure, remote=not local_only, dry_run=dry_run))
        except Unauthorized as error:
            raise CommandError(
                f"Authsignal does not accept our secret. {error}", returncode=Exit.UNAUTHORIZED
            ) from error
        except Unavailable as error:  # it is asked only once what is open under the id has ended
            text = f"Authsignal cannot answer now: run it again.{sandbox_hint()} {error}. {STOPPED}"
            raise CommandError(text, returncode=Exit.UNAVAILABLE) from error
        except (AuthsignalError, ImproperlyConfigured, ValueError) as error:
            raise CommandError(f"Not erased. {error}", returncode=Exit.FAILED) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted: run it again.", returncode=Exit.INTERRUPTED) from error
        if not dry_run:
            self.stdout.write(
                "A Django account, if there is one, and its sessions are not deleted: that is yours to do."
            )


def told(erasure: Erasure, *, remote: bool, dry_run: bool) -> str:
    """What was done, without saying to whom."""
    counts = f"{erasure.actions} actions, {erasure.ended} of them unfinished"
    if dry_run:
        line = f"Would erase (dry run): {counts}; {'' if remote else 'not '}deleted at Authsignal."
    else:
        name = f", now under {erasure.pseudonym}" if erasure.pseudonym else ""
        line = f"Erased: {counts}{name}; {'' if remote else 'not '}deleted at Authsignal."
    if erasure.elsewhere:
        line += f" {erasure.elsewhere} actions of this id in another environment or tenant are left alone."
    return line
