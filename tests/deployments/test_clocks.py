"""Workers whose clocks differ, and local time without zones."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from django_authsignal.models import TrackedAction


@pytest.fixture(params=[59, -59], ids=["ahead first", "behind first"])
def turns(request, clock):
    """Every step is another worker's: one is a minute ahead, the next a minute behind (the skew is two minutes)."""
    offset = request.param

    def take_turns(step):
        nonlocal offset
        clock.shift(offset * (1 if step == "start" else 2))
        offset = -offset

    return take_turns


def test_workers_of_different_clocks_share_a_journey(bank, alice, customer, journey, turns):  # T70
    journey(bank, alice, customer, turns)


@pytest.mark.parametrize(("offset", "state"), [(60, "start"), (-60, "start"), (-121, "sign_in_again")])
def test_enrolment_on_a_worker_of_another_clock(bank, carol, clock, offset, state):  # T12 T70
    """A login too far in the future is none: the user signs in once more, and is not enrolled unasked."""
    browser = bank.sign_in(carol)
    clock.shift(offset)
    assert browser.get("/step-up/enrol/").context["state"] == state
    assert ("Location" in browser.post("/step-up/enrol/")) == (state == "start")
    browser.force_login(carol)
    assert browser.post("/step-up/enrol/")["Location"].startswith("http://sandbox.localhost/")


def test_time_without_zones_is_refused_and_approves_nothing(bank, alice, settings, journey):
    """The system check says so; where nobody looks at it, a return fails before it could approve."""
    settings.USE_TZ, settings.TIME_ZONE = False, "America/New_York"
    assert "authsignal.E007" in {message.id for message in run_checks()}
    with pytest.raises(TypeError, match="offset-naive"):
        journey(bank, alice, bank.sign_in(alice, enforce_csrf_checks=True))
    assert (bank.ledger, {*TrackedAction.objects.values_list("status", flat=True)}) == ([], {"pending"})
