"""``manage.py authsignal_enrol USER --phone +64…``: enrol a phone number that the project has verified itself."""

from __future__ import annotations

import argparse
from typing import Any

import phonenumbers
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from django_authsignal.client import AuthsignalError, Unauthorized, Unavailable
from django_authsignal.management.people import find_person
from django_authsignal.services.users import enrol_phone

CHANNELS = {"sms": "SMS", "whatsapp": "WHATSAPP"}

REFUSED = 1
BAD_NUMBER = 4
BAD_SECRET = 5
UNAVAILABLE = 6

EXIT_CODES = """\
exit codes:
  0  the number is enrolled (or was already)
  1  Authsignal refused the call, or the settings or the user's id cannot work
  2  wrong usage
  3  no such user, or more than one
  4  not a valid phone number
  5  Authsignal does not accept AUTHSIGNAL_SECRET
  6  Authsignal cannot be reached or cannot answer now: try again later
"""


class Command(BaseCommand):
    help = "Enrol a user's verified phone number at Authsignal. Running it again changes nothing."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, epilog=EXIT_CODES, **kwargs)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="user name, or primary key")
        parser.add_argument("--phone", required=True, metavar="NUMBER", help="such as +64211234567")
        parser.add_argument("--channel", choices=list(CHANNELS), default="sms", help="how codes are sent (default sms)")
        parser.add_argument("--region", metavar="NZ", help="country of a number that is written without +")
        parser.add_argument("--dry-run", action="store_true", help="look and report, but enrol nothing")

    def handle(self, *, user: str, phone: str, channel: str, region: str | None, dry_run: bool, **options: Any) -> None:
        number, method = e164(phone, region), CHANNELS[channel]
        person = find_person(user)
        missing = enrol(person, number, method, dry_run=dry_run)
        # The name is repr'd, so that it cannot steer a terminal; of the number only the end is shown.
        subject = f"{person.get_username()!r}, number ending in {number[-3:]}, {method}"
        if not missing:
            self.stdout.write(f"Already enrolled, nothing changed: {subject}.")
        elif dry_run:
            self.stdout.write(f"Would enrol (dry run, nothing sent): {subject}.")
        else:
            self.stdout.write(self.style.SUCCESS(f"Enrolled: {subject}."))


def e164(text: str, region: str | None) -> str:
    """The number in E.164. Raises CommandError, without repeating it, unless it is a valid one."""
    region = region.upper() if region else None
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise CommandError("--region must be a two-letter country code such as NZ.", returncode=BAD_NUMBER)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        hint = "" if region else " Write it with + and the country code, or name its country with --region."
        raise CommandError(f"--phone is not a phone number.{hint}", returncode=BAD_NUMBER) from error
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise CommandError("--phone is not a number that can exist, or has an extension.", returncode=BAD_NUMBER)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def enrol(person: Any, number: str, method: str, *, dry_run: bool) -> bool:
    """Call the service; whatever fails becomes a CommandError with its exit code."""
    try:
        return enrol_phone(person, number, method, dry_run=dry_run)
    except Unauthorized as error:
        raise CommandError(f"Authsignal does not accept our secret. {error}", returncode=BAD_SECRET) from error
    except Unavailable as error:
        raise CommandError(f"Authsignal cannot answer now: try again. {error}", returncode=UNAVAILABLE) from error
    except AuthsignalError as error:
        raise CommandError(f"Authsignal refused. {error}", returncode=REFUSED) from error
    except (ImproperlyConfigured, ValueError) as error:
        # Settings, or an id that no path of the API can carry: nothing was sent.
        raise CommandError(f"Nothing was sent. {error}", returncode=REFUSED) from error
