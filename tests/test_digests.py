"""Canonical bytes and keyed digests."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_authsignal.digests import canonical, digests

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False, places=1)
    | st.text(st.characters(codec="utf-8"), max_size=4)
    | st.binary(max_size=4)
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.uuids()
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def told_apart(value):
    """*value* such that equality also sees types: 1, 1.0, True and Decimal(1) differ."""
    if isinstance(value, list):
        return ("list", *map(told_apart, value))
    if isinstance(value, dict):
        return ("dict", *sorted((name, repr(told_apart(item))) for name, item in value.items()))
    return (type(value).__name__, str(value) if not isinstance(value, bytes) else value)


@given(PLAIN, PLAIN)
@settings(max_examples=200, deadline=None)
def test_two_values_share_a_form_only_when_they_are_the_same(one, other):  # T4
    assert (canonical(one) == canonical(other)) == (told_apart(one) == told_apart(other))


@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
@settings(max_examples=50, deadline=None)
def test_no_value_reaches_over_into_its_neighbour(one, other):  # T4
    assert (canonical([one, other]) == canonical([[*one, *other], []])) == (not other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", 1),
        (1, 1.0),
        (1, True),
        (0, False),
        (None, "None"),
        ("", None),
        (Decimal("1"), 1),
        (Decimal("1.0"), Decimal("1.00")),
        (Decimal("1.5"), 1.5),
        ("ab", ["a", "b"]),
        ([], {}),
        ([["a"], "b"], ["a", ["b"]]),
        ({"a": "b"}, ["a", "b"]),
        ("１００", "100"),
        ("a", b"a"),
        ("é", "e\u0301"),
        (dt.date(2026, 1, 1), dt.datetime(2026, 1, 1)),  # noqa: DTZ001
        (dt.date(2026, 1, 1), "2026-01-01"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
    ],
)
def test_values_that_look_alike_have_different_forms(one, other):
    assert canonical(one) != canonical(other)


def test_order_counts_in_lists_and_not_in_mappings():
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert canonical([1, 2]) != canonical([2, 1])
    assert canonical((1, 2)) == canonical([1, 2])


def test_form_is_the_one_that_rows_were_written_with():
    """Another form needs another version in front of its digests."""
    plain = {"b": [True, None, 1, 1.5, Decimal("1.50")], "a": [b"x", dt.date(2026, 1, 2), uuid.UUID(int=1), "é"]}
    assert canonical(plain) == (
        b"m110:s1:a"
        b"l63:y1:xt10:2026-01-02t36:00000000-0000-0000-0000-000000000001s2:\xc3\xa9"
        b"s1:b"
        b"l31:c4:Truec4:Nonei1:1f3:1.5d4:1.50"
    )


def test_text_that_no_encoding_can_carry_has_no_form():
    with pytest.raises(UnicodeEncodeError):
        canonical(["\ud800"])


class Amount(int):
    """A number of its own class."""


class SecondAmount(int):
    """Its name begins with the letter that marks texts."""


class Text(str):
    __slots__ = ()


def test_subclass_stands_for_the_plain_value_and_never_for_another():
    assert canonical(Text("5")) == canonical("5")
    assert canonical(Amount(5)) == canonical(SecondAmount(5)) == canonical(5)
    assert canonical(type("sum", (int,), {})(5)) != canonical("5")


@pytest.mark.parametrize("value", [object(), {1, 2}, [object()], {"a": object()}, 1j, int])
def test_value_without_a_form_is_refused(value):
    with pytest.raises(TypeError, match="cannot bind a"):
        canonical(value)


def test_digests_differ_by_subject_and_value_and_name_their_format():
    one, other, value = digests("binding", "a"), digests("channel", "a"), digests("binding", "b")
    assert len({*one, *other, *value}) == 3
    assert all(len(digest) == 67 and digest.startswith("v1:") for digest in (*one, *other, *value))


def test_secret_key_rotation_recognises_what_the_old_key_wrote(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    (written,) = digests("binding", "a")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["older", "old"]
    rotated = digests("binding", "a")
    assert (len(rotated), rotated.index(written)) == (3, 2)
    settings.SECRET_KEY_FALLBACKS = []
    assert written not in digests("binding", "a")
