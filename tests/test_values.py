"""A value is read by name for certain, or its request is refused: no view may read another one (T4)."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from contextlib import suppress
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload
from django.http import QueryDict
from django.test import RequestFactory
from django.test.client import encode_multipart
from django.urls import ResolverMatch
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy
from hypothesis import given, settings
from hypothesis import strategies as st

from django_authsignal.values import folded, is_plain_form, may_have_lost_bytes, named_values, parsed_form, wire

PROFILE = settings(max_examples=100, deadline=None)
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=edge"
UNLABELLED = ["text/plain", "application/octet-stream", "text/html", "application/vnd.api+json", ""]
EVERY_TYPE = [FORM, JSON, *UNLABELLED]

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)
SCALARS = st.one_of(TEXTS, st.integers(-9, 9999), st.booleans(), st.none())


def sent(body="", content_type=FORM, query="", method="POST", **kwargs):
    request = RequestFactory().generic(method, f"/pay/?{query}", body, content_type=content_type)
    request.resolver_match = ResolverMatch(print, (), kwargs, route="pay/")
    return request


def as_json(content_type=JSON, query="", **members):
    return sent(json.dumps(members), content_type, query)


def read(request):
    return named_values(request, ["amount"])["amount"]


def refusal(request):
    with pytest.raises(ValidationError) as caught:
        read(request)
    return caught.value.messages[0]


# One place


@given(TEXTS, st.sampled_from([FORM, MULTIPART]), st.sampled_from(["amount", "é", 'a"b']))
@PROFILE
def test_field_of_a_form_is_read(value, content_type, name):
    body = urlencode({name: value}) if content_type == FORM else encode_multipart("edge", {name: value})
    assert named_values(sent(body, content_type), [name]) == {name: value}


@given(SCALARS, st.sampled_from(EVERY_TYPE))
@PROFILE
def test_member_of_json_is_read_whatever_the_media_type_says(value, content_type):  # T4
    assert read(as_json(content_type, amount=value)) == value


@given(TEXTS, st.sampled_from(["GET", "POST", "DELETE"]))
@PROFILE
def test_query_is_read_where_there_is_no_body(value, method):
    assert read(sent("", "", urlencode({"amount": value}), method)) == value


@pytest.mark.parametrize("value", [5, "5", uuid.UUID(int=5)])
def test_argument_of_the_route_is_read(value):
    assert read(sent(amount=value)) == value


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        (sent("amount=5&other=x"), "5"),
        (sent("amount=a%0D%0Ab%0Dc"), "a\nb\nc"),
        (sent('{"amount": 5.10}', JSON), Decimal("5.10")),
        (sent('{"amount": 1e999}', JSON), Decimal("1E+999")),
        (sent('{"amount": "a\\r\\nb"}', JSON), "a\r\nb"),
        (sent('{"amount": 5}'.encode("utf-16"), JSON), 5),  # as json.loads() of a view reads it
        (sent('{"amount": 5, "x": "&amount=1&"}'.encode("utf-16"), FORM), 5),  # no field of a form is called so
        (sent('\ufeff{"amount": 5}', JSON), 5),
        (sent('{"amount": 5}', 'application/json; charset="UTF-8"'), 5),
        (sent('{"amount": 5}', "application/json; charset=us-ascii; profile=x"), 5),
        (as_json(other={"amount": 6}, amount=5), 5),
        (as_json(query="other=6", amount=5), 5),
    ],
)
def test_value_is_what_the_view_gets(request_, value):
    found = read(request_)
    assert (found, type(found)) == (value, type(value))


def test_values_come_in_the_order_in_which_they_were_named():
    request = sent("c=3&b=2", query="a=1")
    assert list(named_values(request, ["b", "a", "c"]).items()) == [("b", "2"), ("a", "1"), ("c", "3")]
    assert named_values(request, []) == {}


# Two places


@pytest.mark.parametrize(
    "request_",
    [
        sent("amount=5", query="amount=5"),
        sent("amount=5", amount=5),
        sent("", "", "amount=5", amount=5),
        as_json(query="amount=5", amount=5),
        sent("amount=1&amount=5000"),
        sent("amount=5&amount=5"),
        sent("", "", "amount=1&amount=5000"),
        sent(encode_multipart("edge", {"amount": ["1", "5000"]}), MULTIPART),
        *[as_json(content_type, "amount=1", amount=5000) for content_type in EVERY_TYPE],
        # JSON and a form at once, by what stands inside a string
        sent('{"amount": "5001", "x": "&amount=1&"}', FORM),
        sent('{"x": "&amount=1&", "amount": 5001}', FORM),
    ],
)
def test_value_that_stands_in_two_places_is_refused(request_):  # T4
    assert "“amount” was sent more than once" in refusal(request_)


def test_file_of_the_same_name_is_another_place():  # T4
    """REST framework puts files and fields into one mapping, where the file wins and counts by its name."""
    file = SimpleUploadedFile("5000", b"x", "text/plain")
    refusal(sent(encode_multipart("edge", {"amount": ["1", file]}), MULTIPART))
    refusal(sent(encode_multipart("edge", {"amount": file}), MULTIPART, "amount=1"))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_multipart_form_of_another_method_is_read_too(method):  # T4
    """Django parses forms of POST only, but a view may parse it: a value in the query is a decoy."""
    refusal(sent(encode_multipart("edge", {"amount": "5000"}), MULTIPART, "amount=1", method))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "GET"])
def test_form_of_another_method_is_refused(method):  # T4
    assert "could not be read" in refusal(sent("amount=5000", FORM, "amount=1", method))


@pytest.mark.parametrize("body", ['{"amount": 5000}', '\ufeff{"amount": 5000}', "<amount>5000</amount>"])
def test_body_that_is_called_multipart_is_refused(body):  # T4
    """A middleware that logs bodies has read it before Django parsed the form, so a view can still read it as JSON."""
    request = sent(body, MULTIPART, "amount=1")
    assert request.body
    refusal(request)


# No single value


@pytest.mark.parametrize("content_type", EVERY_TYPE)
@pytest.mark.parametrize("value", [[5], [1, 5000], [], {"value": 5}, {}, [{"a": 2}]])
def test_list_or_object_is_no_single_value(value, content_type):  # T4
    assert "“amount” must be a single value" in refusal(as_json(content_type, amount=value))


@pytest.mark.parametrize(
    "request_",
    [
        sent("other=5"),
        sent("Amount=5"),
        sent(""),
        sent("", JSON),
        as_json(Amount=5),
        as_json(data={"amount": 5}),
        sent("[5]", JSON),
        sent('"amount"', JSON),
        sent("null", JSON),
        sent(encode_multipart("edge", {"other": "5"}), MULTIPART),
    ],
)
def test_value_that_is_absent_is_missing(request_):
    assert "“amount” is missing" in refusal(request_)


def test_value_is_missing_without_a_route():
    assert "is missing" in refusal(RequestFactory().get("/"))


# Bodies that cannot be read for certain


@pytest.mark.parametrize("content_type", [JSON, "text/plain", "application/octet-stream", FORM, ""])
@pytest.mark.parametrize(
    "body",
    [
        '{"amount": 5',
        '{"amount": 1, "amount": 5000}',
        '{"a": {"b": 1, "b": 1}, "amount": 2}',
        '{"amount": NaN}',
        '{"amount": -Infinity}',
        '{"amount": 1e9999999999999999999}',
        '{"amount": ' + "9" * 5000 + "}",
        '{"a": ' * 100_000,
        b'{"amount": "\xff"}',
        b'+ACI- {"amount": 5}',
    ],
    ids=range(10),
)
def test_body_that_parsers_read_differently_is_refused(body, content_type):  # T4
    assert "could not be read" in refusal(sent(body, content_type, "amount=1"))


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/octet-stream", ""])
def test_body_of_no_known_kind_is_refused_beside_a_value_in_the_query(content_type):  # T4
    assert "could not be read" in refusal(sent("<amount>5000</amount>", content_type, "amount=1"))


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "cp037", "no-such-charset"])
@pytest.mark.parametrize("content_type", [JSON, "text/plain"])
def test_body_in_another_charset_is_refused(charset, content_type):  # T4
    """In UTF-7 the ASCII text ``+ACI-`` is a quotation mark: what is one member to us may be two to the view."""
    body = '{"amount": "1", "x": "+ACI-,+ACI-amount+ACI-:+ACI-9000"}'
    assert "must be UTF-8" in refusal(sent(body, f"{content_type}; charset={charset}"))


@pytest.mark.parametrize("field", ["amount=5000", "amount="])
@pytest.mark.parametrize("content_type", UNLABELLED)
def test_field_inside_a_list_of_json_is_a_second_place(field, content_type):  # T4
    """JSON without members, yet a view of PUT that takes any body for a form finds the field."""
    assert "more than once" in refusal(sent(f'["&{field}&"]', content_type, "amount=1", "PUT"))


def readable(body, method="POST"):
    """A multipart body that a middleware has read before Django parsed it."""
    request = sent(body, MULTIPART, method=method)
    assert request.body
    return request


PART = b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n5\r\n'
UNCHOSEN = (
    b'--edge\r\nContent-Disposition: form-data; name="%s"; filename=""\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\r\n"
)
AMOUNT = PART % b"amount"


@pytest.mark.parametrize("end", [b"--edge--", b"--edge--\r\n"])
@pytest.mark.parametrize("more", [b"", PART % b"x", UNCHOSEN % b"f", (UNCHOSEN % b"f") * 2])
def test_readable_form_of_a_browser_is_plain(more, end):
    """Also one with a file field that was left empty."""
    request = readable(AMOUNT + more + end)
    assert is_plain_form(request)
    assert read(request) == "5"


@pytest.mark.parametrize(
    "body",
    [
        b"amount=1&" + AMOUNT + b"--edge--",
        b"\r\n" + AMOUNT + b"--edge--\r\n",
        AMOUNT + b"--edge--\r\namount=1",
        AMOUNT + b"--edge--&amount=1",
        AMOUNT + b"--edge\r\n\r\namount=1\r\n--edge--",
        AMOUNT + b"--edgeamount=1\r\n--edge--",
    ],
    ids=["prologue", "empty line", "epilogue", "epilogue on the line", "stray part", "stray boundary"],
)
def test_readable_form_with_anything_around_its_parts_is_not_plain(body):  # T4
    """A view may read the body in a way of its own."""
    assert not is_plain_form(readable(body))


class Quota(MemoryFileUploadHandler):
    """A project's own handler, which looks at who is sending."""

    def new_file(self, *args, **kwargs):
        if self.request.user == "nobody":
            raise StopUpload
        super().new_file(*args, **kwargs)


def test_multipart_form_of_another_method_goes_through_the_projects_own_handlers(settings):
    settings.FILE_UPLOAD_HANDLERS = ["tests.test_values.Quota"]

    def files_of(user):
        body = encode_multipart("edge", {"f": SimpleUploadedFile("scan.pdf", b"scan")})
        request = sent(body, MULTIPART, method="PUT")
        request.user = user
        return list(parsed_form(request)[1])

    assert (files_of("alice"), files_of("nobody")) == (["f"], [])


def test_multipart_form_of_another_method_is_read_in_its_own_charset():
    body = b'--edge\r\nContent-Disposition: form-data; name="amount"\r\n\r\n\xe9\r\n--edge--\r\n'
    assert read(sent(body, f"{MULTIPART}; charset=latin-1", method="PUT")) == "é"


# A view reads what we read

PAIRS = st.tuples(st.sampled_from(["amount", "x"]), st.sampled_from(["1", "5000", "&amount=1&", '"', "{"]))
OBJECTS = st.lists(PAIRS, max_size=3).map(
    lambda pairs: "{" + ", ".join([f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs]) + "}"
)
BODIES = st.one_of(
    st.lists(PAIRS, max_size=3).map(urlencode),
    OBJECTS,
    OBJECTS.map(lambda body: body.encode("utf-16")),
    st.text(st.sampled_from('{}[]":,&=amount1\0'), max_size=12),
)


@given(
    BODIES,
    st.sampled_from([*EVERY_TYPE, "application/json; charset=utf-7"]),
    st.lists(PAIRS, max_size=2).map(urlencode),
    st.sampled_from(["POST", "PUT", "GET"]),
)
@settings(max_examples=300, deadline=None)
def test_no_view_can_read_another_value_than_ours(body, content_type, query, method):  # T4
    """However it looks: in the form, the query, the body as a form or as JSON, by the first twin or the last."""
    request = sent(body, content_type, query, method)
    try:
        ours = read(request)
    except ValidationError:
        return
    sources = [request.POST.lists(), request.GET.lists(), *whatever_json(request.body)]
    fields = parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    sources += [[(name, [value])] for name, value in fields]
    readings = [value for source in sources for name, values in source if name == "amount" for value in values]
    assert set(readings) == {ours}


def whatever_json(body):
    """The object that a parser finds, its first twin and its last."""
    with suppress(ValueError):
        pairs = json.loads(body, object_pairs_hook=list)
        if body.strip()[:1] != b"[" and isinstance(pairs, list):
            yield [(name, [value]) for name, value in pairs]


# Line ends


@given(TEXTS, TEXTS, st.sampled_from(["\n", "\r", "\r\n"]))
@PROFILE
def test_line_ends_are_folded(one, other, line_end):
    assert folded(f"{one}{line_end}{other}") == f"{one}\n{other}"


@given(st.text(max_size=8))
@PROFILE
def test_folding_twice_changes_nothing(text):
    assert folded(folded(text)) == folded(text)
    assert "\r" not in folded(text)


# What the service gets


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (5.5, 5.5),
        (Decimal("5.10"), Decimal("5.10")),
        (Decimal("1E+999"), Decimal("1E+999")),
        ("text", "text"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02 03:00:00+00:00"),
        (dt.time(3, 4), "03:04:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (gettext_lazy("Yes"), "Yes"),
        ((1, Decimal(2)), [1, Decimal(2)]),
        ({1: dt.date(2026, 1, 2), "a": [{"b": None}]}, {"1": "2026-01-02", "a": [{"b": None}]}),
    ],
)
def test_numbers_stay_numbers_and_dates_and_ids_become_text(value, expected):
    told = wire(value)
    assert (told, type(told)) == (expected, type(expected))


@given(st.recursive(st.one_of(SCALARS, st.floats(allow_nan=False, allow_infinity=False)), st.lists, max_leaves=5))
@PROFILE
def test_what_json_knows_is_told_as_it_is(value):
    assert wire(value) == json.loads(json.dumps(wire(value))) == value


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, [object()], {"a": object()}])
def test_value_that_cannot_be_sent_is_the_projects_mistake(value):
    with pytest.raises(TypeError, match="cannot be sent"):
        wire(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), [Decimal("Infinity")], {"a": -float("inf")}]
)
def test_number_that_json_cannot_hold_is_the_projects_mistake(value):
    with pytest.raises(ValueError, match="no number that JSON can hold"):
        wire(value)


@pytest.mark.parametrize(("name", "lost"), [("paid.pdf", False), ("pa\ufffdd.pdf", True)])
def test_name_of_an_upload_may_have_lost_bytes_too(name, lost):
    """Bytes that are no text all become this character: names that differ would look alike."""
    files = MultiValueDict({"proof": [SimpleUploadedFile(name, b"x")]})
    assert may_have_lost_bytes(QueryDict("amount=5"), files) is lost
