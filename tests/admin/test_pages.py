"""History in the admin changes nothing and shows nothing that a thief could use (T66, T67)."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse

from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.statuses import Status
from django_authsignal.testing import complete_step_up

from .steps import CHALLENGED, HMACS, LIST, found, page_of

# Nothing changes a row


OF_THE_LIST = ("changelist", "add", "export", "dashboard")
FORGED = {
    "status": "approved",
    "approved_at_0": "2026-01-01",
    "remote_state": "CHALLENGE_SUCCEEDED",
    "action": "delete_selected",
    "reason": "please approve this",
    "post": "yes",
    "_save": "Save",
}


def admin_paths(row):
    pages = admin.site.get_model_admin(TrackedAction).urls
    named = {page.name.rpartition("_")[2]: page.name for page in pages if page.name}
    assert {"changelist", "add", "history", "delete", "change", "export", "refresh", "lift"} <= set(named)
    for name, full in named.items():
        yield reverse(f"admin:{full}", args=[] if name in OF_THE_LIST else [row.pk])
    yield f"{LIST}{row.pk}/"


def is_operation(path):
    return path.endswith(("/refresh/", "/lift/"))


def test_posts_to_every_page_for_looking_change_nothing(reader, pending):  # T67, A39
    before = TrackedAction.objects.values().get()
    forged = {**FORGED, "_selected_action": pending.pk}
    for path in admin_paths(pending):
        for method in ("put", "patch", "delete") if is_operation(path) else ("post", "put", "patch", "delete"):
            assert getattr(reader, method)(path, forged).status_code in (403, 405), (method, path)
    assert TrackedAction.objects.values().get() == before


@pytest.mark.parametrize("remote_state", ["ALLOW", "CHALLENGE_SUCCEEDED", "BLOCK"])
def test_no_row_gains_approval_by_any_post_of_a_superuser(admin_client, make_row, authsignal, remote_state):
    """Whatever the service says, at whatever page, of a row in whatever state (T67, A39)."""
    rows = [
        make_row(),
        make_row(status=Status.PENDING, answered_at=1, expires_at=3600, **CHALLENGED),
        make_row(status=Status.REFUSED, reason="block", answered_at=1, ended_at=1),
        make_row(status=Status.VOID, reason="expired", answered_at=1, ended_at=9),
    ]
    for row in rows:
        authsignal.store.track(row.authsignal_user_id, row.action, str(row.idempotency_key))
        action = authsignal.store.action(row.authsignal_user_id, row.action, str(row.idempotency_key))
        authsignal.store.update_action(action, state=remote_state)
    authsignal.answer("transfer", remote_state)
    for row in rows:
        for path in admin_paths(row):
            admin_client.post(path, {**FORGED, "_selected_action": row.pk})
    assert not TrackedAction.objects.filter(status__in=(Status.APPROVED, Status.SPENT)).exists()
    assert not TrackedAction.objects.exclude(approved_at=None, spent_at=None).exists()


def test_nobody_can_add_or_delete_a_row_by_hand(reader, pending):  # T67
    assert reader.get(f"{LIST}add/").status_code == 403
    assert reader.get(f"{LIST}{pending.pk}/delete/").status_code == 403


def test_list_offers_nothing_that_changes_a_row(admin_client, pending):  # T67
    listed = admin_client.get(LIST).text
    for name in ("delete_selected", "_selected_action", "trackedaction/add/", "/delete/", "/lift/", "/refresh/"):
        assert name not in listed


def main_of(response):
    return response.text[response.text.index('id="content-main"') : response.text.index('id="footer"')]


def test_an_actions_page_has_no_form_for_whoever_may_only_look(viewer, pending):  # T67
    assert not any(tag in main_of(page_of(viewer, pending)) for tag in ("<form", "<input", "<button", "<select"))


def test_the_only_form_on_an_actions_page_asks_the_service(admin_client, pending):  # T67
    main = main_of(page_of(admin_client, pending))
    assert re.findall(r'<form method="post" action="([^"]*)"', main) == [f"{LIST}{pending.pk}/refresh/"]
    assert main.count("<form") == main.count("<button") == 1
    assert "approve" not in main.lower()


def test_whatever_takes_a_row_with_it_can_still_be_deleted(rf, admin_user):
    """``has_delete_permission`` is Django's own: False would forbid deleting such objects in the admin."""
    request = rf.get("/")
    request.user = admin_user
    assert admin.site.get_model_admin(TrackedAction).has_delete_permission(request)


def test_deleting_a_user_keeps_the_history(admin_client, alice, pending):
    alice.account.delete()
    url = reverse("admin:auth_user_delete", args=[alice.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    row = TrackedAction.objects.get()
    assert (row.user, row.status, row.reason) == (None, Status.VOID, "account_deleted")
    gone = f"{row.authsignal_user_id} (no account any more)"
    assert gone in admin_client.get(LIST).text
    assert gone in page_of(admin_client, row).text


@pytest.mark.parametrize("path", [LIST, f"{LIST}1/change/", f"{LIST}export/", f"{LIST}1/refresh/", f"{LIST}1/lift/"])
def test_pages_are_closed_to_others(client, alice, path):
    assert client.get(path).status_code == 302
    client.force_login(alice)
    assert client.get(path).status_code == 302


def test_staff_without_the_permission_see_nothing(client, db, pending):
    client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))
    for path in (LIST, f"{LIST}{pending.pk}/change/", f"{LIST}export/"):
        assert client.get(path).status_code == 403


# Nothing a thief could use


def test_no_page_shows_secrets(admin_client, pending, settings):  # T66
    pages = [admin_client.get(path).text for path in (LIST, f"{LIST}{pending.pk}/change/", f"{LIST}?q=alice")]
    for secret in (*HMACS.values(), "secret-account", settings.AUTHSIGNAL_SECRET, "alice@bank.example"):
        assert not any(secret in page for page in pages)


def test_pages_of_a_real_transfer_show_neither_amount_nor_payee_nor_token(admin_client, bank, alice):  # T66
    browser = bank.sign_in(alice)
    challenged = bank.transfer(browser, 12345, "Quiet Ltd")
    returned = complete_step_up(browser, challenged)
    bank.transfer(browser, 12345, "Quiet Ltd")
    (token,) = parse_qs(returned.request["QUERY_STRING"])["token"]
    secrets = ["12345", "12,345", "Quiet", token, challenged.step_up.url]
    for page in (admin_client.get(LIST), page_of(admin_client, TrackedAction.objects.get())):
        assert not any(secret in page.text for secret in secrets)


@pytest.mark.parametrize(
    "lookup",
    ["binding", "channel__startswith", "auth_hash__regex", "return_path__contains", "user__password__startswith"],
)
def test_query_strings_cannot_ask_about_hidden_columns(admin_client, pending, lookup):  # T67
    assert admin_client.get(LIST, {lookup: "v1"}).status_code == 400
    assert admin_client.get(f"{LIST}{pending.pk}/change/", {"_to_field": lookup}).status_code == 400


@pytest.mark.parametrize("term", ["v1:channel-hmac", "v1:binding", "secret-account", "alice@bank"])
def test_search_does_not_look_into_hidden_columns(admin_client, pending, term):  # T67
    assert found(admin_client, q=term) == []


def test_hostile_text_is_shown_harmlessly(admin_client, make_row):  # T71
    row = make_row(
        authsignal_user_id="a\u202eb\x1b[31m",
        user=None,
        route="<script>alert(1)</script>\r\nx",
        method="PO\x7fST",
        verification_method="S\u2066MS",
        status=Status.VOID,
        reason="odd\u202e<b>",
        rule_ids=["r\u200f1", 2],
        answered_at=1,
        ended_at=2,
    )
    row.note(ActionEvent.Kind.ANOMALY, "\u202e<img src=x>\x07")
    detail, listed = page_of(admin_client, row).text, admin_client.get(LIST).text
    for text in (detail, listed):
        assert not any(character in text for character in "\u202e\u2066\u200f\x1b\x07\x7f")
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>" not in text
    assert "a\\u202eb\\x1b[31m" in listed
    assert "PO\\x7fST &lt;script&gt;alert(1)&lt;/script&gt;\\r\\nx" in detail
    assert "\\u202e&lt;img src=x&gt;\\x07" in detail
