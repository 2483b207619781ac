"""The list of history: filtered and searched by index, page by page."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_authsignal.admin.searching import MOST_PEOPLE
from django_authsignal.statuses import Status

from .steps import CHALLENGED, LIST, PASSED, found, page_of, said

# The list


def test_list_is_newest_first_and_tells_who_what_and_why(admin_client, make_row):
    first = make_row(status=Status.REFUSED, reason="block", ended_at=2, remote_state="BLOCK")
    second = make_row(status=Status.SPENT, action="payOut", answered_at=1, approved_at=30, spent_at=40, **PASSED)
    response = admin_client.get(LIST)
    assert [row.pk for row in response.context["cl"].result_list] == [second.pk, first.pk]
    for text in ("alice", "payOut", "spent", "verified with SMS", "a rule at Authsignal blocks it"):
        assert text in response.text


def test_list_tells_what_would_have_happened_to_what_was_only_watched(admin_client, make_row):
    facts = {"remote_state": "CHALLENGE_REQUIRED", "remote_state_source": "track", "enforced": False}
    make_row(status=Status.VOID, reason="report_only", answered_at=1, ended_at=2, **facts)
    assert "nothing was stopped: Authsignal asked for a challenge" in admin_client.get(LIST).text


def test_list_offers_no_sorting_by_columns_without_an_index(admin_client, pending):
    assert "?o=" not in admin_client.get(LIST).text


def test_a_row_that_waits_in_vain_is_listed_as_expired(admin_client, make_row):
    make_row(status=Status.PENDING, answered_at=1, expires_at=300, **CHALLENGED)
    response = admin_client.get(LIST)
    assert ">expired</span>" in response.text


@pytest.mark.parametrize(
    ("query", "queries"),
    [
        ({}, 4),  # session, operator, rows, what the filters offer
        ({"status__exact": "refused", "reason": "block", "action": "transfer", "verification_method": "SMS"}, 4),
        ({"q": "alice"}, 5),
        ({"q": "nobody"}, 5),
        ({"q": str(uuid.UUID(int=7))}, 6),
    ],
)
def test_a_page_costs_the_same_for_many_rows(
    admin_client, make_row, alice, bob, django_assert_num_queries, query, queries
):
    make_row()
    with django_assert_num_queries(queries):
        admin_client.get(LIST, query)
    for user in (alice, bob, None) * 20:
        make_row(user=user)
    with django_assert_num_queries(queries) as captured:
        admin_client.get(LIST, query)
    assert not any(word in query["sql"] for query in captured for word in ("COUNT(", "OFFSET"))


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"status__exact": "refused"}, [0]),
        ({"reason": "block"}, [0]),
        ({"reason__exact": "report_only"}, [2]),
        ({"reason": "nothing like it"}, []),
        ({"reason": ""}, [2, 1, 0]),
        ({"action": "payOut", "reason": "block"}, []),
        ({"action": "payOut"}, [1]),
        ({"verification_method": "SMS"}, [1]),
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
    make_row(action="payOut", verification_method="PASSKEY")
    make_row(verification_method="")
    response = admin_client.get(LIST)
    for choice in ("?action=payOut", "?action=transfer", "?verification_method=PASSKEY", "?reason=block"):
        assert f'"{choice}"' in response.text
    assert '?verification_method="' not in response.text


def test_a_filter_shows_what_is_chosen_even_where_no_recent_row_has_it(admin_client, make_row):
    make_row()
    response = admin_client.get(LIST, {"action": "rare\u202e"})
    assert re.search(r'<li class="selected">\s*<a href="\?action=rare[^"]*">rare\\u202e</a>', response.text)


@pytest.mark.parametrize("lookup", ["remote_state", "enforced__exact", "action__regex", "action__contains", "route"])
def test_query_strings_cannot_ask_what_no_index_answers(admin_client, make_row, lookup):
    assert admin_client.get(LIST, {lookup: "1"}).status_code == 400


@pytest.mark.parametrize("query", [{"user": "x"}, {"idempotency_key": "x"}, {"created_at__gte": "x"}, {"p": "x"}])
def test_values_that_cannot_be_lead_back_to_the_whole_list(admin_client, query):
    assert admin_client.get(LIST, query).headers["Location"] == f"{LIST}?e=1"


def test_a_value_that_no_database_can_hold_is_refused(admin_client):
    assert admin_client.get(LIST, {"action": "\0"}).status_code == 400


def test_a_month_is_asked_for_by_its_bounds(admin_client, make_row):
    may = make_row(created_at=datetime(2026, 5, 31, 23, 59, tzinfo=UTC))
    make_row(created_at=datetime(2026, 6, 1, tzinfo=UTC))
    bounds = {"created_at__gte": "2026-05-01T00:00Z", "created_at__lt": "2026-06-01T00:00Z"}
    assert found(admin_client, **bounds) == [may.pk]


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


def test_search_takes_no_other_spelling_of_a_primary_key(admin_client, make_row):
    user = get_user_model().objects.create(pk=7_000_010, username="ten")
    make_row(user=user, authsignal_user_id="bank-10")
    terms = ("7000010", "7_000_010", "+7000010", "07000010", "\u0667000010")
    assert [len(found(admin_client, q=term)) for term in terms] == [1, 0, 0, 0, 0]


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


@pytest.fixture
def crowd(db):
    """More people than a search shows the actions of."""
    users = get_user_model()
    return users.objects.bulk_create([users(username=f"crowd{number:03}") for number in range(MOST_PEOPLE + 1)])


def test_a_search_about_too_many_people_says_so(admin_client, make_row, crowd):
    make_row(user=crowd[7])
    response = admin_client.get(LIST, {"q": "crowd"})
    assert "More than 100 user names start like this." in said(response)[0]
    assert said(admin_client.get(LIST, {"q": "crowd007"})) == []


@pytest.mark.parametrize("term", ["Alice", "ALI", "alicf", "alice\U0010ffff"])
def test_user_names_are_found_letter_for_letter(admin_client, searched, term):
    assert found(admin_client, q=term) == []


def test_an_id_at_authsignal_and_a_person_found_by_the_same_term_are_both_shown(admin_client, make_row, bob):
    gone = make_row(user=None, authsignal_user_id="bob")
    theirs = make_row(user=bob)
    assert found(admin_client, q="bob") == [theirs.pk, gone.pk]


def test_rows_of_several_people_are_sought_by_person_and_not_by_time(admin_client, make_row):
    """The database would read all times until it meets people who have been away."""
    users = get_user_model()
    active, away, idle = (users.objects.create(pk=pk, username=f"ann{pk}") for pk in (77001, 77002, 77003))
    for user in (active, away):
        make_row(user=user)
    with CaptureQueriesContext(connection) as asked:
        assert len(found(admin_client, q="ann")) == 2
    [sought] = [query["sql"] for query in asked if "ORDER BY" in query["sql"] and str(away.pk) in query["sql"]]
    assert str(active.pk) in sought
    assert str(idle.pk) not in sought
    order = sought.rpartition(" ORDER BY ")[2]
    assert order.startswith(("GREATEST(", "MAX("))  # of an expression, which no index holds
