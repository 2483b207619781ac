"""A form that was stopped is sent again, by a browser, as the very same request."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st

from django_authsignal.binding import bind_request
from django_authsignal.holding import hold, label_of

FORM = "application/x-www-form-urlencoded"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufffd"), max_size=8)
NAMES = st.sampled_from(["a", "b", "a b", "é", "x[]", 'q"<&', "pin", "newPassword", "iban", "note"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0\ufffd"), min_size=1, max_size=4
).filter(lambda name: name not in ("_charset_", "_step_up_key", "csrfmiddlewaretoken"))
FIELDS = st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=5)


class Page(HTMLParser):
    """What a browser makes of a page's form: line ends normalised on the way in."""

    def __init__(self, html):
        super().__init__()
        self.form, self.inputs = {}, []
        self.feed(html.replace("\r\n", "\n").replace("\r", "\n"))

    def handle_starttag(self, tag, attrs):
        if tag == "form":
            self.form = dict(attrs)
        elif tag in ("input", "textarea"):
            self.inputs.append({"tag": tag, "type": tag} | dict(attrs))


def holding_page(request, key="", ask_again=()):
    held = hold(request, key, ask_again)
    context = {"form": held, "title": "t", "message": "m", "shown": [], "cancel_url": "/", "continue_label": "Continue"}
    return Page(render_to_string("authsignal/holding.html", context, request))


def sent_again(page, typed):
    """Submit the page's form as a browser does, with *typed* (by name, in order) in the fields that ask."""
    typed = {name: list(values) for name, values in typed.items()}
    fields, files = [], MultiValueDict()
    for field in page.inputs:
        name = field["name"]
        if field["type"] == "file":
            files.setlist(name, typed[name])
        elif field["type"] == "hidden":
            fields.append((name, field.get("value") or ""))
        else:
            text = typed[name].pop(0)
            # A one-line input cannot hold line ends.
            fields.append((name, text if field["tag"] == "textarea" else text.replace("\r", "").replace("\n", "")))
    fields = [(as_sent(name), as_sent(text)) for name, text in fields]
    if page.form["enctype"] == FORM:
        return RequestFactory().post(page.form["action"], urlencode(fields), content_type=FORM)
    assert page.form["enctype"] == "multipart/form-data"
    data = MultiValueDict()
    for name, text in fields:
        data.appendlist(name, text)
    data.update(files)
    return RequestFactory().post(page.form["action"], dict(data.lists()))


def as_sent(text):
    """Every line end becomes CRLF in a form's submission."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def post(fields, path="/pay/", encode=urlencode):
    sent = [(as_sent(name), as_sent(text)) for name, text in fields]
    return RequestFactory().post(path, encode(sent), content_type=FORM)


def typed_by(request):
    """What the user filled in before, value by value."""
    return {**{name: list(texts) for name, texts in request.POST.lists()}, **dict(request.FILES.lists())}


def same(request, other):
    return bind_request(request, None).fingerprints == bind_request(other, None).fingerprints


@given(FIELDS)
@settings(max_examples=150, deadline=None)
def test_form_comes_back_as_the_same_request(fields):
    request = post(fields)
    if hold(request, "", ["iban"]) is None:
        return  # said openly to be beyond a browser's form; see below which are
    again = sent_again(holding_page(request, ask_again=["iban"]), typed_by(request))
    assert same(again, request)


@given(st.lists(st.tuples(st.sampled_from("ab"), TEXTS), max_size=3), st.lists(st.binary(max_size=9), max_size=2))
@settings(max_examples=50, deadline=None)
def test_upload_comes_back_as_the_same_request(fields, contents):
    data = MultiValueDict()
    for name, text in fields:
        data.appendlist(name, as_sent(text))
    files = [SimpleUploadedFile(f"{place}.pdf", content or b"-") for place, content in enumerate(contents)]
    data.setlist("scan", files)
    request = RequestFactory().post("/pay/", dict(data.lists()))
    page = holding_page(request)
    again = sent_again(page, typed_by(request))
    assert same(again, request)
    asked = [field for field in page.inputs if field["type"] == "file"]
    assert [("multiple" in field) for field in asked] == ([len(files) > 1] if files else [])


def test_query_string_is_kept():
    request = post([("a", "1")], "/pay/?next=%2Fx%3Fa%3D1&b=%22%3E")
    assert same(sent_again(holding_page(request), {}), request)


def test_form_in_another_charset_comes_back_in_ours():
    body = '--x\r\nContent-Disposition: form-data; name="payee"\r\n\r\nCaf\xe9\r\n--x--\r\n'
    request = RequestFactory().post("/pay/", body, content_type="multipart/form-data; boundary=x; charset=latin-1")
    again = sent_again(holding_page(request), {})
    assert again.POST["payee"] == "Café"
    assert same(again, request)


def test_page_names_its_row_and_drops_what_is_no_content():
    request = post([("csrfmiddlewaretoken", "t"), ("a", "1"), ("_step_up_key", "old")])
    again = sent_again(holding_page(request, key="new"), {}).POST
    assert (again["_step_up_key"], again["a"]) == ("new", "1")
    assert "_step_up_key" not in sent_again(holding_page(request), {}).POST


SECRETS = [
    *("password", "passwd", "secret", "token", "pin", "otp", "cvc", "cvv"),
    *("new_password", "password1", "newPassword2", "card-cvc", "PIN", "pinCode", "userPIN", "PINCode", "API.token"),
    *("form-0-otp", "newpassword", "NEWPASSWD", "userpassword2", "pass_word", "passphrase", "pass-phrase", "passcode"),
    *("pwd", "pwd2", "userPwd", "pass", "db_pass", "apikey", "api_key", "apiKey", "APIKey", "X-API-Key", "private.key"),
    *("cardNumber", "cardnumber", "creditcard", "Debit_Card", "csc", "CSC", "clientsecret", "accesstoken"),
    *("tokens", "tokenized_name"),
]


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_asked_for_again_and_never_echoed(name):
    request = post([(name, "s3cr3t"), ("amount", "5")])
    held = hold(request, "", ())
    assert [(field.name, field.kind) for field in held.asked] == [(name, "password")]
    assert held.hidden == [("amount", "5")]
    page = holding_page(request)
    assert "s3cr3t" not in repr(page.inputs)
    assert same(sent_again(page, {name: ["s3cr3t"]}), request)


NO_SECRETS = [
    *(
        "shipping",
        "spin",
        "Spin",
        "opinion",
        "amount",
        "pint",
        "compass",
        "passenger",
        "passport",
        "passage",
        "Passive",
    ),
    *("discard", "cardinal", "cardboard", "wildcards", "postcard", "iban", "key", "key_name", "monkey", "publicKey"),
    *("keyword", "opening", "potpie", "shopwdays", "discard_notes"),
]


@pytest.mark.parametrize("name", NO_SECRETS)
def test_name_that_only_contains_such_letters_is_kept(name):
    assert hold(post([(name, "1")]), "", ()).asked == []


@pytest.mark.parametrize("sensitive", [["iban"], "__ALL__"])
def test_field_that_django_was_told_is_sensitive_is_asked_again(sensitive):
    request = post([("iban", "NZ1")])
    request.sensitive_post_parameters = sensitive
    held = hold(request, "", ())
    assert [(field.name, field.kind) for field in held.asked] == [("iban", "text")]
    assert held.hidden == []


def test_field_of_the_policy_is_asked_again_but_not_when_it_was_empty():
    assert [field.name for field in hold(post([("iban", "NZ1")]), "", ["iban"]).asked] == ["iban"]
    empty = hold(post([("iban", "")]), "", ["iban"])
    assert (empty.asked, empty.hidden) == ([], [("iban", "")])


@pytest.mark.parametrize(
    "fields", [[("iban", "NZ1"), ("iban", "")], [("iban", ""), ("iban", "NZ1")], [("iban", "a\nb")], [("pin", "\r")]]
)
def test_asked_field_can_be_filled_in_as_before(fields):
    request = post(fields)
    assert same(sent_again(holding_page(request, ask_again=["iban"]), typed_by(request)), request)


@pytest.mark.parametrize(
    "request_",
    [
        RequestFactory().post("/", "{}", content_type="application/json"),
        RequestFactory().post("/", "a=1", content_type="text/plain"),
        RequestFactory().put("/", "a=1", content_type=FORM),
        RequestFactory().get("/?a=1"),
        post([("a", "1\0")]),
        post([("a\0", "1")]),
        RequestFactory().post("/", "a=Andr%E9", content_type=FORM),
        post([("a\ufffd", "1")]),
        post([("", "1")]),
        post([("_charset_", "utf-8")]),
        post([("a\nb", "1")]),
    ],
    ids=[
        "json",
        "text",
        "put",
        "get",
        "nul",
        "nul name",
        "lost byte",
        "lost name",
        "no name",
        "_charset_",
        "name in lines",
    ],
)
def test_what_a_form_cannot_reproduce_is_not_held(request_):
    assert hold(request_, "", ()) is None


def test_text_that_our_charset_cannot_write_is_not_held(settings):
    settings.DEFAULT_CHARSET = "latin-1"
    request = RequestFactory().generic("POST", "/", "a=%E2%82%AC", f"{FORM}; charset=utf-8")
    assert request.POST["a"] == "€"
    assert hold(request, "", ()) is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("payee", "Payee"),
        ("payeeName", "Payee name"),
        ("payee_name", "Payee name"),
        ("form-0-payee.name", "Form 0 payee name"),
        ("IBAN", "Iban"),
        ("__", "__"),
        ("über weg", "Über weg"),
    ],
)
def test_label_reads_like_words(name, label):
    assert label_of(name) == label
