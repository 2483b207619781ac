"""The task functions: what they do, that queues can carry what they take and give, and Django's own queue."""

from __future__ import annotations

import json
from datetime import timedelta

import django
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_authsignal import tasks
from django_authsignal.client import Unavailable
from django_authsignal.models import DailyFigure, TrackedAction
from example_project.bank.seed import open_account

from .commands.past import Past, stands

if django.VERSION >= (6, 0):
    from django.tasks import TaskResultStatus, task

    # As a project writes them: at a module's level, where a worker finds them.
    @task
    def sync_authsignal(hours):
        return tasks.sync(hours)

    @task
    def enrol(*args):
        return tasks.enrol_phone(*args)


needs_tasks = pytest.mark.skipif(django.VERSION < (6, 0), reason="Django's task framework came with 6.0")


@pytest.fixture
def past(alice, authsignal):
    return Past(authsignal.store, alice)


def carried(value):
    """*value* after its way through a queue."""
    assert json.loads(json.dumps(value)) == value
    return value


def test_sync_gives_its_summary(past):
    row = past.row("created", "ALLOW")
    done = carried(tasks.sync(hours=1))
    assert (done["rows"], done["lost"], stands(row)) == (1, 1, ("void", "lost", "ALLOW"))


def test_sync_computes_the_figures(past):
    past.row("spent", age=60)
    assert carried(tasks.sync())["days"] >= 1
    assert DailyFigure.objects.filter(name="outcome", label="verified", value=1).exists()


def test_rows_without_an_answer_are_left_to_the_queue_when_the_rest_is_done(past, authsignal):
    row = past.row("created", "ALLOW")
    authsignal.fail_next(503, times=2)  # one call, tried twice
    with pytest.raises(Unavailable, match="rows without an answer: 1"):
        tasks.sync()
    assert DailyFigure.objects.filter(name="outages").exists()
    assert carried(tasks.sync())["unanswered"] == 0
    assert stands(row) == ("void", "lost", "ALLOW")


def test_failure_is_left_to_the_queue(past, authsignal):
    for number in range(5):
        Past(authsignal.store, open_account(f"user{number}")).row()
    authsignal.down()
    with pytest.raises(Unavailable, match="5 calls in a row"):
        tasks.sync()
    assert DailyFigure.objects.filter(name="challenges").exists()


def test_figures_are_computed(past):
    past.row("spent", age=60)
    assert carried(tasks.refresh_figures()) >= 1
    assert DailyFigure.objects.filter(name="outcome", label="verified", value=1).exists()


@pytest.mark.parametrize(("days", "kept"), [(None, 1), (200, 1), (20, 0)])
def test_prune_keeps_the_configured_days_or_those_given(past, days, kept):
    past.row("spent", age=timedelta(days=30).total_seconds())
    assert carried(tasks.prune(days))["actions"] == 1 - kept
    assert TrackedAction.objects.count() == kept


def test_number_is_enrolled_once(carol, authsignal):
    assert carried(tasks.enrol_phone(carol.pk, "+64211234567")) is True
    assert carried(tasks.enrol_phone(carol.pk, "+64211234567", "SMS")) is False
    assert [one.address for one in authsignal.store.user(str(carol.pk)).authenticators] == ["+64211234567"]


def test_user_who_is_gone_is_a_failure(carol):
    pk = carol.pk
    carol.delete()
    with pytest.raises(get_user_model().DoesNotExist):
        tasks.enrol_phone(pk, "+64211234567")


def test_person_is_erased_though_the_user_is_deleted(past, alice, authsignal):  # T69
    row, user_id = past.row("spent", "CHALLENGE_SUCCEEDED"), str(alice.pk)
    alice.delete()
    done = carried(tasks.forget(user_id))
    assert (done["actions"], done["remote"], authsignal.store.actions(user_id)) == (1, True, ())
    row.refresh_from_db()
    assert row.authsignal_user_id == done["pseudonym"] != user_id


@needs_tasks
def test_django_runs_them(past, carol, settings):
    settings.TASKS = {"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
    row = past.row("created", "ALLOW")
    synced, enrolled = sync_authsignal.enqueue(24), enrol.enqueue(carol.pk, "+64211234567", "SMS")
    assert [one.status for one in (synced, enrolled)] == [TaskResultStatus.SUCCESSFUL] * 2
    assert (synced.return_value["lost"], enrolled.return_value, stands(row)[0]) == (1, True, "void")
    assert row.ended_at <= timezone.now()


@needs_tasks
def test_django_keeps_what_went_wrong(carol, authsignal, settings):
    settings.TASKS = {"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
    authsignal.down()
    failed = enrol.enqueue(carol.pk, "+64211234567", "SMS")
    assert (failed.status, failed.errors[0].exception_class) == (TaskResultStatus.FAILED, Unavailable)
