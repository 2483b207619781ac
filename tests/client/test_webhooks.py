"""Bodies of webhooks -> events: both envelopes, whatever is in them, and nothing shown of it (T55, T59)."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_authsignal.client import Event, UnexpectedAnswer
from django_authsignal.client.webhooks import ID_LIMIT, read

from .test_signature import P1, P2, P3, P4

ENVELOPE = {"version": 1, "id": "e-1", "time": "2026-01-05T12:00:00.000Z", "tenantId": "t", "type": "sms.created"}
SINGLE = {**ENVELOPE, "data": {"code": "157743"}}
RECORD = {**ENVELOPE, "record": {"code": "157743"}}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def events(value):
    return read(json.dumps(value).encode()).events


def one(**members):
    (event,) = events({**SINGLE, **members})
    return event


@pytest.mark.parametrize("body", [P1, P2, P3])
def test_body_of_the_documentation_is_read_whole(body):
    (event,) = read(body).events
    known = json.loads(body)
    assert (event.id, event.type, event.tenant_id) == (known["id"], known["type"], known["tenantId"])
    assert event.data == known["data"]
    assert event.time.astimezone(UTC).isoformat(timespec="milliseconds").startswith(known["time"][:-1])


def test_empty_batch_is_read():
    assert read(P4).events == ()


def test_record_of_a_batch_is_the_same_event_as_a_single_one():
    assert events({"records": [RECORD, RECORD]}) == events(SINGLE) * 2


def test_envelope_without_data_has_none_and_an_unknown_member_is_no_harm():
    (event,) = events({**ENVELOPE, "region": "au", "version": 7})
    assert event == Event(
        id="e-1", type="sms.created", time=datetime(2026, 1, 5, 12, tzinfo=UTC), tenant_id="t", data={}
    )


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"7", b"null", b'{"records": {}}', b"[" * 100_000, b"{}"])
def test_what_is_neither_event_nor_batch_is_an_unexpected_answer(body):
    with pytest.raises(UnexpectedAnswer) as caught:
        read(body)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b'{"code": 157743', "no sound JSON (JSONDecodeError)"),
        (b"7", "an object was expected"),
        (b'{"id": "e-1", "type": "sms.created", "code": 157743}', "time is missing"),
        (b'{"type": "sms.created", "code": 157743}', "id is missing"),
        (json.dumps({"records": [None] * 5001}).encode(), "more than 5000 records"),
    ],
    ids=["cut", "number", "no time", "no id", "too many"],
)
def test_refusal_says_what_is_wrong_and_not_what_was_sent(body, wrong):
    with pytest.raises(UnexpectedAnswer) as caught:
        read(body)
    assert str(caught.value).startswith("POST webhook: ")
    assert str(caught.value).endswith(wrong)


def test_largest_batch_is_read():
    assert read(json.dumps({"records": [None] * 5000}).encode()).unreadable == 5000


@pytest.mark.parametrize("name", ["id", "type"])
@pytest.mark.parametrize("value", [None, "", 7, True, [], "x" * (ID_LIMIT + 1), "a\nb", "a\0", "\u202e", "\ud83d?\n"])
def test_id_and_type_are_short_printable_words(name, value):
    with pytest.raises(UnexpectedAnswer, match=name):
        one(**{name: value})


@pytest.mark.parametrize("value", ["x" * ID_LIMIT, "zoë", "7752d28e-e627-4b1b-bb81-b45d68d617bc"])
def test_longest_word_is_read(value):
    event = one(id=value, type=value, tenantId=value)
    assert event.id == event.type == event.tenant_id == value


@pytest.mark.parametrize(
    "time",
    [None, "", 7, "now", "2026-01-05", "2026-01-05T12:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"],
)
def test_time_is_one_with_an_offset_of_this_millennium(time):
    with pytest.raises(UnexpectedAnswer, match="time"):
        one(time=time)


@pytest.mark.parametrize(
    "bad", [None, 7, "x", [], {}, {**RECORD, "id": 7}, {**RECORD, "record": []}, {**RECORD, "time": "soon"}]
)
def test_unreadable_record_is_counted_and_left_out(bad):
    delivery = read(json.dumps({"records": [RECORD, bad, {**RECORD, "id": "e-2"}]}).encode())
    assert ([event.id for event in delivery.events], delivery.unreadable) == (["e-1", "e-2"], 1)


def test_half_a_character_is_shown_as_a_question_mark():
    (event,) = events({"records": [{**ENVELOPE, "record": {"userAgent": "a\ud83d", "\udc00": ["\udc00"]}}]})
    assert event.data == {"userAgent": "a?", "?": ["?"]}


@pytest.mark.parametrize("value", [None, 7, True, [], {}, "a\0b"])
def test_member_that_is_no_text_is_read_as_an_empty_one(value):
    assert one(data={"state": value}).text("state") == ""
    assert one(data={}).text("state") == ""


def test_member_that_is_a_time_is_read_as_one():
    event = one(
        data={"at": "2026-01-05T12:00:00.070Z", "odd": "soon", "naive": "2026-01-05", "far": "9999-12-31T23:59:59Z"}
    )
    assert event.moment("at") == datetime(2026, 1, 5, 12, 0, 0, 70_000, tzinfo=UTC)
    assert [event.moment(name) for name in ("odd", "naive", "far", "absent")] == [None] * 4


def test_nothing_of_what_an_event_says_is_shown():  # T59 T65
    delivery = read(json.dumps({"records": [RECORD]}).encode())
    assert "157743" not in repr(delivery)
    assert "157743" not in repr(delivery.events[0].data)
    assert delivery.events[0].data["code"] == "157743"


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body):  # T55
    with suppress(UnexpectedAnswer):
        assert all(isinstance(event, Event) for event in read(body).events)


@given(st.dictionaries(st.sampled_from([*ENVELOPE, "data", "record"]), VALUES))
def test_event_with_any_members_is_read_or_refused_and_can_be_stored(members):  # T55
    try:
        found = events({**SINGLE, **members})
    except UnexpectedAnswer:
        return
    for event in found:
        texts = [event.id, event.type, event.tenant_id, *map(event.text, event.data)]
        assert "\0" not in "".join(texts)
        "".join(texts).encode()
        assert 2000 < event.time.year < 3000
