"""Whatever stands in the address, the history's pages answer; and only who may view sees anything (T67)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from .steps import LIST, staff

HOSTILE = [
    {"user": "9" * 19},
    {"user__exact": "-" + "9" * 30},
    {"created_at__gte": "0001-01-01T00:00:00+14:00"},
    {"created_at__lt": "9999-12-31T23:59:59-14:00"},
    {"created_at__gte": "2026-01-01T00:00:00+23:59"},
    {"created_at__gt": "0001-01-01"},
    {"created_at__lte": "2026-13-45T99:00:00Z"},
    {"created_at__lte": "soon"},
    {"idempotency_key": "no key"},
    {"action": "a\0b"},
    {"status__exact": "'; DROP TABLE x"},
    {"q": "9" * 5000},
    {"q": "\0"},
    {"p": "older-999999999999999999-1"},
    {"p": "newer-1-9999999999999999999"},
]


@pytest.mark.parametrize("page", [LIST, f"{LIST}export/"])
@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_query_breaks_a_page(admin_client, pending, page, query):
    response = admin_client.get(f"{page}?{urlencode(query)}")
    if response.streaming:
        b"".join(response.streaming_content)
    assert response.status_code in (200, 302, 400)


@pytest.mark.parametrize("key", ["9" * 19, "9" * 5000, "-1", "1_0", "１", "%00", "x"])
@pytest.mark.parametrize("name", ["lift", "refresh"])
def test_no_key_breaks_an_operators_page(operator, pending, name, key):
    assert operator.post(f"{LIST}{key}/{name}/").status_code == 404


@pytest.mark.parametrize("permissions", [[], ["change"], ["delete"], ["change", "unblock", "refresh"]])
def test_whoever_may_not_view_sees_nothing(pending, permissions):
    colleague = staff("colleague", *permissions)
    pages = [LIST, f"{LIST}export/", f"{LIST}dashboard/", f"{LIST}{pending.pk}/change/", f"{LIST}{pending.pk}/lift/"]
    assert [colleague.get(page).status_code for page in pages] == [403] * len(pages)
    assert colleague.post(f"{LIST}{pending.pk}/refresh/").status_code == 403
