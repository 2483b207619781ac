"""The list as CSV: the same rows, in constant memory, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient
from django.utils import timezone

from django_authsignal.admin.export import BATCH_ROWS, COLUMNS
from django_authsignal.models import TrackedAction
from django_authsignal.statuses import Status

from .steps import HMACS, LIST, PASSED

EXPORT = f"{LIST}export/"


def table(chunks):
    return list(csv.DictReader(io.StringIO(b"".join(chunks).decode())))


def exported(client, **query):
    response = client.get(EXPORT, query)
    assert response.status_code == 200
    return table(response.streaming_content)


@pytest.fixture
def many(alice):
    """Two and a half batches, the newest first."""
    now = timezone.now()
    rows = [
        TrackedAction(
            user=alice, authsignal_user_id="1", environment="sandbox", action=f"a{number}", route="r", method="GET",
            created_at=now - timedelta(seconds=number // 3), **HMACS,
        )
        for number in range(BATCH_ROWS * 5 // 2)
    ]  # fmt: skip
    TrackedAction.objects.bulk_create(rows[::-1])
    return [row.action for row in rows]


def test_a_line_says_what_the_row_holds(admin_client, make_row, alice):
    row = make_row(
        status=Status.SPENT,
        created_at=datetime(2026, 5, 1, 12, 0, 0, 500, tzinfo=UTC),
        answered_at=1,
        approved_at=2,
        spent_at=3,
        rule_ids=["r1", "r2"],
        is_enrolled=True,
        ip_address="203.0.113.7",
        **PASSED,
    )
    (line,) = exported(admin_client)
    assert list(line) == COLUMNS
    assert {name: line[name] for name in COLUMNS if not name.endswith("_at")} == {
        "user": "alice",
        "authsignal_user_id": str(alice.pk),
        "action": "transfer",
        "idempotency_key": str(row.idempotency_key),
        "status": "spent",
        "reason": "",
        "remote_state": "CHALLENGE_SUCCEEDED",
        "verification_method": "SMS",
        "rule_ids": "r1 r2",
        "is_enrolled": "yes",
        "enforced": "yes",
        "ip_address": "203.0.113.7",
        "environment": "sandbox",
    }
    assert line["created_at"] == "2026-05-01T12:00:00.000500+00:00"
    assert (line["spent_at"], line["expires_at"]) == (row.spent_at.astimezone(UTC).isoformat(), "")


def test_a_user_who_is_gone_and_what_is_not_known_are_left_empty(admin_client, make_row):
    make_row(user=None, authsignal_user_id="bank-9")
    (line,) = exported(admin_client)
    assert (line["user"], line["authsignal_user_id"], line["is_enrolled"]) == ("", "bank-9", "")


def test_the_file_is_named_by_its_day_and_kept_nowhere(admin_client):
    response = admin_client.get(EXPORT)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'attachment; filename="authsignal-{timezone.now():%Y-%m-%d}.csv"' == response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    assert table(response.streaming_content) == []


def test_filters_and_search_of_the_list_apply(admin_client, make_row, bob):
    wanted = make_row(action="payOut", user=bob)
    make_row(action="payOut")
    make_row(user=bob)
    listed = admin_client.get(LIST, {"action": "payOut", "q": "bob"})
    assert 'href="export/?action=payOut&amp;q=bob"' in listed.text
    (line,) = exported(admin_client, action="payOut", q="bob")
    assert line["idempotency_key"] == str(wanted.idempotency_key)


def test_wrong_filters_lead_back_to_the_list(admin_client):
    assert admin_client.get(EXPORT, {"created_at__gte": "x"}).headers["Location"] == "../?e=1"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r="])
def test_what_a_spreadsheet_would_run_is_text(admin_client, make_row, start):
    user = get_user_model().objects.create(username=f"{start}cmd|' /C calc'!A0")
    make_row(user=user, reason=f"{start}1+1")
    (line,) = exported(admin_client)
    for cell in (line["user"], line["reason"]):
        assert cell.startswith(("'", "\\"))


def test_hostile_text_stays_in_its_cell(admin_client, make_row):
    make_row(reason='a"b,c\r\nd\u202e')
    (line,) = exported(admin_client)
    assert line["reason"] == 'a"b,c\\r\\nd\\u202e'


def test_no_column_identifies_a_browser_or_a_request(admin_client, make_row):  # T66, T67
    make_row()
    text = b"".join(admin_client.get(EXPORT).streaming_content).decode()
    assert not any(secret in text for secret in (*HMACS.values(), "secret-account", "alice@bank.example"))


def test_rows_are_read_batch_by_batch_newest_first(admin_client, many, django_assert_num_queries):
    response = admin_client.get(EXPORT)
    with django_assert_num_queries(3):
        chunks = list(response.streaming_content)
    assert [len(table([chunks[0], chunk])) for chunk in chunks[1:]] == [BATCH_ROWS, BATCH_ROWS, BATCH_ROWS // 2]
    assert [line["action"] for line in table(chunks)] == many


def test_rows_that_are_added_meanwhile_are_left_out(admin_client, many, make_row):
    chunks = iter(admin_client.get(EXPORT).streaming_content)
    read = [next(chunks), next(chunks)]
    make_row(created_at=timezone.now())
    assert [line["action"] for line in table([*read, *chunks])] == many


def test_a_full_last_batch_ends_the_file(admin_client, many):
    TrackedAction.objects.filter(action__in=many[BATCH_ROWS:]).delete()
    assert len(exported(admin_client)) == BATCH_ROWS


def test_an_asgi_server_gets_an_asynchronous_stream(admin_user, make_row):
    """Without Django's warning that it has to read all of it at once."""
    make_row(action="payOut")

    async def read():
        client = AsyncClient()
        await client.aforce_login(admin_user)
        response = await client.get(EXPORT)
        assert response.is_async
        return [chunk async for chunk in response.streaming_content]

    assert [line["action"] for line in table(async_to_sync(read)())] == ["payOut"]
