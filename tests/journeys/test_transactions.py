"""A rollback undoes neither a spend nor a record, and the gate refuses to work where one could."""

from __future__ import annotations

import pytest
from django.db import connection

from django_authsignal.models import ActionEvent
from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
def either(request):
    connection.settings_dict["ATOMIC_REQUESTS"] = request.param
    yield request.param
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def client(bank, alice):
    for action in ("act", "pay", "serve"):
        bank.authsignal.challenge(action)
    return bank.sign_in(alice, raise_request_exception=False)


@pytest.mark.parametrize("path", ["/fail/", "/fail/mixin/", "/fail/dispatch/"])
def test_view_that_pays_and_then_raises_pays_once(bank, client, alice, done, either, path):  # A13 T8
    complete_step_up(client, client.post(path))
    assert client.post(path).status_code == 500
    assert_step_up_required(client.post(path))
    assert (done, statuses()) == ([path], ["spent", "pending"])
    assert ActionEvent.objects.get().kind == "unfinished"  # the record survives
    alice.refresh_from_db()
    assert alice.first_name == ("" if either else "written")  # and the view's own transaction is Django's as ever


def test_allowed_view_that_pays_and_then_raises_leaves_its_record(bank, client, done, either):  # A13 T8
    bank.authsignal.allow("pay")
    assert client.post("/fail/").status_code == 500
    assert (done, statuses()) == (["/fail/"], ["spent"])
    assert ActionEvent.objects.get().kind == "unfinished"


def test_decorated_post_method_fails_closed_under_atomic_requests(bank, client, done, atomic_requests):  # A13 T8
    """`method_decorator(name="post")` stands inside the request's transaction: use the mixin, or name="dispatch"."""
    assert client.post("/fail/post/").status_code == 500
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


def test_decorated_post_method_works_without_atomic_requests(client, done):  # T8
    complete_step_up(client, client.post("/fail/post/"))
    client.post("/fail/post/")
    assert_step_up_required(client.post("/fail/post/"))
    assert done == ["/fail/post/"]


def test_bank_pays_once_under_atomic_requests(bank, client, atomic_requests):  # A13 T8
    complete_step_up(client, bank.transfer(client))
    assert bank.transfer(client).status_code == 302
    assert_step_up_required(bank.transfer(client))
    assert len(bank.ledger) == 1


@pytest.mark.parametrize("outcome", ["block", "review"])
def test_refusal_leaves_its_record_under_atomic_requests(bank, client, atomic_requests, outcome):  # T9
    getattr(bank.authsignal, outcome)("pay")
    assert client.post("/fail/").status_code == 403
    assert statuses() == ["refused"]


@pytest.mark.parametrize("state", ["first", "approved"])
def test_call_inside_a_transaction_is_refused_in_words(bank, client, done, state):  # A14
    if state == "approved":
        complete_step_up(client, client.post("/service/"))
    client.raise_request_exception = True
    calls = len(bank.authsignal.requests)
    with pytest.raises(RuntimeError, match=r"@transaction\.non_atomic_requests"):
        client.post("/service/?atomic")
    assert (done, len(bank.authsignal.requests)) == ([], calls)
    assert statuses() == (["approved"] if state == "approved" else [])


def test_call_under_atomic_requests_is_refused(bank, client, done, atomic_requests):  # A14
    assert client.post("/service/").status_code == 500
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


def test_async_view_keeps_django_s_own_refusal_under_atomic_requests(client, done, atomic_requests):
    client.raise_request_exception = True
    with pytest.raises(RuntimeError, match="ATOMIC_REQUESTS with async views"):
        client.post("/async/")
    assert done == []
