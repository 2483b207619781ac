"""What the rules are told is what the view reads, however a request is written: nothing is paid behind a decoy (T4)."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.http import urlencode

from django_authsignal.testing import assert_step_up_required, complete_step_up

from .steps import row, statuses

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
SMALL = "?amount=1&payee=Landlord"
"""What the rules let pass."""
LARGE = '{"amount": 5000, "payee": "Mallory"}'
UTF7 = '{"payee": "Landlord", "amount": "1", "x": "+ACI-,+ACI-amount+ACI-:+ACI-9000"}'


@pytest.fixture
def client(bank, alice):
    return bank.sign_in(alice)


def send(client, path, body="", content_type=JSON, **headers):
    """Byte by byte: ``client.post()`` would encode the body anew in the charset that *content_type* names."""
    return client.generic("POST", path, body, content_type, headers={"Accept": JSON, **headers})


@pytest.mark.parametrize("content_type", [JSON, "text/plain", "application/octet-stream", "text/json", ""])
def test_json_is_understood_whatever_its_media_type_says(client, bank, content_type):
    challenged = send(client, "/pay/", LARGE, content_type)
    assert_step_up_required(challenged, "withdrawFunds")
    assert bank.authsignal.requests[-1].payload["custom"] == {"amount": 5000, "payee": "Mallory"}
    blocked = send(client, "/pay/", LARGE.replace("Mallory", "Blocked Ltd"), content_type)
    assert (blocked.status_code, blocked.step_up.outcome, bank.ledger) == (403, "blocked", [])
    assert send(client, "/pay/", '{"amount": 5, "payee": "Landlord"}', content_type).content == b"paid"


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        # The query as a decoy, beside a body that the view reads
        (f"/pay/{SMALL}", LARGE, JSON),
        (f"/pay/{SMALL}", LARGE, "text/plain"),
        (f"/pay/{SMALL}", LARGE, "application/octet-stream"),
        (f"/pay/{SMALL}", LARGE, ""),
        (f"/pay/{SMALL}", LARGE, FORM),
        (f"/pay/{SMALL}", "amount=5000&payee=Mallory", FORM),
        (f"/pay/{SMALL}", "amount=5000&payee=Mallory", "text/plain"),
        (f"/pay/{SMALL}", "<amount>5000</amount>", "application/xml"),
        ("/pay/?amount=1", LARGE, JSON),
        # A form inside of JSON
        ("/pay/", '{"amount": "5001", "payee": "Mallory", "x": "&amount=1&payee=Landlord&"}', FORM),
        # Repeated values
        ("/pay/", "amount=1&amount=5000&payee=Landlord", FORM),
        ("/pay/", "amount=5000&amount=1&payee=Landlord", FORM),
        ("/pay/", "amount=1&payee=Landlord&payee=Blocked+Ltd", FORM),
        ("/pay/?amount=1&amount=5000&payee=Landlord", "", FORM),
        ("/pay/", '{"amount": 1, "amount": 5000, "payee": "Landlord"}', JSON),
        # No single value
        ("/pay/", '{"amount": [1, 5000], "payee": "Landlord"}', JSON),
        ("/pay/", '{"amount": {"$": 5000}, "payee": "Landlord"}', JSON),
        ("/pay/", '{"amount": 1, "payee": ["Blocked Ltd"]}', JSON),
        ("/pay/", '["amount", "payee"]', JSON),
        # Text that another parser or charset reads otherwise
        ("/pay/", UTF7, "application/json; charset=utf-7"),
        ("/pay/", UTF7, "text/plain; charset=utf-7"),
        (f"/pay/{SMALL}", LARGE.encode("utf-16"), JSON),
        ("/pay/", LARGE.encode("utf-16"), "application/json; charset=utf-16"),
        ("/pay/", LARGE.encode("cp037"), "application/json; charset=cp037"),
        (f"/pay/{SMALL}", LARGE.encode("cp037"), "text/plain; charset=cp037"),
        ("/pay/", '{"amount": NaN, "payee": "Landlord"}', JSON),
        ("/pay/", '{"amount": 1e9999999999999999999, "payee": "Landlord"}', JSON),
        (f"/pay/{SMALL}", '{"amount": 5000, "payee": "Mallory"', JSON),
        (f"/pay/{SMALL}", "[" * 100_000, JSON),
    ],
)
def test_decoy_pays_nothing_and_tracks_nothing(client, bank, path, body, content_type):  # T4
    answer = send(client, path, body, content_type)
    assert (answer.status_code, answer.step_up.outcome, answer.json()["code"]) == (400, "invalid", "step_up_invalid")
    assert (bank.ledger, statuses(), bank.authsignal.requests) == ([], [], [])


@pytest.mark.parametrize("charset", ["utf-16", "cp037", "utf-7", "zzz"])
def test_form_in_another_charset_pays_nothing(client, bank, charset):  # T4
    answer = send(client, "/pay/", "amount=5000&payee=Landlord", f"{FORM}; charset={charset}")
    assert answer.status_code in (400, 403)
    assert bank.ledger == []
    assert {entry.payload["custom"]["amount"] for entry in bank.authsignal.requests} <= {"5000"}


def test_file_name_is_no_amount(client, bank):  # T4
    """REST framework reads a number from the name of a file that is called like the field."""
    file = SimpleUploadedFile("5000", b"x", "text/plain")
    for amount in (["1", file], [file, "1"], file):
        answer = client.post("/pay/api/", {"amount": amount, "payee": "Landlord"})
        assert (answer.status_code, bank.ledger, bank.authsignal.requests) == (400, [], [])
    answer = client.post("/pay/api/?amount=1", {"amount": file, "payee": "Landlord"})
    assert (answer.status_code, bank.ledger, bank.authsignal.requests) == (400, [], [])
    assert client.post("/pay/api/", {"amount": "1", "payee": "Landlord"}).status_code == 201


def test_api_in_another_charset_pays_nothing(client, bank):  # T4
    """REST framework decodes JSON by the charset of its media type."""
    answer = send(client, "/pay/api/", UTF7, "application/json; charset=utf-7")
    assert (answer.status_code, bank.ledger, bank.authsignal.requests) == (400, [], [])


def test_number_too_large_for_a_float_is_asked_about(client, bank):
    """Python's parser makes it infinite, which is no amount; to the gate it is a number like any other."""
    challenged = send(client, "/pay/", '{"amount": 1e999, "payee": "Landlord"}')
    assert_step_up_required(challenged, "withdrawFunds")
    assert challenged.json()["shown"] == [["Amount", ["1e+999"]], ["Payee", ["Landlord"]]]
    assert bank.ledger == []


# An approval, and then something else


@pytest.fixture
def approved(client, bank):
    """`approved(path, body, content_type)`: the answer whose challenge was passed."""
    bank.authsignal.challenge("withdrawFunds")
    bank.authsignal.challenge("act")

    def approve(path, body, content_type=FORM):
        challenged = client.generic("POST", path, body, content_type)
        assert_step_up_required(challenged)
        complete_step_up(client, challenged)
        assert row(challenged).status == "approved"
        return challenged

    return approve


AS_APPROVED = {"amount": "2000", "payee": "Landlord"}


@pytest.mark.parametrize(
    ("query", "body", "content_type"),
    [
        (AS_APPROVED, '{"amount": 9000, "payee": "Mallory"}', "text/plain"),
        (AS_APPROVED, '{"amount": 9000, "payee": "Mallory"}', "application/octet-stream"),
        (AS_APPROVED, '{"amount": 9000, "payee": "Mallory"}', JSON),
        (AS_APPROVED, '{"sum": 9000}', "text/plain"),
        (AS_APPROVED, '{"sum": 9000}', JSON),
        (AS_APPROVED, "", ""),
        (AS_APPROVED, "", FORM),
        (AS_APPROVED, "sum=9000", FORM),
        (AS_APPROVED, "<sum>9000</sum>", "application/xml"),
        ({"amount": "2000"}, "payee=Landlord", FORM),
        ({"sum": "9000"}, urlencode(AS_APPROVED), FORM),
        ({}, json.dumps(AS_APPROVED), JSON),
        ({}, json.dumps(AS_APPROVED), FORM),
        ({}, urlencode(AS_APPROVED | {"sum": "9000"}), FORM),
        ({}, urlencode(AS_APPROVED), "text/plain"),
    ],
)
@pytest.mark.parametrize("by_header", [True, False])
def test_approved_form_sent_again_in_another_shape_pays_nothing(
    client, bank, approved, query, body, content_type, by_header
):  # A9 T4
    challenged = approved("/pay/", urlencode(AS_APPROVED))
    headers = {"Authsignal-Step-Up": str(challenged.step_up.key)} if by_header else {}
    answer = send(client, f"/pay/?{urlencode(query)}", body, content_type, **headers)
    assert answer.step_up.outcome in ("challenge", "invalid")
    assert answer.step_up.key != challenged.step_up.key
    assert (bank.ledger, row(challenged).status) == ([], "approved")
    send(client, "/pay/", urlencode(AS_APPROVED), FORM)
    assert bank.ledger == [("Landlord", Decimal(2000))]


@pytest.mark.parametrize(
    ("body", "content_type", "changed_type"),
    [
        (UTF7, JSON, "application/json; charset=utf-7"),
        (UTF7, JSON, "application/json; charset=utf-16"),
        ('{"a": "\u00e9"}', "text/plain; charset=utf-8", "text/plain; charset=latin-1"),
        ('{"a": 1}', JSON, "text/json"),
        ('{"a": 1, "b": "&x=1&"}', JSON, FORM),
    ],
)
def test_same_bytes_by_another_media_type_are_another_request(
    client, done, approved, body, content_type, changed_type
):  # A9 T4
    """A view decodes the very same bytes to something else."""
    approved("/act/", body, content_type)
    assert_step_up_required(send(client, "/act/", body, changed_type))
    assert done == []
    assert send(client, "/act/", body, content_type).content == b"done"


def test_json_that_looks_like_the_approved_form_is_another_request(client, done, approved):  # A9 T4
    """Both bodies hold the same fields of a form, and are different JSON."""
    approved("/act/", '{"sum": 1, "x": "&a=1&"}')
    assert_step_up_required(client.post("/act/", '{ "sum": 1, "x": "&a=1&"}', content_type=FORM))
    assert_step_up_required(client.post("/act/", "x=&a=1", content_type=FORM))
    assert done == []


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["csrfmiddlewaretoken", "_step_up_key"])
def test_approved_body_hides_nothing_behind_a_field_of_ours(client, bank, done, approved, mark, name):  # A9 T4
    """Fields that are no content of a form are content of a JSON text that calls itself one."""
    body = f'{mark}{{"x": "&{name}=", "amount": %d, "y": "&"}}'
    approved("/act/", body % 1)
    assert_step_up_required(send(client, "/act/", body % 5000, FORM))
    assert done == []
    assert send(client, "/act/", body % 1, FORM).content == b"done"


@pytest.mark.parametrize("changed", ["text/csv; charset=utf-7", "text/csv; header=present", "text/plain"])
def test_approved_payments_file_in_another_charset_pays_nothing(client, bank, changed):  # A9 T4
    def payments(media_type):
        content = b"payee,amount,reference\nLandlord,10,a\n"
        return {"file": SimpleUploadedFile("payments.csv", content, media_type)}

    complete_step_up(client, client.post("/upload/", payments("text/csv")))
    assert_step_up_required(client.post("/upload/", payments(changed)), "payFromFile")
    assert bank.ledger == []
    client.post("/upload/", payments("text/csv"))
    assert bank.ledger == [("Landlord", Decimal(10))]


# The bank's own pages, which bind cleaned values


@pytest.mark.parametrize("amount", ["１５０２", "1503.00", " 1505 ", "\u00a01506", "1.504e3"])
def test_amount_in_disguise_is_asked_about(client, bank, amount):  # T4
    for answer in (
        bank.transfer(client, amount),
        send(client, "/fetch/payments/", json.dumps({"amount": amount, "payee": "Landlord"})),
        client.post("/htmx/", {"amount": amount, "payee": "Landlord"}),
    ):
        assert (answer.status_code, answer.step_up.outcome) == (403, "challenge")
    assert bank.ledger == []


@pytest.mark.parametrize("payee", ["Blocked Ltd ", " Blocked Ltd", "\tBlocked Ltd\u00a0"])
def test_blocked_payee_in_disguise_is_blocked(client, bank, payee):  # T4
    for answer in (
        bank.transfer(client, 1, payee),
        send(client, "/fetch/payments/", json.dumps({"amount": 1, "payee": payee})),
        client.post("/htmx/", {"amount": "1", "payee": payee}),
    ):
        assert (answer.status_code, answer.step_up.outcome) == (403, "blocked")
    assert bank.ledger == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", FORM, JSON])
@pytest.mark.parametrize("query", ["", SMALL])
def test_banks_script_pays_by_what_it_reads(client, bank, content_type, query):  # T4
    answer = send(client, f"/fetch/payments/{query}", LARGE, content_type)
    assert_step_up_required(answer, "withdrawFunds")
    assert (answer.step_up.values["amount"], bank.ledger) == (Decimal(5000), [])


def test_infinite_amount_is_no_payment(client, bank):
    answer = send(client, "/fetch/payments/", '{"amount": 1e999, "payee": "Landlord"}')
    assert (answer.status_code, bank.ledger, bank.authsignal.requests) == (400, [], [])
