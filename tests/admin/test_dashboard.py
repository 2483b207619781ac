"""The dashboard: figures and never rows, each chart with its numbers as a table, nothing that a strict policy stops."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest
import time_machine
from django.contrib.staticfiles import finders

from django_authsignal.admin import charts, panels
from django_authsignal.models import DailyFigure
from django_authsignal.services import rollup
from tests.rig.history import seed_history

from .steps import LIST, staff

PAGE = f"{LIST}dashboard/"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.date()
CHARTS = ("outcomes", "success", "medians", "rules", "outages")


class Page(HTMLParser):
    """What a page shows: its panels with their tables and drawings, its headlines, and every attribute."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.drawn, self.labels, self.headlines, self.tags = {}, {}, {}, {}, []
        self._panel = self._name = ""
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self._open.append(tag)
        if tag == "section" and "authsignal-panel" in attrs.get("class", ""):
            self._panel = attrs["aria-labelledby"].removeprefix("authsignal-")
            self.tables[self._panel], self.drawn[self._panel], self.labels[self._panel] = [], [], []
        elif tag == "tr" and self._panel:
            self.tables[self._panel].append([])
        elif tag in ("th", "td") and self._panel:
            self.tables[self._panel][-1].append("")
        elif tag in ("rect", "polyline") and self._panel and attrs["class"] != "authsignal-place":
            self.drawn[self._panel].append(attrs)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass
        if tag == "section":
            self._panel = ""

    def handle_data(self, data):
        text = " ".join(data.split())
        if not text:
            return
        if self._panel and {"th", "td"} & set(self._open):
            self.tables[self._panel][-1][-1] += text
        elif self._panel and "text" in self._open:
            self.labels[self._panel].append(text)
        elif "dt" in self._open:
            self._name = text
            self.headlines[text] = []
        elif "dd" in self._open:
            self.headlines[self._name].append(text)


@pytest.fixture(autouse=True)
def noon():
    with time_machine.travel(NOON):
        yield


@pytest.fixture
def look(admin_client):
    def look(days=7, client=admin_client, **headers):
        response = client.get(PAGE, {"days": days}, **headers)
        assert response.status_code == 200
        return Page(response.text)

    return look


@pytest.fixture
def figure(db):
    """A figure of so many days ago; each such day counts as computed."""

    def make(ago, name, value, label="", **fields):
        known = {"environment": "sandbox", "day": TODAY - timedelta(days=ago), "as_of": NOON}
        if name != "outages":
            counted = {**known, "name": "outages", "value": 0}
            DailyFigure.objects.bulk_create([DailyFigure(**counted)], ignore_conflicts=True)
        return DailyFigure.objects.create(**{**known, "name": name, "label": label, "value": value, **fields})

    return make


# Who may look


def test_dashboard_is_for_those_who_may_view_the_history(viewer):
    assert viewer.get(PAGE).status_code == 200
    assert staff("other").get(PAGE).status_code == 403


def test_strangers_are_sent_to_the_login(client, db):
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_dashboard_can_only_be_looked_at(admin_client, method):  # T67
    assert getattr(admin_client, method)(PAGE).status_code == 405


def test_list_leads_to_the_dashboard(admin_client):
    assert 'href="dashboard/"' in admin_client.get(LIST).text


@pytest.mark.parametrize("days", [7, 30, 90])
def test_dashboard_reads_figures_in_three_queries(admin_client, django_assert_num_queries, days):
    seed_history(days=20, per_day=5)
    rollup.refresh()
    with django_assert_num_queries(2 + 3) as asked:  # session and user; the figures
        assert admin_client.get(PAGE, {"days": days}).status_code == 200
    assert not any("authsignal_trackedaction" in query["sql"] for query in asked.captured_queries)


# As of when


def test_page_without_figures_says_how_to_get_them(admin_client):
    page = admin_client.get(PAGE).text
    assert "There are no figures yet" in page
    assert "authsignal_sync" in page
    assert "<svg class" not in page


def test_page_says_when_its_figures_were_computed(admin_client, figure, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    figure(0, "outages", 0, as_of=NOON - timedelta(hours=16))
    page = admin_client.get(PAGE, headers={"accept-language": "de"}).text
    assert "Zahlen vom 10. März 2026 05:00" in page


@pytest.mark.parametrize(("hours", "stale"), [(23, False), (25, True)])
def test_page_says_when_its_figures_are_old(admin_client, figure, hours, stale):
    figure(0, "outages", 0, as_of=NOON - timedelta(hours=hours))
    assert ("older than a day" in admin_client.get(PAGE).text) is stale


def test_figures_of_other_environments_are_not_shown(admin_client, figure):
    figure(0, "outages", 77, environment="live")
    assert "There are no figures yet" in admin_client.get(PAGE).text


# What is shown


@pytest.mark.parametrize(("asked", "shown"), [("7", 7), ("90", 90), ("", 30), ("8", 30), ("x", 30), ("-7", 30)])
def test_only_known_periods_are_shown(look, figure, asked, shown):
    figure(0, "outages", 3)
    assert len(look(asked).tables["outages"]) == 1 + shown


def test_every_chart_has_its_numbers_as_a_table(look):
    seed_history(days=20, per_day=40)
    rollup.refresh()
    page = look(30)
    assert tuple(page.tables) == CHARTS
    for slug in CHARTS:
        assert page.drawn[slug], slug
        assert len(page.tables[slug]) > 2, slug
    figures = DailyFigure.objects.filter(day__gt=TODAY - timedelta(days=30))
    head, *rows = page.tables["outcomes"]
    assert head[:3] == ["Day", "Total", "Verified"]
    for number, row in enumerate(rows):
        of_day = figures.filter(day=TODAY - timedelta(days=number))
        verified = of_day.filter(name="outcome", label="verified").values_list("value", flat=True).first() or 0
        assert row[2] == (f"{verified:g}" if of_day else "–")
        assert row[1] == (f"{sum(map(float, row[2:])):g}" if of_day else "–")
    assert {row[0] for row in page.tables["rules"][1:]} <= set(page.labels["rules"])


def test_bars_are_as_high_as_the_numbers_of_the_table(look, figure):
    figure(1, "outcome", 30, "verified")
    figure(1, "outcome", 10, "blocked")
    figure(0, "outcome", 20, "verified")
    page = look()
    assert page.tables["outcomes"][1][1:] == ["20", "20", "0"]
    assert page.tables["outcomes"][2][1:] == ["40", "30", "10"]
    bars = [(bar["class"].rpartition("-")[2], float(bar["height"])) for bar in page.drawn["outcomes"]]
    assert [css for css, _height in bars] == ["verified", "blocked", "verified"]
    heights = [height for _css, height in bars]
    assert heights == pytest.approx([heights[1] * 3, heights[1], heights[1] * 2], rel=0.01)


def test_days_without_challenges_are_gaps_in_the_lines(look, figure):
    for ago in (6, 5, 2, 0):
        figure(ago, "challenges", 4, "started")
        figure(ago, "challenges", 3, "passed")
    figure(4, "outcome", 1, "allowed")  # a day with decisions, but without a challenge
    page = look()
    assert [len(line["points"].split()) for line in page.drawn["success"]] == [2, 1, 1]
    passed = [row[1] for row in page.tables["success"][1:]]
    assert passed == ["75%", "–", "75%", "–", "–", "75%", "75%"]


def test_headlines_are_compared_with_the_period_before(look, figure):
    for ago in range(14):
        figure(ago, "outcome", 12 if ago < 7 else 10, "verified")
        figure(ago, "challenges", 10, "started")
        figure(ago, "challenges", 9 if ago < 7 else 8, "passed")
        figure(ago, "median_seconds", 20 if ago < 7 else 40)
    shown = {name: " ".join(texts) for name, texts in look().headlines.items()}
    assert shown["Decisions"] == "84 7 days before: 70 ( +20% )"
    assert shown["Challenges passed"] == "90% 7 days before: 80% ( +10 points )"
    assert shown["Time to verify"] == "20 s 7 days before: 40 s ( −50% )"
    assert shown["Outages"] == "0 7 days before: 0"


def test_headlines_are_not_compared_with_days_that_were_not_counted(look, figure):
    for ago in range(13):
        figure(ago, "outcome", 10, "verified")
    assert look().headlines["Decisions"] == ["70"]


def test_no_outage_is_said_in_words(look, figure):
    figure(0, "outcome", 1, "allowed")
    page = look()
    assert page.tables["outages"] == page.drawn["outages"] == []


def test_rule_ids_are_shown_as_plain_text(admin_client, figure):  # T71
    figure(0, "rule", 3, "<b>x</b>\u202eevil")
    text = admin_client.get(PAGE).text
    assert "<b>x</b>" not in text
    assert "\u202e" not in text


def test_numbers_and_dates_are_written_as_the_reader_does(look, figure):
    for ago in range(7):
        figure(ago, "outcome", 1234.0, "allowed")
        figure(ago, "median_seconds", 1.5)
    page = look(headers={"accept-language": "de"})
    assert page.headlines["Entscheidungen"][0] == "8.638"
    assert page.tables["medians"][1][1] == "1,5 s"
    coordinates = [value for tag, attrs in page.tags if tag == "rect" for value in (attrs["x"], attrs["height"])]
    assert coordinates
    assert not any("," in value for value in coordinates)


def test_right_to_left_page_is_shown(admin_client, figure):
    figure(0, "outcome", 3, "allowed")
    assert 'dir="rtl"' in admin_client.get(PAGE, headers={"accept-language": "ar"}).text


def test_page_needs_nothing_that_a_strict_policy_stops(look):
    seed_history(days=8, per_day=20)
    rollup.refresh()
    for tag, attrs in look().tags:
        assert "style" not in attrs, tag
        assert not [name for name in attrs if name.startswith("on")], tag
        assert tag != "style"
        assert tag != "script" or attrs.get("src") or attrs.get("type") == "application/json"
        assert not re.match(r"(https?:)?//", attrs.get("src") or attrs.get("href") or "")


def test_drawings_are_named_for_those_who_do_not_see_them(look, figure):
    figure(0, "outcome", 3, "allowed")
    tags = look().tags
    ids = {attrs.get("id") for _tag, attrs in tags}
    drawings = [attrs for tag, attrs in tags if tag == "svg" and attrs.get("class") == "authsignal-chart"]
    assert drawings
    for attrs in drawings:
        assert attrs["role"] == "img"
        assert set(attrs["aria-labelledby"].split()) <= ids
    regions = [attrs for tag, attrs in tags if attrs.get("class") == "authsignal-table"]
    assert len(regions) == len(drawings)
    assert all(attrs["tabindex"] == "0" and attrs["role"] == "region" for attrs in regions)


# Geometry


@pytest.mark.parametrize("days", [7, 30, 90])
@pytest.mark.parametrize("most", [0, 1, 3, 7, 40, 999, 123_456])
def test_axis_labels_are_few_and_apart(days, most):
    dates = [f"{day} Sep" for day in range(days)]
    values = [most] * days
    chart = charts.bars(dates, [charts.Series("x", values)], panels.number, dates)
    heights = [float(height) for height in chart.grid]
    assert 2 <= len(heights) <= 6
    assert all(lower - upper > 20 for lower, upper in zip(heights, heights[1:], strict=False))
    texts = [text for text in chart.labels if text.text in dates]
    assert 3 <= len(texts) <= 5
    places = sorted(float(text.x) for text in texts)
    assert all(right - left > 60 for left, right in zip(places, places[1:], strict=False))
    assert {text.text for text in texts} >= {dates[-1]}
    assert all(float(bar.y) >= 0 and float(bar.y) + float(bar.height) <= chart.height for bar in chart.bars)


@pytest.mark.parametrize("most", [0, 0.02, 0.4, 12, 95, 5000])
def test_line_stays_within_its_axis(most):
    values = [None, most, most / 2, None, most]
    chart = charts.lines(list("abcde"), values, str, list("abcde"))
    ys = [float(point.split(",")[1]) for line in chart.lines for point in line.split()]
    assert len(ys) == 3
    assert all(charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM for y in ys)


def test_long_names_of_rules_are_shortened_in_the_drawing():
    chart = charts.ranking([("r" * 64, 5, "5"), ("short", 1, "1")])
    assert [label.text for label in chart.labels] == ["r" * 39 + "…", "5", "short", "1"]
    assert float(chart.bars[0].width) == pytest.approx(float(chart.bars[1].width) * 5, rel=0.01)


def test_periods_are_written_in_units_that_fit():
    assert [panels.duration(seconds) for seconds in (0, 0.125, 1.5, 4, 42.4, 99, 150)] == [
        *("0 s", "0.13 s", "1.5 s", "4 s", "42 s", "99 s", "2.5 min")
    ]


def test_numbers_are_rounded_as_people_do():
    assert [panels.percent(share) for share in (1 / 6, 0.145, 0.144, 1)] == ["17%", "15%", "14%", "100%"]
    assert panels.percent(1 / 6, 1) == "16.7%"
    assert [panels.duration(seconds) for seconds in (0.996, 9.96, 42.5, 100)] == ["1 s", "10 s", "43 s", "1.7 min"]


@pytest.mark.parametrize("most", [0.004, 0.07, 0.13, 0.3, 0.9, 1.2, 7, 9.9, 30, 80, 130, 5000])
def test_no_two_labels_of_an_axis_of_times_are_the_same(most):
    chart = charts.lines(["day"], [most], panels.duration, ["day"])
    ticks = [label.text for label in chart.labels if label.anchor == "end"]
    assert len(set(ticks)) == len(ticks) > 2


def test_every_outcome_has_a_name_and_a_colour():
    with open(finders.find("authsignal/dashboard.css")) as file:
        css = file.read()
    assert set(panels.OUTCOMES) == set(rollup.OUTCOMES)
    assert all(f".authsignal-series-{label}" in css for label in panels.OUTCOMES)


def test_dates_on_axes_are_short():
    assert panels._short(date(2026, 11, 24)) == "Nov 24"
