"""``manage.py authsignal_enrol``, over the sandbox."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from django_authsignal.management.commands.authsignal_enrol import Command
from django_authsignal.signals import enrolment_changed

NUMBER = "+64211234567"


@pytest.fixture
def enrol(db, authsignal):
    """Call the command; what it printed."""

    def call(user, phone=NUMBER, **options):
        out = StringIO()
        call_command("authsignal_enrol", user, phone=phone, stdout=out, no_color=True, **options)
        return out.getvalue()

    return call


@pytest.fixture
def newcomer(carol):
    """Carol has no authenticator yet."""
    return carol


def exit_of(enrol, *args, **options):
    """The exit code and the message of a call that fails."""
    with pytest.raises(CommandError) as caught:
        enrol(*args, **options)
    return caught.value.returncode, str(caught.value)


def sent(authsignal):
    """Method, path and payload of what was written at the service."""
    return [(entry.method, entry.path, entry.payload) for entry in authsignal.requests if entry.method != "GET"]


def enrolled(user, phone=NUMBER, method="SMS"):
    return [("POST", f"/v1/users/{user.pk}/authenticators", {"verificationMethod": method, "phoneNumber": phone})]


def test_number_is_enrolled_by_user_name(enrol, authsignal, newcomer):
    assert enrol("carol") == "Enrolled: 'carol', number ending in 567, SMS.\n"
    assert sent(authsignal) == enrolled(newcomer)


def test_number_is_enrolled_by_primary_key(enrol, authsignal, newcomer):
    assert enrol(str(newcomer.pk)).startswith("Enrolled: 'carol'")
    assert sent(authsignal) == enrolled(newcomer)


def test_channel_chooses_the_method(enrol, authsignal, newcomer):
    assert "WHATSAPP" in enrol("carol", channel="whatsapp")
    assert sent(authsignal) == enrolled(newcomer, method="WHATSAPP")


@pytest.mark.parametrize(
    ("phone", "region"),
    [("+64 21 123-4567", None), ("021 123 4567", "NZ"), ("(021) 123 4567", "nz"), ("0064211234567", "GB")],
)
def test_number_goes_out_in_e164_however_it_is_written(enrol, authsignal, newcomer, phone, region):
    enrol("carol", phone, region=region)
    assert sent(authsignal) == enrolled(newcomer)


def test_second_run_changes_nothing(enrol, authsignal, newcomer):
    enrol("carol")
    assert enrol("carol", "021 123 4567", region="NZ").startswith("Already enrolled, nothing changed: 'carol'")
    assert sent(authsignal) == enrolled(newcomer)


def test_same_number_on_another_channel_is_another_authenticator(enrol, authsignal, newcomer):
    enrol("carol")
    enrol("carol", channel="whatsapp")
    assert sent(authsignal) == enrolled(newcomer) + enrolled(newcomer, method="WHATSAPP")


def test_dry_run_looks_but_sends_nothing(enrol, authsignal, newcomer):
    assert enrol("carol", dry_run=True).startswith("Would enrol (dry run, nothing sent): 'carol'")
    assert sent(authsignal) == []
    enrol("carol")
    assert enrol("carol", dry_run=True).startswith("Already enrolled")


def test_enrolment_is_signalled_once(enrol, newcomer):
    heard = []

    def listen(sender, user, **kwargs):
        heard.append(user)

    enrolment_changed.connect(listen)
    try:
        enrol("carol", dry_run=True)
        enrol("carol")
        enrol("carol")
    finally:
        enrolment_changed.disconnect(listen)
    assert heard == [newcomer]


def test_number_is_never_printed_whole(enrol, newcomer):  # T68
    printed = enrol("carol", dry_run=True) + enrol("carol") + enrol("carol")
    assert "1234" not in printed
    assert "1234" not in exit_of(enrol, "carol", "+6421123456789123456")[1]
    assert "1234" not in exit_of(enrol, "carol", "+64 1234")[1]


# Whom


@pytest.mark.parametrize("user", ["nobody", "999999", "99999999999999999999999", "", "CAROL", "car"])
def test_unknown_user_is_refused(enrol, authsignal, newcomer, user):
    code, message = exit_of(enrol, user)
    assert code == 3
    assert repr(user) in message
    assert authsignal.requests == []


def test_name_that_is_somebody_elses_key_is_refused(enrol, authsignal, newcomer):
    namesake = get_user_model().objects.create_user(str(newcomer.pk))
    code, message = exit_of(enrol, str(newcomer.pk))
    assert code == 3
    assert f"primary key {namesake.pk}" in message
    assert "'carol'" in message
    assert authsignal.requests == []
    assert enrol(str(namesake.pk)).startswith(f"Enrolled: '{newcomer.pk}'")
    assert enrol("carol").startswith("Enrolled: 'carol'")


def test_user_whose_name_is_the_own_key_is_found(enrol, newcomer):
    get_user_model().objects.filter(pk=newcomer.pk).update(username=str(newcomer.pk))
    assert enrol(str(newcomer.pk)).startswith(f"Enrolled: '{newcomer.pk}'")


def test_name_that_several_users_share_is_refused(enrol, authsignal, newcomer, alice, monkeypatch):
    """A USERNAME_FIELD need not be unique with a backend of one's own."""
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    get_user_model().objects.update(email="shared@bank.example")
    assert exit_of(enrol, "shared@bank.example")[0] == 3
    assert authsignal.requests == []


def test_projects_own_user_name_field_is_used(enrol, newcomer, monkeypatch):
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    assert enrol("carol@bank.example").startswith("Enrolled: 'carol@bank.example'")
    assert exit_of(enrol, "carol")[0] == 3


def test_hostile_user_name_cannot_steer_the_terminal(enrol, newcomer):  # T71
    get_user_model().objects.filter(pk=newcomer.pk).update(username="\x1b[2J\u202eevil\n")
    assert enrol(str(newcomer.pk)) == "Enrolled: '\\x1b[2J\\u202eevil\\n', number ending in 567, SMS.\n"


# Which number


@pytest.mark.parametrize(
    ("phone", "region"),
    [
        ("", None),
        ("not a number", None),
        ("021 123 4567", None),  # national, without its country
        ("+64 1", None),
        ("+999 12345678", None),
        ("+64 21 123 4567 89123", None),
        ("+64211234567 ext. 5", None),
        ("021 123 4567", "XX"),
        ("021 123 4567", "New Zealand"),
        ("12 34", "NZ"),
    ],
)
def test_bad_number_is_refused_before_anything_is_asked(enrol, authsignal, newcomer, phone, region):
    code, message = exit_of(enrol, "carol", phone, region=region)
    assert code == 4
    assert "--phone" in message or "--region" in message
    assert authsignal.requests == []


# What the service says


def test_bad_secret_has_its_own_exit_code(enrol, authsignal, newcomer):
    authsignal.fail_next(401)
    code, message = exit_of(enrol, "carol")
    assert code == 5
    assert "does not accept our secret" in message
    assert "sandbox_test" not in message


def test_service_that_is_down_has_its_own_exit_code(enrol, authsignal, newcomer):
    authsignal.down()
    code, message = exit_of(enrol, "carol")
    assert code == 6
    assert "try again" in message
    authsignal.up()
    assert sent(authsignal) == []


def test_refusal_of_the_service_is_exit_code_1(enrol, authsignal, newcomer):
    authsignal.fail_next(400)
    code, message = exit_of(enrol, "carol")
    assert code == 1
    assert message.startswith("Authsignal refused.")


def test_settings_that_cannot_work_are_exit_code_1(enrol, authsignal, newcomer, settings):
    settings.AUTHSIGNAL_SECRET = "a live key for a sandbox address"
    code, message = exit_of(enrol, "carol")
    assert code == 1
    assert message.startswith("Nothing was sent. AUTHSIGNAL_SECRET")
    assert "a live key" not in message


# What the database says


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (OperationalError("database is locked"), "The database failed: run it again. database is locked"),
        (
            OperationalError("no such table: auth_user"),
            "The database is not up to date: run manage.py migrate. no such",
        ),
    ],
    ids=["locked", "not-migrated"],
)
def test_database_that_fails_is_told(enrol, authsignal, newcomer, problem, told):
    def fail(*args):
        raise problem

    with connection.execute_wrapper(fail):
        code, message = exit_of(enrol, "carol")
    assert code == 6
    assert message.startswith(told)
    assert authsignal.requests == []


# Hostile ids (A36, T42)


@pytest.mark.parametrize("user_id", ["..", ".", "", "x" * 5000, "a\nb", "\ud800", "None"])
def test_id_that_no_path_can_carry_is_refused_locally(enrol, authsignal, newcomer, settings, user_id):  # A36
    settings.AUTHSIGNAL_USER_ID = lambda user: user_id
    code, message = exit_of(enrol, "carol")
    assert code == 1
    assert message.startswith("Nothing was sent.")
    assert authsignal.requests == []


@pytest.mark.parametrize(
    ("user_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("victim/authenticators/abc", "victim%2Fauthenticators%2Fabc"),
        ("a?b#c", "a%3Fb%23c"),
        ("../tenant", "..%2Ftenant"),
        ("%2E%2E", "%252E%252E"),
        ("żółw 🐢", "%C5%BC%C3%B3%C5%82w%20%F0%9F%90%A2"),
    ],
)
def test_hostile_id_stays_one_segment_of_the_path(enrol, authsignal, newcomer, settings, user_id, segment):  # A36, T42
    settings.AUTHSIGNAL_USER_ID = lambda user: user_id
    enrol("carol")
    assert {entry.path for entry in authsignal.requests} == {f"/v1/users/{segment}/authenticators"}


# As a process


def test_exit_code_reaches_the_shell(capsys):
    with pytest.raises(SystemExit) as caught:
        Command().run_from_argv(["manage.py", "authsignal_enrol", "carol", "--phone", "12", "--skip-checks"])
    assert caught.value.code == 4
    assert "CommandError: --phone is not a phone number." in capsys.readouterr().err


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "authsignal_enrol", "--help"])
    printed = capsys.readouterr().out
    assert "exit codes:" in printed
    for code in range(7):
        assert f"\n  {code}  " in printed
