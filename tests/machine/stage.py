"""The stage: people with browsers, the site, the service and a clock. Requests are sent here, and judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings

from django_authsignal.models import ActionEvent, TrackedAction, WebhookEvent
from django_authsignal.services.decision import Decision
from django_authsignal.testing import Authsignal
from example_project.bank.models import Account, Transfer
from example_project.bank.seed import open_account

from .browsers import Browser, request
from .deeds import FIGURES
from .model import Challenge, Login, Person, Submit
from .network import Network
from .site import EFFECTS
from .witness import Witness

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
TABLES = (ActionEvent, TrackedAction, WebhookEvent, Transfer, Account, Session)


class Stage(Witness):
    def __init__(self) -> None:
        super().__init__()
        FIGURES["examples"] += 1
        self._clear()
        self._clock = time_machine.travel(START, tick=False)
        self.clock = self._clock.start()
        self.kit = Authsignal()
        self.kit.store.lifetime = 10**8  # to say no in time is our task, not the service's
        self.network = Network(self.kit.store, self)
        self._settings = override_settings(**{**self.kit.settings, "AUTHSIGNAL_ADAPTER": self.network})
        self._settings.enable()
        self.world.people = [Person(open_account(name)) for name in ("alice", "bob", "carol")]
        Account.objects.update(balance=10**9)
        self.kit.unenrolled(self.world.people[2].user)
        self.world.people[2].enrolled = False
        self.usual = [self.world.people[person] for person in (0, 0, 1, 1, 2)]
        """Who usually sits at each browser."""
        self.browsers = [Browser() for _ in self.usual]
        for browser, person in zip(self.browsers, self.usual, strict=True):
            self.enter(browser, person)
        for action in ("pay", "look"):
            self.kit.challenge(action)
        self.rules_say = {"pay": "challenge", "look": "challenge"}
        self.told: list[dict[str, Any]] = []
        self.outsider = Client()
        self.kit_members = {"version": 1, "source": "https://authsignal.com", "tenantId": self.kit.store.tenant_id}
        connection.execute_wrappers.append(self._statement)

    def _clear(self) -> None:
        EFFECTS.clear()
        cache.clear()
        for model in TABLES:
            model.objects.all()._raw_delete("default")
        get_user_model().objects.all().delete()

    def teardown(self) -> None:
        connection.execute_wrappers.remove(self._statement)
        self._settings.disable()
        self._clock.stop()

    # Time

    def shift(self, seconds: float) -> None:
        self.clock.shift(timedelta(seconds=seconds))

    # People

    def enter(self, browser: Browser, person: Person) -> None:
        if browser.login:
            self.leave(browser.login)
        person.user.refresh_from_db()
        browser.client.force_login(person.user)
        browser.login = Login(person, person.generation)

    def leave(self, login: Login) -> None:
        login.over = True
        for challenge in self.challenges_of(login):
            challenge.disturbed = True

    def challenges_of(self, login: Login) -> list[Challenge]:
        return [one for one in self.world.challenges.values() if one.login is login]

    # Requests

    def send(self, browser: Browser, path: str, sent: dict[str, str], named: str = "", style: str = "form") -> Any:
        """Ask for an effect; whatever comes of it is judged."""
        login = browser.login
        if login is None or not login.works:
            return self._send_signed_out(browser, path, sent)
        in_order = dict(sorted(sent.items()))  # what stands in a query is bound in its order
        submit = Submit(len(self.world.submits), login, path, in_order, named, style, login.person.generation)
        self.world.submits.append(submit)
        if self.serving:
            login.rattled = self.serving[-1].login.rattled = True
        must, must_ask = self._must_pass(submit), self._must_ask(submit)
        self.serving.append(submit)
        try:
            response = request(browser.client, submit)
        finally:
            self.serving.pop()
        self.judge_effects()
        self._look_at(response, submit)
        assert submit.effects or not must, f"{must}, and yet nothing was done: {response.status_code}"
        assert submit.effects or not must_ask or self._is_told_why(response, submit), "all is well, and yet refused"
        return response

    def _send_signed_out(self, browser: Browser, path: str, sent: dict[str, str]) -> Any:
        known = len(EFFECTS)
        client = browser.client
        response = client.post(path, sent) if path.startswith("/pay") else client.get(path, sent)
        assert len(EFFECTS) == known, "something was done for nobody"
        return response

    def _must_pass(self, submit: Submit) -> str:
        """Why this request has to succeed, whatever the network does; '' if it need not."""
        if submit.login.rattled or self.statements_to_fail:
            return ""
        window = self.world.newest_window(submit)
        if window and not submit.route.policy.get("recheck") and not list(self.world.shut(window, submit, self.now)):
            return "a window is open"
        for challenge in self._alike(submit):
            fits = submit.named in ("", challenge.key) and not list(self.world.misfits(challenge, submit, self.now))
            if fits and not challenge.disturbed:
                return f"{challenge.key} was approved"
        return ""

    def _must_ask(self, submit: Submit) -> bool:
        """Whether nothing stands in the way of a challenge."""
        calm = self.network.is_calm and not self.network.has_failed and not self.statements_to_fail
        asks = self.rules_say[submit.route.action] == "challenge" and submit.login.person.enrolled
        return calm and asks and not submit.login.rattled

    def _is_told_why(self, response: Any, submit: Submit) -> bool:
        """A challenge, or why not: this one was used, there are too many, or it was passed by a weak method."""
        match getattr(response, "step_up", None):
            case Decision(outcome="challenge") | Decision(reason="verification_method"):
                return True
            case Decision(outcome="already_used"):
                return self.world.challenges[submit.named].used
            case Decision(outcome="throttled"):
                hour = [one for one in self.world.challenges.values() if one.begun > self.now - 3600]
                return sum(one.login.person is submit.login.person for one in hour) >= 5
        return False

    def _alike(self, submit: Submit) -> list[Challenge]:
        mine = self.challenges_of(submit.login)
        return [one for one in mine if one.submit.subject == submit.subject and one.submit is not submit]

    def _look_at(self, response: Any, submit: Submit) -> None:
        """A challenge that is shown must be this request's own; one that was met out of time is over."""
        decision = getattr(response, "step_up", None)
        if decision is not None and decision.outcome == "challenge":
            shown = self.world.challenges[str(decision.key)]
            assert shown.arrived, "a challenge whose answer never arrived was shown"
            assert (shown.login, shown.submit.subject) == (submit.login, submit.subject), "another request's challenge"
        for challenge in self._alike(submit):
            if challenge.standing != "open" or not challenge.in_time(self.now):
                challenge.disturbed = True
