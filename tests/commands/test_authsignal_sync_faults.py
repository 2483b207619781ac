"""``manage.py authsignal_sync`` when the service fails, when others write meanwhile, and when there is very much."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from itertools import count

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_authsignal.client import Unauthorized
from django_authsignal.connection import get_client
from django_authsignal.models import ActionEvent, TrackedAction
from django_authsignal.services import sync as service
from django_authsignal.services.inquiry import AHEAD, Inquiry
from django_authsignal.testing import complete_step_up
from django_authsignal.testing.adapter import SandboxAdapter
from example_project.bank.seed import open_account
from tests.gated import broken_database
from tests.journeys.steps import Edge

from .past import Past, drifts, everything, stands
from .test_authsignal_sync import asked, counts, failing, sync


@pytest.fixture
def past(alice, authsignal):
    return Past(authsignal.store, alice)


@pytest.fixture
def customers(db, authsignal):
    """A lost row of each of seven users."""
    pasts = [Past(authsignal.store, open_account(f"user{number}")) for number in range(7)]
    return [past.row("created", "ALLOW") for past in pasts]


def statuses(rows):
    return [stands(row)[0] for row in rows]


# The service fails


def test_refused_secret_stops_everything_at_once(customers, authsignal):  # F10
    authsignal.store.secret = "sandbox_other"  # noqa: S105
    code, summary = failing(workers=1)
    assert (code, summary["rows"], statuses(customers)) == (5, 0, ["created"] * 7)
    assert len(authsignal.requests) <= AHEAD + 1


def test_service_that_is_down_is_given_up_on_early(customers, authsignal):
    authsignal.down()
    code, summary = failing()
    assert (code, summary["rows"], summary["unanswered"]) == (6, 5, 5)
    assert statuses(customers) == ["created"] * 7
    authsignal.up()
    assert counts(sync()) == {"recorded": 7, "lost": 7}


def test_service_that_is_down_is_an_exit_code_with_one_row_too(past, authsignal):
    row = past.row("created", "ALLOW")
    authsignal.down()
    with pytest.raises(CommandError, match=r"all rows: run it again\. Is manage\.py authsignal_sandbox running\?"):
        sync()
    assert (failing()[0], stands(row)[0]) == (6, "created")


def test_partial_outage_leaves_only_what_was_not_answered(customers, authsignal):  # F8
    authsignal.fail_next(503, times=4)  # two calls, each tried twice
    code, summary = failing(workers=1)
    assert (code, summary["rows"], summary["unanswered"], summary["lost"]) == (6, 7, 2, 5)
    assert statuses(customers) == ["created"] * 2 + ["void"] * 5
    assert counts(sync()) == {"recorded": 2, "lost": 2}


def test_outage_is_not_taken_for_an_unknown_action(past, authsignal):
    row = past.row("spent")
    for status in (500, 429):
        authsignal.fail_next(status, times=2)  # the client tries twice
        assert failing()[0] == 6
    assert drifts(row) == []
    sync()
    assert len(drifts(row)) == 1


class Clock(threading.Event):
    """Notes the pauses and takes none."""

    def __init__(self):
        super().__init__()
        self.pauses = []

    def wait(self, timeout=None):
        self.pauses.append(timeout)
        return self.is_set()


def paused(authsignal, row, times):
    """Ask about *row* while the service asks for 9 seconds of rest *times* times: the answer and the pauses."""
    # Longer than the client itself would wait within one call.
    authsignal.store.journal.fail_next(429, times=times, headers={"Retry-After": "9"})
    clock = Clock()
    [(_, answers)] = Inquiry(get_client(), 1, clock).answers([[row]])
    return answers and answers[0].state, clock.pauses


def test_pause_that_the_service_asks_for_is_kept_once(past, authsignal):  # F7
    row = past.row("created", "ALLOW")
    assert paused(authsignal, row, 1) == ("ALLOW", [9.0])
    assert paused(authsignal, row, 2) == (None, [9.0])


def test_pause_ends_with_the_run(customers, authsignal):
    authsignal.store.journal.fail_next(429, headers={"Retry-After": "9"})
    authsignal.store.journal.fail_next(401)
    clock = threading.Event()
    began = time.monotonic()
    with pytest.raises(Unauthorized):
        list(Inquiry(get_client(), 2, clock).answers([[row] for row in customers]))
    assert time.monotonic() - began < 9


@pytest.mark.parametrize("status", ["created", "pending"])
def test_answer_that_makes_no_sense_does_not_keep_a_row_open(past, status):  # F12
    row = past.row(status, age=900)
    past.says(row, "")
    assert counts(sync())["unreadable"] == 1
    assert stands(row)[0] == "void"


def test_call_that_the_service_refuses_does_not_keep_a_row_open(past, authsignal):  # F9
    row = past.row("created", "ALLOW")
    authsignal.fail_next(400)
    assert counts(sync()) == {"lost": 1, "unreadable": 1}
    assert stands(row) == ("void", "lost", "")


class OddList(SandboxAdapter):
    """Lists of actions are too long to be read."""

    def answer(self, request):
        response = super().answer(request)
        if request.url.partition("?")[0].endswith("/actions"):
            response.raw.read = lambda amount: b"x" * amount
        return response


class OddAnswers(SandboxAdapter):
    """Whatever is asked about one action is answered with *status*, and with a body that is no action."""

    status = 200

    def answer(self, request):
        response = super().answer(request)
        if not request.url.partition("?")[0].endswith("/actions"):
            body = iter([b"{}", b""])
            response.status_code, response.raw.read = self.status, lambda amount: next(body)
        return response


@pytest.mark.parametrize("status", [200, 400])
def test_single_answer_that_makes_no_sense_is_no_drift(past, authsignal, settings, status):  # F9 F16
    settings.AUTHSIGNAL_ADAPTER = odd = OddAnswers(authsignal.store)
    odd.status = status
    row, lost = past.row("spent"), past.row("created")
    assert counts(sync()) == {"lost": 1, "unreadable": 2}
    assert (stands(row)[0], stands(lost), drifts(row)) == ("spent", ("void", "lost", ""), [])


def test_list_that_cannot_be_read_is_replaced_by_single_questions(past, authsignal, settings):  # F14
    settings.AUTHSIGNAL_ADAPTER = OddList(authsignal.store)
    row, unknown = past.row("created", "ALLOW"), past.row("spent")
    assert counts(sync()) == {"recorded": 1, "lost": 1, "drift": 1}
    assert (stands(row), asked(authsignal)) == (("void", "lost", "ALLOW"), ["list", "get", "get"])
    assert drifts(unknown) == ["answered, but Authsignal does not know it"]


def test_database_that_fails_is_an_exit_code_and_what_is_done_is_kept(customers):  # F21
    ends = count(1)

    def execute(run, sql, params, many, context):
        if 'SET "status"' in sql and next(ends) == 3:
            raise OperationalError("gone")
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        code, summary = failing(workers=1)
    assert (code, summary["lost"], statuses(customers)) == (6, 2, ["void"] * 2 + ["created"] * 5)
    sync()
    assert statuses(customers) == ["void"] * 7


def test_interrupted_command_says_so(customers):
    with broken_database("UPDATE", error=KeyboardInterrupt):
        code, summary = failing(workers=1)
    assert (code, summary["exit_code"], summary["lost"]) == (130, 130, 0)


# Others write meanwhile


@pytest.fixture
def edge(authsignal, settings):
    settings.AUTHSIGNAL_ADAPTER = Edge(authsignal.store)
    return settings.AUTHSIGNAL_ADAPTER


def move(row, **values):
    return lambda: TrackedAction.objects.filter(pk=row.pk).update(**values)


def late(**fields):
    return {**fields, "expires_at": timezone.now() + timedelta(minutes=5)}


@pytest.mark.django_db(transaction=True)
def test_row_that_is_spent_while_the_service_is_asked_stays_spent(past, edge):
    row = past.row("approved", "CHALLENGE_SUCCEEDED", age=900)
    edge.during("/actions", closing_connection(move(row, status="spent", spent_at=timezone.now())))
    assert counts(sync()) == {}
    assert stands(row)[:2] == ("spent", "")


@pytest.mark.django_db(transaction=True)
def test_row_that_is_approved_while_the_service_is_asked_stays_approved(past, edge):
    row = past.row("pending", "CHALLENGE_REQUIRED", age=900)
    changes = late(status="approved", approved_at=timezone.now(), remote_state="CHALLENGE_SUCCEEDED")
    edge.during("/actions", closing_connection(move(row, **changes)))
    sync()
    assert stands(row) == ("approved", "", "CHALLENGE_SUCCEEDED")


@pytest.mark.django_db(transaction=True)
def test_row_that_gets_its_answer_while_the_service_is_asked_keeps_it(past, edge):
    row = past.row("created", "CHALLENGE_REQUIRED")
    edge.during("/actions", closing_connection(move(row, **late(status="pending", answered_at=timezone.now()))))
    sync()
    assert stands(row)[:2] == ("pending", "")


def closing_connection(act):
    """*act*, in a thread whose database connection nobody else would close."""

    def acting():
        try:
            act()
        finally:
            connection.close()

    return acting


@pytest.mark.django_db(transaction=True)
def test_two_syncs_at_once_do_the_work_once(authsignal):
    past = Past(authsignal.store, open_account("alice"))
    rows = [past.row("created", "ALLOW") for _ in range(5)]
    for said in ("BLOCK", "CHALLENGE_FAILED"):
        past.says(past.row("spent"), said)
    summaries, barrier = [], threading.Barrier(2)

    def run():
        barrier.wait(10)
        try:
            summaries.append(sync())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    both = {name: summaries[0][name] + summaries[1][name] for name in ("lost", "drift")}
    assert both == {"lost": 5, "drift": 2}
    assert statuses(rows) == ["void"] * 5


@pytest.mark.django_db(transaction=True)
def test_payments_go_on_while_syncs_run(bank):
    browsers = [bank.sign_in(open_account(name)) for name in ("alice", "bob")]

    def pay(browser):
        try:
            for amount in range(2001, 2006):
                complete_step_up(browser, bank.transfer(browser, amount))
                assert bank.transfer(browser, amount).status_code == 302
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        paying = [pool.submit(pay, browser) for browser in browsers]
        summaries = [sync()]
        while not all(one.done() for one in paying):
            summaries.append(sync())
    assert [one.result() for one in paying] == [None, None]
    assert sorted(amount for _, amount in bank.ledger) == sorted([*range(2001, 2006)] * 2)
    assert set(TrackedAction.objects.values_list("status", flat=True)) == {"spent"}
    assert {name for summary in summaries for name in counts(summary)} <= {"recorded"}
    assert ActionEvent.objects.count() == 0


# Very much


def test_history_longer_than_a_page_is_read_to_its_end(past):
    began = timezone.now() - timedelta(minutes=10)
    size = service.BATCH * 2 + 1
    same = past.row("void")
    TrackedAction.objects.bulk_create(
        TrackedAction(
            user=past.user,
            authsignal_user_id=same.authsignal_user_id,
            environment="sandbox",
            action="pay",
            binding="bound",
            status="void",
            created_at=began if number % 3 else began - timedelta(seconds=number),
        )
        for number in range(size - 1)
    )
    assert (sync()["rows"], counts(sync())) == (size, {})


def test_rows_that_are_up_to_date_cost_no_write(past):
    for _ in range(20):
        past.row("spent", "CHALLENGE_SUCCEEDED")
    with CaptureQueriesContext(connection) as queries:
        sync(figures=False)
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


class Slow(SandboxAdapter):
    """Counts the calls that are under way at once, and holds them until it has seen enough."""

    def __init__(self, store):
        super().__init__(store)
        self.now, self.most, self._lock = 0, 0, threading.Lock()
        self.full = threading.Event()

    def send(self, request, *args, **kwargs):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == 3:
                self.full.set()
        self.full.wait(10)
        try:
            return super().send(request, *args, **kwargs)
        finally:
            with self._lock:
                self.now -= 1


def test_no_more_calls_are_under_way_than_there_are_workers(customers, authsignal, settings):
    settings.AUTHSIGNAL_ADAPTER = slow = Slow(authsignal.store)
    sync(workers=3)
    assert (slow.most, statuses(customers)) == (3, ["void"] * 7)


def test_rows_are_read_only_as_far_as_there_is_room_for(past):
    row, read = past.row("created", "ALLOW"), count()
    groups = ([row] for _ in iter(lambda: next(read), None))
    with closing(Inquiry(get_client(), 2).answers(groups)) as answers:
        next(answers)
        next(answers)
    assert next(read) <= 2 * AHEAD + 2


def test_whoever_stops_listening_waits_for_no_more_than_one_call(past, authsignal):
    row = past.row("created")  # not in the list: it has to be looked up
    answers = Inquiry(get_client(), 1).answers([[row], [row] * 5000])
    next(answers)
    answers.close()
    assert len(authsignal.requests) < 5000


class Wish(threading.Event):
    """To stop, wished for when the first call is about to be made."""

    def is_set(self):
        if threading.current_thread() is not threading.main_thread():
            self.set()
        return super().is_set()


def test_run_that_shall_stop_does_not_count_what_nobody_was_asked_about(customers, authsignal):
    summary = service.reconcile(service.Span.of(24), workers=1, stop=Wish())
    assert (summary, authsignal.requests) == (service.Summary(), [])
    assert statuses(customers) == ["created"] * 7


def test_interrupted_run_keeps_and_tells_what_it_has_done(customers):
    summary, done = service.Summary(), count(1)

    def interrupt(rows):
        if next(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.reconcile(service.Span.of(24), summary, workers=1, tick=interrupt)
    assert (summary.rows, summary.lost, statuses(customers)) == (3, 3, ["void"] * 3 + ["created"] * 4)
    sync()
    assert statuses(customers) == ["void"] * 7
    assert everything()[1] == []
