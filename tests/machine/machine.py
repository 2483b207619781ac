"""The whole machine, with what must always be possible: an honest user gets things done."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .browsers import Browser
from .deeds import FIGURES, IDLE, deed, do_one_of
from .house import House
from .people import People
from .service import Service
from .site import ROUTES


class Machine(House):
    @rule(data=st.data())
    def people_act(self, data: Any) -> None:
        do_one_of(People, self, data)

    @rule(data=st.data())
    def people_act_more(self, data: Any) -> None:
        """Twice, as what people do should happen more often than mishaps."""
        do_one_of(People, self, data)

    @rule(data=st.data(), kind=st.integers(0, 5))
    def something_else_happens(self, data: Any, kind: int) -> None:
        do_one_of((Service, Service, Service, House, House, Machine)[kind], self, data)

    @deed(person=st.integers(0, 1), path=st.sampled_from(list(ROUTES)), amount=st.integers(1, 9), as_json=st.booleans())
    def honest_journey(self, person: int, path: str, amount: int, as_json: bool) -> Any:
        """Somebody signs in and asks, passes the challenge, comes back and continues: it is done, and done once."""
        self.mend()
        who = self.world.people[person]
        if not who.active:
            self.set_active(who, True)
        if not who.enrolled:
            self.set_enrolled(who, True)
        action = ROUTES[path].action
        before = self.rules_say[action]
        self.decide(action, "challenge")
        browser = Browser()
        self.enter(browser, who)
        sent = {"amount": str(amount), "payee": "Honest", "memo": ""}
        style = "json" if as_json else "form"
        response = self.send(browser, path, sent, style=style)
        self.decide(action, before)
        if response.status_code == 429:
            recent = [
                one for one in self.world.challenges.values() if one.login.person is who and one.begun > self.now - 3600
            ]
            assert len(recent) >= 5, "an honest user was held off"
            return IDLE
        challenge = self.world.challenges[str(response.step_up.key)]
        self.act_on(challenge, "verify")
        back = self.return_to(challenge, browser, challenge.token)
        assert back.status_code in (200, 303), back.status_code
        done = len(self.world.submits)
        self.send(browser, path, sent, challenge.key, style)
        self.send(browser, path, sent, challenge.key, style)
        first, second = self.world.submits[done:]
        assert first.effects, "an honest user got nothing done"
        assert bool(second.effects) is (ROUTES[path].max_age is not None), "done twice, or a window did not stay open"
        FIGURES["journeys"] += 1
        return None
