"""A user's newest actions on the page of the user: to be read, whatever is posted with the user's own form."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import path

from django_authsignal.admin import AuthsignalHistoryInline
from django_authsignal.models import TrackedAction
from django_authsignal.statuses import Status

from .steps import HMACS, LIST, PASSED


def page(client, user):
    response = client.get(f"/admin/auth/user/{user.pk}/change/")
    assert response.status_code == 200
    return response.text


def stories(text):
    return [int(pk) for pk in re.findall(rf'href="{LIST}(\d+)/change/"', text)]


def test_the_newest_rows_of_the_user_are_linked(admin_client, make_row, alice, bob):
    mine = [make_row(created_at=number).pk for number in range(25)][::-1]
    make_row(user=bob)
    text = page(admin_client, alice)
    assert stories(text) == mine[:20]
    assert f'href="{LIST}?user={alice.pk}"' in text


def test_each_row_says_what_became_of_it(admin_client, make_row, alice):
    make_row(status=Status.SPENT, action="payOut", spent_at=3, **PASSED)
    make_row(status=Status.REFUSED, reason="block", ended_at=1)
    text = page(admin_client, alice)
    for words in ("payOut", "spent", "SMS", "refused", "a rule at Authsignal blocks it"):
        assert words in text
    assert not any(secret in text for secret in (*HMACS.values(), "secret-account"))


def test_a_user_without_any_is_told_apart_from_a_new_user(admin_client, alice):
    assert "None yet." in page(admin_client, alice)
    assert "Newest tracked actions" not in admin_client.get("/admin/auth/user/add/").text


def test_it_costs_one_query(admin_client, make_row, alice, django_assert_num_queries):
    make_row()
    page(admin_client, alice)
    with django_assert_num_queries(8) as before:
        page(admin_client, alice)
    for _ in range(30):
        make_row()
    with django_assert_num_queries(8):
        page(admin_client, alice)
    assert sum("authsignal_trackedaction" in query["sql"] for query in before) == 1


def test_saving_the_user_reads_and_writes_no_row(admin_client, make_row, alice):  # T67
    row = make_row()
    before = TrackedAction.objects.values().get()
    form = {"username": "alice", "first_name": "Alice", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    forged = {
        "authsignal_actions-TOTAL_FORMS": "2",
        "authsignal_actions-INITIAL_FORMS": "1",
        "authsignal_actions-0-id": str(row.pk),
        "authsignal_actions-0-status": "approved",
        "authsignal_actions-0-DELETE": "on",
        "authsignal_actions-1-action": "payOut",
    }
    response = admin_client.post(f"/admin/auth/user/{alice.pk}/change/", {**form, **forged, "is_active": "on"})
    assert response.status_code == 302
    alice.refresh_from_db()
    assert alice.first_name == "Alice"
    assert TrackedAction.objects.values().get() == before


def test_it_shows_only_to_those_who_may_view_actions(client, make_row, alice):
    make_row()
    clerk = get_user_model().objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_user"))
    client.force_login(clerk)
    assert "Newest tracked actions" not in page(client, alice)
    clerk.user_permissions.add(Permission.objects.get(codename="view_trackedaction"))
    assert "Newest tracked actions" in page(client, alice)


@pytest.mark.parametrize("name", ["add", "change", "delete"])
def test_nobody_may_do_more_than_look(rf, admin_user, alice, name):
    inline = AuthsignalHistoryInline(get_user_model(), AdminSite())
    request = rf.get("/")
    request.user = admin_user
    assert inline.has_view_permission(request, alice)
    assert not getattr(inline, f"has_{name}_permission")(request, alice)


def test_an_admin_site_without_the_history_shows_it_without_links(admin_client, make_row, alice, settings):
    class UserAdmin(ModelAdmin):
        inlines = [AuthsignalHistoryInline]
        fields = ["username"]

    site = AdminSite()
    site.register(get_user_model(), UserAdmin)
    settings.ROOT_URLCONF = (path("admin/", site.urls),)
    make_row(action="payOut")
    text = page(admin_client, alice)
    assert "payOut" in text
    assert LIST not in text
