"""Operations of the admin behind the gate: each is done once, after the step-up, and by no other way (T37)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from django_authsignal.contrib.admin import StepUpAdminMixin
from django_authsignal.models import ActionEvent
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import assert_step_up_required, assert_tracked, complete_step_up
from example_project.bank.models import Account, Transfer
from example_project.urls import urlpatterns as bank_urls
from tests.journeys.steps import Form, press_continue, statuses

DELETE = StepUpPolicy("deleteThing")
CHANGE = StepUpPolicy("changeThing")
GRANT = StepUpPolicy("grantAdmin")
EMAIL = StepUpPolicy("changeEmail")
ACT = StepUpPolicy("act")

TRANSFERS = "/site/bank/transfer/"
USERS = "/site/auth/user/"
PLAIN = {"username": "bob", "email": "bob@bank.example"}


class TransferInline(admin.TabularInline):
    model = Transfer
    extra = 0


@admin.action(description="Rename %(verbose_name_plural)s")
def rename(modeladmin, request, queryset):
    queryset.update(payee="renamed")


@admin.action
def purge(modeladmin, request, queryset):
    modeladmin.delete_queryset(request, queryset)


@pytest.fixture(autouse=True)
def _challenges(authsignal):
    for policy in (DELETE, CHANGE, GRANT, EMAIL, ACT):
        authsignal.challenge(policy.action)


@pytest.fixture
def register(settings):
    """`register(Transfer, step_up_delete=DELETE)` serves an admin with these attributes, or of these bases."""

    def register(model, *bases, **attributes):
        site = admin.AdminSite("site")
        admin_class = type("Admin", (StepUpAdminMixin, *(bases or [admin.ModelAdmin])), attributes)
        site.register(model, admin_class)
        settings.ROOT_URLCONF = (path("site/", site.urls), *bank_urls)
        return site.get_model_admin(model)

    return register


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss")


@pytest.fixture
def client(boss):
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def clerk(db):
    """The browser of a colleague who may look, and change no more than *codenames* say."""

    def sign_in(*codenames):
        user = User.objects.create_user("clerk", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def paid(bob):
    """Three transfers of bob."""
    return [bob.account.pay(payee=name, amount=5) for name in ("Alpha", "Beta", "Gamma")]


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


def meanwhile(policy, happen):
    """*policy*, and what somebody else does between the moment when it is told and the answer."""

    def custom(request):
        happen()
        return {}

    return replace(policy, custom=custom)


def delete_url(thing, base=TRANSFERS):
    return f"{base}{thing.pk}/delete/"


def payees():
    return sorted(Transfer.objects.values_list("payee", flat=True))


def shown(response):
    """What the holding page says is about to happen."""
    return dict(response.step_up.values)


def go_through(client, response):
    """Pass the challenge, then press Continue on the holding page."""
    complete_step_up(client, response)
    return press_continue(client, response)


def selecting(action, *things, **fields):
    return {"action": action, "_selected_action": [thing.pk for thing in things], "index": "0", **fields}


class TestDeletion:
    @pytest.fixture(autouse=True)
    def _admin(self, register):
        register(Transfer, step_up_delete=DELETE, actions=[rename, purge], list_display=["payee"])

    def test_object_is_deleted_once_after_the_step_up(self, client, paid):
        response = client.post(delete_url(paid[0]), {"post": "yes"})
        assert_step_up_required(response, DELETE.action)
        assert shown(response)["delete"] == "5.00 to Alpha"
        assert len(payees()) == 3

        assert go_through(client, response)["Location"] == TRANSFERS
        assert payees() == ["Beta", "Gamma"]
        assert_tracked(DELETE.action, custom={"delete": "5.00 to Alpha"}, times=1)

        assert "doesn’t exist" in client.post(delete_url(paid[0]), {"post": "yes"}, follow=True).content.decode()
        assert statuses() == ["spent"]

    def test_selected_objects_are_deleted_after_confirmation_and_step_up(self, client, paid):
        confirmation = client.post(TRANSFERS, selecting("delete_selected", *paid[:2]))
        assert "Are you sure" in confirmation.content.decode()
        assert statuses() == []

        confirmed = selecting("delete_selected", *paid[:2], post="yes")
        del confirmed["index"]  # the confirmation page sends none
        response = client.post(TRANSFERS, confirmed)
        assert_step_up_required(response, DELETE.action)
        assert shown(response) | {"_keys": None, "_content": None} == {
            "delete": ["5.00 to Beta", "5.00 to Alpha"],
            "objects": 2,
            "_keys": None,
            "_content": None,
        }
        assert admin.models.LogEntry.objects.count() == 0

        go_through(client, response)
        assert payees() == ["Gamma"]
        assert admin.models.LogEntry.objects.count() == 2
        assert_tracked(DELETE.action, times=1)

    def test_selecting_all_pages_is_bound_to_the_objects_there_are(self, client, paid):
        confirmed = selecting("delete_selected", paid[0], post="yes", select_across="1")
        response = client.post(TRANSFERS, confirmed)
        assert shown(response)["objects"] == 3
        complete_step_up(client, response)
        paid[2].delete()
        paid[2].account.pay(payee="Gamma", amount=5)  # just like the one that is gone

        assert_step_up_required(client.post(TRANSFERS, confirmed))
        assert len(payees()) == 3

    def test_what_comes_up_while_authsignal_answers_is_not_deleted(self, register, authsignal, client, paid):  # T37
        policy = meanwhile(DELETE, lambda: paid[0].account.pay(payee="Later", amount=5))
        register(Transfer, step_up_delete=policy)
        authsignal.allow(DELETE.action)
        client.post(TRANSFERS, selecting("delete_selected", paid[0], post="yes", select_across="1"))
        assert payees() == ["Later"]
        assert_tracked(DELETE.action, custom={"objects": 3}, times=1)

    @pytest.mark.parametrize("across", [True, False])
    def test_what_is_no_longer_as_it_was_told_is_not_deleted(self, register, authsignal, client, paid, across):  # T37
        policy = meanwhile(DELETE, lambda: Transfer.objects.filter(payee="Alpha").update(payee="Else"))
        register(Transfer, step_up_delete=policy)
        authsignal.allow(DELETE.action)
        everything = selecting("delete_selected", *paid, post="yes")
        answer = client.post(TRANSFERS, everything) if across else client.post(delete_url(paid[0]), {"post": "yes"})
        assert (answer.status_code, payees()) == (403, ["Beta", "Else", "Gamma"])

    def test_objects_may_be_deleted_one_by_one(self, register, authsignal, client, paid):
        def delete_queryset(self, request, queryset):
            for transfer in queryset:
                self.delete_model(request, transfer)

        register(Transfer, step_up_delete=DELETE, delete_queryset=delete_queryset)
        authsignal.allow(DELETE.action)
        client.post(TRANSFERS, selecting("delete_selected", *paid[:2], post="yes"))
        assert payees() == ["Gamma"]

    def test_approval_for_one_object_does_not_fit_another(self, client, paid):
        response = client.post(delete_url(paid[0]), {"post": "yes"})
        complete_step_up(client, response)
        stolen = {"post": "yes", "_step_up_key": str(response.step_up.key)}

        assert_step_up_required(client.post(delete_url(paid[1]), stolen))
        assert len(payees()) == 3

    def test_approval_for_some_objects_does_not_fit_others(self, client, paid):
        response = client.post(TRANSFERS, selecting("delete_selected", *paid[:2], post="yes"))
        complete_step_up(client, response)

        assert_step_up_required(client.post(TRANSFERS, selecting("delete_selected", *paid[1:], post="yes")))
        assert len(payees()) == 3

    def test_index_out_of_range_is_no_way_round(self, client, paid):
        """Django then runs the last action that was sent."""
        assert_step_up_required(client.post(TRANSFERS, selecting("delete_selected", *paid, post="yes", index="9")))
        assert len(payees()) == 3

    def test_blocked_deletion_deletes_nothing(self, authsignal, client, paid):
        authsignal.block(DELETE.action)
        assert client.post(delete_url(paid[0]), {"post": "yes"}).status_code == 403
        assert len(payees()) == 3

    @pytest.mark.parametrize("method", ["get", "head", "options"])
    def test_pages_are_not_gated(self, authsignal, client, paid, method):  # T32
        for url in (TRANSFERS, delete_url(paid[0]), f"{TRANSFERS}{paid[0].pk}/change/", f"{TRANSFERS}add/"):
            assert getattr(client, method)(url).status_code == 200
        assert authsignal.requests == []
        assert len(payees()) == 3

    def test_without_permission_nothing_is_tracked(self, authsignal, clerk, paid):  # T28
        client = clerk("view_transfer")
        assert client.post(delete_url(paid[0]), {"post": "yes"}).status_code == 403
        client.post(TRANSFERS, selecting("delete_selected", *paid, post="yes"))
        assert (authsignal.requests, len(payees())) == ([], 3)

    def test_stranger_is_sent_to_the_admins_login(self, authsignal, paid):  # T34
        assert "/site/login/" in Client().post(delete_url(paid[0]), {"post": "yes"})["Location"]
        assert authsignal.requests == []

    def test_csrf_failure_tracks_nothing(self, authsignal, boss, paid):  # T28
        client = Client(enforce_csrf_checks=True)
        client.force_login(boss)
        assert client.post(delete_url(paid[0]), {"post": "yes"}).status_code == 403
        assert client.post(TRANSFERS, selecting("delete_selected", *paid, post="yes")).status_code == 403
        assert (authsignal.requests, len(payees())) == ([], 3)

    def test_action_that_deletes_by_itself_is_refused(self, authsignal, client, paid):  # T37
        assert client.post(TRANSFERS, selecting("purge", *paid)).status_code == 403
        assert (authsignal.requests, len(payees())) == ([], 3)

    def test_action_without_a_policy_passes(self, authsignal, client, paid):
        client.post(TRANSFERS, selecting("rename", *paid))
        assert (authsignal.requests, set(payees())) == ([], {"renamed"})

    def test_answer_is_kept_by_no_cache(self, authsignal, client, paid):  # T31
        authsignal.allow(DELETE.action)
        response = client.post(delete_url(paid[0]), {"post": "yes"})
        assert response.status_code == 302
        assert "no-store" in response["Cache-Control"]

    def test_script_gets_problem_json(self, client, paid):
        response = client.post(delete_url(paid[0]), {"post": "yes"}, headers={"Accept": "application/json"})
        assert response.json()["code"] == "step_up_required"


@pytest.mark.parametrize(
    "override",
    [
        {"delete_model": lambda self, request, obj: obj.delete()},
        {"log_deletions": lambda self, request, queryset: []},
        {"delete_view": lambda self, request, **kwargs: admin.ModelAdmin.delete_view(self, request, **kwargs)},
    ],
    ids=lambda override: next(iter(override)),
)
def test_override_that_does_not_call_super_is_no_way_round(register, client, paid, override):  # T37
    register(Transfer, step_up_delete=DELETE, **override)
    response = client.post(delete_url(paid[0]), {"post": "yes"})
    assert_step_up_required(response, DELETE.action)
    assert len(payees()) == 3
    go_through(client, response)
    assert payees() == ["Beta", "Gamma"]


def test_protected_object_is_left_to_the_admin(register, authsignal, client, paid):
    def protected(self, objs, request):
        return [], {}, set(), ["an invoice"]

    register(Transfer, step_up_delete=DELETE, get_deleted_objects=protected)
    assert "would require deleting" in client.post(delete_url(paid[0]), {"post": "yes"}).content.decode()
    assert (authsignal.requests, len(payees())) == ([], 3)


def test_view_elsewhere_that_deletes_by_itself_is_refused(register, rf, boss, paid):  # T37
    transfers = register(Transfer, step_up_delete=DELETE)
    request = rf.post("/elsewhere/")
    request.user = boss
    with pytest.raises(PermissionDenied):
        transfers.delete_model(request, paid[0])
    assert len(payees()) == 3


class TestActions:
    def test_action_runs_once_after_the_step_up(self, register, client, paid):
        register(Transfer, step_up_actions={"rename": ACT}, actions=[rename])
        response = client.post(TRANSFERS, selecting("rename", *paid[:2]))
        assert_step_up_required(response, ACT.action)
        assert "renamed" not in payees()

        go_through(client, response)
        assert payees() == ["Gamma", "renamed", "renamed"]
        assert_tracked(ACT.action, custom={"action": "Rename transfers", "objects": 2}, times=1)

        form = {**Form(response).data}
        assert client.post(TRANSFERS, form).status_code == 409
        assert statuses() == ["spent"]

    def test_selecting_all_pages_is_bound_to_the_objects_there_are(self, register, client, paid):
        register(Transfer, step_up_actions={"rename": ACT}, actions=[rename])
        everything = selecting("rename", paid[0], select_across="1")
        response = client.post(TRANSFERS, everything)
        assert shown(response)["objects"] == 3
        complete_step_up(client, response)
        paid[2].delete()
        paid[2].account.pay(payee="Delta", amount=5)

        assert_step_up_required(client.post(TRANSFERS, everything))
        assert "renamed" not in payees()

    def test_action_runs_on_what_was_approved_whatever_comes_up_meanwhile(self, register, authsignal, client, paid):
        """T37: here a payment is made while Authsignal answers."""
        policy = meanwhile(ACT, lambda: paid[0].account.pay(payee="Mallory", amount=5))
        register(Transfer, step_up_actions={"rename": policy}, actions=[rename])
        authsignal.allow(ACT.action)
        client.post(TRANSFERS, selecting("rename", paid[0], select_across="1"))
        assert payees() == ["Mallory", "renamed", "renamed", "renamed"]
        assert_tracked(ACT.action, custom={"action": "Rename transfers", "objects": 3}, times=1)

    def test_action_that_is_only_watched_runs_on_what_it_finds(self, register, authsignal, client, paid):
        watched = StepUpPolicy(ACT.action, mode="report_only")
        policy = meanwhile(watched, lambda: paid[0].account.pay(payee="Later", amount=5))
        register(Transfer, step_up_actions={"rename": policy}, actions=[rename])
        client.post(TRANSFERS, selecting("rename", paid[0], select_across="1"))
        assert payees() == ["renamed"] * 4

    def test_its_policy_alone_speaks_for_what_it_deletes(self, register, client, paid):
        register(Transfer, step_up_delete=DELETE, step_up_actions={"purge": ACT}, actions=[purge])
        go_through(client, client.post(TRANSFERS, selecting("purge", *paid[:2])))
        assert payees() == ["Gamma"]
        assert_tracked(DELETE.action, times=0)

    def test_nothing_selected_tracks_nothing(self, register, authsignal, client, paid):
        register(Transfer, step_up_actions={"rename": ACT}, actions=[rename])
        client.post(TRANSFERS, selecting("rename"))
        assert authsignal.requests == []

    def test_action_on_the_change_form(self, register, client, paid):
        location = getattr(admin.options, "ActionLocation", None)
        if location is None:
            pytest.skip("since Django 6.1")

        @admin.action(location=location.CHANGE_FORM)
        def redo(modeladmin, request, queryset):
            queryset.update(payee="redone")

        register(Transfer, step_up_actions={"redo": ACT}, actions=[redo])
        sent = {"CHANGE_FORM-action": "redo", "_selected_action": paid[0].pk}
        response = client.post(f"{TRANSFERS}{paid[0].pk}/change/", sent)
        assert_step_up_required(response, ACT.action)
        assert "redone" not in payees()
        go_through(client, response)
        assert "redone" in payees()


class TestFields:
    fields = ("username", "email", "is_staff", "is_superuser", "date_joined")

    @pytest.fixture(autouse=True)
    def _admin(self, register):
        gated = {"is_superuser": GRANT, "is_staff": GRANT, "email": EMAIL, "date_joined": GRANT}
        register(User, step_up_fields=gated, fields=self.fields)

    @pytest.fixture
    def url(self, bob):
        return f"{USERS}{bob.pk}/change/"

    @pytest.fixture
    def form(self, bob):
        joined = bob.date_joined
        return {**PLAIN, "date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}

    def test_changed_field_is_saved_once_after_the_step_up(self, client, bob, url, form):
        response = client.post(url, {**form, "is_superuser": "on", "_continue": "1"})
        assert_step_up_required(response, GRANT.action)
        assert shown(response)["change"] == "bob"
        bob.refresh_from_db()
        assert not bob.is_superuser

        assert go_through(client, response)["Location"] == url  # "Save and continue editing"
        bob.refresh_from_db()
        assert bob.is_superuser
        assert_tracked(GRANT.action, custom={"change": "bob", "is_superuser": True}, times=1)

        assert client.post(url, Form(response).data).status_code == 302  # nothing is left to change
        assert statuses() == ["spent"]

    def test_taking_away_counts_too(self, client, bob, url, form):
        User.objects.update(is_staff=True)
        response = client.post(url, form)
        assert shown(response)["is_staff"] is False

    def test_untouched_field_passes_without_tracking(self, authsignal, client, bob, url, form):
        assert client.post(url, {**form, "username": "robert"}).status_code == 302
        bob.refresh_from_db()
        assert (bob.username, authsignal.requests) == ("robert", [])

    def test_approval_does_not_fit_another_change(self, register, client, bob, url):
        """Neither of a gated field nor of any other in the form."""
        register(User, step_up_fields={"is_superuser": GRANT, "is_staff": GRANT}, fields=self.fields[:4])
        complete_step_up(client, client.post(url, {**PLAIN, "is_superuser": "on"}))
        for further in ({"email": "mallory@bank.example"}, {"is_staff": "on"}):
            assert_step_up_required(client.post(url, {**PLAIN, "is_superuser": "on", **further}))
        bob.refresh_from_db()
        assert (bob.email, bob.is_superuser, bob.is_staff) == (PLAIN["email"], False, False)

    def test_forged_initial_value_hides_no_change(self, client, bob, url, form):
        """A field with a callable default carries its initial value in the form, and Django believes it."""
        forged = {"initial-date_joined_0": "2001-01-01", "initial-date_joined_1": "00:00:00"}
        response = client.post(url, {**form, "date_joined_0": "2001-01-01", "date_joined_1": "00:00:00", **forged})
        assert_step_up_required(response, GRANT.action)

    def test_two_policies_take_one_challenge_each(self, client, bob, url, form):
        response = client.post(url, {**form, "is_superuser": "on", "email": "new@bank.example"})
        assert_step_up_required(response, GRANT.action)
        response = go_through(client, response)
        assert_step_up_required(response, EMAIL.action)
        bob.refresh_from_db()
        assert not bob.is_superuser

        assert go_through(client, response).status_code == 302
        bob.refresh_from_db()
        assert (bob.is_superuser, bob.email) == (True, "new@bank.example")
        assert sorted(statuses()) == ["spent", "spent"]

    def test_one_of_two_policies_is_not_enough(self, authsignal, client, bob, url, form):
        authsignal.allow(GRANT.action)
        authsignal.block(EMAIL.action)
        assert client.post(url, {**form, "is_superuser": "on", "email": "new@bank.example"}).status_code == 403
        bob.refresh_from_db()
        assert not bob.is_superuser

    def test_several_values_are_told_by_name(self, register, client, bob, url):
        register(User, step_up_fields={"groups": GRANT}, fields=["username", "groups"])
        groups = [Group.objects.create(name=name) for name in ("auditors", "tellers")]
        response = client.post(url, {"username": "bob", "groups": [group.pk for group in groups]})
        assert shown(response)["groups"] == "auditors, tellers"
        go_through(client, response)
        assert list(bob.groups.all()) == groups

    def test_what_came_up_while_deciding_is_refused(self, register, authsignal, client, bob, url):  # T37
        grant = meanwhile(GRANT, lambda: User.objects.filter(pk=bob.pk).update(email="meanwhile@bank.example"))
        register(User, step_up_fields={"is_superuser": grant, "email": EMAIL}, fields=self.fields[:4])
        authsignal.allow(GRANT.action)
        assert client.post(url, {**PLAIN, "is_superuser": "on"}).status_code == 403
        bob.refresh_from_db()
        assert (bob.email, bob.is_superuser) == ("meanwhile@bank.example", False)
        assert_tracked(EMAIL.action, times=0)

    def test_change_that_was_not_told_is_refused(self, register, authsignal, client, bob, url):  # T37
        """Another field of the same policy, which the form changes only since somebody else changed it."""
        policy = meanwhile(GRANT, lambda: User.objects.filter(pk=bob.pk).update(is_staff=True))
        register(User, step_up_fields={"is_superuser": policy, "is_staff": policy}, fields=self.fields[:4])
        authsignal.allow(GRANT.action)
        assert client.post(url, {**PLAIN, "is_superuser": "on"}).status_code == 403
        bob.refresh_from_db()
        assert (bob.is_superuser, bob.is_staff) == (False, True)

    def test_new_object_counts_when_the_field_is_not_its_default(self, register, authsignal, client):
        register(User, step_up_fields={"is_superuser": GRANT, "email": EMAIL}, fields=self.fields[:4])
        new = {"username": "eve", "email": ""}
        assert client.post(f"{USERS}add/", {**new, "username": "adam"}).status_code == 302
        assert authsignal.requests == []

        response = client.post(f"{USERS}add/", {**new, "is_superuser": "on"})
        assert_step_up_required(response, GRANT.action)
        assert shown(response)["add"] == "user"
        assert not User.objects.filter(username="eve").exists()
        go_through(client, response)
        assert User.objects.get(username="eve").is_superuser

    @pytest.mark.parametrize("wrong", [{"username": ""}, {"email": "nonsense"}, {"date_joined_0": "never"}])
    def test_invalid_form_tracks_nothing(self, authsignal, client, bob, url, form, wrong):
        response = client.post(url, {**form, "is_superuser": "on", **wrong})
        assert response.context["adminform"].form.errors
        assert authsignal.requests == []

    def test_without_permission_nothing_is_tracked(self, authsignal, clerk, bob, url, form):
        assert clerk("view_user").post(url, {**form, "is_superuser": "on"}).status_code == 403
        assert authsignal.requests == []

    def test_readonly_field_is_left_to_the_admin(self, register, authsignal, client, bob, url):
        register(User, step_up_fields={"is_superuser": GRANT}, fields=self.fields[:4], readonly_fields=["is_superuser"])
        assert client.post(url, {**PLAIN, "is_superuser": "on"}).status_code == 302
        bob.refresh_from_db()
        assert (bob.is_superuser, authsignal.requests) == (False, [])

    def test_save_model_that_does_not_call_super_is_no_way_round(self, register, client, bob, url):  # T37
        def save_model(self, request, obj, form, change):
            obj.save()

        register(User, step_up_fields={"is_superuser": GRANT}, fields=self.fields[:4], save_model=save_model)
        assert_step_up_required(client.post(url, {**PLAIN, "is_superuser": "on"}))
        bob.refresh_from_db()
        assert not bob.is_superuser


class TestListEditing:
    options = {"list_display": ["username", "email", "is_staff"], "list_editable": ["email", "is_staff"]}
    options |= {"ordering": ["username"]}

    @pytest.fixture(autouse=True)
    def _admin(self, register):
        register(User, step_up_fields={"is_staff": GRANT, "email": EMAIL}, **self.options)

    @pytest.fixture
    def rows(self, alice, bob, boss):
        form = {"form-TOTAL_FORMS": "3", "form-INITIAL_FORMS": "3", "_save": "Save"}
        for place, user in enumerate([alice, bob, boss]):
            form |= {f"form-{place}-id": user.pk, f"form-{place}-email": user.email}
            form |= {f"form-{place}-is_staff": "on"} if user.is_staff else {}
        return form

    def test_rows_are_decided_together_and_saved_after_the_step_up(self, client, alice, bob, rows):
        response = client.post(USERS, {**rows, "form-0-is_staff": "on", "form-1-is_staff": "on"})
        assert_step_up_required(response, GRANT.action)
        assert shown(response)["change"] == ["alice", "bob"]
        assert User.objects.filter(is_staff=True).count() == 1

        go_through(client, response)
        assert User.objects.filter(is_staff=True).count() == 3
        assert_tracked(GRANT.action, custom={"is_staff": [True, True]}, times=1)

    def test_rows_under_different_policies(self, client, alice, bob, rows):
        response = client.post(USERS, {**rows, "form-0-email": "a@new.example", "form-1-is_staff": "on"})
        response = go_through(client, response)
        assert_step_up_required(response)
        assert go_through(client, response).status_code == 302
        alice.refresh_from_db()
        bob.refresh_from_db()
        assert (alice.email, bob.is_staff) == ("a@new.example", True)

    def test_row_that_was_not_told_is_not_saved(self, register, authsignal, client, alice, bob, rows):  # T37
        policy = meanwhile(GRANT, lambda: User.objects.filter(pk=bob.pk).update(is_staff=True))
        register(User, step_up_fields={"is_staff": policy}, **self.options)
        authsignal.allow(GRANT.action)
        assert client.post(USERS, {**rows, "form-0-is_staff": "on"}).status_code == 403
        alice.refresh_from_db()
        bob.refresh_from_db()
        assert (alice.is_staff, bob.is_staff) == (False, True)

    def test_unchanged_rows_pass_without_tracking(self, authsignal, client, rows):
        assert client.post(USERS, rows).status_code == 302
        assert authsignal.requests == []

    def test_invalid_row_tracks_nothing(self, authsignal, client, rows):
        client.post(USERS, {**rows, "form-0-email": "nonsense", "form-1-is_staff": "on"})
        assert authsignal.requests == []


class TestAnyChange:
    @pytest.fixture
    def form(self, bob, paid):
        form = {"balance": bob.account.balance, "user": bob.pk}
        form |= {"transfers-TOTAL_FORMS": "3", "transfers-INITIAL_FORMS": "3"}
        for place, row in enumerate(Transfer.objects.all()):
            form |= {f"transfers-{place}-{name}": getattr(row, name) for name in ("id", "payee", "amount", "reference")}
            form |= {f"transfers-{place}-account": bob.account.pk}
        return form

    def test_inline_survives_the_challenge(self, register, client, bob, form):
        register(Account, step_up_change=CHANGE, inlines=[TransferInline])
        url = f"/site/bank/account/{bob.account.pk}/change/"
        response = client.post(url, {**form, "transfers-0-payee": "New", "transfers-1-DELETE": "on"})
        assert_step_up_required(response, CHANGE.action)
        assert payees() == ["Alpha", "Beta", "Gamma"]
        go_through(client, response)
        assert payees() == ["Alpha", "New"]

    def test_invalid_inline_tracks_nothing(self, register, authsignal, client, bob, form):
        register(Account, step_up_change=CHANGE, inlines=[TransferInline])
        url = f"/site/bank/account/{bob.account.pk}/change/"
        assert client.post(url, {**form, "transfers-0-amount": "much"}).status_code == 200
        assert authsignal.requests == []

    def test_added_object_is_saved_after_the_step_up_and_not_twice(self, register, client, bob):
        register(Transfer, step_up_add=CHANGE)
        response = client.post(f"{TRANSFERS}add/", {"account": bob.account.pk, "payee": "New", "amount": "5"})
        assert_step_up_required(response, CHANGE.action)
        assert payees() == []
        go_through(client, response)
        assert press_continue(client, response).status_code == 409
        assert payees() == ["New"]

    def test_changing_is_not_adding(self, register, authsignal, client, paid):
        register(Transfer, step_up_add=CHANGE)
        url, form = f"{TRANSFERS}{paid[0].pk}/change/", {"payee": "New", "amount": "5"}
        assert client.post(url, {**form, "account": paid[0].account_id}).status_code == 302
        assert authsignal.requests == []

    def test_window_lets_further_changes_pass(self, register, client, paid):
        register(Transfer, step_up_change=StepUpPolicy(CHANGE.action, max_age=60))
        url, form = f"{TRANSFERS}{paid[0].pk}/change/", {"amount": "5", "account": paid[0].account_id}
        go_through(client, client.post(url, {**form, "payee": "New"}))
        assert client.post(url, {**form, "payee": "Newer"}).status_code == 302
        assert_tracked(CHANGE.action, times=1)

    def test_policy_that_binds_in_its_own_way_is_left_so(self, register, client, paid):
        register(Transfer, step_up_change=StepUpPolicy(CHANGE.action, bind=["payee"]))
        url, form = f"{TRANSFERS}{paid[0].pk}/change/", {"amount": "5", "account": paid[0].account_id}
        assert shown(client.post(url, {**form, "payee": "New"})) == {"payee": "New"}


class TestUserAdmin:
    """Django's own, whose add_view opens its transaction further out."""

    NEW = {"username": "eve", "usable_password": "true", "password1": "correct-horse", "password2": "correct-horse"}

    def test_passwords_are_asked_again_and_never_told(self, register, authsignal, client):
        register(User, UserAdmin, step_up_add=CHANGE, step_up_fields={"password1": GRANT})
        authsignal.allow(GRANT.action)
        response = client.post(f"{USERS}add/", self.NEW)
        assert_step_up_required(response, CHANGE.action)
        assert Form(response).asked.keys() == self.NEW.keys()  # UserAdmin calls all of them sensitive
        assert "correct-horse" not in response.content.decode()
        assert "correct-horse" not in str([entry.payload for entry in authsignal.requests])

        complete_step_up(client, response)
        press_continue(client, response, **self.NEW)
        assert User.objects.get(username="eve").check_password("correct-horse")


class TwoWords(forms.MultiWidget):
    def decompress(self, value):
        return [value, value]


class WordForm(forms.ModelForm):
    """Asks for secrets that no name tells."""

    phrase = forms.CharField(widget=forms.PasswordInput, required=False)
    words = forms.CharField(widget=TwoWords([forms.TextInput, forms.PasswordInput]), required=False)


class TestPasswordFields:
    def test_what_is_typed_as_dots_is_asked_again_and_never_told(self, register, authsignal, client):  # T66
        register(Group, step_up_fields={"phrase": GRANT, "words": GRANT}, form=WordForm, fields=["name"])
        group = Group.objects.create(name="one")
        typed = {"phrase": "hunter2", "words_0": "hunter3", "words_1": "hunter4"}
        response = client.post(f"/site/auth/group/{group.pk}/change/", {"name": "one", **typed})
        assert (shown(response)["phrase"], shown(response)["words"]) == ("(not shown)", "(not shown)")
        assert Form(response).asked.keys() == typed.keys()
        assert "hunter" not in response.content.decode()
        assert "hunter" not in str([entry.payload for entry in authsignal.requests])

        complete_step_up(client, response)
        assert press_continue(client, response, **typed).status_code == 302


@pytest.mark.django_db(transaction=True)
class TestAtomicRequests:
    """The spend survives whatever the view does; the view's own transaction is Django's as ever (T8)."""

    def test_exception_after_the_deletion_undoes_it_and_not_the_spend(self, register, client, paid, atomic_requests):
        def response_delete(self, request, obj_display, obj_id):
            raise ZeroDivisionError

        register(Transfer, step_up_delete=DELETE, response_delete=response_delete)
        client.raise_request_exception = False
        response = client.post(delete_url(paid[0]), {"post": "yes"})
        assert go_through(client, response).status_code == 500
        assert (len(payees()), statuses()) == (3, ["spent"])
        assert ActionEvent.objects.get().kind == "unfinished"
        assert press_continue(client, response).status_code == 409

    def test_every_operation_runs_in_its_transaction(self, register, client, bob, paid, atomic_requests):
        seen = []

        @admin.action
        def look(modeladmin, request, queryset):
            seen.append(connection.in_atomic_block)
            return HttpResponse("looked")

        register(Transfer, step_up_delete=DELETE, step_up_actions={"look": ACT}, actions=[look])
        go_through(client, client.post(TRANSFERS, selecting("look", *paid)))
        go_through(client, client.post(TRANSFERS, selecting("delete_selected", *paid, post="yes")))
        assert (seen, payees()) == ([True], [])

    def test_users_are_added(self, register, client, atomic_requests):
        register(User, UserAdmin, step_up_add=CHANGE)
        response = client.post(f"{USERS}add/", TestUserAdmin.NEW)
        complete_step_up(client, response)
        press_continue(client, response, **TestUserAdmin.NEW)
        assert User.objects.filter(username="eve").exists()

    def test_ungated_request_keeps_its_transaction(self, register, client, paid, atomic_requests):
        register(Transfer, step_up_delete=DELETE, actions=[rename])
        client.raise_request_exception = False

        def fail(self, request, *args, **kwargs):
            Transfer.objects.update(payee="written")
            raise ZeroDivisionError

        register(Transfer, step_up_delete=DELETE, changelist_view=fail)
        assert client.get(TRANSFERS).status_code == 500
        assert "written" not in payees()


def test_policies_of_an_admin_are_listed(register):
    admin_of = register(
        Transfer, step_up_delete=DELETE, step_up_fields={"payee": GRANT}, step_up_actions={"rename": ACT}
    )
    assert admin_of.step_up_policies() == [DELETE, GRANT, ACT]
