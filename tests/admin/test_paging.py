"""The list page by page: each page names the row it lies next to, and none is counted."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_authsignal.admin.paging import Place
from django_authsignal.models import TrackedAction

from .steps import LIST, found


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(admin.site.get_model_admin(TrackedAction), "list_per_page", 3)


@pytest.fixture
def rows(make_row, small_pages):
    """Eight rows, the newest first; the last five began in the very same microsecond."""
    made = [make_row(created_at=0) for _ in range(5)] + [make_row(created_at=number) for number in (1, 2, 3)]
    TrackedAction.objects.filter(pk__in=[row.pk for row in made[:5]]).update(created_at=made[0].created_at)
    return [row.pk for row in made[::-1]]


def shown(response):
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def links(response):
    return {rel: LIST + unescape(url) for url, rel in re.findall(r'<a href="([^"]*)" rel="(\w+)"', response.text)}


def walk(client, rel, path=LIST):
    """Every page from *path* on, following the link *rel*."""
    pages = []
    while path:
        response = client.get(path)
        pages.append(shown(response))
        path = links(response).get(rel)
    return pages


def test_every_row_is_on_one_page_from_the_newest_on(admin_client, rows):
    assert walk(admin_client, "next") == [rows[:3], rows[3:6], rows[6:]]


def test_every_row_is_on_one_page_from_the_oldest_on(admin_client, rows):
    oldest = links(admin_client.get(LIST))["last"]
    assert walk(admin_client, "prev", oldest) == [rows[5:], rows[2:5], rows[:2]]


def test_pages_link_to_those_that_exist(admin_client, rows):
    first = links(admin_client.get(LIST))
    assert set(first) == {"next", "last"}
    second = links(admin_client.get(first["next"]))
    assert set(second) == {"first", "prev", "next", "last"}
    assert shown(admin_client.get(second["prev"])) == rows[:3]
    assert set(links(admin_client.get(second["next"]))) == {"first", "prev"}
    assert set(links(admin_client.get(first["last"]))) == {"first", "prev"}


def test_pages_have_a_name_for_screen_readers(admin_client, rows):
    assert '<nav class="paginator authsignal-pages" aria-label="Pages of the history">' in admin_client.get(LIST).text


def test_a_list_that_fits_one_page_has_no_links(admin_client, make_row, small_pages):
    for _ in range(3):
        make_row()
    assert links(admin_client.get(LIST)) == {}


def test_an_empty_list_says_so(admin_client):
    response = admin_client.get(LIST)
    assert shown(response) == []
    assert links(response) == {}
    assert "No actions to show." in response.text


def test_links_keep_filters_and_search(admin_client, make_row, bob, small_pages):
    mine = [make_row(action="payOut").pk for _ in range(7)][::-1]
    for _ in range(5):
        make_row(action="payOut", user=bob)
        make_row()
    pages = walk(admin_client, "next", f"{LIST}?action=payOut&q=alice")
    assert pages == [mine[:3], mine[3:6], mine[6:]]


def test_a_search_that_finds_several_people_has_pages_both_ways(admin_client, rows, make_row, bob):
    alfred = get_user_model().objects.create(username="alfred")
    make_row(user=bob)
    mixed = [make_row(user=alfred, created_at=9).pk, *rows]
    search = f"{LIST}?q=al"
    assert walk(admin_client, "next", search) == [mixed[:3], mixed[3:6], mixed[6:]]
    oldest = links(admin_client.get(search))["last"]
    assert walk(admin_client, "prev", oldest) == [mixed[6:], mixed[3:6], mixed[:3]]


def test_a_filter_or_search_begins_at_the_newest_page_again(admin_client, rows):
    second = admin_client.get(links(admin_client.get(LIST))["next"])
    assert "p=" not in "".join(re.findall(r'<li[^>]*>\s*<a href="(\?[^"]*)">', second.text))
    assert '<input type="hidden" name="p"' not in second.text


def test_rows_that_are_added_or_gone_meanwhile_shift_no_page(admin_client, rows, make_row):
    second = links(admin_client.get(LIST))["next"]
    make_row(created_at=9)
    TrackedAction.objects.filter(pk=rows[2]).delete()
    assert shown(admin_client.get(second)) == rows[3:6]


def test_a_page_whose_rows_are_gone_leads_back_to_the_newest(admin_client, rows):
    last = links(admin_client.get(links(admin_client.get(LIST))["next"]))["next"]
    TrackedAction.objects.filter(pk__in=rows[6:]).delete()
    response = admin_client.get(last)
    assert shown(response) == []
    assert links(response) == {"first": f"{LIST}?"}


@pytest.mark.parametrize("page", ["1", "2", "99999999999999999999", ""])
def test_page_numbers_of_old_bookmarks_show_the_newest_page(admin_client, rows, page):
    assert found(admin_client, p=page) == rows[:3]


@pytest.mark.parametrize("query", [{"o": "3.-4"}, {"all": ""}, {"o": "x"}])
def test_no_query_string_changes_the_order_or_the_size_of_a_page(admin_client, rows, query):
    assert found(admin_client, **query) == rows[:3]


@pytest.mark.parametrize(
    "place",
    ["older", "older-1", "older--1-1", "between-1-1", "older-1-1-1", " older-1-1", "older-999999999999999999-1", "-1"]
    + ["newer-1-" + "9" * 20, "older-\u0661-1"],
)
def test_a_garbled_place_leads_to_the_first_page(admin_client, rows, place):
    assert admin_client.get(LIST, {"p": place}).headers["Location"] == f"{LIST}?e=1"
    assert found(admin_client, e="1") == rows[:3]


@pytest.mark.parametrize("place", ["older-0-0", "newer-99999999999999999-9", "older-1-" + "9" * 19])
def test_places_at_the_ends_of_time_are_empty(admin_client, rows, place):
    assert found(admin_client, p=place) == []


def test_a_place_survives_the_query_string():
    place = Place(older=True, at=timezone.now(), pk=7)
    assert Place.parse(str(place)) == place
