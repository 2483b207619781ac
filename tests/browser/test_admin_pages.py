"""The operators' pages over ninety days of history, as axe sees them (WCAG 2.2 AA) and under a strict policy."""

from __future__ import annotations

import re

import pytest

from django_authsignal.models import TrackedAction
from django_authsignal.services import rollup
from example_project.bank.seed import open_account
from tests.rig.history import seed_history
from tests.rig.missing import accessible_admin

pytestmark = pytest.mark.browser

LIST = "/admin/authsignal/trackedaction/"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
WINDOWS = {
    "phone-light": (PHONE, "light"),
    "phone-dark": (PHONE, "dark"),
    "desktop-light": (DESKTOP, "light"),
    "desktop-dark": (DESKTOP, "dark"),
}
ILL_PLACED = """charts => charts.flatMap(chart => {
    const frame = chart.getBoundingClientRect()
    const boxes = [...chart.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()])
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2
    const out = a => a.left < frame.left - 1 || a.right > frame.right + 1 || a.bottom > frame.bottom + 1
    return boxes.flatMap(([name, a], place) => [
        ...boxes.slice(place + 1).filter(([, b]) => meet(a, b)).map(([other]) => `${name} meets ${other}`),
        ...(out(a) ? [`${name} leaves the chart`] : []),
    ])
})"""


@pytest.fixture(params=WINDOWS.values(), ids=WINDOWS)
def window(request):
    viewport, scheme = request.param
    return {"viewport": viewport, "color_scheme": scheme}


@pytest.fixture
def visit(sign_in, transactional_db):
    """`page = visit(path)` as an operator; whatever the console complains about fails the test."""
    seed_history(per_day=20, user=open_account("alice"))
    rollup.refresh()
    admin = open_account("admin", is_staff=True, is_superuser=True)
    return lambda path, **options: sign_in(admin, path, **options)


@accessible_admin
def test_dashboard_passes_axe(visit, window, violations):
    page = visit(f"{LIST}dashboard/?days=90", **window)
    assert page.locator("svg.authsignal-chart").count() == 5
    assert violations(page) == ""
    for summary in page.locator(".authsignal-panel summary").all():
        summary.click()
    assert page.locator(".authsignal-table tbody").first.is_visible()
    assert violations(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page itself scrolls sideways"


@accessible_admin
def test_stories_pass_axe(visit, window, violations, bank_url):
    page = visit(LIST, **window)
    for reason in ("block", "", "unavailable"):
        row = TrackedAction.objects.filter(reason=reason).order_by("expires_at", "pk").first()
        page.goto(f"{bank_url}{LIST}{row.pk}/change/")
        assert page.locator(".authsignal-entry").count() > 1
        assert violations(page) == ""


def test_dashboard_is_in_colour_from_its_own_stylesheet(visit):
    page = visit(f"{LIST}dashboard/?days=30", viewport=DESKTOP)
    fills = "bars => new Set(bars.map(bar => getComputedStyle(bar).fill)).size"
    assert page.eval_on_selector_all(".authsignal-panel-outcomes rect:not(.authsignal-place)", fills) > 4


@pytest.mark.parametrize("language", ["en", "de", "es", "ja", "ar"])
def test_labels_of_a_chart_do_not_overlap_or_leave_it(visit, bank_url, language):
    page = visit(LIST, viewport=PHONE, locale=language)
    for days in (7, 30, 90):
        page.goto(f"{bank_url}{LIST}dashboard/?days={days}")
        assert page.eval_on_selector_all("svg.authsignal-chart", ILL_PLACED) == [], days


def test_dashboard_needs_no_script(visit):
    page = visit(f"{LIST}dashboard/", viewport=PHONE, java_script_enabled=False)
    page.locator(".authsignal-panel summary").first.click()
    table = page.get_by_role("region", name=re.compile("Numbers as a table.*Decisions by outcome"))
    assert table.get_by_role("row").count() == 31
