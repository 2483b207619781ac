"""Every journey, page and command, for a user model that is not Django's: ``python -OO -W error -m …drive``.

Says with exceptions what must hold, as nothing of ``assert`` is left there.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from typing import Any

import django

ALICE, BOSS = "alice+1@bank.example", "boss@bank.example"
HISTORY = "/admin/authsignal/trackedaction/"


def main() -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from django_authsignal.testing import Authsignal
    from tests.conftest import BANK_RULES
    from tests.rig.bank import Bank

    setup_test_environment()
    call_command("check", fail_level="WARNING")
    call_command("makemigrations", "authsignal", check=True, dry_run=True, verbosity=0)
    call_command("migrate", verbosity=0)
    people = get_user_model().objects
    alice = open_account(people.open(ALICE))
    boss = people.open(BOSS, is_staff=True, is_superuser=True)
    with Authsignal() as authsignal:
        authsignal.store.rules = BANK_RULES
        bank = Bank(authsignal)
        travel(bank, alice)
        know(bank, alice)
        look_on(bank.sign_in(boss), alice)
        command(alice)


def open_account(user: Any) -> Any:
    from example_project.bank.models import Account
    from example_project.bank.seed import OPENING_BALANCE

    Account.objects.create(user=user, balance=OPENING_BALANCE)
    return user


def travel(bank: Any, alice: Any) -> None:
    from tests.deployments.journey import call, look, pay

    for journey in (pay, look, call):
        journey(bank, alice, bank.sign_in(alice, enforce_csrf_checks=True))


def know(bank: Any, alice: Any) -> None:
    """The service knows the user by the primary key, and its messages find the user again."""
    from django_authsignal.services.users import find_user
    from tests.deployments.journey import must

    tracked = [request.path for request in bank.authsignal.requests if request.method == "POST"]
    must(tracked and find_user(str(alice.pk)) == alice, "the id is the primary key")
    event = {"userId": str(alice.pk), "verificationMethod": "SMS"}
    told = bank.sign_in(alice).post(**bank.authsignal.signed_webhook("authenticator.created", event))
    must(told.status_code == 200, "the webhook is taken", told)


def look_on(office: Any, alice: Any) -> None:
    """The pages of the admin."""
    from urllib.parse import quote

    from django_authsignal.models import TrackedAction
    from tests.deployments.journey import must

    row = TrackedAction.objects.filter(user=alice, status="spent").first()
    person = f"/admin/people/{type(alice)._meta.model_name}/{quote(str(alice.pk), safe='')}/change/"
    pages = [
        HISTORY,
        f"{HISTORY}?q={quote(ALICE)}",
        f"{HISTORY}?q={quote(str(alice.pk))}",
        f"{HISTORY}{row.pk}/change/",
    ]
    for page in [*pages, f"{HISTORY}dashboard/", f"{HISTORY}export/", person]:
        shown = office.get(page, follow=True)
        content = shown.getvalue() if shown.streaming else shown.content
        must(shown.status_code == 200, f"{page} is shown", shown)
        must(ALICE.encode() in content or "dashboard" in page, f"{page} names her", shown)
    forged = office.post(f"{HISTORY}{row.pk}/change/", {"status": "approved"})
    row.refresh_from_db()
    must((forged.status_code, row.status) == (405, "spent"), "nothing can be changed", forged)
    must(office.get(f"{HISTORY}add/").status_code == 403, "nothing can be added")


def command(alice: Any) -> None:
    """The commands, by name and by primary key."""
    from django.core.management import call_command

    from django_authsignal.models import TrackedAction
    from tests.deployments.journey import must

    with redirect_stdout(io.StringIO()) as told:
        for line in (
            ["explain", ALICE],
            ["explain", str(alice.pk)],
            ["enrol", ALICE, "--phone", "+64271234567"],
            ["urls"],
            ["sync", "--user", str(alice.pk)],
            ["prune", "--dry-run"],
            ["forget", str(alice.pk)],
        ):
            call_command(f"authsignal_{line[0]}", *line[1:])
    must("withdrawFunds" in told.getvalue() and "viewStatement" in told.getvalue(), "the history is explained")
    must(not TrackedAction.objects.filter(authsignal_user_id=str(alice.pk)).exists(), "and forgotten")


if __name__ == "__main__":
    django.setup()
    if sys.flags.optimize != 2:
        raise SystemExit("to be run without asserts and docstrings: python -OO")
    main()
