"""Headers and bodies that no sender would send, by the thousand (T55): never a 5xx, no query unless genuine, no grant.

Each input is a valid one that was damaged once or a few times. AUTHSIGNAL_TEST_LONG=1 sends 100,000 of them.
"""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from django.test import Client

from django_authsignal.models import TrackedAction, WebhookEvent
from tests.rig.proofs import often, record

from .events import PATH, authenticator, batch, encoded, event, log, message, signed, verify

INPUTS = often(1_500, 100_000)
SIGNATURE = "HTTP_X_SIGNATURE_V2"

ODD_TEXTS = ["", " ", "\0", "\x1b[2J", "\ud83d", "\udfff x", "\u202e", "é" * 65, "x" * 300, "null", "NaN", "..", "%00"]
ODD_TEXTS += [
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-01-05",
    "1740016316",
]
ODD_TEXTS += ["BLOCK", "ALLOW", "CHALLENGE_SUCCEEDED", "action.verify", "action.log_created", "authenticator.created"]
ODD = [
    *ODD_TEXTS,
    None,
    True,
    False,
    0,
    -1,
    0.5,
    1e308,
    float("inf"),
    float("nan"),
    2**63,
    10**400,
    [],
    {},
    [[]],
    {"": {}},
]
ODD_BYTES = [
    b"\0",
    b"\xff\xfe",
    b"\\ud800",
    b"\\u0000",
    b'"',
    b"{",
    b"]",
    b",",
    b"9" * 5000,
    b"[" * 2000,
    b"e999",
    b"\r\n",
]
ODD_PARTS = [
    "t=",
    "v2=",
    ",",
    "=",
    "t=0",
    "t=99999999999999",
    "v1=x",
    ";",
    " ",
    "\t",
    "\xff",
    "\xa0",
    "+",
    "_",
    "x" * 4100,
]


def damaged_bytes(chance, body):
    """*body*, flipped, cut, doubled or with something in it that does not belong there."""
    at, to = sorted(chance.choices(range(len(body) + 1), k=2))
    return chance.choice(
        [
            lambda: body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :],
            lambda: body[:at],
            lambda: body[at:],
            lambda: body[:at] + body[to:],
            lambda: body[:to] + body[at:],
            lambda: body[:at] + chance.choice(ODD_BYTES) + body[at:],
        ]
    )()


def damaged_value(chance, value):
    """*value* with one member, anywhere in it, replaced, dropped, renamed or doubled. Changes it in place."""
    place = chance.choice(list(containers(value)))
    key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
    match chance.randrange(5):
        case 0:
            del place[key]
        case 1 if isinstance(place, dict):
            place[chance.choice(ODD_TEXTS)] = place.pop(key)
        case 2 if isinstance(place, list):
            place.append(place[key])
        case _:
            place[key] = chance.choice(ODD)
    return value


def containers(value):
    """The objects and arrays in *value* that hold something, itself first."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner:
        yield value
    for one in inner:
        yield from containers(one)


def damaged_header(chance, header):
    at, to = sorted(chance.choices(range(len(header) + 1), k=2))
    parts = header.split(",")
    chance.shuffle(parts)
    return chance.choice(
        [
            lambda: header[:at] + chr(chance.randrange(256)) + header[at + 1 :],
            lambda: header[:at],
            lambda: header[:at] + header[to:],
            lambda: header[:at] + chance.choice(ODD_PARTS) + header[at:],
            lambda: ",".join([*parts, chance.choice(parts)]),
            lambda: header.swapcase(),
        ]
    )()


def damaged(chance, damage, thing):
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        thing = damage(chance, thing) if thing else thing
    return thing


@pytest.fixture
def rows(make_row):
    return [make_row(), make_row("approved", binding="v1:b"), make_row("spent"), make_row("void")]


@pytest.fixture
def valid(rows, received):
    """`valid(chance)`: one of the deliveries that the service could send; messages have a receiver."""

    def make(chance):
        row, other = chance.choice(rows), chance.choice(rows)
        singles = [log(row, "CHALLENGE_SUCCEEDED"), verify(row), message(), authenticator("created", str(row.user_id))]
        many = batch(
            log(row, "BLOCK"), event("x", {"deep": {"list": [1, {}]}}), *chance.sample(singles, 2), log(other, "ALLOW")
        )
        return chance.choice([*singles, many])

    return make


def send(body, header):
    return Client(raise_request_exception=False).post(
        PATH, body, content_type="application/json", **{SIGNATURE: header} if header else {}
    )


def standing():
    return dict(TrackedAction.objects.values_list("pk", "status"))


def test_what_is_not_genuine_is_refused_without_a_query(valid, statements):  # T55 A32
    """Headers by another secret, and right ones that were damaged on the way."""
    chance, answers = random.Random(55), Counter()
    for number in range(INPUTS // 2):
        body = encoded(valid(chance))
        header = signed(body, secret=chance.choice([None, "another"]))
        timestamp, right = signed(body)[2:].split(",v2=")
        header = damaged(chance, damaged_header, header)
        if number % 3 == 0:
            body = damaged(chance, damaged_bytes, body)
        statements.clear()
        answer = send(body, header).status_code
        answers[answer] += 1
        if answer != 400:
            # The damage was none: a further part, or white space.
            assert answer in (200, 409), (number, answer)
            assert timestamp in header, number
            assert right in header, number
        else:
            assert statements == [], number
    assert answers[400] > 0.8 * answers.total()
    record("webhooks", "not genuine", inputs=answers.total(), refused=answers[400])


def test_what_is_genuine_and_damaged_is_recorded_or_refused_and_never_grants(valid, statements):  # T55 T58
    chance, answers, recorded = random.Random(58), Counter(), 0
    before = standing()
    for number in range(INPUTS // 2):
        value = valid(chance)
        if number % 2:
            value = damaged(chance, damaged_value, value)
        body = json.dumps(value).encode()
        if number % 3 == 0:
            body = damaged(chance, damaged_bytes, body)
        statements.clear()
        answer = send(body, signed(body)).status_code
        answers[answer] += 1
        assert answer in (200, 400, 409), (number, answer)
        assert answer != 400 or statements == [], number
        inserted = sum(statement.startswith("INSERT") and "webhookevent" in statement for statement in statements)
        assert inserted <= 7, number
        recorded += inserted
    assert WebhookEvent.objects.count() <= recorded
    assert min(answers.values()) > INPUTS // 100, answers
    after = standing()
    assert after.keys() == before.keys()
    assert {(before[pk], after[pk]) for pk in after} <= {
        ("pending", "pending"),
        ("pending", "refused"),
        ("approved", "approved"),
        ("approved", "refused"),
        ("spent", "spent"),
        ("void", "void"),
    }
    record("webhooks", "genuine and damaged", inputs=answers.total(), refused=answers[400], grants=0)
