"""Daily figures: exact, the same however often they are computed, and of this environment and tenant only."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from django_authsignal.models import DailyFigure, TrackedAction
from django_authsignal.services import rollup
from django_authsignal.timeline import REASONS
from tests.rig.history import seed_history

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.date()
SHORT = timedelta(minutes=10)

pytestmark = pytest.mark.django_db


def add(at=NOON, *, status="spent", ended=0, approved=None, challenged=False, lasts=SHORT, **fields):
    """A row; *approved* is how many seconds after the answer, which came a second after *at*."""
    answered = at + timedelta(seconds=1)
    passed = answered + timedelta(seconds=approved) if approved is not None else None
    times = {
        "answered_at": answered,
        "approved_at": passed,
        "spent_at": (passed or answered) if status == "spent" else None,
        "expires_at": at + lasts if challenged or passed else None,
    }
    known = {"environment": "sandbox", "action": "transfer", "method": "POST", "route": "transfer"}
    binding = f"v1:{uuid.uuid4()}"
    return TrackedAction.objects.create(
        **{
            **known,
            "authsignal_user_id": "7",
            "created_at": at,
            "binding": binding,
            "status": status,
            **times,
            **fields,
        }
    )


def figures(name, day=TODAY):
    rows = DailyFigure.objects.filter(environment="sandbox", day=day, name=name)
    return dict(rows.values_list("label", "value"))


def days():
    return sorted(set(DailyFigure.objects.values_list("day", flat=True)))


# What is counted


@pytest.mark.parametrize(
    ("label", "fields"),
    [
        ("allowed", {}),
        ("verified", {"approved": 5}),
        ("unverified", {"reason": "unenrolled"}),
        ("waiting", {"status": "created"}),
        ("waiting", {"status": "pending", "challenged": True}),
        ("waiting", {"status": "approved", "approved": 5}),
        ("abandoned", {"status": "pending", "challenged": True, "lasts": timedelta(seconds=30)}),
        ("abandoned", {"status": "approved", "approved": 5, "lasts": timedelta(seconds=30)}),
        ("abandoned", {"status": "void", "reason": "expired", "challenged": True}),
        ("abandoned", {"status": "void", "reason": "logged_out"}),
        ("abandoned", {"status": "void", "reason": "a reason of tomorrow"}),
        ("failed", {"status": "refused", "reason": "challenge", "challenged": True}),
        ("unenrolled", {"status": "refused", "reason": "unenrolled"}),
        ("blocked", {"status": "refused", "reason": "block"}),
        ("blocked", {"status": "refused", "reason": "review"}),
        ("blocked", {"status": "refused", "reason": "revoked"}),
        ("unavailable", {"status": "void", "reason": "unavailable"}),
        ("unavailable", {"status": "void", "reason": "unreachable"}),
        ("unavailable", {"status": "void", "reason": "lost"}),
        ("unavailable", {"status": "void", "reason": "upstream_error"}),
        ("unavailable", {"status": "created", "at": NOON - timedelta(minutes=20)}),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else "-".join(map(str, [value.get("status"), value.get("reason")]))
    ),
)
def test_every_row_has_one_outcome(label, fields):
    add(**fields)
    rollup.refresh(NOON + timedelta(minutes=1))
    assert figures("outcome") == {label: 1}
    assert label in rollup.OUTCOMES


def test_every_reason_of_the_history_has_an_outcome():
    placed = {reason for reasons in rollup.OUTCOMES.values() for reason in reasons}
    assert set(REASONS) - placed == {"report_only", "enrolment"}, "only rows that stop nothing end like that"


def test_figures_of_a_day_are_exact():
    for seconds in (4, 10, 31):
        add(approved=seconds, rule_ids=["large", "new-device"])
    add(status="refused", reason="challenge", challenged=True, rule_ids=["large"])
    add(rule_ids=["small", "small"])
    add(status="void", reason="unavailable")
    rollup.refresh(NOON)
    assert figures("outcome") == {"verified": 3, "failed": 1, "allowed": 1, "unavailable": 1}
    assert figures("challenges") == {"started": 4, "passed": 3}
    assert figures("median_seconds") == {"": 10}
    assert figures("rule") == {"large": 4, "new-device": 3, "small": 1}
    assert figures("outages") == {"": 1}
    assert set(DailyFigure.objects.values_list("as_of", flat=True)) == {NOON}


def test_median_of_an_even_number_lies_between_two():
    for seconds in (1, 2, 5, 90):
        add(approved=seconds)
    rollup.refresh(NOON)
    assert figures("median_seconds") == {"": 3.5}


def test_success_that_the_other_clock_puts_first_took_no_time():
    add(approved=-1)
    rollup.refresh(NOON)
    assert figures("median_seconds") == {"": 0}


def test_rows_that_only_watch_decide_nothing():
    add(status="void", reason="report_only", enforced=False, rule_ids=["large"])
    add(status="void", reason="unavailable", enforced=False)
    rollup.refresh(NOON)
    assert figures("outcome") == figures("challenges") == {}
    assert figures("rule") == {"large": 1}
    assert figures("outages") == {"": 1}


def test_only_the_commonest_rules_of_a_day_are_kept():
    for number in range(60):
        add(rule_ids=[f"rule-{number}", f"rule-{number // 2}"])
    rollup.refresh(NOON)
    kept = figures("rule")
    assert len(kept) == rollup.TOP_RULES
    assert {f"rule-{number}" for number in range(30)} <= set(kept)


def test_rule_ids_fit_their_column():
    add(rule_ids=["\n" + "x" * 80])
    rollup.refresh(NOON)
    assert figures("rule") == {"x" * 64: 1}


def test_rows_of_others_are_left_out(settings):
    settings.AUTHSIGNAL_TENANT_ID = "ours"
    add(tenant="ours")
    add(tenant="theirs")
    add(tenant="ours", environment="live")
    DailyFigure.objects.create(environment="live", day=TODAY, name="outcome", label="allowed", value=9, as_of=NOON)
    rollup.refresh(NOON)
    assert figures("outcome") == {"allowed": 1}
    assert DailyFigure.objects.get(environment="live").value == 9


# Which days


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Marquesas"])
def test_days_are_days_in_utc(settings, zone):
    settings.TIME_ZONE = zone
    midnight = datetime(2026, 3, 10, tzinfo=UTC)
    add(midnight - timedelta(microseconds=1), status="refused", reason="block")
    add(midnight)
    rollup.refresh(NOON)
    assert figures("outcome", date(2026, 3, 9)) == {"blocked": 1}
    assert figures("outcome") == {"allowed": 1}


def test_nothing_at_all_is_counted_as_nothing():
    assert rollup.refresh(NOON) == 1
    assert figures("outages") == {"": 0}
    assert DailyFigure.objects.count() == 1


def test_first_refresh_goes_back_to_the_oldest_row():
    add(NOON - timedelta(days=4))
    assert rollup.refresh(NOON) == 5
    assert days() == [TODAY - timedelta(days=ago) for ago in (4, 3, 2, 1, 0)]


def test_first_refresh_goes_back_400_days_at_most(settings):
    settings.AUTHSIGNAL_RETENTION_DAYS = 3650
    add(NOON - timedelta(days=1000))
    assert rollup.refresh(NOON) == 400


def test_later_refreshes_compute_the_last_two_days_only():
    add(NOON - timedelta(days=2))
    rollup.refresh(NOON)
    for ago in (2, 1, 0):
        add(NOON - timedelta(days=ago), status="refused", reason="block")
    assert rollup.refresh(NOON + timedelta(minutes=5)) == 2
    assert figures("outcome", TODAY - timedelta(days=2)) == {"allowed": 1}
    assert figures("outcome", TODAY - timedelta(days=1)) == {"blocked": 1}
    assert figures("outcome") == {"blocked": 1}


def test_refresh_after_a_pause_misses_no_day():
    add(NOON - timedelta(days=5))
    rollup.refresh(NOON - timedelta(days=4))
    for ago in (5, 4, 3, 1):
        add(NOON - timedelta(days=ago), status="refused", reason="block")
    assert rollup.refresh(NOON) == 6
    assert [figures("outcome", TODAY - timedelta(days=ago)).get("blocked") for ago in (5, 4, 3, 1)] == [1, 1, 1, 1]


def test_days_go_further_back_when_asked():
    add(NOON - timedelta(days=3))
    rollup.refresh(NOON)
    add(NOON - timedelta(days=3), status="refused", reason="block")
    assert rollup.refresh(NOON, days=3) == 3
    assert figures("outcome", TODAY - timedelta(days=3)) == {"allowed": 1}
    assert rollup.refresh(NOON, days=30) == 4
    assert figures("outcome", TODAY - timedelta(days=3)) == {"allowed": 1, "blocked": 1}


def test_days_whose_rows_may_be_pruned_keep_their_figures(settings):
    settings.AUTHSIGNAL_RETENTION_DAYS = 3
    old = TODAY - timedelta(days=3)
    DailyFigure.objects.create(environment="sandbox", day=old, name="outcome", label="allowed", value=9, as_of=NOON)
    add(NOON - timedelta(days=3))
    rollup.refresh(NOON, days=30)
    assert figures("outcome", old) == {"allowed": 9}


# Again


def test_refresh_is_idempotent():
    seed_history(days=5, per_day=30, now=NOON)
    rollup.refresh(NOON)
    before = list(DailyFigure.objects.order_by("day", "name", "label").values_list("day", "name", "label", "value"))
    assert len(before) > 30
    rollup.refresh(NOON, days=5)
    after = list(DailyFigure.objects.order_by("day", "name", "label").values_list("day", "name", "label", "value"))
    assert after == before


def test_labels_that_no_row_has_any_more_are_removed():
    row = add(status="pending", challenged=True, rule_ids=["large"])
    rollup.refresh(NOON)
    assert figures("outcome") == {"waiting": 1}
    TrackedAction.objects.filter(pk=row.pk).update(status="void", reason="expired", rule_ids=[])
    rollup.refresh(NOON)
    assert figures("outcome") == {"abandoned": 1}
    assert figures("rule") == {}


def test_refresh_reads_each_day_once(django_assert_max_num_queries):
    seed_history(days=3, per_day=400, now=NOON)
    # the last figures, the oldest row; then each day: one pass, and one transaction that replaces its figures
    with django_assert_max_num_queries(2 + 3 * 5):
        assert rollup.refresh(NOON) == 3
