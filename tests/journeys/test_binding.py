"""An approval is for one request: this route, these arguments, this method, this content."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import encode_multipart
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import press_continue, row, statuses

FORM = {"amount": "5000", "payee": "Landlord"}


@pytest.fixture
def client(bank, alice):
    for action in ("act", "names", "number", "scan", "serve"):
        bank.authsignal.challenge(action)
    return bank.sign_in(alice)


@pytest.mark.parametrize(
    ("approved", "called"),
    [
        ("/act/", "/other/"),  # the same action code, on another route
        ("/act/", "/act/1/"),
        ("/act/1/", "/act/2/"),  # the same route, with another argument
        ("/act/", "/async/"),
        ("/act/", "/transfer/"),  # another action
    ],
)
def test_approval_of_one_view_does_not_open_another(client, bank, done, approved, called):  # A8 T3
    challenged = client.post(approved, FORM)
    complete_step_up(client, challenged)
    other = client.post(called, FORM)
    assert_step_up_required(other)
    assert other.step_up.key != challenged.step_up.key
    assert (done, bank.ledger) == ([], [])
    assert client.post(approved, FORM).content == b"done"  # and it is still good for its own


def test_approval_of_one_action_does_not_open_another_of_the_same_request(client, done):  # A8 T3
    """The same user, browser, route and content: only the action code differs."""
    first = client.post("/twice/", FORM)
    complete_step_up(client, first)
    second = client.post("/twice/", FORM)
    assert_step_up_required(second, "number")
    assert done == []
    complete_step_up(client, second)
    complete_step_up(client, client.post("/twice/", FORM))
    assert client.post("/twice/", FORM).content == b"done"


def test_approval_of_get_does_not_open_post(client, done):  # A8
    complete_step_up(client, client.get("/act/"))
    assert_step_up_required(client.post("/act/"))
    assert done == []


@pytest.mark.parametrize("prefix", ["", "/tenant-b"])
def test_approval_under_one_prefix_does_not_open_another(client, done, prefix):  # A8 T3
    challenged = client.post("/act/", FORM, SCRIPT_NAME="/tenant-a")
    complete_step_up(client, challenged)
    named = {"Authsignal-Step-Up": str(challenged.step_up.key)}
    assert_step_up_required(client.post("/act/", FORM, SCRIPT_NAME=prefix, headers=named))
    assert done == []
    assert client.post("/act/", FORM, SCRIPT_NAME="/tenant-a", headers=named).content == b"done"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "9999"},
        {"payee": "Mallory"},
        {"amount": "５０００.00"},
        {"amount": ["5000", "9999"]},
        {"payee": ["Landlord", "Mallory"]},
    ],
)
def test_approved_transfer_does_not_pay_another(client, bank, change):  # A9 T4
    complete_step_up(client, bank.transfer(client))
    bank.transfer(client, **change)
    assert set(bank.ledger) <= {("Landlord", Decimal(5000))}
    assert not [payee for payee, _ in bank.ledger if payee != "Landlord"]


def form(**changes):
    return {"data": {**FORM, **changes}}


@pytest.mark.parametrize(
    "changed",
    [
        form(amount="5001"),
        form(amount=["5000", "1"]),
        form(extra=""),
        {"data": {"amount": "5000"}},
        form() | {"query_params": {"q": "2"}},
        {"data": "amount=5000&payee=Landlord", "content_type": "application/x-www-form-urlencoded"},
        {"data": FORM, "content_type": "application/json"},
        {"data": "amount=5000&payee=Landlord", "content_type": "text/plain"},
    ],
)
def test_any_other_content_needs_a_challenge_of_its_own(client, done, changed):  # A9 T4
    challenged = client.post("/act/", FORM)
    complete_step_up(client, challenged)
    query = changed.get("query_params")
    path = "/act/?q=2" if query else "/act/"
    other = client.post(path, **{name: value for name, value in changed.items() if name != "query_params"})
    assert_step_up_required(other)
    assert other.step_up.key != challenged.step_up.key
    assert done == []


@pytest.mark.parametrize("query", ["?a=1&a=2", "?a=2&a=1", "?a=1", "?b=1&a=1", "?a=1&b=1&b=", "?A=1", "?b=1&a=1&b=2"])
def test_query_is_bound_in_its_order(client, done, query):  # A9 T4
    complete_step_up(client, client.get("/act/?a=1&b=1"))
    assert_step_up_required(client.get(f"/act/{query}"))
    assert done == []
    assert client.get("/act/?a=1&b=1").content == b"done"


def test_bytes_that_are_no_text_are_bound_as_they_are(client, done):  # A9 T4
    """No holding page could send them again, so whoever asks sends the same form once more."""

    def send(byte, **headers):
        body = f"payee=Andr{byte}&csrfmiddlewaretoken=t"
        return client.post("/act/", body, content_type="application/x-www-form-urlencoded", headers=headers)

    challenged = send("%E9")
    assert 'name="payee"' not in challenged.text
    complete_step_up(client, challenged)
    named = {"Authsignal-Step-Up": str(challenged.step_up.key)}
    for other in ("%E8", "%EF%BF%BD"):
        assert_step_up_required(send(other, **named))
    assert done == []
    assert send("%E9", **named).content == b"done"


def scan(text=b"page 1", name="scan.pdf", media_type="application/pdf"):
    return {"scan": SimpleUploadedFile(name, text, media_type)}


@pytest.mark.parametrize(
    "changed",
    [
        scan(b"page 2"),
        scan(name="x.pdf"),
        scan(media_type="text/html"),
        scan(media_type="application/pdf; charset=utf-7"),  # a charset changes what a text says
        scan(media_type="application/pdf; header=present"),
        {},
    ],
)
def test_approved_upload_is_this_file(client, done, changed):  # A9 T4
    complete_step_up(client, client.post("/scan/", scan()))
    assert_step_up_required(client.post("/scan/", changed))
    assert done == []
    assert client.post("/scan/", scan()).content == b"stored"
    assert done == ["page 1"]  # the view reads the file from its start


def test_upload_is_continued_by_choosing_the_file_again(client, done):
    challenged = client.post("/scan/", scan() | {"note": "mine"})
    complete_step_up(client, challenged)
    assert_step_up_required(press_continue(client, challenged, **scan(b"another")))
    assert press_continue(client, challenged, **scan()).content == b"stored"


def test_multipart_form_behind_csrf_protection_is_bound(bank, alice, client, done):  # A9 T4
    """The CSRF middleware has read the body by then, and `request.body` could not be read any more."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    strict.get("/transfer/")
    headers = {"X-CSRFToken": strict.cookies["csrftoken"].value}
    complete_step_up(strict, strict.post("/act/", FORM, headers=headers))
    assert_step_up_required(strict.post("/act/", FORM | {"amount": "9999"}, headers=headers))
    assert done == []
    assert strict.post("/act/", FORM, headers=headers).content == b"done"


@pytest.mark.parametrize("token", ["", "a" * 64])
def test_csrf_field_and_line_ends_are_not_content(client, done, token):
    complete_step_up(client, client.post("/act/", FORM | {"note": "one\ntwo", "csrfmiddlewaretoken": "b" * 64}))
    again = client.post("/act/", FORM | {"note": "one\r\ntwo", "csrfmiddlewaretoken": token})
    assert again.content == b"done"


def test_other_submission_leaves_the_first_approval_fitting(client, bank):  # A9
    first = bank.transfer(client, 5000)
    complete_step_up(client, first)
    bank.transfer(client, 9000)
    assert row(first).status == "approved"
    press_continue(client, first)
    assert bank.ledger == [("Landlord", Decimal(5000))]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_tabs_with_crossed_returns_pay_each_amount_once(client, bank, order):  # A10 T5
    tabs = [bank.transfer(client, 5000), bank.transfer(client, 6000)]
    for number in order:
        complete_step_up(client, tabs[number])
    for tab in [*tabs, *tabs]:
        press_continue(client, tab)
    assert bank.ledger == [("Landlord", Decimal(5000)), ("Landlord", Decimal(6000))]


def test_return_approves_its_own_row_and_not_the_newest(client, bank):  # A10 T5
    tabs = [bank.transfer(client, 5000), bank.transfer(client, 9000)]
    complete_step_up(client, tabs[0])
    assert [row(tab).status for tab in tabs] == ["approved", "pending"]
    assert press_continue(client, tabs[1]).status_code == 403
    assert bank.ledger == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/names/", {"amount": "5"}),  # missing
        ("/names/?amount=1", FORM),  # in two places
        ("/names/?amount=5000", FORM),
        ("/names/?payee=Landlord", FORM),
        ("/names/Mallory/", FORM),
        ("/names/", FORM | {"amount": ["5000", "1"]}),  # twice in one
        ("/names/", FORM | {"amount": ["1", "5000"]}),
        ("/names/?amount=1&amount=5000", {"payee": "Landlord"}),
    ],
)
def test_bound_name_must_stand_in_exactly_one_place(client, bank, done, path, data):  # T4
    response = client.post(path, data)
    assert (response.status_code, response.step_up.outcome) == (400, "invalid")
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


def test_bound_names_are_read_from_the_route_too(client, done):
    challenged = client.post("/names/Landlord/", {"amount": "5000"})
    assert challenged.step_up.values == {"amount": "5000", "payee": "Landlord"}
    complete_step_up(client, challenged)
    assert_step_up_required(client.post("/names/Mallory/", {"amount": "5000"}))
    assert done == []
    assert client.post("/names/Landlord/", {"amount": "5000"}).content == b"done"


@pytest.mark.parametrize("changed", [FORM | {"note": "not shown"}, FORM | {"note": ""}])
def test_what_is_not_named_is_bound_all_the_same(client, done, changed):  # A9 T4
    challenged = client.post("/names/", FORM)
    complete_step_up(client, challenged)
    other = client.post("/names/", changed)
    assert_step_up_required(other)
    assert (other.step_up.values, done) == (FORM, [])
    assert press_continue(client, challenged).content == b"done"


def test_bound_json_numbers_stay_numbers_for_the_rules(client, bank):
    client.post("/names/", '{"amount": 1234.50, "payee": "Landlord"}', content_type="application/json")
    assert bank.authsignal.requests[-1].payload["custom"] == {"amount": 1234.5, "payee": "Landlord"}


@pytest.mark.parametrize("path", ["/not-a-number/", "/not-told/"])
def test_value_that_json_cannot_hold_tracks_nothing(client, bank, done, path):
    client.raise_request_exception = False
    assert client.post(path).status_code >= 400
    assert (done, statuses(), bank.authsignal.requests) == ([], [], [])


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_text_that_is_no_text_is_refused(client, bank, done, accept):  # F15 T41
    """A lone surrogate, which JSON can write and no page, log or service can hold."""
    body = '{"amount": "\\ud800", "payee": "Landlord"}'
    answer = client.post("/names/", body, content_type="application/json", headers={"Accept": accept})
    assert (answer.status_code, done, statuses(), bank.authsignal.requests) == (400, [], [], [])


def test_characters_that_disguise_a_value_are_spelt_out(client):  # T4
    page = client.post("/names/", {"amount": "5", "payee": "a\u202eb\x07c"}).content.decode()
    shown = page[page.index("<dl>") : page.index("</dl>")]
    assert ("U+202E" in shown, "\u202e" in shown, "\x07" in shown) == (True, False, False)


def test_approval_outlives_a_change_of_the_secret_key(client, bank, settings):
    holding = bank.transfer(client)
    complete_step_up(client, holding)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next one"
    bank.transfer(client)
    assert (len(bank.ledger), row(holding).status) == (1, "spent")


def test_function_that_binds_decides_what_counts(client, bank, done):
    challenged = client.post("/number/", {"amount": "5000", "note": "a"})
    assert bank.authsignal.requests[-1].payload["custom"] == {"amount": 5000}
    complete_step_up(client, challenged)
    assert_step_up_required(client.post("/number/", {"amount": "5001"}))
    assert client.post("/number/", {"amount": "05000"}).content == b"done"


def test_call_in_a_service_binds_its_own_values(client, done):
    complete_step_up(client, client.post("/service/", {"amount": "5"}))
    assert_step_up_required(client.post("/service/", {"amount": "6"}))
    assert done == []
    assert client.post("/service/", {"amount": "5"}).content == b"done"


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)
fields = st.dictionaries(
    texts.filter(lambda name: name.strip() not in ("", "csrfmiddlewaretoken", "_step_up_key")),
    st.lists(texts, min_size=1, max_size=3),
    max_size=3,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(approved=fields, sent=fields, multipart=st.booleans())
def test_no_form_but_the_approved_one_is_carried_out(client, settings, approved, sent, multipart):  # A9 T4
    """Equal content fits however it is encoded anew; any other content never does."""
    from django_authsignal.models import TrackedAction

    TrackedAction.objects.all().delete()
    as_sent = {"data": encode_form(approved, multipart), "content_type": form_type(multipart)}
    complete_step_up(client, client.post("/act/", **as_sent))
    as_sent["data"] = encode_form(sent, multipart)
    assert (client.post("/act/", **as_sent).content == b"done") is (sent == approved)


def form_type(multipart):
    return "multipart/form-data; boundary=edge" if multipart else "application/x-www-form-urlencoded"


def encode_form(data, multipart):
    from django.utils.http import urlencode

    return encode_multipart("edge", data) if multipart else urlencode(data, doseq=True)
