"""A command that fails prints, logs and reports nothing confidential (T65 A21 A38)."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_authsignal.models import TrackedAction
from django_authsignal.services.users import enrol_phone

from .reporters import reported
from .site import GARBAGE, Site
from .surfaces import database, sessions, watched
from .test_matrix import PENDING, leaks
from .urls import OddError

PHONE = "+64211234567"
FAULTS = ["library trips", "refused connection", "secret refused", "garbage"]


@pytest.fixture
def site(network, authsignal, alice):
    site = Site(alice, authsignal, network, "wsgi", "text/html").challenged()
    TrackedAction.objects.update(created_at=timezone.now() - timedelta(days=1))
    return site


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text(f"user,phone\nalice,{PHONE}\n")
    return str(path)


def fail(site, fault):
    if fault == "refused connection":
        site.network.is_down = True
    elif fault == "secret refused":
        site.authsignal.fail_next(401, times=9)
    else:
        site.network.words = ("/users/",)
        site.network.garbage = None if fault == "library trips" else GARBAGE


COMMANDS = {
    "enrol": lambda lines: ["authsignal_enrol", "alice", "--phone", PHONE],
    "enrol lines": lambda lines: ["authsignal_enrol", "--csv", lines],
    "sync": lambda lines: ["authsignal_sync"],
    "explain": lambda lines: ["authsignal_explain", "alice"],
    "forget": lambda lines: ["authsignal_forget", "alice", "--yes"],
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_command_that_fails_tells_nothing_confidential(site, lines, monkeypatch, command, fault):
    """What a process would send that reports its errors; Django's own frames, which hold the arguments, left out."""
    monkeypatch.setattr("django_authsignal.services.enrolling.PAUSES", ())
    output, errors, raised = io.StringIO(), io.StringIO(), None
    fail(site, fault)
    with watched(html_mails=True) as watch:
        try:
            call_command(*COMMANDS[command](lines), stdout=output, stderr=errors)
        except (CommandError, SystemExit, OddError) as error:
            raised = error
    assert raised is not None or output.getvalue() + errors.getvalue()
    shown = watch.shown() | {"output": output.getvalue() + errors.getvalue(), "error": repr(raised)}
    shown |= {"database": database(), "sessions": sessions(), "report": "\n".join(reported(raised, ours=True))}
    assert leaks(site.confidential(), shown, {"sessions": PENDING}) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_number_that_cannot_be_enrolled_is_in_no_frame_of_ours(site, alice, fault):
    """A view of the project calls this, and its error goes to the debug page or to the admins."""
    fail(site, fault)
    with pytest.raises(Exception, match=r".*") as caught:
        enrol_phone(alice, PHONE, "SMS")
    assert leaks(site.confidential(), {"report": "\n".join(reported(caught.value))}, {}) == []
