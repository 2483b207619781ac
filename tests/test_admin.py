"""History in the admin: it shows everything a person needs, nothing a thief could use, and changes nothing (T67)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_authsignal import timeline
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.statuses import Status
from django_authsignal.testing import complete_step_up

LIST = "/admin/authsignal/trackedaction/"
HMACS = {"binding": "v1:binding-hmac", "channel": "v1:channel-hmac", "auth_hash": "v1:auth-hmac"}
RETURN_PATH = "/statement/?account=secret-account"
CHALLENGED = {"remote_state": "CHALLENGE_REQUIRED", "remote_state_source": "track", "is_enrolled": True}
PASSED = {"remote_state": "CHALLENGE_SUCCEEDED", "remote_state_source": "validate", "verification_method": "SMS"}


@pytest.fixture
def make_row(alice):
    """A row that began ten minutes ago; times are seconds after that."""

    def make(**fields):
        start = timezone.now() - timedelta(minutes=10)
        times = {
            name: start + timedelta(seconds=value)
            for name, value in fields.items()
            if name.endswith("_at") and isinstance(value, int)
        }
        known = {"user": alice, "authsignal_user_id": str(alice.pk), "environment": "sandbox", "action": "transfer"}
        asked = {"method": "POST", "route": "transfer/", "return_path": RETURN_PATH, "created_at": start}
        return TrackedAction.objects.create(**{**known, **asked, **HMACS, **fields, **times})

    return make


@pytest.fixture
def pending(make_row):
    return make_row(status=Status.PENDING, answered_at=1, expires_at=3600, **CHALLENGED)


@pytest.fixture
def viewer(db):
    """The browser of a colleague who may look, and nothing else."""
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_trackedaction"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture(params=["superuser", "viewer"])
def reader(request, admin_client, viewer):
    return admin_client if request.param == "superuser" else viewer


def page_of(client, row):
    response = client.get(f"{LIST}{row.pk}/change/")
    assert response.status_code == 200
    return response


def titles(response):
    return [str(entry.title) for entry in response.context["story"]]


def lines(response):
    return [line for entry in response.context["story"] for line in entry.lines]


def found(client, **query):
    response = client.get(LIST, query)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


# Nothing changes a row


def admin_paths(row):
    pages = admin.site.get_model_admin(TrackedAction).urls
    named = {page.name.rpartition("_")[2]: page.name for page in pages if page.name}
    assert set(named) == {"changelist", "add", "history", "delete", "change"}
    for name, full in named.items():
        yield reverse(f"admin:{full}", args=[] if name in ("changelist", "add") else [row.pk])
    yield f"{LIST}{row.pk}/"


def test_posts_to_every_admin_page_change_nothing(reader, pending):  # T67
    before = TrackedAction.objects.values().get()
    forged = {
        "status": "approved",
        "approved_at_0": "2026-01-01",
        "remote_state": "CHALLENGE_SUCCEEDED",
        "action": "delete_selected",
        "_selected_action": pending.pk,
        "post": "yes",
        "_save": "Save",
    }
    for path in admin_paths(pending):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(reader, method)(path, forged).status_code in (403, 405), (method, path)
    assert TrackedAction.objects.values().get() == before


def test_nobody_can_add_or_delete_a_row_by_hand(reader, pending):  # T67
    assert reader.get(f"{LIST}add/").status_code == 403
    assert reader.get(f"{LIST}{pending.pk}/delete/").status_code == 403


def test_pages_offer_no_field_and_no_button(admin_client, pending):  # T67
    detail = page_of(admin_client, pending)
    main = detail.text[detail.text.index('id="content-main"') : detail.text.index('id="footer"')]
    assert not any(tag in main for tag in ("<form", "<input", "<select", "<textarea", "<button"))
    listed = admin_client.get(LIST)
    assert not any(
        name in listed.text for name in ("delete_selected", "_selected_action", "trackedaction/add/", "/delete/")
    )


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


@pytest.mark.parametrize("path", [LIST, f"{LIST}1/change/"])
def test_pages_are_closed_to_others(client, alice, path):
    assert client.get(path).status_code == 302
    client.force_login(alice)
    assert client.get(path).status_code == 302


def test_staff_without_the_permission_see_nothing(client, db, pending):
    client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{pending.pk}/change/").status_code == 403


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


# The list


def test_list_is_newest_first_and_tells_who_what_and_why(admin_client, make_row):
    first = make_row(status=Status.REFUSED, reason="block", ended_at=2, remote_state="BLOCK")
    second = make_row(status=Status.SPENT, action="payOut", answered_at=1, approved_at=30, spent_at=40, **PASSED)
    response = admin_client.get(LIST)
    assert [row.pk for row in response.context["cl"].result_list] == [second.pk, first.pk]
    for text in ("alice", "payOut", "spent", "CHALLENGE_SUCCEEDED", "SMS", "a rule at Authsignal blocks it"):
        assert text in response.text


def test_list_offers_no_sorting_by_columns_without_an_index(admin_client, pending):
    assert "?o=" not in admin_client.get(LIST).text


def test_a_row_that_waits_in_vain_is_listed_as_expired(admin_client, make_row):
    make_row(status=Status.PENDING, answered_at=1, expires_at=300, **CHALLENGED)
    response = admin_client.get(LIST)
    assert ">expired</span>" in response.text


def test_list_costs_the_same_for_many_rows(admin_client, make_row, alice, bob, django_assert_num_queries):
    make_row()
    with django_assert_num_queries(7):
        admin_client.get(LIST)
    for user in (alice, bob, None) * 5:
        make_row(user=user)
    with django_assert_num_queries(7):
        admin_client.get(LIST)


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"status__exact": "refused"}, [0]),
        ({"remote_state": "BLOCK"}, [0]),
        ({"action": "payOut"}, [1]),
        ({"verification_method": "SMS"}, [1]),
        ({"enforced__exact": "0"}, [2]),
        ({"created_at__gte": "2026-01-01 00:00:00+00:00"}, [2, 1, 0]),
        ({"created_at__lt": "2026-01-01 00:00:00+00:00"}, []),
    ],
)
def test_filters_narrow_the_list(admin_client, make_row, query, matches):
    rows = [
        make_row(status=Status.REFUSED, reason="block", remote_state="BLOCK"),
        make_row(status=Status.SPENT, action="payOut", spent_at=40, **PASSED),
        make_row(status=Status.VOID, reason="report_only", enforced=False),
    ]
    assert found(admin_client, **query) == [rows[index].pk for index in matches]


def test_filters_offer_every_value_in_use_and_no_empty_one(admin_client, make_row):
    make_row(action="payOut", verification_method="PASSKEY", remote_state="ALLOW")
    make_row(verification_method="")
    response = admin_client.get(LIST)
    for choice in ("?action=payOut", "?action=transfer", "?verification_method=PASSKEY", "?remote_state=ALLOW"):
        assert choice in response.text
    assert '?verification_method="' not in response.text


# Search


@pytest.fixture
def searched(make_row, alice, bob):
    """Rows of alice, of bob, and of somebody whose account is gone."""
    return {
        "alice": make_row().pk,
        "bob": make_row(user=bob, authsignal_user_id=f"bank-{bob.pk}").pk,
        "gone": make_row(user=None, authsignal_user_id="bank-900").pk,
    }


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("alice", ["alice"]),
        ("ali", ["alice"]),
        ("  bob ", ["bob"]),
        ("lice", []),
        ("bank-900", ["gone"]),
        ("bank-90", []),
        ("%", []),
        ("99999999999999999999999999", []),
        ("'; --", []),
        ("", ["gone", "bob", "alice"]),
    ],
)
def test_search_takes_exact_ids_and_the_start_of_a_user_name(admin_client, searched, term, names):
    assert found(admin_client, q=term) == [searched[name] for name in names]


def test_search_takes_a_primary_key(admin_client, searched, bob):
    assert found(admin_client, q=str(bob.pk)) == [searched["bob"]]


def test_search_takes_an_exact_idempotency_key_however_it_is_written(admin_client, make_row):
    key = uuid.uuid4()
    wanted = make_row(idempotency_key=key)
    make_row()
    for text in (str(key), key.hex, str(key).upper()):
        assert found(admin_client, q=text) == [wanted.pk]
    assert found(admin_client, q=str(key)[:8]) == []


def test_search_and_pages_use_the_projects_own_user_name_field(admin_client, make_row, monkeypatch):
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    row = make_row()
    assert found(admin_client, q="alice@") == [row.pk]
    assert "alice@bank.example" in page_of(admin_client, row).text


# The story of one action


def test_story_of_a_real_transfer(admin_client, bank, alice):
    browser = bank.sign_in(alice)
    challenged = bank.transfer(browser)
    complete_step_up(browser, challenged, "quit")
    complete_step_up(browser, challenged)
    bank.transfer(browser)
    page = page_of(admin_client, TrackedAction.objects.get())
    assert titles(page) == [
        "The gate met the request",
        "Authsignal asked for a challenge",
        "The challenge began",
        "Came back without passing the challenge",
        "The user passed the challenge",
        "The approval was spent",
    ]
    assert "POST transfer/" in lines(page)
    assert "Verified with SMS." in lines(page)
    assert page.context["standing"] == "Done: the request went on, once."
    assert page.text.count("<time datetime=") == 6


def test_story_of_a_blocked_transfer(admin_client, bank, alice):
    bank.transfer(bank.sign_in(alice), 50, "Blocked Ltd")
    page = page_of(admin_client, TrackedAction.objects.get())
    assert titles(page) == ["The gate met the request", "Authsignal blocked it", "Refused"]
    assert page.context["standing"] == "Refused: a rule at Authsignal blocks it."


def test_story_of_an_outage(admin_client, bank, alice, authsignal):
    authsignal.down()
    bank.transfer(bank.sign_in(alice))
    page = page_of(admin_client, TrackedAction.objects.get())
    assert titles(page) == ["The gate met the request", "Ended", "The service could not be asked"]
    assert "Authsignal gave no answer." in lines(page)


@pytest.mark.parametrize(
    ("fields", "standing", "last"),
    [
        ({}, "Authsignal was asked, but no answer is recorded.", "The gate met the request"),
        (
            {"status": Status.SPENT, "answered_at": 1, "spent_at": 1, **CHALLENGED, "remote_state": "ALLOW"},
            "Done: the request went on, once.",
            "The request went on",
        ),
        (
            {"status": Status.SPENT, "answered_at": 1, "spent_at": 1, "reason": "unenrolled", "is_enrolled": False},
            "The request went on without verification: the user had no authenticator.",
            "The request went on without verification",
        ),
        (
            {"status": Status.PENDING, "answered_at": 1, "expires_at": 300, **CHALLENGED},
            "The challenge was not passed in time.",
            "Time ran out",
        ),
        (
            {"status": Status.APPROVED, "answered_at": 1, "approved_at": 5, "expires_at": 300, **PASSED},
            "Approved, but not used in time.",
            "Time ran out",
        ),
        (
            {"status": Status.VOID, "reason": "report_only", "enforced": False, "answered_at": 1, "ended_at": 1},
            "Ended: only watched, nothing was stopped.",
            "Ended",
        ),
        (
            {"status": Status.REFUSED, "reason": "challenge", "ended_at": 9},
            "Refused: the challenge was not passed.",
            "Refused",
        ),
        ({"status": Status.VOID, "reason": "brandNew", "ended_at": 9}, "Ended: brandNew.", "Ended"),
    ],
)
def test_where_an_action_stands_and_how_it_came_there(admin_client, make_row, fields, standing, last):
    page = page_of(admin_client, make_row(**fields))
    assert page.context["standing"] == standing
    assert titles(page)[-1] == last
    assert standing in page.text


@pytest.mark.parametrize(
    ("status", "words"), [(Status.PENDING, "for the user to pass the challenge"), (Status.APPROVED, "to be used once")]
)
def test_a_live_action_says_until_when_it_waits(admin_client, make_row, status, words):
    row = make_row(status=status, answered_at=1, approved_at=5, expires_at=3600, **PASSED)
    standing = page_of(admin_client, row).context["standing"]
    assert words in standing
    assert timeline.moment(row.expires_at) in standing


def test_steps_keep_their_order_when_the_services_clock_is_behind(make_row):  # T70
    row = make_row(status=Status.SPENT, answered_at=2, approved_at=-60, spent_at=40, **PASSED)
    story = [str(entry.title) for entry in timeline.story(row, [])]
    assert story[-2:] == ["The user passed the challenge", "The approval was spent"]


def test_watched_actions_say_that_nothing_was_stopped(admin_client, make_row):
    row = make_row(status=Status.VOID, enforced=False, answered_at=1, ended_at=1, reason="report_only", **CHALLENGED)
    page = page_of(admin_client, row)
    assert "Not enforced: the answer stops nothing." in lines(page)
    assert "The challenge began" not in titles(page)


def test_rules_are_named(admin_client, make_row):
    page = page_of(admin_client, make_row(answered_at=1, rule_ids=["rule-7", "rule-9"], **CHALLENGED))
    assert "Rules: rule-7, rule-9." in lines(page)


def test_every_kind_of_event_reads_as_a_sentence(admin_client, make_row):
    row = make_row()
    for kind in ActionEvent.Kind:
        row.note(kind, "unenrolled")
    noted = titles(page_of(admin_client, row))[1:]
    assert len(noted) == len(ActionEvent.Kind)
    assert all(title[0].isupper() for title in noted)
    assert "The user had no authenticator." in lines(page_of(admin_client, row))


def test_detail_costs_the_same_for_many_events(admin_client, make_row, django_assert_num_queries):
    row = make_row()
    for _number in range(20):
        row.note(ActionEvent.Kind.NOT_VERIFIED)
    with django_assert_num_queries(5):
        page_of(admin_client, row)


def test_detail_links_to_all_actions_of_the_user(admin_client, make_row, alice, bob):
    mine = make_row()
    make_row(user=bob)
    link = f"{LIST}?user={alice.pk}"
    assert link in page_of(admin_client, mine).text
    assert [row.pk for row in admin_client.get(link).context["cl"].result_list] == [mine.pk]
