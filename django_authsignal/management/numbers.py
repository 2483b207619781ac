"""Phone numbers as people write them."""

from __future__ import annotations

import phonenumbers
from django.core.management.base import CommandError

from django_authsignal.management.exits import Exit

__all__ = ["checked_region", "e164"]


def checked_region(text: str | None) -> str | None:
    """A country code in capitals. Raises CommandError unless there is such a country."""
    region = text.upper() if text else None
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise CommandError("--region must be a two-letter country code such as NZ.", returncode=Exit.PARTICULAR)
    return region


def e164(text: str, region: str | None) -> str:
    """The number in E.164. Raises ValueError, whose text does not repeat the number, unless it is a valid one."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        hint = "" if region else " Write it with + and the country code, or name its country with --region."
        raise ValueError(f"is not a phone number.{hint}") from error
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise ValueError("is not a number that can exist, or has an extension.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
