"""``manage.py authsignal_prune``: what goes, what stays, and that nobody beside it notices."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from threading import Barrier, Thread

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_authsignal.claims import Claim
from django_authsignal.management.commands.authsignal_prune import Command
from django_authsignal.models import ActionEvent, DailyFigure, Status, TrackedAction, WebhookEvent
from django_authsignal.services.reports import Report, take
from django_authsignal.services.retention import LEAST_AGE, Pruned, prune
from tests.gated import broken_database

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def action(status=Status.SPENT, *, age, user=None, **values):
    """An action that was begun *age* ago."""
    at = timezone.now() - age
    times = {"expires_at": at + timedelta(minutes=10)} if status in ("pending", "approved") else {}
    times |= {"approved_at": at} if status == Status.APPROVED else {}
    times |= {"spent_at": at} if status == Status.SPENT else {}
    known = {"user": user, "authsignal_user_id": "7", "environment": "sandbox", "action": "pay", "created_at": at}
    return TrackedAction.objects.create(status=status, **known | times | values)


def webhook(number, *, age):
    at = timezone.now() - age
    return WebhookEvent.objects.create(event_id=str(number), type="x", occurred_at=at, received_at=at)


def run(**options):
    """What the command prints."""
    out = StringIO()
    call_command("authsignal_prune", stdout=out, stderr=StringIO(), no_color=True, **options)
    return out.getvalue()


def exit_of(**options):
    """The exit code and the message of a run that fails."""
    with pytest.raises(CommandError) as caught:
        run(**options)
    return caught.value.returncode, str(caught.value)


def everything():
    """Every row of every table, as it stands."""
    tables = (TrackedAction, ActionEvent, WebhookEvent, DailyFigure)
    return [list(table.objects.order_by("pk").values()) for table in tables]


# What goes and what stays


@pytest.mark.parametrize("status", Status)
def test_action_goes_when_it_is_old_enough_and_not_before(status):  # T68
    old, young = action(status, age=31 * DAY), action(status, age=29 * DAY)
    run(days=30)
    assert not TrackedAction.objects.filter(pk=old.pk).exists()
    assert TrackedAction.objects.filter(pk=young.pk).exists()


def test_settings_say_how_long_history_is_kept(settings):
    settings.AUTHSIGNAL_RETENTION_DAYS = 10
    action(age=11 * DAY)
    kept = action(age=9 * DAY)
    run()
    assert list(TrackedAction.objects.all()) == [kept]


@pytest.mark.parametrize("status", [Status.PENDING, Status.APPROVED])
@pytest.mark.parametrize(("overdue", "stays"), [(-DAY, True), (DAY / 2, True), (DAY * 1.1, False)], ids=str)
def test_action_that_waits_goes_only_when_its_time_is_long_over(status, overdue, stays):  # T68
    """Whatever a clock or a hand did to its other times."""
    action(status, age=400 * DAY, expires_at=timezone.now() - overdue)
    run()
    assert TrackedAction.objects.exists() is stays


@pytest.mark.parametrize("status", Status)
def test_nothing_younger_than_a_day_goes_whatever_is_asked(status):  # T68
    action(status, age=DAY * 0.9)
    run(days=1)
    assert TrackedAction.objects.exists()
    with pytest.raises(ValueError, match="younger than a day"):
        prune(LEAST_AGE - timedelta(seconds=1))


def test_events_go_with_their_action_only():
    old, young = action(age=400 * DAY), action(age=DAY)
    for row in (old, old, young):
        row.note(ActionEvent.Kind.OUTAGE, "no answer")
    assert run() == "Deleted 1 actions, 2 events on them and 0 webhooks.\n"
    assert [event.action for event in ActionEvent.objects.all()] == [young]


def test_webhooks_go_when_they_are_old_enough():  # T56
    for number, days in enumerate([40, 35, 31, 29, 2, 0]):
        webhook(number, age=days * DAY)
    assert run(days=30, batch=2) == "Deleted 0 actions, 0 events on them and 3 webhooks.\n"
    assert [event.event_id for event in WebhookEvent.objects.order_by("pk")] == ["3", "4", "5"]


def test_webhook_that_could_be_sent_again_stays():  # T56
    """Later than the signature's tolerance, an hour at most, plus three retries."""
    webhook(1, age=DAY * 0.9)
    run(days=1)
    assert WebhookEvent.objects.exists()


def test_figures_stay():
    day = timezone.localdate() - 1000 * DAY
    DailyFigure.objects.create(environment="sandbox", day=day, name="outages", value=1, as_of=timezone.now())
    run()
    assert DailyFigure.objects.exists()


def test_every_environment_and_tenant_is_pruned():
    for environment, tenant in (("live", ""), ("sandbox", "one"), ("live", "two")):
        action(age=400 * DAY, environment=environment, tenant=tenant)
    run()
    assert not TrackedAction.objects.exists()


def test_second_run_finds_nothing():
    action(age=400 * DAY)
    run()
    assert run() == "Deleted 0 actions, 0 events on them and 0 webhooks.\n"


@pytest.mark.parametrize("batch", [1, 2, 3, 500])
def test_batches_meet_every_row_once_also_at_the_same_instant(batch):
    at = timezone.now() - 400 * DAY
    kept = [action("pending", age=DAY, created_at=at, expires_at=timezone.now()) for _ in range(2)]
    for _ in range(7):
        action(age=DAY, created_at=at)
    kept.append(action("pending", age=DAY, created_at=at, expires_at=timezone.now()))
    action(age=399 * DAY)
    assert prune(30 * DAY, batch) == Pruned(actions=8)
    assert list(TrackedAction.objects.order_by("pk")) == kept


# Dry run


def test_dry_run_counts_and_changes_nothing():  # T68
    for number, days in enumerate([400, 399, 10]):
        action(age=days * DAY).note(ActionEvent.Kind.OUTAGE)
        webhook(number, age=days * DAY)
    before = everything()
    assert run(dry_run=True) == "Would delete (dry run): 2 actions with their events and 2 webhooks.\n"
    assert everything() == before


def test_dry_run_writes_and_locks_nothing():  # T68
    action(age=400 * DAY)
    webhook(1, age=400 * DAY)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        prune(30 * DAY, dry_run=True)
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


# What is printed


@pytest.mark.parametrize("dry_run", [False, True])
def test_json_is_one_object(dry_run):
    action(age=400 * DAY).note(ActionEvent.Kind.OUTAGE)
    counts = {"actions": 1, "events": int(not dry_run), "webhooks": 0}
    assert json.loads(run(json=True, days=30, dry_run=dry_run)) == {"days": 30, "dry_run": dry_run, **counts}


@pytest.mark.parametrize("json", [False, True])
def test_cron_gets_no_mail_of_a_run_that_went_well(json, monkeypatch):
    monkeypatch.setattr("django_authsignal.management.progress.LINE_SECONDS", 0)
    action(age=400 * DAY)
    out = StringIO()
    call_command("authsignal_prune", stdout=out, stderr=out, verbosity=0, json=json)
    assert out.getvalue().startswith('{"days": ') if json else out.getvalue() == ""
    assert not TrackedAction.objects.exists()


def test_progress_tells_the_sum_after_each_batch():
    for number in range(3):
        action(age=400 * DAY)
        webhook(number, age=400 * DAY)
    heard = []
    prune(30 * DAY, 2, progress=heard.append)
    assert [(step.actions, step.webhooks) for step in heard] == [(2, 0), (3, 0), (3, 2), (3, 3)]


def test_progress_is_told_once_per_batch(monkeypatch):
    """No test waits ten seconds for the next line."""
    monkeypatch.setattr("django_authsignal.management.progress.LINE_SECONDS", 0)
    for number in range(3):
        action(age=400 * DAY)
        webhook(number, age=400 * DAY)
    told = StringIO()
    call_command("authsignal_prune", batch=2, stdout=StringIO(), stderr=told, no_color=True)
    assert told.getvalue().splitlines() == ["Rows: 2", "Rows: 3", "Rows: 5", "Rows: 6"]


# How it reads and writes


def test_each_batch_is_found_by_index():
    """By the time of the action, and by the primary key of a webhook."""
    for number in range(20):
        action(age=400 * DAY)
        webhook(number, age=400 * DAY)
    with CaptureQueriesContext(connection) as queries:
        prune(30 * DAY, 5, dry_run=True)
    assert not any("COUNT(" in query["sql"] or "OFFSET" in query["sql"] for query in queries)
    of_actions = [query["sql"] for query in queries if "trackedaction" in query["sql"]]
    of_webhooks = [query["sql"] for query in queries if "webhookevent" in query["sql"]]
    assert all("authsignal_by_time" in plan_of(sql) for sql in of_actions)
    assert not any(word in plan_of(sql) for sql in of_webhooks for word in ("Sort", "TEMP B-TREE"))


def plan_of(sql):
    """How the database goes about *sql*; on a few rows PostgreSQL must be told to look at its indexes."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN'} {sql}")
        return str(cursor.fetchall())


def test_conditions_are_repeated_by_the_deletion_itself():  # T68
    """Rows are chosen first; one that changes before the deletion stays."""
    chosen = action("pending", age=400 * DAY)
    chosen.note(ActionEvent.Kind.OUTAGE)
    seen = []

    def wake(execute, sql, params, many, context):
        if not seen and sql.startswith("DELETE"):
            seen.append(sql)
            TrackedAction.objects.filter(pk=chosen.pk).update(expires_at=timezone.now() + DAY)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wake):
        assert prune(30 * DAY) == Pruned()
    assert (len(seen), chosen.events.count()) == (1, 1)


def test_slow_batches_become_smaller_and_quick_ones_larger(monkeypatch):
    """By how long the deletion itself took."""
    for _ in range(400):
        action(age=400 * DAY)
    clock, delay, sizes = [0.0], [0.001], []

    def tick(execute, sql, params, many, context):
        if sql.startswith("DELETE") and "authsignal_trackedaction" in sql.partition("WHERE")[0]:
            clock[0] += delay[0]
        return execute(sql, params, many, context)

    def note(pruned):
        sizes.append(pruned.actions - sum(sizes))
        delay[0] = 0.001 if len(sizes) < 2 else 0.05

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    with connection.execute_wrapper(tick):
        prune(30 * DAY, 180, progress=note)
    assert sizes[:4] == [50, 100, 180, 36]  # doubled, up to --batch; then a fifth, as it took five times too long


# Models of the project's own


@pytest.fixture
def receipts(transactional_db):
    """A table of the project whose rows point to actions: `receipts(on_delete)` makes its model."""
    made = []

    def make(on_delete):
        fields = {"action": models.ForeignKey(TrackedAction, on_delete, null=True, related_name="+")}
        meta = type("Meta", (), {"app_label": "bank"})
        made.append(type("Receipt", (models.Model,), {"__module__": __name__, "Meta": meta, **fields}))
        with connection.schema_editor() as editor:
            editor.create_model(made[0])
        return made[0].objects

    yield make
    with connection.schema_editor() as editor:
        editor.delete_model(made[0])
    del apps.all_models["bank"]["receipt"]
    apps.clear_cache()


@pytest.mark.parametrize(
    ("on_delete", "left"), [(models.SET_NULL, [None]), (models.CASCADE, [])], ids=["null", "cascade"]
)
def test_relation_of_the_project_is_obeyed(receipts, on_delete, left):
    rows, old = receipts(on_delete), action(age=400 * DAY)
    old.note(ActionEvent.Kind.OUTAGE)
    rows.create(action=old)
    assert run() == "Deleted 1 actions, 1 events on them and 0 webhooks.\n"
    assert list(rows.values_list("action", flat=True)) == left


def test_action_that_the_project_protects_stops_the_run(receipts):
    old = action(age=400 * DAY)
    old.note(ActionEvent.Kind.OUTAGE)
    receipts(models.PROTECT).create(action=old)
    code, message = exit_of()
    assert (code, "The database refused. " in message, "protected" in message) == (6, True, True)
    assert old.events.count() == 1  # its batch is undone as a whole


# When something goes wrong


@pytest.fixture
def no_waiting(monkeypatch):
    """Retries follow at once; how long each would have waited."""
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


def failing(times, error=OperationalError):
    """The next *times* deletions of actions fail, as a deadlock's victim would."""
    left = [times]

    def execute(run, sql, params, many, context):
        if left[0] and sql.startswith("DELETE"):
            left[0] -= 1
            raise error("deadlock detected")
        return run(sql, params, many, context)

    return connection.execute_wrapper(execute)


@pytest.mark.django_db(transaction=True)
def test_batch_that_meets_a_lock_is_tried_again(no_waiting):
    action(age=400 * DAY)
    with failing(3):
        assert run() == "Deleted 1 actions, 0 events on them and 0 webhooks.\n"
    assert no_waiting[:3] == [0.1, 0.3, 1.0]


@pytest.mark.django_db(transaction=True)
def test_database_that_keeps_failing_stops_the_run_and_keeps_what_is_done(no_waiting):
    for _ in range(3):
        action(age=400 * DAY)
    with broken_database("DELETE", "authsignal_actionevent"):
        code, message = exit_of(batch=1)
    done = "Deleted 0 actions, 0 events on them and 0 webhooks."
    assert (code, message) == (6, f"{done} The database failed: run it again. the database is gone")
    assert TrackedAction.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_interruption_keeps_what_is_done():
    for _ in range(3):
        action(age=400 * DAY).note(ActionEvent.Kind.OUTAGE)
    deletions = []

    def interrupt(execute, sql, params, many, context):
        deletions.append(sql) if sql.startswith("DELETE") else None
        if len(deletions) == 4:  # after the events of the second action
            raise KeyboardInterrupt
        return execute(sql, params, many, context)

    with connection.execute_wrapper(interrupt):
        assert exit_of(batch=1) == (130, "Interrupted. Deleted 1 actions, 1 events on them and 0 webhooks.")
    assert (TrackedAction.objects.count(), ActionEvent.objects.count()) == (2, 2)
    assert run().startswith("Deleted 2 actions")


@pytest.mark.django_db(transaction=True)
def test_prune_inside_a_transaction_is_refused():
    """There its batches would hold their locks until the end."""
    action(age=400 * DAY)
    with transaction.atomic(), pytest.raises(RuntimeError):
        prune(30 * DAY)


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "99999999999"])
def test_days_that_cannot_be_are_wrong_usage(capsys, days):
    with pytest.raises(SystemExit) as caught:
        Command().run_from_argv(["manage.py", "authsignal_prune", "--days", days])
    assert caught.value.code == 2
    assert "must be a whole number from 1 to 10000" in capsys.readouterr().err


def test_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        prune(30 * DAY, 0)


def test_setting_that_cannot_work_is_exit_code_1(settings):
    settings.AUTHSIGNAL_RETENTION_DAYS = 0
    code, message = exit_of()
    assert (code, "AUTHSIGNAL_RETENTION_DAYS" in message) == (1, True)


def test_help_lists_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "authsignal_prune", "--help"])
    printed = capsys.readouterr().out
    for code in (0, 1, 2, 6, 130):
        assert f"\n  {code}  " in printed


# Beside others


def claim_of(number, user):
    return Claim(
        user_pk=user.pk,
        authsignal_user_id="7",
        tenant="",
        environment="sandbox",
        action="pay",
        route="pay/",
        method="POST",
        bindings=(f"bound {number}",),
        channels=("channel",),
        auth_hashes=("hash",),
    )


def approved(claim):
    row = TrackedAction.objects.begin(claim, enforced=True)
    row.challenge({}, timezone.now() + timedelta(minutes=10))
    row.approve({"remote_state": "CHALLENGE_SUCCEEDED"}, timezone.now(), timedelta(minutes=5))
    return row


def in_threads(count, work):
    """What `work(number)` returns in each of *count* threads that start together."""
    barrier = Barrier(count)

    def start(number):
        barrier.wait(30)
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


@pytest.mark.django_db(transaction=True)
def test_prune_beside_sixteen_spends_leaves_every_winner_intact(alice):  # T68 T6
    """Four threads race for each of four approvals, while two prunes delete and two webhooks report what they can."""
    rows = [approved(claim_of(number, alice)) for number in range(4)]
    for _ in range(60):
        action(age=400 * DAY, user=alice).note(ActionEvent.Kind.OUTAGE)
    sums = []

    def work(number):
        if number in (16, 17):
            sums.append(prune(DAY, 7))
            return False
        if number > 17:
            reports = [Report("7", "pay", row.idempotency_key, "CHALLENGE_SUCCEEDED", timezone.now()) for row in rows]
            return [take(report, "webhook") for report in reports]
        row = TrackedAction.objects.get(pk=rows[number % 4].pk)
        return row.spend(claim_of(number % 4, alice))

    spent = in_threads(20, work)
    assert [sum(spent[number:16:4]) for number in range(4)] == [1, 1, 1, 1]
    assert (sum(pruned.actions for pruned in sums), sum(pruned.events for pruned in sums)) == (60, 60)
    assert list(TrackedAction.objects.order_by("pk").values_list("pk", "status")) == [(row.pk, "spent") for row in rows]


@pytest.mark.django_db(transaction=True)
def test_row_that_somebody_holds_is_left_for_the_next_run():
    """Who never waits can be part of no deadlock. SQLite has no locks of single rows."""
    if not connection.features.has_select_for_update_skip_locked:
        return
    held, free = action(age=400 * DAY), action(age=399 * DAY)
    barrier = Barrier(2)

    def hold():
        with transaction.atomic():
            TrackedAction.objects.filter(pk=held.pk).update(user=None)
            barrier.wait(30)
            barrier.wait(30)
        connection.close()

    thread = Thread(target=hold)
    thread.start()
    barrier.wait(30)
    assert prune(30 * DAY) == Pruned(actions=1)
    barrier.wait(30)
    thread.join()
    assert list(TrackedAction.objects.all()) == [held]
    assert not TrackedAction.objects.filter(pk=free.pk).exists()
    assert prune(30 * DAY) == Pruned(actions=1)
