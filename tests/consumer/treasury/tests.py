"""Tests in unittest's style, for `manage.py test` and pytest alike."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import TestCase

from django_authsignal.testing import (
    Authsignal,
    AuthsignalTestMixin,
    acomplete_step_up,
    assert_not_tracked,
    assert_step_up_refused,
    assert_step_up_required,
    assert_tracked,
    complete_step_up,
)

from .models import Transfer


class AccountTests(AuthsignalTestMixin, TestCase):
    def setUp(self) -> None:
        self.client.force_login(User.objects.create_user("alice"))

    def test_account_changes_after_the_challenge(self) -> None:
        self.authsignal.challenge("changeAccount")
        response = self.client.post("/account/", {"iban": "DE02"})
        assert_step_up_required(response, action="changeAccount")
        complete_step_up(self.client, response)
        self.assertContains(self.client.post("/account/", {"iban": "DE02"}), "DE02")

    def test_account_changes_when_authsignal_allows_it(self) -> None:
        self.authsignal.allow("changeAccount")
        self.assertContains(self.client.post("/account/", {"iban": "DE02"}), "DE02")
        assert_tracked("changeAccount", custom={"iban": "DE02"}, times=1)

    def test_account_waits_for_a_review(self) -> None:
        self.authsignal.review("changeAccount")
        assert_step_up_refused(self.client.post("/account/", {"iban": "DE02"}), "under_review")

    def test_form_without_the_account_asks_nobody(self) -> None:
        assert_step_up_refused(self.client.post("/account/"), "invalid")
        assert_not_tracked("changeAccount")


class CancelTests(AuthsignalTestMixin, TestCase):
    def test_plain_permission_is_not_enough(self) -> None:
        self.client.force_login(User.objects.create_user("alice"))
        made = Transfer.objects.create(payee="Landlord", amount=5000)
        path = f"/transfers/{made.pk}/cancel/"
        assert_step_up_refused(self.client.post(path), "blocked")

        self.authsignal.challenge("cancelTransfer")
        complete_step_up(self.client, self.client.post(path))
        self.assertContains(self.client.post(path), "cancelled")

    def test_stranger_signs_in_first(self) -> None:
        response = self.client.post("/transfers/1/cancel/", content_type="application/json")
        assert_step_up_refused(response, "login")


class MembersTests(AuthsignalTestMixin, TestCase):
    async def test_list_opens_for_a_while_after_the_challenge(self) -> None:
        await self.async_client.aforce_login(await User.objects.acreate(username="alice"))
        self.authsignal.challenge("listMembers")
        response = await self.async_client.get("/members/")
        assert_step_up_required(response, action="listMembers")
        await acomplete_step_up(self.async_client, response)
        for _ in range(2):
            self.assertContains(await self.async_client.get("/members/"), "alice")
        assert_tracked("listMembers", times=1)


class OtherRunnerTests(TestCase):
    def test_kit_is_a_context_manager(self) -> None:
        self.client.force_login(User.objects.create_user("alice"))
        with Authsignal() as authsignal:
            authsignal.block("changeAccount")
            assert_step_up_refused(self.client.post("/account/", {"iban": "DE02"}), "blocked")
