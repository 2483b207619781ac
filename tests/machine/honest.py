"""What must always be possible: an honest user gets things done."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .deeds import FIGURES, IDLE, deed
from .people import BROWSERS, PATHS
from .site import ROUTES
from .traps import Traps


class Honest(Traps):
    @deed(person=st.integers(0, 1), path=PATHS, amount=st.integers(1, 9), as_json=st.booleans(), seat=BROWSERS)
    def honest_journey(self, person: int, path: str, amount: int, as_json: bool, seat: int) -> Any:
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
        browser = self.browsers[seat]
        self.enter(browser, who)
        sent = {"amount": str(amount), "payee": "Honest", "memo": ""}
        style = "json" if as_json else "form"
        response = self.send(browser, path, sent, style=style)
        self.decide(action, before)
        if response.status_code == 429:  # there may well be too many challenges; send() has looked
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
