"""``manage.py authsignal_enrol --csv``, over the sandbox: what is read, what is refused, what is sent and noted."""

from __future__ import annotations

import csv
import io
import os
import resource
import signal
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.files import locks
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from django_authsignal.management.commands.authsignal_enrol import Command
from django_authsignal.sandbox.rules import Rules
from django_authsignal.signals import enrolment_changed

GOOD = "user,phone\nuser1,+64211234501\nuser2,+64211234502\nuser3,+64211234503\n"


@pytest.fixture
def authsignal(authsignal):
    """Nobody has an authenticator."""
    authsignal.store.rules = Rules()
    return authsignal


@pytest.fixture
def users(db):
    make = get_user_model().objects.create
    return {name: make(username=name) for name in ("user1", "user2", "user3")}


class Run:
    """Calls the command on a file; what it printed."""

    def __init__(self, folder):
        self.path, self.result = folder / "people.csv", folder / "people.result.csv"
        self.errors = ""

    def __call__(self, content=None, **options):
        if content is not None:
            self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out, errors = StringIO(), StringIO()
        try:
            call_command("authsignal_enrol", csv=self.path, stdout=out, stderr=errors, **options)
        finally:
            self.output, self.errors = out.getvalue(), errors.getvalue()
        return self.output

    def fails(self, content=None, **options):
        """Exit code and message."""
        with pytest.raises(CommandError) as caught:
            self(content, **options)
        return caught.value.returncode, str(caught.value)

    @property
    def noted(self):
        """Line, user, outcome and detail of each record."""
        rows = list(csv.reader(io.StringIO(self.result.read_text())))
        assert rows[0] == ["line", "user", "outcome", "detail", "fingerprint"]
        return [(int(line), *rest) for line, *rest, _ in rows[1:]]


@pytest.fixture
def run(tmp_path, authsignal, users):
    return Run(tmp_path)


def numbers(authsignal):
    """User, method and number of every authenticator there is."""
    names = {str(user.pk): user.get_username() for user in get_user_model().objects.all()}
    return sorted(
        (names.get(user.id, user.id), factor.method, factor.address)
        for user in authsignal.store.users()
        for factor in user.authenticators
    )


def writes(authsignal):
    return [entry for entry in authsignal.requests if entry.method == "POST"]


def user_lines(count):
    """A file of so many new people."""
    make = get_user_model()
    make.objects.bulk_create(make(username=f"more{n}") for n in range(count))
    return "user,phone\n" + "".join(f"more{n},+6421{2000000 + n}\n" for n in range(count))


ALL_THREE = [(f"user{n}", "SMS", f"+6421123450{n}") for n in (1, 2, 3)]


def test_every_line_is_enrolled_and_noted(run, authsignal):
    printed = run(GOOD)
    assert numbers(authsignal) == ALL_THREE
    assert run.noted == [(n, f"user{n - 1}", "enrolled", "") for n in (2, 3, 4)]
    assert printed.startswith("Enrolled: 3. Already enrolled: 0. Refused: 0. Invalid: 0. Done in earlier runs: 0.")
    assert str(run.result) in printed


def test_no_phone_number_is_printed_or_kept(run, authsignal):  # T68
    run(GOOD + "user1,+6421123\nuser2,021 1234 509\n", skip_invalid=True)
    assert len(run.noted) == 5
    for text in (run.output, run.errors, run.result.read_text(), run.fails(GOOD + "user1,+6421123\n")[1]):
        assert "21123" not in text
        assert "1234" not in text


# How the file is written


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", ";"),
        GOOD.rstrip("\n"),
        "\n\n" + GOOD.replace("\n", "\n\n") + " , \n",
        GOOD.replace("user1", '"user1"').replace("+64211234502", '"+64 21 123 4502"'),
        GOOD.replace("user,phone", " User ; PHONE ").replace(",", ";"),
        GOOD.replace("\n", ",\n").replace("phone,", "phone,,"),
        "phone,user\n+64211234501,user1\n+64211234502,user2\n+64211234503,user3\n",
    ],
    ids=["bom", "crlf", "semicolons", "no-last-break", "blanks", "quoted", "header", "empty-columns", "other-order"],
)
def test_file_is_read_however_it_was_saved(run, authsignal, content):
    run(content)
    assert numbers(authsignal) == ALL_THREE


def test_other_columns_are_ignored_with_a_notice(run, authsignal):
    run('name,user,phone,"a; note"\nX,user1,+64211234501,"several\nlines"\nY,user2,+64211234502,\n')
    assert run.errors == "Ignored columns: 'name', 'a; note'.\n"
    assert [line for line, *_ in run.noted] == [2, 4]


def test_users_are_meant_by_name_or_key(run, authsignal, users):
    run(f"user,phone\nuser1,+64211234501\n{users['user2'].pk},+64211234502\n")
    assert numbers(authsignal) == ALL_THREE[:2]


def test_region_and_channel_are_for_lines_without_their_own(run, authsignal):
    run(
        "user,phone,channel\nuser1,021 123 4501,\nuser2,+61 412 345 678,SMS\nuser3,021 123 4503,WhatsApp\n",
        region="nz",
        channel="whatsapp",
    )
    assert numbers(authsignal) == [
        ("user1", "WHATSAPP", "+64211234501"),
        ("user2", "SMS", "+61412345678"),
        ("user3", "WHATSAPP", "+64211234503"),
    ]


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ("", 1, "columns user and phone"),
        ("user1,+64211234501\n", 1, "columns user and phone"),
        ("user,number\nuser1,1\n", 1, "columns user and phone"),
        ("user,phone\n", 1, "nobody to enrol"),
        ("\nuser,phone\n\n , \n", 2, "nobody to enrol"),
        ("user,phone,user\nuser1,1,2\n", 1, "twice: 'user'"),
        ("user;phone;Phone\nuser1;1;2\n", 1, "twice: 'phone'"),
        (GOOD.encode("utf-16"), 1, "UTF-8"),
        (GOOD.encode() + "user\xe4,1\n".encode("latin-1"), 5, "UTF-8"),
        (GOOD + "user\0,1\n", 5, "NUL"),
        (GOOD + '"user1,+64211234509\n' + "x,y\n" * 5, 5, "quotation mark"),
        (GOOD + 'us"er1"x,+64211234509\n"a"b,c\n', 6, "quotation mark"),
        (GOOD.replace("\n", "\r"), 1, "quotation mark"),
        (GOOD + "user1," + "1" * 70_000, 5, "too long"),
    ],
    ids=[
        "empty",
        "headless",
        "column",
        "header-only",
        "blank-lines-only",
        "twice",
        "twice-cased",
        "utf-16",
        "latin-1",
        "nul",
        "open",
        "quote",
        "cr",
        "long",
    ],
)
def test_file_that_cannot_be_read_is_refused_with_its_line(run, authsignal, content, line, word):
    code, message = run.fails(content)
    assert code == 4
    assert message.startswith(f"{run.path}, line {line}: ")
    assert word in message
    assert authsignal.requests == []
    assert not run.result.exists()


@pytest.mark.parametrize("path", ["-", "missing.csv", os.curdir])
def test_input_that_is_no_file_is_refused(run, path):
    run.path = path
    code, message = run.fails()
    assert code == 4
    assert "neither standard input nor a pipe" in message


# What is checked before anything is sent


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("user1,", "is not a phone number"),
        ("user1,021 123 4509", "--region"),
        ("user1", "is not a phone number"),
        ("user1,+6421123", "can exist"),
        ("user1,6.42E+10", "is not a phone number"),
        ("nobody,+64211234509", "'nobody'"),
        (",+64211234509", "''"),
        ("99999999999999999999999,+64211234509", "No user"),
        ("user1,+64211234509,pigeon", "sms, whatsapp"),
        ("user1,+64211234509,sms,x", "more cells"),
        ("user1,+64 21 123 4501", "same as line 2"),
        ("user1,+64211234501,SMS", "same as line 2"),
    ],
)
def test_one_bad_line_keeps_everything_from_being_sent(run, authsignal, line, word):
    code, message = run.fails(GOOD.replace("phone", "phone,channel") + line + "\n")
    assert code == 4
    assert message.startswith("Nothing was sent: 1 of 4 lines cannot be used.\n  line 5: ")
    assert word in message
    assert authsignal.requests == []
    assert not run.result.exists()


def test_name_that_is_somebody_elses_key_is_a_problem(run, authsignal, users):
    get_user_model().objects.create(username=str(users["user1"].pk))
    code, message = run.fails(f"user,phone\n{users['user1'].pk},+64211234501\n")
    assert (code, "is the name of the user with primary key" in message) == (4, True)


def test_duplicates_are_found_by_what_authsignal_knows_people_by(run, settings):
    settings.AUTHSIGNAL_USER_ID = lambda user: "household"
    code, message = run.fails("user,phone\nuser1,+64211234501\nuser2,+64211234501\n")
    assert (code, "line 3: asks for the same as line 2" in message) == (4, True)


def test_id_that_authsignal_cannot_have_is_a_problem_of_its_line(run, settings):  # A36
    settings.AUTHSIGNAL_USER_ID = lambda user: ".." if user.username == "user2" else user.pk
    code, message = run.fails(GOOD)
    assert (code, "line 3: '..' is no id" in message) == (4, True)


def test_fifty_problems_are_listed(run):
    _, message = run.fails("user,phone\n" + "".join(f"nobody{n},+64211234501\n" for n in range(60)))
    assert message.startswith("Nothing was sent: 60 of 60 lines")
    assert message.count("\n") == 51
    assert message.endswith("… and 10 more")


def test_bad_lines_are_noted_and_skipped_if_that_is_wanted(run, authsignal):
    printed = run(GOOD + "nobody,+64211234509\n", skip_invalid=True)
    assert numbers(authsignal) == ALL_THREE
    assert sorted(run.noted)[-1] == (5, "nobody", "invalid", "No user has the name or primary key 'nobody'.")
    assert "Invalid: 1." in printed


def test_people_are_looked_up_by_the_hundred(run):
    make = get_user_model()
    people = make.objects.bulk_create(make(username=f"more{n}") for n in range(600))
    meant = (person.pk if person.pk % 2 else person.username for person in people)
    lines = "".join(f"{text},+6421{2000000 + n}\n" for n, text in enumerate(meant))
    with CaptureQueriesContext(connection) as captured:
        run("user,phone\n" + lines, dry_run=True)
    assert len(captured) == 2 * 2 * 2  # two batches, by name and by key, in each of the two readings


def test_projects_own_way_of_finding_a_name_is_used(run, authsignal, monkeypatch):
    manager = type(get_user_model()._default_manager)
    monkeypatch.setattr(manager, "get_by_natural_key", lambda self, name: self.get(username__iexact=name))
    run(GOOD.replace("user1", "USER1"))
    assert numbers(authsignal) == ALL_THREE


def test_settings_that_cannot_work_are_found_first(run, settings):
    settings.AUTHSIGNAL_SECRET = "a live key for a sandbox address"
    code, message = run.fails("not even a file for this")
    assert (code, message.startswith("Nothing was sent. AUTHSIGNAL_SECRET")) == (1, True)


def test_ctrl_c_while_the_lines_are_checked_has_its_exit_code(run, authsignal, settings):
    def interrupted(user):
        raise KeyboardInterrupt

    settings.AUTHSIGNAL_USER_ID = interrupted
    assert run.fails(GOOD) == (130, "Interrupted.")
    assert authsignal.requests == []
    assert not run.result.exists()


def test_user_who_is_deleted_after_the_check_is_noted_as_invalid(run, authsignal, users, settings):
    asked = []

    def forgetful(user):
        asked.append(user)
        if len(asked) == 3:  # the last one of the first reading
            users["user2"].delete()
        return str(user.pk)

    settings.AUTHSIGNAL_USER_ID = forgetful
    assert "Enrolled: 2. Already enrolled: 0. Refused: 0. Invalid: 1." in run(GOOD)
    assert (3, "user2", "invalid", "No user has the name or primary key 'user2'.") in run.noted


# What the service says


def test_number_that_is_there_already_is_not_sent_again(run, authsignal, users):
    authsignal.enrol(users["user2"], phoneNumber="+64211234502")
    assert "Enrolled: 2. Already enrolled: 1." in run(GOOD)
    assert run.noted[1] == (3, "user2", "already", "")
    assert len(writes(authsignal)) == 2


def test_refused_number_does_not_stop_the_others(run, authsignal):
    authsignal.store.journal.fail_next(400, code="invalid_phone")
    code, message = run.fails(GOOD, workers=1)
    assert (code, message) == (1, "Authsignal refused 1 of the numbers.")
    assert run.noted == [
        (2, "user1", "refused", "GET /users/{}/authenticators: rejected with 400 invalid_phone"),
        (3, "user2", "enrolled", ""),
        (4, "user3", "enrolled", ""),
    ]


def test_secret_that_is_not_accepted_ends_it_at_once(run, authsignal):
    authsignal.fail_next(401, times=3)
    code, message = run.fails(GOOD, workers=1)
    assert (code, "does not accept our secret" in message) == (5, True)
    assert len(authsignal.requests) == 1
    assert run.noted == []


def test_service_that_keeps_refusing_for_now_ends_it_and_the_rest_is_done_later(run, authsignal):
    authsignal.store.journal.fail_next(429, times=2 * 7, headers={"Retry-After": "0"})
    code, message = run.fails(GOOD, workers=1)
    assert (code, "try again" in message) == (6, True)
    assert run.output.startswith("Enrolled: 0.")
    run()
    assert numbers(authsignal) == ALL_THREE


def test_dry_run_looks_and_writes_nothing(run, authsignal, users):
    authsignal.enrol(users["user2"], phoneNumber="+64211234502")
    printed = run(GOOD, dry_run=True)
    assert printed.startswith("Would enrol (dry run, nothing sent): 2. Already enrolled: 1.")
    assert writes(authsignal) == []
    assert not run.result.exists()


def test_each_new_enrolment_is_signalled_once(run, users):
    heard = []

    def listen(sender, user, change, verification_method, **kwargs):
        heard.append((user, change, verification_method))

    enrolment_changed.connect(listen)
    try:
        run(GOOD, dry_run=True)
        run(GOOD)
        run()
    finally:
        enrolment_changed.disconnect(listen)
    assert heard == [(user, "created", "SMS") for user in users.values()]


def test_ctrl_c_while_numbers_are_sent_leaves_the_rest_for_later(run, authsignal):
    def interrupt(user, **kwargs):
        enrolment_changed.disconnect(interrupt)  # a second Ctrl-C would end it at once
        signal.raise_signal(signal.SIGINT)

    enrolment_changed.connect(interrupt)
    try:
        code, message = run.fails(user_lines(100), workers=1)
    finally:
        enrolment_changed.disconnect(interrupt)
    assert (code, message) == (130, "Interrupted. The same command run again goes on with what is left.")
    assert 1 <= len(run.noted) < 100
    assert len(run.noted) == len(numbers(authsignal))


def test_file_that_vanishes_after_the_check_is_told(run, authsignal, settings):
    def removing(user):
        run.path.unlink(missing_ok=True)
        return str(user.pk)

    settings.AUTHSIGNAL_USER_ID = removing
    code, message = run.fails(GOOD)
    assert (code, "cannot be read: No such file" in message) == (4, True)
    assert authsignal.requests == []


def test_database_that_fails_half_way_is_told_and_the_rest_is_done_later(run, authsignal, settings):
    asked = []

    def failing(user):
        asked.append(user)
        if len(asked) == 5:  # the second line of the second reading
            raise OperationalError("database is locked")
        return str(user.pk)

    settings.AUTHSIGNAL_USER_ID = failing
    assert run.fails(GOOD, workers=1) == (6, "The database failed: run it again. database is locked")
    assert "What became of each line is in" in run.output
    run()
    assert numbers(authsignal) == ALL_THREE


# Going on with a result that is there


def test_second_run_asks_nothing(run, authsignal):
    run(GOOD)
    asked, noted = len(authsignal.requests), run.result.read_bytes()
    assert "Done in earlier runs: 3." in run()
    assert len(authsignal.requests) == asked
    assert run.result.read_bytes() == noted


def test_lines_that_are_added_later_are_done(run, authsignal):
    run("".join(GOOD.splitlines(keepends=True)[:2]))
    run(GOOD)
    assert numbers(authsignal) == ALL_THREE
    assert [(line, outcome) for line, _, outcome, _ in run.noted] == [(n, "enrolled") for n in (2, 3, 4)]


def test_refused_and_invalid_lines_are_tried_again_and_noted_once(run, authsignal):
    authsignal.fail_next(400)
    content = GOOD + "nobody,+64211234509\n"
    assert run.fails(content, workers=1, skip_invalid=True)[0] == 1
    assert {outcome for *_, outcome, _ in run.noted} == {"refused", "enrolled", "invalid"}
    get_user_model().objects.create(username="nobody")
    run()
    assert sorted(run.noted) == [
        (n, who, "enrolled", "") for n, who in enumerate(["user1", "user2", "user3", "nobody"], 2)
    ]


def test_half_written_last_line_is_done_again(run, authsignal):
    run(GOOD)
    whole = run.result.read_bytes()
    for cut in [*range(1, len(whole), 7), len(whole)]:
        run.result.write_bytes(whole[:-cut])
        run()
        assert [line for line, *_ in run.noted] == [2, 3, 4]
    assert numbers(authsignal) == ALL_THREE
    assert len(writes(authsignal)) == 3


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("+64211234502", "+64211234509"),
        GOOD.replace("user1", "user4"),
        GOOD.replace("phone", "phone,channel").replace("+64211234501", "+64211234501,whatsapp"),
        GOOD.replace("user2", "\nuser2"),
        "".join(GOOD.splitlines(keepends=True)[:3]),
    ],
    ids=["phone", "user", "channel", "moved", "shorter"],
)
def test_result_of_another_input_is_not_gone_on_with(run, authsignal, content):
    run(GOOD)
    asked, noted = len(authsignal.requests), run.result.read_bytes()
    code, message = run.fails(content)
    assert (code, "asked for something else" in message) == (4, True)
    assert len(authsignal.requests) == asked
    assert run.result.read_bytes() == noted


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"SECRET": "live key", "API_URL": "https://api.authsignal.com/v1"},
        {"API_URL": "http://localhost:9/v1"},
        {"TENANT_ID": "another"},
        {"SECRET": "sandbox_another"},
    ],
    ids=["environment", "api", "tenant", "secret"],
)
def test_result_of_a_rehearsal_is_not_gone_on_with_elsewhere(run, authsignal, settings, elsewhere):
    run(GOOD)
    asked, noted = len(authsignal.requests), run.result.read_bytes()
    for name, value in elsewhere.items():
        setattr(settings, f"AUTHSIGNAL_{name}", value)
    code, message = run.fails()
    assert (code, "another environment, API or tenant" in message) == (4, True)
    assert len(authsignal.requests) == asked
    assert run.result.read_bytes() == noted


def test_new_secret_of_a_tenant_whose_id_is_known_goes_on(run, settings):
    settings.AUTHSIGNAL_TENANT_ID = "ours"
    run(GOOD)
    settings.AUTHSIGNAL_SECRET = "sandbox_rotated"
    assert "Done in earlier runs: 3." in run()


def test_what_earlier_runs_did_can_be_checked_again(run, authsignal, users, tmp_path):
    assert "not checked again" not in run(GOOD)
    for user in users.values():
        authsignal.store.delete_user(str(user.pk), actions=False)
    assert "What earlier runs did was not checked again; with another file as --result it is." in run()
    assert numbers(authsignal) == []
    run(result=tmp_path / "again.csv")
    assert numbers(authsignal) == ALL_THREE


def test_changed_default_channel_is_another_input(run):
    run(GOOD)
    assert run.fails(channel="whatsapp")[0] == 4


def test_result_from_before_a_key_was_rotated_is_known(run, authsignal, settings):
    run(GOOD)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "the next key"
    assert "Done in earlier runs: 3." in run()


@pytest.mark.parametrize(
    "content",
    [
        b"something else\n",
        b"something else",
        b"line,user,outcome,detail,fingerprint\n1,2,3\n",
        b"line,user,outcome,detail,fingerprint\nx,user1,enrolled,,v1\n",
        b"line,user,outcome,detail,fingerprint\n2,\xff,enrolled,,v1\n",
    ],
    ids=["other", "other-without-break", "cells", "number", "bytes"],
)
def test_file_that_is_no_result_is_left_alone(run, authsignal, content):
    run.result.write_bytes(content)
    code, message = run.fails(GOOD)
    assert (code, "no result of this command" in message) == (4, True)
    assert run.result.read_bytes() == content
    assert authsignal.requests == []


def test_result_that_another_run_is_writing_is_left_alone(run, authsignal):
    run(GOOD)
    with run.result.open("ab") as other:
        locks.lock(other, locks.LOCK_EX)
        code, message = run.fails()
    assert (code, "another run" in message) == (4, True)


def test_result_that_cannot_be_made_is_known_before_anything_is_sent(run, authsignal, tmp_path):
    code, message = run.fails(GOOD, result=tmp_path / "no" / "such" / "folder.csv")
    assert (code, "cannot be opened" in message) == (4, True)
    assert run.output == ""  # no word of a result that is not there
    assert authsignal.requests == []


@pytest.mark.parametrize("path", ["/dev/null", os.curdir])
def test_result_that_is_no_file_is_refused(run, authsignal, path):
    code, message = run.fails(GOOD, result=path)
    assert (code, message) == (4, f"{path} is no file.")
    assert authsignal.requests == []


def test_full_disk_ends_it_with_what_to_do(run, authsignal):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    run.path.write_text(GOOD)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, usual[1]))  # the second line does not fit
    try:
        code, message = run.fails(workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (code, "cannot be written: File too large" in message) == (1, True)
    assert [line for line, *_ in run.noted[:1]] == [2]
    run()
    assert [line for line, *_ in run.noted] == [2, 3, 4]
    assert numbers(authsignal) == ALL_THREE


# The command line


@pytest.mark.parametrize(
    "arguments",
    [
        ["user1"],
        ["--phone", "+64211234501"],
        [],
        ["user1", "--csv", "people.csv"],
        ["--phone", "+64211234501", "--csv", "people.csv"],
        ["user1", "--phone", "+64211234501", "--workers", "2"],
        ["user1", "--phone", "+64211234501", "--skip-invalid"],
        ["user1", "--phone", "+64211234501", "--result", "x.csv"],
        ["--csv", "people.csv", "--workers", "0"],
        ["--csv", "people.csv", "--workers", "33"],
        ["--csv", "people.csv", "--workers", "many"],
    ],
    ids=" ".join,
)
def test_the_two_forms_exclude_each_other(arguments, capsys, db):
    with pytest.raises(SystemExit) as caught:
        Command().run_from_argv(["manage.py", "authsignal_enrol", *arguments, "--skip-checks"])
    assert caught.value.code == 2
    assert "--csv" in capsys.readouterr().err
