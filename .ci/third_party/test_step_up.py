"""The protected view of somebody else's project, as its own team would test it."""

from django.contrib.auth import get_user_model
from django.test import TestCase
from newsletter.models import Subscription

from django_authsignal.testing import AuthsignalTestMixin, assert_step_up_required, assert_tracked, complete_step_up

URL = "/newsletter/"


class StepUpTestCase(AuthsignalTestMixin, TestCase):
    fixtures = ["test_newsletters"]

    def setUp(self):
        super().setUp()
        self.authsignal.challenge("changeSubscriptions")
        self.client.force_login(get_user_model().objects.create_user("alice"))
        self.client.get(URL)  # makes a subscription to each newsletter, which is off
        rows = list(enumerate(Subscription.objects.all()))
        self.form = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows)}
        self.form |= {f"form-{place}-id": row.pk for place, row in rows}
        self.form |= {f"form-{place}-subscribed": "1" for place, _ in rows}

    def test_the_view_runs_exactly_once_and_only_when_approved(self):
        challenged = self.client.post(URL, self.form)
        assert_step_up_required(challenged, action="changeSubscriptions")
        assert self.subscribed() == 0
        complete_step_up(self.client, challenged)
        again = self.form | {"_step_up_key": challenged.step_up.key}
        assert self.client.post(URL, again).status_code == 200
        assert self.subscribed() == 2
        Subscription.objects.update(subscribed=False)
        assert self.client.post(URL, again).status_code == 409
        assert self.subscribed() == 0
        assert_tracked("changeSubscriptions", times=1)

    def test_a_refused_challenge_leaves_the_view_alone(self):
        challenged = self.client.post(URL, self.form)
        complete_step_up(self.client, challenged, "fail")
        refused = self.client.post(URL, self.form | {"_step_up_key": challenged.step_up.key})
        assert (refused.status_code, self.subscribed()) == (403, 0)

    def subscribed(self):
        return Subscription.objects.filter(subscribed=True).count()
