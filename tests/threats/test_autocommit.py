"""Without autocommit, whatever is committed is only a savepoint of a request that may yet be rolled back (T8)."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from django_authsignal.models import TrackedAction

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def by_hand():
    """One transaction, as AUTOCOMMIT = False makes of everything; rolled back at the end."""
    transaction.set_autocommit(False)
    try:
        yield
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


@pytest.fixture
def client(bank, alice):
    return bank.sign_in(alice)


def test_authsignal_hears_of_nothing_that_a_rollback_could_undo(bank, client, authsignal):  # T8
    with by_hand(), pytest.raises(RuntimeError, match="autocommit is off on the database 'default'"):
        bank.transfer(client)
    assert (authsignal.requests, bank.ledger, TrackedAction.objects.count()) == ([], [], 0)
    assert bank.transfer(client).status_code == 403


def test_atomic_within_it_makes_no_difference(bank, client, authsignal):  # T8
    with by_hand(), transaction.atomic(), pytest.raises(RuntimeError, match="outside any transaction"):
        bank.transfer(client)
    assert authsignal.requests == []


def test_connection_that_opens_without_autocommit_is_refused_too(bank, client, authsignal):  # T8
    connection.close()
    connection.settings_dict["AUTOCOMMIT"] = False
    try:
        with pytest.raises(RuntimeError, match="leave AUTOCOMMIT out of DATABASES"):
            bank.transfer(client)
    finally:
        connection.settings_dict["AUTOCOMMIT"] = True
        connection.close()
    assert authsignal.requests == []


def test_watching_goes_on(bank, client, authsignal, settings):
    """What only records may share the request's transaction, and is undone with it."""
    settings.AUTHSIGNAL_MODE = "report_only"
    with by_hand():
        assert bank.transfer(client).status_code == 302
        assert [row.enforced for row in TrackedAction.objects.all()] == [False]
