"""``manage.py authsignal_enrol``: enrol phone numbers that the project has verified itself, one or a whole CSV file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from django_authsignal.client import AuthsignalError, Unauthorized, Unavailable
from django_authsignal.client.sealed import Sealed
from django_authsignal.management import command
from django_authsignal.management.bulk_enrolment import Bulk, Options
from django_authsignal.management.database import explained
from django_authsignal.management.enrolment_lines import CHANNELS
from django_authsignal.management.exits import Exit
from django_authsignal.management.numbers import checked_region, e164
from django_authsignal.management.people import find_person
from django_authsignal.services.users import enrol_phone

DEFAULT_WORKERS = 4
MOST_WORKERS = 32

EPILOG = """\
the CSV file:
  UTF-8, with a header that names the columns user (user name or primary key), phone and, if you like, channel;
  separated by commas or semicolons. Everything is checked before anything is sent. What became of each line is
  written to a second file, people.result.csv for people.csv. The same command run again goes on with what is left.

exit codes:
  0  everything is enrolled (or was already)
  1  Authsignal refused a number, or the settings or the user's id cannot work
  2  wrong usage
  3  no such user, or more than one
  4  not a valid phone number; with --csv, a file or lines in it that cannot be used: nothing was sent
  5  Authsignal does not accept AUTHSIGNAL_SECRET
  6  Authsignal or the database cannot answer now: run it again later
  130  interrupted with Ctrl-C
"""


class Command(command.Command):
    help = "Enrol verified phone numbers of users at Authsignal. Running it again changes nothing."

    epilog = EPILOG

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("user", metavar="USER", nargs="?", help="user name, or primary key")
        add("--phone", metavar="NUMBER", type=Sealed, help="such as +64211234567")
        add("--channel", choices=list(CHANNELS), default="sms", help="how codes are sent (default sms)")
        add("--region", metavar="NZ", help="country of numbers that are written without +")
        add("--dry-run", action="store_true", help="look and report, but enrol nothing")
        many = parser.add_argument_group("many at once, instead of USER and --phone")
        many.add_argument("--csv", metavar="FILE", type=Path, help="enrol every line of this file")
        many.add_argument("--result", metavar="FILE", type=Path, help="where to write what became of each line")
        many.add_argument("--workers", metavar="N", type=workers, help=f"calls at once (default {DEFAULT_WORKERS})")
        many.add_argument("--skip-invalid", action="store_true", help="enrol the good lines though others are not")

    def handle(self, *, user: str | None, phone: str | None, csv: str | Path | None, **options: Any) -> None:
        with explained():
            if csv is not None and user is None and phone is None:
                self._many(Path(csv), **options)
            elif csv is None and user is not None and phone is not None:
                self._one(user, phone, **options)
            else:
                raise CommandError("Give either USER and --phone NUMBER, or --csv FILE.", returncode=Exit.USAGE)

    def _one(self, user: str, phone: str, *, channel: str, region: str | None, dry_run: bool, **options: Any) -> None:
        if options["result"] or options["workers"] or options["skip_invalid"]:
            raise CommandError("--result, --workers and --skip-invalid belong to --csv.", returncode=Exit.USAGE)
        region = checked_region(region)
        try:
            number, method = Sealed(e164(phone, region)), CHANNELS[channel]
        except ValueError as error:
            raise CommandError(f"--phone {error}", returncode=Exit.PARTICULAR) from error
        person = find_person(user)
        with failures_as_exit_codes():
            missing = enrol_phone(person, number, method, dry_run=dry_run)
        # The name is repr'd, so that it cannot steer a terminal; of the number only the end is shown.
        subject = f"{person.get_username()!r}, number ending in {number[-3:]}, {method}"
        if not missing:
            self.stdout.write(f"Already enrolled, nothing changed: {subject}.")
        elif dry_run:
            self.stdout.write(f"Would enrol (dry run, nothing sent): {subject}.")
        else:
            self.stdout.write(self.style.SUCCESS(f"Enrolled: {subject}."))

    def _many(self, path: Path, *, result: str | Path | None, region: str | None, **options: Any) -> None:
        chosen = Options(
            path=path,
            result=Path(result) if result else path.parent / f"{path.stem}.result.csv",
            channel=options["channel"],
            region=checked_region(region),
            workers=options["workers"] or DEFAULT_WORKERS,
            dry_run=options["dry_run"],
            skip_invalid=options["skip_invalid"],
        )
        with failures_as_exit_codes():
            Bulk(chosen, self.stdout, self.stderr).run()


def workers(text: str) -> int:
    """A number of workers. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {MOST_WORKERS}")
    return int(text)


@contextmanager
def failures_as_exit_codes() -> Iterator[None]:
    """Whatever fails becomes a CommandError with its exit code."""
    try:
        yield
    except Unauthorized as error:
        raise CommandError(f"Authsignal does not accept our secret. {error}", returncode=Exit.UNAUTHORIZED) from error
    except Unavailable as error:
        raise CommandError(f"Authsignal cannot answer now: try again. {error}", returncode=Exit.UNAVAILABLE) from error
    except AuthsignalError as error:
        raise CommandError(f"Authsignal refused. {error}", returncode=Exit.FAILED) from error
    except KeyboardInterrupt as error:
        raise CommandError("Interrupted.", returncode=Exit.INTERRUPTED) from error
    except (ImproperlyConfigured, ValueError) as error:
        # Settings, or an id that no path of the API can carry: nothing was sent.
        raise CommandError(f"Nothing was sent. {error}", returncode=Exit.FAILED) from error
