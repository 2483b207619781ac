"""An operator asks the service about an action: recorded as its word, never a grant (T67)."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from django_authsignal.statuses import Status

from .steps import CHALLENGED, LIST, events, lines, page_of, said, titles


def refresh(client, row):
    return client.post(f"{LIST}{row.pk}/refresh/", follow=True)


@pytest.fixture
def tracked(make_row, authsignal):
    """A pending row that the service knows, in the state given."""

    def make(state, **fields):
        row = make_row(**{"status": Status.PENDING, "answered_at": 1, "expires_at": 3600, **CHALLENGED, **fields})
        action = authsignal.store.track(row.authsignal_user_id, row.action, str(row.idempotency_key))
        authsignal.store.update_action(action, state=state)
        return row

    return make


@pytest.mark.parametrize("state", ["ALLOW", "CHALLENGE_SUCCEEDED", "CHALLENGE_REQUIRED"])
def test_a_refresh_records_what_the_service_says_and_grants_nothing(operator, tracked, state):  # T67
    row = tracked(state, remote_state_at=1)
    assert said(refresh(operator, row)) == [f"Authsignal says: {state}."]
    row.refresh_from_db()
    assert (row.status, row.approved_at, row.spent_at) == (Status.PENDING, None, None)
    assert (row.remote_state, row.remote_state_source) == (state, "operator")
    assert events(row) == [("refreshed", f"operator {operator.user.pk}: {state}")]
    assert LogEntry.objects.get().get_change_message() == f"Refreshed from Authsignal: {state}"


def test_a_refresh_takes_back_what_the_service_took_back(operator, tracked):
    row = tracked("BLOCK")
    refresh(operator, row)
    row.refresh_from_db()
    assert (row.status, row.reason) == (Status.REFUSED, "revoked")
    page = page_of(operator, row)
    assert "Authsignal says BLOCK" in titles(page)
    assert {"Answered when an operator asked.", "Operator: BLOCK."} <= set(lines(page))


def test_a_refresh_says_so_when_the_service_does_not_know_the_action(operator, make_row, authsignal):
    row = make_row()
    assert said(refresh(operator, row)) == ["Authsignal does not know this action."]
    assert events(row) == []
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "Authsignal gave no answer. Nothing changed; try again later."), (401, "does not accept this site's")],
)
def test_a_refresh_says_what_went_wrong(operator, tracked, authsignal, status, words):
    row = tracked("BLOCK")
    authsignal.fail_next(status, times=2)
    assert words in said(refresh(operator, row))[0]
    row.refresh_from_db()
    assert (row.status, row.remote_state) == (Status.PENDING, "CHALLENGE_REQUIRED")


def test_an_answer_that_cannot_be_right_changes_nothing(operator, tracked):
    row = tracked("SOMETHING_NEW")
    assert "cannot be right" in said(refresh(operator, row))[0]
    assert events(row) == []


@pytest.mark.parametrize("fields", [{"environment": "live"}, {"tenant": "another"}])
def test_a_row_of_another_environment_or_tenant_is_not_asked_about(operator, tracked, authsignal, fields):  # T48
    row = tracked("BLOCK", **fields)
    assert "another environment or tenant" in said(refresh(operator, row))[0]
    assert authsignal.requests == []
