"""A fingerprint is the request's content: anything else another, the same content the same (T4)."""

from __future__ import annotations

import codecs
import hashlib
import json
import traceback
import uuid
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import RequestFactory
from django.test.client import encode_multipart
from django.urls import ResolverMatch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from django_authsignal.binding import bind_login, bind_request, content_of, drop_key, is_form, named_key, route_of
from django_authsignal.digests import digests

PROFILE = settings(max_examples=50, deadline=None)
FORM = "application/x-www-form-urlencoded"
NAMES = st.text(st.sampled_from("ab_é"), min_size=1, max_size=3)
# As a browser sends them: every line end is CRLF.
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)
FIELDS = st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=4)


def arrived(request, route="pay/", *args, **kwargs):
    request.resolver_match = ResolverMatch(print, args, kwargs, route=route)
    return request


def post(fields, query="", **options):
    """A form as a browser sends it, in order, repeated names included."""
    body = urlencode(list(fields))
    return arrived(RequestFactory().post(f"/pay/?{query}", body, content_type=FORM), **options)


def upload(fields, files):
    return arrived(RequestFactory().post("/pay/", {**fields, **files}))


def raw(body, content_type="text/plain", method="POST"):
    return arrived(RequestFactory().generic(method, "/pay/", body, content_type=content_type))


def print_of(request, bind=None):
    return bind_request(request, bind).fingerprints[0]


# Equal requests


@given(FIELDS, FIELDS)
@PROFILE
def test_equal_requests_have_the_same_fingerprint(fields, query):
    query = urlencode(query)
    assert print_of(post(fields, query)) == print_of(post(fields, query))


@given(FIELDS, st.sampled_from(["\n", "\r", "\r\n"]))
@PROFILE
def test_line_ends_are_the_browsers_business(fields, line_end):
    def lines(end):
        return [(name, f"{value}{end}{end}{value}") for name, value in fields]

    assert print_of(post(lines(line_end))) == print_of(post(lines("\r\n")))


@given(FIELDS, VALUES)
@PROFILE
def test_csrf_and_key_fields_are_no_content(fields, value):
    more = [("csrfmiddlewaretoken", value), *fields, ("_step_up_key", value)]
    assert print_of(post(more)) == print_of(post(fields))


@given(st.permutations([("a", "1"), ("b", "2"), ("c", "3")]))
@PROFILE
def test_order_of_different_fields_means_nothing(fields):
    assert print_of(post(fields)) == print_of(post([("a", "1"), ("b", "2"), ("c", "3")]))


def test_headers_cookies_and_boundary_are_not_bound():
    one = upload({"a": "1"}, {})
    other = RequestFactory(headers={"X-Other": "1", "Cookie": "a=b"}).post("/pay/", {"a": "1"})
    assert print_of(one) == print_of(arrived(other))


def test_charset_of_the_form_is_not_bound_but_its_text_is():
    def form(text, charset):
        body = f'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n{text}\r\n--x--\r\n'
        return arrived(
            RequestFactory().post("/pay/", body, content_type=f"multipart/form-data; boundary=x; charset={charset}")
        )

    assert print_of(form("é", "latin-1")) == print_of(form("é", "utf-8")) != print_of(form("e", "utf-8"))


# Changed requests


@given(FIELDS, st.data())
@PROFILE
def test_changed_field_is_another_request(fields, data):
    place = data.draw(st.integers(0, len(fields) - 1))
    name, value = fields[place]
    other = data.draw(VALUES)
    assume(other != value)
    changed = [*fields[:place], (name, other), *fields[place + 1 :]]
    assert print_of(post(changed)) != print_of(post(fields))


@given(FIELDS, st.data())
@PROFILE
def test_added_removed_or_repeated_field_is_another_request(fields, data):
    name, value = data.draw(st.sampled_from(fields))
    base = print_of(post(fields))
    assert print_of(post([*fields, ("new", value)])) != base
    assert print_of(post([*fields, (name, value)])) != base
    assert print_of(post(fields[1:])) != base


@given(VALUES, VALUES)
@PROFILE
def test_order_of_repeated_values_counts(one, other):
    assume(one != other)
    assert print_of(post([("a", one), ("a", other)])) != print_of(post([("a", other), ("a", one)]))


@given(VALUES, VALUES)
@PROFILE
def test_text_cannot_move_between_name_and_value(one, other):
    assume(one)
    assert print_of(post([("a", one + other)])) != print_of(post([("a" + one, other)]))


@given(FIELDS)
@PROFILE
def test_query_order_and_content_count(query):
    base = print_of(post([], urlencode(query)))
    assert print_of(post([], urlencode([*query, ("z", "")]))) != base
    if query[0][0] != query[-1][0]:
        assert print_of(post([], urlencode([query[-1], *query[1:-1], query[0]]))) != base


@pytest.mark.parametrize(
    "query",
    ["a=1&a=3&b=2", "b=2&a=1&a=3", "a=1&b=2&a=%E8", "a=1&b=2&a=%EF%BF%BD", "a=1&b=2&a=%C3%A9", "a=1&b=2&a=\xe9"],
)
def test_order_across_names_and_bytes_that_are_no_text_count_in_the_query(query):  # T4
    assert print_of(post([], query)) not in (print_of(post([], "a=1&b=2&a=3")), print_of(post([], "a=1&b=2&a=%E9")))


def test_order_of_values_around_an_empty_one_counts_in_the_query():  # T4
    assert print_of(post([], "a=1&b=&a=2")) != print_of(post([], "a=1&a=2&b="))


@pytest.mark.parametrize("query", ["a=x|y&b={z}", "a=%E9|&a=+", "a=1&&b&=2"])
def test_query_as_a_return_sends_it_is_the_same_query(query):
    """Django escapes what browsers leave as it is."""
    request = RequestFactory().get("/pay/", QUERY_STRING=query)
    again = RequestFactory().get(request.get_full_path())
    assert print_of(again) == print_of(request)


def test_field_in_the_query_is_not_the_field_in_the_body():
    assert print_of(post([("a", "1")])) != print_of(post([], "a=1"))


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_method_counts(method):
    assert print_of(raw("", "", method)) != print_of(raw("", ""))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a/", "b/"])), min_size=2, max_size=2, unique=True))
@PROFILE
def test_route_and_kwargs_count(places):
    (one, route), (other, other_route) = places
    assert print_of(post([], route=route, pk=one)) != print_of(post([], route=other_route, pk=other))


def test_unnamed_arguments_of_the_route_count():
    def at(*args):
        return arrived(RequestFactory().get("/"), "pay/", *args)

    assert print_of(at("1")) != print_of(at("2")) != print_of(at()) != print_of(at("1", "2"))


def test_route_is_the_pattern_and_without_one_the_path():
    assert route_of(post([], route="pay/<int:pk>/", pk=1)) == "pay/<int:pk>/"
    one, other = RequestFactory().get("/a/"), RequestFactory().get("/b/")
    assert (route_of(one), route_of(other)) == ("/a/", "/b/")
    assert print_of(one) != print_of(other)


def test_prefix_under_which_the_site_is_served_counts():  # T3
    def at(prefix):
        return arrived(RequestFactory(SCRIPT_NAME=prefix).get("/pay/"))

    assert len({print_of(at(prefix)) for prefix in ("", "/tenant-a", "/tenant-b")}) == 3
    assert route_of(RequestFactory(SCRIPT_NAME="/tenant-a").get("/pay/")) == "/tenant-a/pay/"


def test_path_that_a_middleware_has_rewritten_counts():  # T3
    one, other = raw("x"), raw("x")
    other.path_info = "/internal/pay/"
    assert print_of(one) != print_of(other)


@given(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8))
@PROFILE
def test_every_byte_of_a_raw_body_counts(one, other):
    same = print_of(raw(one)) == print_of(raw(other))
    assert same == (one == other)


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", "text/html", FORM, ""])
def test_media_type_counts(content_type):
    assert print_of(raw("a=1", content_type)) != print_of(raw("a=1"))


@pytest.mark.parametrize("params", ["; charset=utf-7", "; charset=utf-16", "; profile=x", "; charset=utf-8"])
def test_parameters_of_the_media_type_count_for_a_raw_body(params):  # T4
    """A charset changes what a body says."""
    body = '{"amount": "1", "x": "+ACI-,+ACI-amount+ACI-:+ACI-9000"}'
    assert print_of(raw(body, f"application/json{params}")) != print_of(raw(body, "application/json"))


@pytest.mark.parametrize("body", ['{"amount": "+ACI-"}', "<a/>"])
def test_parameters_count_for_a_body_that_is_called_a_form(body):  # T4
    assert print_of(raw(body, f"{FORM}; version=2")) != print_of(raw(body, FORM))


def test_name_that_a_header_gives_a_raw_body_counts():  # T4
    """API parsers take the file's name from there."""

    def named(**headers):
        return arrived(RequestFactory(headers=headers).post("/pay/", b"x", content_type="image/png"))

    one, other = (named(**{"Content-Disposition": f"attachment; filename={name}.png"}) for name in "ab")
    assert len({print_of(one), print_of(other), print_of(named())}) == 3


def test_order_and_case_of_parameters_mean_nothing():
    one, other = raw("x", "text/plain; a=1; charset=utf-8"), raw("x", "text/plain; CHARSET=utf-8; A=1")
    assert print_of(one) == print_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": "1", "b": "&x=1&"}', '{"a":"1", "b": "&x=1&"}'),
        (' \t[1,"&x=1&"]', '[1,"&x=1&"]'),
        ('{"a": 1, "b": "&x=1&y=2&"}', '{"a": 1, "b": "&y=2&x=1&"}'),
        ('{"x": "1+1&"}', '{"x": "1 1&"}'),
        ('{"x": "%41&"}', '{"x": "A&"}'),
        ('{"x": "&"}', '{"x": "&&"}'),
    ],
)
def test_json_that_is_called_a_form_is_bound_byte_by_byte(one, other):  # T4
    """No browser sends such a form, and a view may well read it as JSON."""
    assert print_of(raw(one, FORM)) == print_of(raw(one, FORM)) != print_of(raw(other, FORM))


@pytest.mark.parametrize(
    "body",
    [
        '{{"x": "&csrfmiddlewaretoken=", "amount": {}, "y": "&"}}',
        '["&_step_up_key=", {}, "&"]',
        '\ufeff{{"x": "&csrfmiddlewaretoken=", "amount": {}, "y": "&"}}',
        # In UTF-16 the ASCII bytes of "&csrfmiddlewaretoken=" are Chinese characters of a string.
        '{{"x": "{hidden}", "amount": {}, "y": "\u2626"}}',
        "<p><!--&csrfmiddlewaretoken=--><amount>{}</amount><!--&--></p>",
        "x,&csrfmiddlewaretoken=\n{}\n&",
    ],
)
def test_field_that_is_no_content_hides_nothing_of_a_body(body):  # T4
    """No browser sends such a form, and a view may read it as anything."""
    encoding = "utf-16-le" if "hidden" in body else "utf-8"
    hidden = b"&csrfmiddlewaretoken= "[:22].decode("utf-16-le")
    one, other = (body.format(amount, hidden=hidden).encode(encoding) for amount in (1, 5000))
    if encoding != "utf-8":
        one, other = codecs.BOM_UTF16_LE + one, codecs.BOM_UTF16_LE + other
        assert json.loads(other)["amount"] == 5000
    assert print_of(raw(one, FORM)) != print_of(raw(other, FORM))


@given(FIELDS, st.sampled_from(["", "!", "'", "(", ")", "~", "*", "-", ".", "_", "[0]", " "]))
@PROFILE
def test_form_of_a_browser_is_bound_by_its_fields(fields, sign):
    """However its script encodes them: a holding page sends them again in its own way."""
    fields = [(name, value + sign) for name, value in fields]
    in_javascript = urlencode(fields, quote_via=lambda text, *_: quote(text, "!'()*~"))  # encodeURIComponent()
    in_python = urlencode(fields, quote_via=quote)
    assert print_of(raw(in_javascript, FORM)) == print_of(raw(in_python, FORM)) == print_of(post(fields))


@pytest.mark.parametrize("other", ["%E8", "%EF%BF%BD", "%C3%A9", "%C3%83%C2%A9"])
@pytest.mark.parametrize("form", ["payee=Andr{}", "{}=1", "payee=Andr{}&payee=%FF", "payee=%FF&x={}"])
def test_bytes_of_a_form_that_are_no_text_count(form, other):  # T4
    """All of them are U+FFFD in Django's texts; a view of an old site may read them as what they are."""
    assert print_of(raw(form.format("%E9"), FORM)) != print_of(raw(form.format(other), FORM))


def test_fields_that_are_no_content_are_none_beside_bytes_that_are_no_text():
    fields = [("a", b"\xe9\r\n"), ("b", "2")]
    more = [("csrfmiddlewaretoken", "t"), ("b", "2"), ("a", b"\xe9\n"), ("_step_up_key", "k")]
    assert print_of(post(more)) == print_of(post(fields))


def test_bytes_of_a_readable_multipart_body_that_are_no_text_count():  # T4
    def form(byte, *, is_read):
        body = b'--x\r\nContent-Disposition: form-data; name="payee"\r\n\r\nAndr%s\r\n--x--\r\n' % byte
        request = raw(body, "multipart/form-data; boundary=x")
        if is_read:  # by a middleware that logs bodies; else the stream is gone, and a view cannot read it
            assert request.body
        return request

    assert print_of(form(b"\xe9", is_read=True)) == print_of(form(b"\xe9", is_read=True))
    assert print_of(form(b"\xe9", is_read=True)) != print_of(form(b"\xe8", is_read=True))
    assert print_of(form(b"\xe9", is_read=False)) == print_of(form(b"\xe8", is_read=False))


@pytest.mark.parametrize("body", ['{{"amount": {}}}', '\ufeff{{"amount": {}}}', "<amount>{}</amount>"])
def test_body_that_is_called_multipart_is_bound(body):  # T4
    """A middleware that logs bodies has read it before Django parsed the form, so a view can still read it as JSON."""
    one, other = (raw(body.format(amount), "multipart/form-data; boundary=edge") for amount in (1, 5000))
    assert one.body != other.body
    assert print_of(one) != print_of(other)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_multipart_form_of_another_method_is_bound_without_its_boundary(method):  # T4
    """Django parses forms of POST only; the browser's script sends this one again under a new boundary."""

    def form(boundary, amount, content=b"scan"):
        body = encode_multipart(boundary, {"amount": amount, "f": a_file(content)})
        return raw(body, f"multipart/form-data; boundary={boundary}", method)

    base = print_of(form("one", "5"))
    assert print_of(form("two", "5")) == base
    assert base not in (print_of(form("one", "6")), print_of(form("one", "5", b"other")))


def test_large_file_of_another_method_is_bound(settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10

    def form(content):
        body = encode_multipart("edge", {"f": a_file(content)})
        return raw(body, "multipart/form-data; boundary=edge", "PUT")

    assert print_of(form(b"x" * 200_000)) == print_of(form(b"x" * 200_000)) != print_of(form(b"x" * 199_999 + b"y"))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_urlencoded_form_of_another_method_is_bound_byte_by_byte(method):  # T4
    assert print_of(raw("a=1&b=2", FORM, method)) != print_of(raw("b=2&a=1", FORM, method))


def test_form_that_rest_framework_parsed_is_bound_as_a_form():
    """It leaves what it parsed of other methods on Django's request."""
    one, other = raw("a=1&b=2", FORM, "PUT"), raw("b=2&a=1", FORM, "PUT")
    one.POST, other.POST = QueryDict("a=1&b=2"), QueryDict("b=2&a=1")
    assert print_of(one) == print_of(other)


def test_equal_fields_in_another_encoding_are_another_request():
    assert print_of(upload({"a": "1"}, {})) != print_of(post([("a", "1")]))


# Files


def a_file(content=b"scan", name="scan.pdf", content_type="application/pdf"):
    return SimpleUploadedFile(name, content, content_type)


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
@PROFILE
def test_every_byte_of_a_file_counts(one, other):
    same = print_of(upload({}, {"f": a_file(one)})) == print_of(upload({}, {"f": a_file(other)}))
    assert same == (one == other)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"f": a_file(name="other.pdf")},
        {"f": a_file(content_type="text/html")},
        {"f": a_file(content_type="application/pdf; charset=utf-7")},
        {"f": a_file(content_type="application/pdf; charset=utf-16")},
        {"f": a_file(content_type="application/pdf; header=present")},
        {"g": a_file()},
        {"f": [a_file(), a_file()]},
    ],
)
def test_files_name_type_field_and_number_count(files):
    assert print_of(upload({"a": "1"}, files)) != print_of(upload({"a": "1"}, {"f": a_file()}))


def test_parameters_of_a_files_type_count():
    one, other = (upload({}, {"f": a_file(content_type=f"application/pdf; header={header}")}) for header in "ab")
    assert print_of(one) != print_of(other)


def test_name_of_a_file_counts_where_its_bytes_are_no_text():  # T4
    """A view that reads the body itself finds what Django replaced."""

    def named(byte):
        head = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="%c.pdf"\r\n\r\nscan\r\n--edge--\r\n'
        request = raw(head % byte, "multipart/form-data; boundary=edge")
        assert request.body
        return request

    assert print_of(named(0xE8)) == print_of(named(0xE8)) != print_of(named(0xE9))


def test_file_is_still_there_for_the_view():
    request = upload({}, {"f": a_file()})
    print_of(request)
    assert request.FILES["f"].read() == b"scan"


def test_file_larger_than_memory_is_hashed_in_pieces(settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    big = b"x" * 200_000
    one, other = upload({}, {"f": a_file(big)}), upload({}, {"f": a_file(big + b"y")})
    assert print_of(one) != print_of(other)
    assert one.FILES["f"].read() == big
    one.FILES["f"].close()
    other.FILES["f"].close()


# Chosen values


def json_request(text, content_type="application/json"):
    return arrived(RequestFactory().post("/pay/", text, content_type=content_type))


def test_named_values_are_shown_and_everything_is_bound():  # T4
    base = post([("amount", "5"), ("note", "a")])
    other = post([("amount", "5"), ("note", "b")])
    assert bind_request(base, ["amount"]).values == bind_request(other, ["amount"]).values == {"amount": "5"}
    assert print_of(base, ["amount"]) != print_of(other, ["amount"])


@given(FIELDS, FIELDS)
@PROFILE
def test_two_requests_are_the_same_by_name_only_if_they_are_the_same(one, other):  # T4
    def named(fields):
        return post([("amount", "5"), *[(name, value) for name, value in fields if name != "amount"]])

    same = print_of(named(one)) == print_of(named(other))
    assert (print_of(named(one), ["amount"]) == print_of(named(other), ["amount"])) is same


def test_name_of_a_value_counts():  # T4
    request = post([("amount", "5"), ("fee", "5")])
    assert print_of(request, ["amount"]) != print_of(request, ["fee"]) != print_of(request, ["amount", "fee"])


def test_value_that_cannot_be_read_for_certain_is_not_bound():  # T4
    for request in (post([("other", "5")]), post([("amount", "5"), ("amount", "6")])):
        with pytest.raises(ValidationError, match="“amount”"):
            bind_request(request, ["amount"])


@pytest.mark.parametrize("bind", [["amount"], {"amount": "\ud800"}, lambda request: {"_hidden": "\ud800"}])
def test_text_that_is_not_unicode_is_not_bound(bind):  # T4 T41
    with pytest.raises(ValidationError, match="not valid Unicode"):
        bind_request(json_request('{"amount": "\\ud800"}'), bind)


@pytest.mark.parametrize(
    "bind", [["absent"], {"amount": "\ud800"}, {"amount": object()}, lambda _: {"typed": "5000", "amount": [object()]}]
)
@pytest.mark.parametrize("body", ['{"amount": "5000"}', '{"amount": "5000"', '{"amount": "5000", "x": "\\ud800"}'])
def test_error_tells_nothing_of_what_was_typed(bind, body):  # T65
    with pytest.raises((ValidationError, TypeError)) as caught:
        bind_request(json_request(body), bind)
    error = caught.value
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename != __file__]
    assert "5000" not in f"{error!r} {error.__cause__!r} {error.__context__!r} {[frame.f_locals for frame in frames]}"
    assert "bind_request" in [frame.f_code.co_name for frame in frames]


def test_named_value_and_everything_are_never_the_same():
    assert print_of(post([("amount", "5")]), ["amount"]) != print_of(post([("amount", "5")]))
    assert print_of(post([]), {}) != print_of(post([]), {"amount": None})


@pytest.mark.parametrize(
    ("one", "other"), [("5", 5), (5, Decimal(5)), (Decimal("5.0"), Decimal("5.00")), (True, 1), ("１００", "100")]
)
def test_values_of_another_type_are_other_values(one, other):  # T4
    assert print_of(post([]), {"amount": one}) != print_of(post([]), {"amount": other})


def test_function_chooses_from_the_request():
    bound = bind_request(post([("amount", "5")]), lambda request: {"amount": Decimal(request.POST["amount"])})
    assert bound.values == {"amount": Decimal(5)}
    assert bound.fingerprints == bind_request(post([]), {"amount": Decimal(5)}).fingerprints


def test_some_may_be_shown_and_all_be_bound():
    def bind(request):
        return {"amount": request.POST["amount"], "_content": content_of(request)}

    one, other = (bind_request(post([("amount", "5"), ("note", note)]), bind) for note in "ab")
    assert one.values == other.values == {"amount": "5"}
    assert one.fingerprints != other.fingerprints


def test_route_method_and_kwargs_count_beside_chosen_values():
    base = print_of(post([]), {"amount": 5})
    assert print_of(post([], route="other/"), {"amount": 5}) != base
    assert print_of(post([], pk=1), {"amount": 5}) != base
    assert print_of(raw("", "", "PUT"), {"amount": 5}) != base


def test_secret_key_rotation_recognises_a_request_bound_before(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    before = print_of(post([("a", "1")]))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert bind_request(post([("a", "1")]), None).fingerprints[1] == before
    assert before not in bind_request(post([("a", "2")]), None).fingerprints


def test_every_digest_has_a_salt_of_its_own_and_the_form_that_rows_were_written_with():
    request = raw("x")
    parts = ["testserver", "/pay/", "/pay/", "pay/", [], {}, "POST", True, [{}]]
    content = [[], [], "text/plain", [[], ""], hashlib.sha256(b"x").digest()]
    assert bind_request(request, {}).fingerprints == digests("binding", parts)
    assert content_of(request) == digests("content", content)[0]


def test_login_is_bound_as_a_whole():
    bound = bind_login()
    assert bound.fingerprints == bind_login().fingerprints == digests("binding", "login")
    assert bound.values == {}


# The named row


KEY = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


def test_row_is_named_by_field_or_header():
    assert named_key(post([("_step_up_key", KEY)])) == uuid.UUID(KEY)
    request = RequestFactory().put("/", headers={"Authsignal-Step-Up": KEY})
    assert named_key(request) == uuid.UUID(KEY)


@pytest.mark.parametrize("text", ["", "1", "None", KEY + "0", "g" * 32, "é" * 32])
def test_what_is_no_key_names_no_row(text):
    assert named_key(post([("_step_up_key", text)])) is None
    assert named_key(RequestFactory().get("/", headers={"Authsignal-Step-Up": text})) is None


def test_view_gets_the_form_without_the_key_and_as_unchangeable_as_ever():
    request = post([("_step_up_key", KEY), ("amount", "5")])
    drop_key(request)
    assert request.POST.dict() == {"amount": "5"}
    with pytest.raises(AttributeError, match="immutable"):
        request.POST["amount"] = "6"


@pytest.mark.parametrize(
    ("method", "content_type", "expected"),
    [("POST", FORM, True), ("PUT", FORM, False), ("POST", "application/json", False), ("GET", "", False)],
)
def test_form_is_what_django_parses_as_one(method, content_type, expected):
    assert is_form(raw("a=1", content_type, method)) is expected
