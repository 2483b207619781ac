"""What a logout and the deletion of a user do to their open actions, however either happens."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.signals import pre_delete
from django.test import Client

from django_authsignal import receivers
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.testing import assert_step_up_required, complete_step_up
from example_project.bank.seed import open_account

from .journeys.steps import press_continue
from .webhooks.events import post, verify

pytestmark = pytest.mark.django_db

PAY = "withdrawFunds"


@pytest.fixture
def browser(bank, alice):
    """Alice's, signed in."""
    return bank.sign_in(alice)


@pytest.fixture
def approved(bank, browser):
    """The holding page of a transfer that is approved and not yet sent again."""
    holding = bank.transfer(browser)
    complete_step_up(browser, holding)
    return holding


def row_of(page):
    return TrackedAction.objects.get(idempotency_key=page.step_up.key)


def end_of(page):
    """Status and reason of the action that *page* challenges."""
    row = row_of(page)
    return row.status, row.reason


def sign_out(browser):
    return browser.post("/sign-out/")


def may_succeed(row):
    """What we answer when the service asks whether the challenge of *row* may succeed."""
    return post(verify(row)).status_code == 200


# Deletion


def test_user_deleted_between_return_and_submit_pays_nothing(bank, browser, approved, alice):  # T69 A44
    key = str(alice.pk)
    alice.account.delete()
    alice.delete()
    answer = press_continue(browser, approved)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")
    assert (bank.ledger, end_of(approved)) == ([], ("void", "account_deleted"))
    row = row_of(approved)
    assert (row.user, row.authsignal_user_id, row.action) == (None, key, PAY)  # the record stays, by the opaque id


def test_events_of_a_deleted_user_stay(browser, approved, alice):  # T69
    row_of(approved).note(ActionEvent.Kind.OUTAGE, "no answer")
    alice.account.delete()
    alice.delete()
    assert row_of(approved).events.count() == 1


def test_challenge_of_a_deleted_user_may_not_succeed_any_more(bank, browser, alice):  # T69
    row = row_of(bank.transfer(browser))
    assert may_succeed(row)
    alice.account.delete()
    alice.delete()
    assert not may_succeed(row)


def test_return_of_a_deleted_user_is_a_strangers(bank, browser, alice):  # T69
    holding = bank.transfer(browser)
    alice.account.delete()
    alice.delete()
    complete_step_up(browser, holding)
    assert end_of(holding) == ("void", "account_deleted")


def test_new_user_with_the_same_key_inherits_nothing(bank, browser, approved, alice):  # T69
    """Neither in a browser of its own, nor in the one that the deleted user left signed in."""
    key = alice.pk
    alice.account.delete()
    alice.delete()
    heir = get_user_model().objects.create_user("heir", pk=key)
    open_account("heir")
    assert not heir.authsignal_actions.exists()
    for hers in (bank.sign_in(heir), browser):
        answer = press_continue(hers, approved)
        assert answer.status_code in (302, 403)
    assert (bank.ledger, end_of(approved)) == ([], ("void", "account_deleted"))


def test_finished_actions_of_a_deleted_user_stay_as_they_were(browser, approved, alice):  # T69
    press_continue(browser, approved)
    alice.account.delete()
    alice.delete()
    row = row_of(approved)
    assert (row.status, row.reason, row.user) == ("spent", "", None)


def in_bulk(alice):
    get_user_model().objects.filter(pk=alice.pk).delete()


def in_admin(alice):
    clerk = Client()
    clerk.force_login(get_user_model().objects.create_superuser("clerk"))
    chosen = {"action": "delete_selected", "_selected_action": [alice.pk], "post": "yes"}
    assert clerk.post("/admin/auth/user/", chosen).status_code == 302


def in_transaction(alice):
    with transaction.atomic():
        alice.delete()


@pytest.mark.parametrize("delete", [in_bulk, in_admin, in_transaction], ids=["bulk", "admin", "transaction"])
def test_every_way_to_delete_a_user_ends_the_open_actions(approved, alice, delete):  # T69
    alice.account.delete()
    delete(alice)
    assert not get_user_model().objects.filter(pk=alice.pk).exists()
    assert end_of(approved) == ("void", "account_deleted")


@pytest.fixture
def proxy():
    """A proxy of the user model, as projects have them for their admin."""
    user = get_user_model()
    made = type(
        "Customer", (user,), {"__module__": __name__, "Meta": type("Meta", (), {"proxy": True, "app_label": "bank"})}
    )
    apps.get_app_config("authsignal").ready()  # as at the start of a project that has one
    yield made
    pre_delete.disconnect(sender=made, dispatch_uid="django_authsignal.user_deletion")
    del apps.all_models["bank"]["customer"]
    apps.clear_cache()


def test_user_deleted_through_a_proxy_leaves_nothing_open(approved, alice, proxy):  # T69
    alice.account.delete()
    proxy.objects.filter(pk=alice.pk).delete()
    assert end_of(approved) == ("void", "account_deleted")


def test_models_that_are_no_users_keep_their_fast_deletion():
    """Django reads every row first where anybody listens."""
    assert pre_delete.has_listeners(get_user_model())
    assert not pre_delete.has_listeners(TrackedAction)


def test_deletion_that_is_rolled_back_ends_nothing(approved, alice):  # T69
    alice.account.delete()
    with transaction.atomic():
        alice.delete()
        transaction.set_rollback(True)
    row = row_of(approved)
    assert (row.status, row.user_id) == ("approved", get_user_model().objects.get(username="alice").pk)


def test_copy_that_is_deleted_elsewhere_ends_nothing(approved, alice):
    """The users live in one database; another one may hold copies of them."""
    receivers.void_deleted_users_actions(sender=type(alice), instance=alice, using="archive")
    assert end_of(approved) == ("approved", "")


def test_deletion_of_somebody_else_ends_nothing(approved, bob):
    bob.account.delete()
    bob.delete()
    assert end_of(approved) == ("approved", "")


# Logout


def test_logout_ends_what_its_session_had_open(bank, browser, approved):
    pending = bank.transfer(browser, 6000)
    sign_out(browser)
    assert end_of(approved) == end_of(pending) == ("void", "logged_out")


def test_logout_leaves_the_other_browser_alone(bank, browser, approved, alice):
    other = bank.sign_in(alice)
    sign_out(other)
    assert end_of(approved) == ("approved", "")
    assert press_continue(browser, approved).status_code == 302
    assert len(bank.ledger) == 1


def test_logout_leaves_what_is_finished(browser, approved):
    press_continue(browser, approved)
    sign_out(browser)
    assert end_of(approved) == ("spent", "")


def test_approval_of_a_session_that_is_over_pays_nothing_in_the_next(bank, browser, approved, alice):
    sign_out(browser)
    browser.force_login(alice)
    assert_step_up_required(press_continue(browser, approved))
    assert bank.ledger == []


def test_challenge_of_a_session_that_is_over_may_not_succeed_any_more(bank, browser, alice):
    """`action.verify` after a logout is vetoed; that of another browser is not."""
    here, there = row_of(bank.transfer(browser)), row_of(bank.transfer(bank.sign_in(alice)))
    assert may_succeed(here)
    sign_out(browser)
    assert (may_succeed(here), may_succeed(there)) == (False, True)


@pytest.mark.parametrize("who", ["nobody", "fresh"])
def test_logout_without_anything_open_asks_the_database_nothing(bank, alice, client, who):
    browser = client if who == "nobody" else bank.sign_in(alice)
    statements = []
    with connection.execute_wrapper(lambda run, sql, *rest: statements.append(sql) or run(sql, *rest)):
        assert sign_out(browser).status_code == 302
    updates = [sql for sql in statements if "authsignal_trackedaction" in sql]
    assert len(updates) == (0 if who == "nobody" else 1)


@pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def either(request):
    connection.settings_dict["ATOMIC_REQUESTS"] = request.param
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.django_db(transaction=True)
def test_database_error_at_logout_does_not_break_the_logout(bank, browser, approved, either, caplog):
    """The session goes, also inside a transaction, which PostgreSQL gives up at the first error."""

    def execute(run, sql, params, many, context):
        if sql.startswith("UPDATE") and "authsignal_trackedaction" in sql:
            return run("SELECT no_such_column", None, False, context)
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        assert sign_out(browser).status_code == 302
    assert "a logout could not end the session's open actions" in caplog.text
    assert "_auth_user_id" not in browser.session
    assert end_of(approved) == ("approved", "")
    assert press_continue(browser, approved)["Location"].startswith("/sign-in/")  # worth nothing all the same
    assert bank.ledger == []
