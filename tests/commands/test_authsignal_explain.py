"""``manage.py authsignal_explain``: why, what stands now, what next; and nothing that is nobody's business."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from io import StringIO

import pytest
import responses
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_authsignal import timeline
from django_authsignal.management.commands.authsignal_explain import Command
from django_authsignal.management.explaining import NEXT
from django_authsignal.management.standing import room_of
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services.asking import MOST_LIVE, MOST_UNPASSED_PER_HOUR
from django_authsignal.statuses import Status
from django_authsignal.testing import complete_step_up

HMACS = {"binding": "v1:binding-hmac", "channel": "v1:channel-hmac", "auth_hash": "v1:auth-hmac"}
PHONE, EMAIL, IP = "+64211234567", "alice@secret.example", "203.0.113.7"
PRIVATE = [PHONE, EMAIL, IP, "hmac", "secret-account", "sandbox_test"]
ENDS = dict.fromkeys(timeline.REASONS, Status.VOID) | dict.fromkeys(
    ["block", "review", "unenrolled", "minimum", "verification_method", "challenge", "stale", "revoked"], Status.REFUSED
)


@pytest.fixture
def explain(db, authsignal):
    """Call the command; what it printed. Never an address, a hash or the secret (T65, T68)."""

    def call(*args, **options):
        out = StringIO()
        try:
            call_command("authsignal_explain", *args, stdout=out, no_color=True, **options)
        finally:
            printed = out.getvalue()
            assert [private for private in PRIVATE if private in printed] == []
            assert all(line.isprintable() for line in printed.splitlines())  # T71
        return printed

    return call


@pytest.fixture
def make_row(alice):
    """A row that began ten minutes ago; ``*_at`` given as numbers are seconds after that."""

    def make(**fields):
        start = fields.pop("created_at", timezone.now() - timedelta(minutes=10))
        times = {
            name: start + timedelta(seconds=value)
            for name, value in fields.items()
            if name.endswith("_at") and isinstance(value, int)
        }
        known = {"user": alice, "authsignal_user_id": str(alice.pk), "environment": "sandbox", "action": "transfer"}
        asked = {"method": "POST", "route": "transfer/", "created_at": start, "ip_address": IP}
        page = {"return_path": "/statement/?account=secret-account"}
        return TrackedAction.objects.create(**{**known, **asked, **page, **HMACS, **fields, **times})

    return make


def exit_of(explain, *args, **options):
    with pytest.raises(CommandError) as caught:
        explain(*args, **options)
    return caught.value.returncode, str(caught.value)


def facts(printed):
    """The lines under the newest action, by their names; of several with one name the first."""
    found = {}
    for line in printed.split("\n\n")[1].splitlines()[1:]:
        found.setdefault(line[2:16].strip(), line[17:])
    return found


# The person


def test_enrolled_person_is_told_with_methods_and_without_addresses(explain, authsignal, make_row, alice):  # T68
    make_row(status=Status.VOID, ended_at=1, reason="expired")
    authsignal.unenrolled(alice)
    authsignal.enrol(alice, "SMS", phoneNumber=PHONE)
    authsignal.enrol(alice, "EMAIL_OTP", email=EMAIL)
    printed = explain("alice")
    assert printed.startswith(f"alice is '{alice.pk}' at Authsignal. Times are in UTC.\n")
    assert "  Authenticator  EMAIL_OTP, SMS\n" in printed
    assert f"0 of at most {MOST_LIVE} open, 0 of at most {MOST_UNPASSED_PER_HOUR}" in printed


def test_person_without_authenticator_is_told(explain, make_row, carol):
    make_row(user=carol, authsignal_user_id=str(carol.pk))
    assert "  Authenticator  none: the user has nothing to pass a challenge with\n" in explain("carol")


def test_only_the_name_that_was_typed_is_printed(explain, make_row, alice):  # T68
    get_user_model().objects.filter(pk=alice.pk).update(username=EMAIL, email=EMAIL)
    make_row()
    assert f"{alice.pk} is '{alice.pk}'" in explain(str(alice.pk))


def test_person_who_is_gone_is_found_by_the_id(explain, bank, alice):
    bank.transfer(bank.sign_in(alice))
    known = str(alice.pk)
    alice.delete()
    printed = explain(authsignal_id=known)
    assert printed.startswith(f"{known} is '{known}' at Authsignal.")
    assert "Challenges" not in printed
    assert facts(printed)["Now"] == "Ended: the user's account was deleted."
    assert facts(printed)["Next"] == "Nothing: the account is gone."


def test_id_of_somebody_who_is_here_counts_their_challenges_too(explain, make_row, alice):
    make_row(status=Status.PENDING, answered_at=1, expires_at=1200)
    assert f"1 of at most {MOST_LIVE} open" in explain(authsignal_id=str(alice.pk))


# What happened, as it happens


def test_challenge_that_waits(explain, bank, alice):
    bank.transfer(bank.sign_in(alice))
    printed = explain("alice")
    told = facts(printed)
    assert told["Decision"] == "Authsignal demanded a challenge."
    assert told["Rule"] == "large-transfer"
    until = TrackedAction.objects.get().expires_at.strftime("%Y-%m-%d %H:%M:%S")
    assert told["Now"] == f"Waiting until {until} for the user to pass the challenge."
    assert told["Next"].startswith("Open the page again and pass the challenge before 20")
    assert told["Timeline"].endswith("  The gate met the request. POST transfer/")
    assert "Authsignal asked for a challenge. The user has an authenticator. Rules: large-transfer." in printed
    assert "At Authsignal" not in told


def test_challenge_that_was_passed(explain, bank, alice):
    browser = bank.sign_in(alice)
    complete_step_up(browser, bank.transfer(browser))
    told = facts(explain("alice"))
    assert told["Verified with"] == "SMS"
    assert told["Next"].startswith("Send the very same request again, in the same browser")
    bank.transfer(browser)
    told = facts(explain("alice"))
    assert (told["Now"], told["Next"][:20]) == ("Spent: the request was let through, once.", "Nothing: it went on.")


def test_block(explain, bank, alice):
    bank.transfer(bank.sign_in(alice), payee="Blocked Ltd")
    told = facts(explain("alice"))
    assert (told["Decision"], told["Rule"]) == ("Authsignal blocked it.", "blocked-payee")
    assert told["Now"] == "Refused: a rule at Authsignal blocks it."
    assert "lift the block" in told["Next"]


def test_allowed_action(explain, bank, alice):
    bank.transfer(bank.sign_in(alice), 50)
    told = facts(explain("alice"))
    assert told["Decision"] == "Authsignal allowed it without a challenge."
    assert "Rule" not in told


def test_person_without_authenticator_was_refused(explain, bank, carol):
    bank.transfer(bank.sign_in(carol))
    told = facts(explain("carol"))
    assert told["Now"] == "Refused: the user had no authenticator."
    assert "set up an authenticator" in told["Next"]


def test_visit_to_the_set_up_page_whose_answer_was_replaced(explain, make_row):
    now = timezone.now()
    heard = {"remote_state": "ALLOW", "remote_state_at": now, "remote_state_source": "webhook"}
    make_row(status=Status.VOID, answered_at=1, ended_at=1, reason="enrolment", enforced=False, **heard)
    printed = explain("alice", local=True)
    assert facts(printed)["Decision"] == "Authsignal answered; only watched, nothing was stopped."
    assert "Authsignal says ALLOW. Told by webhook." in printed


def test_outage(explain, bank, authsignal, alice):
    authsignal.down()
    bank.transfer(bank.sign_in(alice))
    authsignal.up()
    told = facts(explain("alice"))
    assert told["Decision"] == "No answer of Authsignal is recorded, so nothing was allowed by it."
    assert "authsignal_check" in told["Next"]
    assert told["At Authsignal"] == "Authsignal does not know it"


def test_watched_action(explain, bank, alice, settings):
    settings.AUTHSIGNAL_MODE = "report_only"
    bank.transfer(bank.sign_in(alice))
    told = facts(explain("alice"))
    assert told["Decision"] == "Authsignal demanded a challenge; only watched, nothing was stopped."
    assert told["Next"] == "Nothing: it was only watched."


def test_newest_actions_come_first_and_no_more_than_asked_for(explain, make_row):
    now = timezone.now()
    for minutes in range(7):
        make_row(action=f"act{minutes}", created_at=now - timedelta(minutes=minutes))
    assert [line.split("  ")[1] for line in explain("alice").splitlines() if line.startswith("20")] == [
        "act0",
        "act1",
        "act2",
        "act3",
        "act4",
    ]
    assert explain("alice", "--limit=2").count("Decision") == 2
    assert explain("alice", action="act6").count("Decision") == 1


def test_one_action_by_key(explain, make_row):
    first, _second = make_row(), make_row(binding="v1:other-hmac")
    printed = explain("alice", key=first.idempotency_key)
    assert printed.count("Decision") == 1
    assert str(first.idempotency_key) in printed


def test_history_of_others_is_not_told(explain, make_row, bob):
    make_row()
    make_row(user=bob, authsignal_user_id=str(bob.pk), action="bobs")
    assert "bobs" not in explain("alice")


# Every way to end


@pytest.mark.parametrize("reason", sorted(timeline.REASONS))
def test_every_reason_has_a_next_step(explain, make_row, reason):
    make_row(status=ENDS[reason], reason=reason, ended_at=2, answered_at=1)
    told = facts(explain("alice", local=True))
    assert told["Next"] == NEXT.get(reason, "Send the request again: Authsignal decides anew.")
    assert str(timeline.REASONS[reason]) in told["Now"]


def test_next_steps_are_about_reasons_that_exist():
    assert set(NEXT) <= set(timeline.REASONS)


@pytest.mark.parametrize(
    ("fields", "next_step"),
    [
        ({}, "Send the request again"),
        ({"status": Status.PENDING, "answered_at": 1, "expires_at": 60}, "Send the request again"),
        ({"status": Status.APPROVED, "answered_at": 1, "approved_at": 9, "expires_at": 60}, "Send the request again"),
        ({"status": Status.PENDING, "answered_at": 1, "expires_at": 1200}, "Open the page again"),
        ({"status": Status.SPENT, "answered_at": 1, "spent_at": 1, "remote_state": "ALLOW"}, "Nothing: it went on"),
        ({"status": Status.SPENT, "answered_at": 1, "spent_at": 1, "remote_state": "BLOCK"}, "It went on, but"),
        ({"status": Status.VOID, "ended_at": 1, "reason": "a new word"}, "Send the request again"),
    ],
)
def test_next_step_fits_where_the_action_stands(explain, make_row, fields, next_step):
    make_row(**fields)
    assert facts(explain("alice", local=True))["Next"].startswith(next_step)


def test_request_that_went_on_without_verification_needs_no_next_step(explain, make_row):
    row = make_row(status=Status.VOID, reason="unreachable", ended_at=1)
    row.note(ActionEvent.Kind.BYPASSED, "unavailable")
    assert facts(explain("alice", local=True))["Next"].startswith("Nothing: the request went on without verification")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, ""),
        ({"reason": "unavailable"}, ""),
        ({"answered_at": 1, "reason": "block", "remote_state": "CHALLENGE_REQUIRED"}, "BLOCK"),
        ({"answered_at": 1, "reason": "review", "remote_state": "REVIEW_SUCCEEDED"}, "REVIEW_REQUIRED"),
        ({"answered_at": 1, "reason": "minimum", "remote_state": "ALLOW"}, "ALLOW"),
        ({"answered_at": 1, "status": Status.SPENT, "spent_at": 1, "remote_state": "BLOCK"}, "ALLOW"),
        ({"answered_at": 1, "expires_at": 9, "reason": "revoked", "remote_state": "BLOCK"}, "CHALLENGE_REQUIRED"),
        ({"answered_at": 1, "reason": "report_only", "remote_state": "BLOCK", "remote_state_source": "track"}, "BLOCK"),
    ],
)
def test_first_answer_is_known_whatever_was_heard_later(make_row, fields, state):
    assert timeline.first_answer(make_row(**fields)) == state


# What Authsignal says


@pytest.fixture
def service(authsignal, settings, alice):
    """Authsignal by hand: says of alice's only action what it is told to."""
    settings.AUTHSIGNAL_ADAPTER = None
    base = f"http://sandbox.localhost/v1/users/{alice.pk}"
    with responses.RequestsMock(assert_all_requests_are_fired=False) as fake:
        fake.get(base, json={"isEnrolled": True, "email": EMAIL, "phoneNumber": PHONE})
        fake.get(f"{base}/authenticators", json=[{"userAuthenticatorId": "a", "verificationMethod": "PASSKEY"}])

        def say(row, status=200, **members):
            known = {"state": row.remote_state or "ALLOW", "output": {"custom": {"iban": "secret-account"}}}
            url = f"{base}/actions/{row.action}/{row.idempotency_key}"
            fake.get(url, json={**known, **members}, status=status)
            return fake

        yield say


def test_rules_are_named_in_their_order(explain, service, make_row):
    rules = [
        {"ruleId": "r-2", "name": "Large transfers", "description": "more than 1,000", "metadata": {"x": EMAIL}},
        {"ruleId": "r-1", "name": "New device"},
        {"ruleId": "r-3"},
        {"name": "Nameless id"},
    ]
    service(make_row(rule_ids=["r-1", "r-2"]), rules=rules)
    printed = explain("alice")
    assert [line[17:] for line in printed.splitlines() if line.startswith("  Rule")] == [
        "Large transfers (r-2): more than 1,000",
        "New device (r-1)",
        "r-3",
        "Nameless id",
    ]


@pytest.mark.parametrize("rules", [None, "r", 5, {}, [], [5, None, "r"]])
def test_rules_that_cannot_be_read_leave_those_of_the_row(explain, service, make_row, rules):
    service(make_row(rule_ids=["r-1"]), rules=rules)
    assert facts(explain("alice"))["Rule"] == "r-1"


def test_hostile_names_cannot_steer_the_terminal(explain, service, make_row):  # T71
    row = make_row(rule_ids=[], verification_method="\x1b[2J", route="\u202eevil\r\n")
    service(row, rules=[{"ruleId": "\x1b]0;x", "name": "a\nb" + "x" * 500, "description": ["x"]}])
    told = facts(explain("alice"))
    assert told["Rule"].startswith("abxxx")
    assert len(told["Rule"]) < 200
    assert told["Verified with"] == "\\x1b[2J"


def test_what_authsignal_says_by_now_is_told_and_not_recorded(explain, service, make_row):
    row = make_row(status=Status.PENDING, answered_at=1, expires_at=1200, remote_state="CHALLENGE_REQUIRED")
    fake = service(row, state="BLOCK")
    before = TrackedAction.objects.values().get()
    told = facts(explain("alice"))
    assert told["At Authsignal"].startswith("Authsignal says BLOCK by now, and this site last heard CHALLENGE_REQUIRED")
    assert TrackedAction.objects.values().get() == before
    assert not ActionEvent.objects.exists()
    assert {call.request.method for call in fake.calls} == {"GET"}


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ({"status": 404}, "Authsignal does not know it"),
        ({"status": 400, "errorCode": "odd"}, "rejected with 400 odd"),
        ({"state": "SOMETHING_NEW"}, "state is missing or unknown"),
    ],
)
def test_answer_about_one_action_that_says_nothing_is_told(explain, service, make_row, answer, note):
    service(make_row(), **answer)
    assert note in facts(explain("alice"))["At Authsignal"]


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_service_that_cannot_be_asked_is_asked_no_more(explain, authsignal, make_row, status):
    for _ in range(3):
        make_row(binding=f"v1:{uuid.uuid4()}")
    authsignal.fail_next(status, times=2)
    printed = explain("alice")
    assert "  Authenticator  not known: Authsignal cannot be asked (GET /users/{}: " in printed
    assert ("Is manage.py authsignal_sandbox running?" in printed) == (status >= 500)
    assert printed.count("Decision") == 3
    assert "At Authsignal" not in printed
    assert {entry.path.count("/") for entry in authsignal.requests} == {3}


def test_local_asks_nothing(explain, authsignal, make_row):
    make_row(rule_ids=["r-1"])
    printed = explain("alice", local=True)
    assert "not known: not asked (--local)" in printed
    assert facts(printed)["Rule"] == "r-1"
    assert authsignal.requests == []


def test_settings_that_cannot_work_leave_the_history(explain, make_row, settings):
    make_row()
    settings.AUTHSIGNAL_SECRET = "not for this address"
    printed = explain("alice")
    assert "Authsignal cannot be asked (AUTHSIGNAL_SECRET and AUTHSIGNAL_API_URL disagree" in printed
    assert printed.count("Decision") == 1


@pytest.mark.parametrize("where", [{"environment": "live"}, {"tenant": "another"}])
def test_action_of_another_environment_or_tenant_is_not_asked_about(explain, authsignal, make_row, where):  # T48
    make_row(**where)
    assert facts(explain("alice"))["At Authsignal"].startswith("not asked: it was tracked with another")
    assert not any("/actions/" in entry.path for entry in authsignal.requests)


# How much room is left (T49)


def pending(make_row, number, *, minutes_ago, minutes_left):
    now = timezone.now()
    for _ in range(number):
        make_row(
            status=Status.PENDING,
            binding=f"v1:{uuid.uuid4()}",
            created_at=now - timedelta(minutes=minutes_ago),
            expires_at=now + timedelta(minutes=minutes_left),
        )


def unpassed(make_row, number, *, minutes_ago):
    created = timezone.now() - timedelta(minutes=minutes_ago)
    for _ in range(number):
        make_row(status=Status.VOID, reason="expired", created_at=created, ended_at=60, expires_at=50)


def test_person_with_room_is_not_throttled(explain, make_row):
    pending(make_row, MOST_LIVE - 1, minutes_ago=5, minutes_left=5)
    pending(make_row, 3, minutes_ago=70, minutes_left=5)
    printed = explain("alice", local=True)
    assert f"{MOST_LIVE - 1} of at most {MOST_LIVE} open, {MOST_LIVE - 1} of at most" in printed
    assert "Throttled" not in printed


@pytest.mark.parametrize(
    ("live", "passed_by", "minutes"),
    [
        ([(4, 5, 6), (1, 8, 2)], [], 2),  # the one that runs out first makes room
        ([(2, 5, 6), (4, 8, 2)], [], 2),
        ([(4, 5, 6), (2, 8, 2)], [], 2),
        ([(5, 5, 6), (1, 8, 2)], [], 6),
        ([(5, 58, 9)], [], 2),  # an hour after it began it counts no more
        ([(5, 5, 6), (3, 20, -10)], [], 6),  # what has run out does not count
        ([], [(20, 30)], 30),
        ([], [(10, 50), (15, 20)], 10),
        ([], [(10, 50), (25, 20)], 40),
        ([], [(10, 50), (10, 20)], 10),
        ([(5, 5, 6)], [(15, 20)], 40),
        ([(5, 5, 6)], [(15, 58)], 6),
    ],
)
def test_throttled_person_is_told_until_when(explain, make_row, alice, live, passed_by, minutes):
    for number, ago, left in live:
        pending(make_row, number, minutes_ago=ago, minutes_left=left)
    for number, ago in passed_by:
        unpassed(make_row, number, minutes_ago=ago)
    now = timezone.now()
    until = room_of(alice.pk, now).full_until
    assert abs(until - now - timedelta(minutes=minutes)) < timedelta(seconds=30)
    assert room_of(alice.pk, until).full_until is None
    assert room_of(alice.pk, until - timedelta(seconds=5)).full_until is not None
    assert f"  Throttled      new challenges are refused (429) until {until:%Y-%m-%d %H:%M:%S}\n" in explain(
        "alice", local=True
    )


def test_approval_that_waits_is_open_but_not_unpassed(make_row, alice):
    now = timezone.now()
    pending(make_row, MOST_LIVE - 1, minutes_ago=5, minutes_left=6)
    make_row(
        status=Status.APPROVED,
        binding="v1:approved-hmac",
        approved_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(minutes=4),
    )
    room = room_of(alice.pk, now)
    assert (room.live, room.unpassed) == (MOST_LIVE, MOST_LIVE - 1)
    assert room.full_until == now + timedelta(minutes=4)


def test_throttle_of_the_gate_is_the_one_that_is_told(explain, bank, alice):
    browser = bank.sign_in(alice)
    answers = [bank.transfer(browser, 5000 + number).status_code for number in range(MOST_LIVE + 1)]
    assert answers[-2:] == [403, 429]
    assert "Throttled" in explain("alice", local=True)


# Nothing to explain


def test_nobody_or_two_are_wrong_usage(explain):
    assert exit_of(explain)[0] == 2
    assert exit_of(explain, "alice", authsignal_id="1")[0] == 2


@pytest.mark.parametrize("user", ["nobody", "999999", ""])
def test_unknown_person_is_3(explain, alice, user):
    code, message = exit_of(explain, user)
    assert (code, message.endswith("If the account is deleted, use --authsignal-id.")) == (3, True)


@pytest.mark.parametrize("known", ["a\nb", "\x1b[2J", "\0"])
def test_id_with_control_characters_is_3(explain, known):  # T71
    code, message = exit_of(explain, authsignal_id=known)
    assert (code, message.isprintable()) == (3, True)


def test_surrogate_in_an_id_is_3(explain):
    assert exit_of(explain, authsignal_id="\udc80")[0] == 3


def test_person_without_history_is_4_and_told_why_that_can_be(explain, alice):
    code, message = exit_of(explain, "alice")
    assert code == 4
    assert message.startswith("Nothing is recorded of alice. A request leaves no trace when")
    assert exit_of(explain, authsignal_id="a stranger")[0] == 4


def test_unknown_action_code_is_4_and_the_known_ones_are_told(explain, make_row):
    make_row(action="transfer")
    make_row(action="login")
    code, message = exit_of(explain, "alice", action="\x1btransfers")
    assert code == 4
    assert message == (
        "Nothing is recorded of alice with the action code \\x1btransfers. Recorded are: login, transfer."
    )


def test_unknown_key_is_4(explain, make_row):
    make_row(action="login")
    key = make_row().idempotency_key
    assert exit_of(explain, "alice", key=uuid.UUID(int=0))[0] == 4
    assert exit_of(explain, "alice", key=key, action="login")[0] == 4


def test_id_that_no_setting_allows_is_1(explain, alice, settings):
    settings.AUTHSIGNAL_USER_ID = lambda user: "None"
    code, message = exit_of(explain, "alice")
    assert (code, "AUTHSIGNAL_USER_ID" in message) == (1, True)


@pytest.mark.parametrize("arguments", [["--limit=0"], ["--limit=101"], ["--limit=x"], ["--key=x"]])
def test_arguments_that_cannot_be_are_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        Command().run_from_argv(["manage.py", "authsignal_explain", "alice", *arguments])
    assert caught.value.code == 2
    assert arguments[0].partition("=")[0] in capsys.readouterr().err


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "authsignal_explain", "--help"])
    printed = capsys.readouterr().out
    for code in (0, 1, 2, 3, 4, 6):
        assert f"\n  {code}  " in printed


# For programs


def test_json_says_the_same(explain, bank, alice):
    bank.transfer(bank.sign_in(alice))
    told = json.loads(explain("alice", json=True))
    assert told["person"] == {
        "authsignal_user_id": str(alice.pk),
        "enrolled": True,
        "verification_methods": ["SMS"],
        "note": "",
        "live": 1,
        "unpassed": 1,
        "full_until": None,
    }
    (action,) = told["actions"]
    assert (action["action"], action["status"], action["authsignal_state"]) == (
        "withdrawFunds",
        "pending",
        "CHALLENGE_REQUIRED",
    )
    assert action["rules"] == [{"id": "large-transfer", "name": "", "description": ""}]
    assert [entry["title"] for entry in action["timeline"]] == [
        "The gate met the request",
        "Authsignal asked for a challenge",
        "The challenge began",
    ]


def test_language_of_the_site_does_not_mix_in(explain, make_row, settings):
    settings.LANGUAGE_CODE = "de"
    make_row(status=Status.PENDING, answered_at=1, expires_at=1200)
    assert facts(explain("alice"))["Now"].startswith("Waiting until ")
