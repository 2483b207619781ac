"""``manage.py authsignal_check``, over real sockets: every way it can end, and that it gives nothing away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from email.utils import formatdate
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from django_authsignal.client.signature import HEADER, verify
from django_authsignal.management.commands.authsignal_check import Command
from django_authsignal.models import WebhookEvent
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store
from tests.client.conftest import hang_up, http, silence
from tests.client.conftest import serve as serve
from tests.client.test_connections import certificate as certificate
from tests.rig.servers import serve_bank

SECRET = "sandbox_s3cr3t/key+="
BASIC = "c2FuZGJveF9zM2NyM3Qva2V5Kz06"
UNKNOWN = {"isEnrolled": False}


@pytest.fixture(autouse=True)
def _project(db, settings):
    """A site that is fit to go live, but for its sandbox."""
    settings.AUTHSIGNAL_SECRET = SECRET
    settings.AUTHSIGNAL_SITE_URL = "https://bank.example"
    settings.AUTHSIGNAL_TIMEOUT = 2.0
    settings.SILENCED_SYSTEM_CHECKS = ["authsignal.W005"]


@pytest.fixture
def check(settings):
    """Call the command; exit code, and all that was printed. Nothing of it ever shows the secret (T65)."""

    def call(*arguments, **options):
        out, code = StringIO(), 0
        try:
            call_command("authsignal_check", *arguments, stdout=out, no_color=True, **options)
        except CommandError as error:
            code = error.returncode
            out.write(f"CommandError: {error}\n")
        printed = out.getvalue()
        assert SECRET not in printed
        assert BASIC not in printed
        return code, printed

    return call


@pytest.fixture
def sandbox(settings):
    """An Authsignal that listens."""
    with SandboxServer(Store(secret=SECRET)) as server:
        settings.AUTHSIGNAL_API_URL = f"{server.url}/v1"
        yield server


@pytest.fixture
def service(serve, settings):
    """A stand-in for Authsignal that answers everything in the same way."""

    def start(answer):
        server = serve(answer)
        settings.AUTHSIGNAL_API_URL = server.url
        return server

    return start


def outcomes(printed):
    """How each step ended, by name."""
    words = [line.split() for line in printed.splitlines() if line.startswith(("ok ", "warning ", "failed "))]
    return {name: outcome for outcome, name, *_ in words}


def test_everything_works(check, sandbox):
    code, printed = check()
    assert code == 0
    names = ["settings", "checks", "migrations", "secret", "connection", "clock"]
    assert outcomes(printed) == dict.fromkeys(names, "ok")
    assert f"sandbox, {sandbox.url}/v1, mode enforce" in printed


def test_it_asks_and_changes_nothing_at_the_service(check, service):
    server = service(http(UNKNOWN, Date=formatdate(usegmt=True)))
    check()
    assert {(request.method, request.target) for request in server.received} == {("GET", "/v1/users/authsignal-check")}
    assert not WebhookEvent.objects.exists()


def test_json_is_one_object(check, sandbox):
    code, printed = check(json=True)
    told = json.loads(printed)
    assert (code, told["ok"], told["exit_code"]) == (0, True, 0)
    steps = {step["step"]: step for step in told["steps"]}
    assert steps["connection"]["first_seconds"] > 0
    assert abs(steps["clock"]["clock_ahead_seconds"]) <= 1
    assert {step["outcome"] for step in steps.values()} == {"ok"}


# Ours


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTHSIGNAL_SECRET", ""),
        ("AUTHSIGNAL_SECRET", "a live key"),
        ("AUTHSIGNAL_API_URL", "https://api.authsignal.com/v1"),
        ("AUTHSIGNAL_API_URL", "http://127.0.0.1:1/a b"),
        ("AUTHSIGNAL_ADAPTER", "no.such.module"),
        ("AUTHSIGNAL_ALLOW_SANDBOX", False),
    ],
)
def test_settings_that_cannot_work_are_1_and_nothing_is_sent(check, settings, sandbox, name, value):
    setattr(settings, name, value)
    code, printed = check(webhook_url="auto")
    assert code == 1
    assert outcomes(printed)["settings"] == "failed"
    assert {"secret", "connection", "webhook"}.isdisjoint(outcomes(printed))


def test_mode_that_stops_nothing_is_worth_a_warning(check, settings, sandbox):
    settings.AUTHSIGNAL_MODE = "report_only"
    code, printed = check()
    assert (code, outcomes(printed)["settings"]) == (0, "warning")
    assert "Nothing is stopped in this mode" in printed


def test_errors_of_the_system_checks_are_1_with_their_hints(check, settings, sandbox, monkeypatch):
    monkeypatch.delattr(mail, "outbox")  # or the checks take this for a test run
    settings.AUTHSIGNAL_SITE_URL = ""
    code, printed = check()
    assert (code, outcomes(printed)["checks"]) == (1, "failed")
    assert "1 error, no warnings" in printed
    assert "authsignal.E004: AUTHSIGNAL_SITE_URL is not set. Set AUTHSIGNAL_SITE_URL =" in printed


def test_warnings_of_deployment_checks_are_shown_and_do_not_fail(check, settings, sandbox):
    settings.SILENCED_SYSTEM_CHECKS = []
    code, printed = check()
    assert (code, outcomes(printed)["checks"]) == (0, "warning")
    assert "authsignal.W005" in printed


def test_migration_that_is_not_applied_is_1(check, sandbox):
    MigrationRecorder(connection).record_unapplied("authsignal", "0002_history")
    code, printed = check()
    assert (code, outcomes(printed)["migrations"]) == (1, "failed")
    assert "not applied to 'default': 0002_history" in printed


# The service


@pytest.mark.parametrize("status", ["401 Who", "403 No"])
def test_secret_that_is_not_accepted_is_5(check, service, status):
    service(http({"error": "unauthorized"}, status))
    code, printed = check()
    assert (code, outcomes(printed)["secret"]) == (5, "failed")
    assert "does not accept AUTHSIGNAL_SECRET" in printed
    assert "(us, au, eu, ca)" in printed


def test_secret_of_another_sandbox_is_5(check, settings, sandbox):
    settings.AUTHSIGNAL_SECRET = "sandbox_other"
    assert check()[0] == 5


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (http({}, "503 Busy"), "status 503"),
        (hang_up, "closed without an answer"),
        (silence, "no answer within 0.5 s"),
    ],
)
def test_service_that_gives_no_answer_is_6(check, service, settings, answer, cause):
    settings.AUTHSIGNAL_TIMEOUT = 0.5
    service(answer)
    code, printed = check()
    assert (code, outcomes(printed)["connection"]) == (6, "failed")
    assert cause in printed


def test_nobody_listening_is_6(check, settings, service):
    server = service(http({}))
    server.close()
    code, printed = check()
    assert (code, "nothing listens there" in printed) == (6, True)
    assert "Is manage.py authsignal_sandbox running?" in printed
    assert "firewall" not in printed


@pytest.mark.parametrize("answer", [http(b"<html>Welcome</html>"), http({}), http({}, "404 Where"), http({}, "302 x")])
def test_url_of_something_else_is_1(check, service, answer):
    service(answer)
    code, printed = check()
    assert (code, outcomes(printed)["connection"]) == (1, "failed")
    assert "is not Authsignal's Server API" in printed


# The clock


@pytest.mark.parametrize(
    ("ahead", "max_skew", "code", "outcome"),
    [
        (0, 60, 0, "ok"),
        (3, 60, 0, "ok"),
        (20, 60, 0, "warning"),
        (-20, 60, 0, "warning"),
        (20, 10, 7, "failed"),
        (90, 60, 7, "failed"),
        (-90, 60, 7, "failed"),
        (90, 120, 0, "warning"),
        (4, 2, 7, "failed"),
        (315_360_000, 60, 7, "failed"),
    ],
)
def test_clock_that_is_off_is_7_beyond_the_limit(check, service, ahead, max_skew, code, outcome):
    service(http(UNKNOWN, Date=formatdate(time.time() - ahead, usegmt=True)))
    got, printed = check(f"--max-skew={max_skew}")
    assert (got, outcomes(printed)["clock"]) == (code, outcome)
    assert ("Synchronise this machine's clock" in printed) == (outcome != "ok")
    if ahead:
        assert ("ahead of" if ahead > 0 else "behind") in printed


def test_clock_cannot_be_told_without_a_date(check, service):
    service(http(UNKNOWN))
    code, printed = check()
    assert (code, outcomes(printed)["clock"]) == (0, "warning")
    assert "cannot be compared" in printed


# The webhook


def test_own_receiver_works(check, sandbox, live_server, settings):
    settings.AUTHSIGNAL_SITE_URL = live_server.url
    code, printed = check(webhook_url="auto")
    assert (code, outcomes(printed)["webhook"]) == (0, "ok")
    assert f"{live_server.url}/step-up/webhook/ accepts" in printed
    assert [event.type for event in WebhookEvent.objects.all()] == ["authsignal.check"]


def test_receiver_with_another_secret_is_8(check, sandbox, transactional_db):
    """The receiver runs in processes of its own, with the secret of the settings of the tests."""
    with serve_bank(connection.settings_dict, f"{sandbox.url}/v1", workers=1) as server:
        code, printed = check(webhook_url=f"{server.url}/step-up/webhook/")
    assert (code, outcomes(printed)["webhook"]) == (8, "failed")
    assert "answers 400 to a genuine event; 200 would be right: no signature matches" in printed
    assert "the same AUTHSIGNAL_SECRET" in printed


@pytest.mark.parametrize(
    ("path", "status", "advice"),
    [
        ("/step-up/webhook", 301, "Webhooks follow no redirect"),
        ("/step-up/nowhere/", 404, "django_authsignal.urls"),
        ("/transfer/", 403, "CSRF token"),
        ("/sign-in/", 403, "CSRF token"),
    ],
)
def test_url_of_another_view_is_8(check, sandbox, live_server, path, status, advice):
    code, printed = check(webhook_url=live_server.url + path)
    assert (code, outcomes(printed)["webhook"]) == (8, "failed")
    assert f"answers {status}" in printed
    assert advice in printed


@pytest.mark.parametrize(("debug", "status"), [(False, 301), (True, 500)])
def test_final_slash_that_is_missing_is_told_first(check, sandbox, live_server, settings, debug, status):
    settings.DEBUG = debug
    code, printed = check(webhook_url=f"{live_server.url}/step-up/webhook")
    lines = printed.split(f"answers {status}")[1].splitlines()
    assert (code, lines[1].strip()) == (8, "Add the final slash to the URL: Django cannot redirect a POST.")


def test_failure_behind_a_final_slash_is_not_about_slashes(check, sandbox, serve):
    assert "Add the final slash" not in check(webhook_url=f"{serve(http({}, '500 x')).url}/hooks/")[1]


@pytest.mark.parametrize(
    ("answer", "says", "advice"),
    [
        (
            http({}, "301 x", Location="https://bank.example/x/?t=t0ken#x"),
            "to https://bank.example/x/\n",
            "slash",
        ),
        (http({}, "302 x"), "answers 302, a redirect", "slash"),
        (http({"error": "no signature matches"}, "400 x"), "signature matches", "AUTHSIGNAL_SECRET"),
        (http({"error": "\x1b[2J\u202e" + "x" * 500}, "400 x"), "\\x1b[2J\\u202e", "AUTHSIGNAL_SECRET"),
        (http({"error": ["t0ken"]}, "400 x"), "answers 400", "AUTHSIGNAL_SECRET"),
        (http(b"<html>t0ken", "400 x"), "answers 400", "AUTHSIGNAL_SECRET"),
        (http({}, "401 x"), "answers 401", "login"),
        (http({}, "403 x"), "answers 403", "CSRF"),
        (http({}, "404 x"), "answers 404", "URLconf"),
        (http({}, "405 x"), "answers 405", "Another view"),
        (http({}, "429 x"), "answers 429", "in front"),
        (http(b"", "204 x"), "answers 204", "Another view"),
        (http({}, "500 x"), "answers 500", "site's log"),
        (http({}, "503 x"), "answers 503", "database"),
        (hang_up, "closed without an answer", "Does the site run"),
        (silence, "no answer within 0.5 s", "Does the site run"),
    ],
)
def test_receiver_that_does_not_work_is_8_and_says_why(check, sandbox, serve, settings, answer, says, advice):
    settings.AUTHSIGNAL_TIMEOUT = 0.5
    code, printed = check(webhook_url=f"{serve(answer).url}/hooks/")
    assert (code, outcomes(printed)["webhook"]) == (8, "failed")
    assert says in printed
    assert advice in printed
    assert "t0ken" not in printed
    assert "\x1b" not in printed  # T71


def test_page_that_accepts_everything_is_8(check, sandbox, serve, settings):
    server = serve(http({}))
    code, printed = check(webhook_url=f"{server.url}/")
    assert (code, "to an event with a wrong signature" in printed) == (8, True)
    genuine, forged = server.received
    verify(genuine.body, genuine.headers[HEADER.lower()], [SECRET], time.time())
    with pytest.raises(Exception, match="no signature matches"):
        verify(forged.body, forged.headers[HEADER.lower()], [SECRET], time.time())
    assert json.loads(genuine.body)["id"] != json.loads(forged.body)["id"]


def test_receiver_that_refuses_everything_gets_one_event(check, sandbox, serve):
    server = serve(http({}, "400 x"))
    check(webhook_url=f"{server.url}/")
    assert len(server.received) == 1


def test_certificate_that_cannot_be_verified_is_8(check, sandbox, serve, certificate):
    server = serve(http({}), context=certificate[0])
    code, printed = check(webhook_url=f"{server.url}/")
    assert (code, "TLS certificate cannot be verified" in printed) == (8, True)
    assert server.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://bank.example/step-up/webhook/",
        "http://10.0.0.1/",
        "https://user:password@bank.example/",
        "https://bank.example/#x",
        "https://bank.example:0/",
        "https://bank.example:99999/",
        "https://[::1/",
        "https://bänk.example/",
        "https://bank.example/\r\nX: y",
        "https:///webhook/",
        "ftp://localhost/",
        "step-up/webhook/",
        "",
    ],
)
def test_unfit_url_is_8_and_nothing_is_posted(check, sandbox, url):
    code, printed = check(webhook_url=url)
    assert (code, outcomes(printed)["webhook"]) == (8, "failed")
    assert "must be an https URL" in printed
    assert "password" not in printed


def test_own_url_needs_the_site_and_the_urlconf(check, sandbox, settings):
    settings.DEBUG, settings.AUTHSIGNAL_SITE_URL = True, ""
    assert "AUTHSIGNAL_SITE_URL is not set" in check(webhook_url="auto")[1]
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    code, printed = check(webhook_url="auto")
    assert "authsignal:webhook has no URL" in printed
    assert outcomes(printed)["webhook"] == "failed"
    assert code != 0


def test_first_failure_decides(check, service, serve):
    service(http({}, "401 Who"))
    code, printed = check(webhook_url=f"{serve(http({}, '500 x')).url}/")
    assert code == 5
    assert "CommandError: Failed: secret, webhook." in printed


# As a process


def process(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", "authsignal_check", *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_database_that_cannot_be_asked_is_1_for_the_shell(tmp_path):
    engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "nowhere" / "bank.sqlite3")}
    with SandboxServer(Store(secret=django_settings.AUTHSIGNAL_SECRET)) as server:
        done = process(BANK_TEST_DATABASE=json.dumps(engine), AUTHSIGNAL_API_URL=f"{server.url}/v1")
    assert done.returncode == 1, done.stderr
    assert "the database 'default' cannot be asked (OperationalError)" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_limit_that_is_no_time_is_wrong_usage(seconds, capsys):
    with pytest.raises(SystemExit) as caught:
        Command().run_from_argv(["manage.py", "authsignal_check", f"--max-skew={seconds}"])
    assert caught.value.code == 2
    assert "--max-skew" in capsys.readouterr().err


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "authsignal_check", "--help"])
    printed = capsys.readouterr().out
    for code in (0, 1, 2, 5, 6, 7, 8):
        assert f"\n  {code}  " in printed
