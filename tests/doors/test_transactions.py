"""Every door stands outside ATOMIC_REQUESTS: no rollback gives an approval back, and the view has its transaction."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.urls import path

from django_authsignal.decorators import step_up_required
from django_authsignal.models import ActionEvent
from django_authsignal.shortcuts import require_step_up
from django_authsignal.testing import assert_step_up_required, complete_step_up
from example_project.urls import urlpatterns as bank_urls

from .steps import SHAPES, passed, resume, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("atomic_requests")]
"""Real transactions, not savepoints of a test's own."""

PAID: list[bool] = []
"""For every payment, whether it happened in a transaction."""


def pay_and_trip(request):
    PAID.append(connection.in_atomic_block)
    get_user_model().objects.filter(pk=request.user.pk).update(first_name="written")
    raise ArithmeticError("after the payment")


@transaction.non_atomic_requests
def service(request):
    require_step_up(request, "act")
    return pay_and_trip(request)


@pytest.fixture(params=["decorator", "PROTECT", "sign-in", "require_step_up"])
def door(request, settings, authsignal):
    PAID.clear()
    authsignal.challenge("act")
    view = {"decorator": step_up_required("act")(pay_and_trip), "require_step_up": service}.get(
        request.param, pay_and_trip
    )
    settings.ROOT_URLCONF = (path("trip/", view, name="trip"), *bank_urls)
    if request.param == "PROTECT":
        settings.AUTHSIGNAL_PROTECT = {"trip": {"action": "act"}}
    elif request.param == "sign-in":
        settings.AUTHSIGNAL_SIGN_IN_ACTION = "act"
    return request.param


@pytest.fixture
def tripping(alice):
    """Alice's browser, which shows error pages."""
    browser = Client(raise_request_exception=False)
    browser.force_login(alice)
    return browser


def test_approval_that_paid_stays_spent_when_the_view_trips(tripping, door):  # A13 T8
    stopped = tripping.post("/trip/")
    complete_step_up(tripping, stopped)
    form = {"_step_up_key": str(stopped.step_up.key)}
    assert tripping.post("/trip/", form).status_code == 500
    if door == "sign-in":
        return  # the login has passed, and what it may do now is not asked again
    assert tripping.post("/trip/", form).status_code == 409
    assert_step_up_required(tripping.post("/trip/"))
    assert len(PAID) == 1


def test_view_runs_in_its_own_transaction_as_ever(tripping, alice, door):
    complete_step_up(tripping, tripping.post("/trip/"))
    tripping.post("/trip/")
    alice.refresh_from_db()
    expected = (False, "written") if door == "require_step_up" else (True, "")
    assert (PAID, alice.first_name) == ([expected[0]], expected[1])


@pytest.mark.parametrize("door", ["decorator", "PROTECT"], indirect=True)
def test_approval_without_a_finished_view_is_noted(tripping, door):  # K7
    complete_step_up(tripping, tripping.post("/trip/"))
    tripping.post("/trip/")
    assert list(ActionEvent.objects.values_list("kind", flat=True)) == ["unfinished"]


def test_login_that_passed_stays_passed_when_the_view_trips(tripping, settings, authsignal):
    settings.ROOT_URLCONF = (path("trip/", pay_and_trip, name="trip"), *bank_urls)
    settings.AUTHSIGNAL_SIGN_IN_ACTION = "act"
    tripping.post("/trip/")
    tripping.post("/trip/")
    assert [entry.segments[-1] for entry in authsignal.requests] == ["act"]


@pytest.mark.parametrize("path", ["/area/one/", "/decorated/", "/mixed/", "/plain/"])
@pytest.mark.parametrize("shape", ["post", "file", "json"])
def test_request_runs_once_under_atomic_requests(client, done, authsignal, settings, path, shape):
    authsignal.challenge("act")
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act"}, "plain": {"action": "act"}}
    stopped = send(client, path, SHAPES[shape])
    passed(client, stopped)
    assert resume(client, path, SHAPES[shape], stopped).content == b"done"
    assert_step_up_required(send(client, path, SHAPES[shape]))
    assert done == [SHAPES[shape].seen]


def test_window_opens_under_atomic_requests(client, settings, authsignal, done):
    authsignal.challenge("act")
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act", "max_age": 60}}
    complete_step_up(client, client.get("/area/one/"))
    assert [client.get("/area/one/").content, client.post("/area/two/").content] == [b"done", b"done"]


def test_audit_trail_is_kept_under_atomic_requests(client, done, authsignal):
    """`track()` is called in views, and so in their transaction: it must record there too."""
    assert client.post("/audited/").content == b"done"
    assert [entry.segments[-1] for entry in authsignal.requests] == ["looked"]
