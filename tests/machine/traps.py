"""A mishap or two at some places of a journey: what chance alone would seldom bring together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from .browsers import Browser
from .deeds import deed
from .house import House
from .model import Challenge
from .network import FAULTS, KINDS, LIES
from .people import BROWSERS, CONTENT, METHODS, PAGES, PATHS, STYLES
from .service import JUMPS, MEANWHILE, STATES, WORDS

AGO = st.sampled_from([0, 0, 500, -60, -500])
MISHAPS = {
    "none": st.just(()),
    "clock": st.tuples(st.sampled_from([sign * jump for jump in JUMPS for sign in (1, -1)])),
    "word": st.tuples(WORDS, AGO),
    "operator": st.tuples(STATES),
    "password": st.just(()),
    "sign in": st.just(()),
    "prune": st.tuples(st.sampled_from([1, 30])),
    "return elsewhere": st.tuples(BROWSERS),
    "fault": st.tuples(st.sampled_from(FAULTS), st.sampled_from([1, 7])),
    "lie": st.tuples(st.sampled_from(LIES), st.just(1)),
    "meanwhile": st.tuples(st.sampled_from(MEANWHILE), BROWSERS),
    "rules": st.tuples(st.sampled_from(["allow", "block"])),
}
OFTEN = [*MISHAPS, *["clock"] * 3, *["word"] * 2, "password", *["lie"] * 2]
WHAT = st.sampled_from(OFTEN).flatmap(lambda name: st.tuples(st.just(name), MISHAPS[name]))
THEN = st.sampled_from(["same", "same", "path", "amount", "memo", "elsewhere"])


class Traps(House):
    @deed(
        12,
        browser=BROWSERS,
        path=PATHS | st.sampled_from(PAGES),
        sent=CONTENT,
        style=STYLES,
        asks=st.sampled_from(["challenge", "challenge", "challenge", "allow"]),
        method=METHODS,
        mishaps=st.lists(st.tuples(st.sampled_from([0, 1, 2, 2, 3, 3, 4]), WHAT), min_size=1, max_size=2),
        then=THEN,
        other=st.tuples(PATHS, st.sampled_from(PAGES)),
    )
    def journey_with_mishaps(
        self,
        *,
        browser: int,
        path: str,
        sent: dict[str, str],
        style: str,
        asks: str,
        method: str,
        mishaps: list[tuple[int, tuple[str, tuple[Any, ...]]]],
        then: str,
        other: tuple[str, str],
    ) -> None:
        """Each of *mishaps* after so many steps of the way; *then* the same, or something like it, is sent twice."""
        its = self._sit_down(browser)
        self.mend()
        self.decide("pay", asks)
        self.decide("look", asks)
        challenge = None
        for done in range(5):
            for place, what in mishaps:
                if place == done:
                    self._let_happen(*what, its, challenge)
            if done == 0:
                known = len(self.world.challenges)
                self.send(its, path, sent, style=style)
                challenge = self.challenge(0) if len(self.world.challenges) > known else None
            elif challenge and done < 4:
                self._advance(challenge, method)
        if then == "elsewhere" and challenge:
            its = self._elsewhere(challenge, browser)
        changed = {**sent, **({then: "7"} if then in sent else {})}
        path = other[path in PAGES] if then == "path" else path
        for _ in range(2):
            self.send(its, path, changed, challenge.key if challenge else "", style)

    @deed(browser=BROWSERS, times=st.integers(3, 8))
    def outage(self, browser: int, times: int) -> None:
        """Nobody can be asked, again and again, where a few may go on all the same."""
        its = self._sit_down(browser)
        for _ in range(times):
            self.network.break_down("refused", 9, KINDS[-1])
            self.send(its, "/pay/outage/", {"amount": "1", "payee": "Ann", "memo": ""})
        self.mend()

    def _sit_down(self, browser: int) -> Browser:
        """Somebody for whom everything works, in their usual place."""
        its, person = self.browsers[browser], self.usual[browser]
        self.set_active(person, True)
        if not person.enrolled and person is not self.world.people[2]:
            self.set_enrolled(person, True)
        if its.login is None or not its.login.works or its.login.rattled:
            self.enter(its, person)
        return its

    def _let_happen(self, name: str, details: tuple[Any, ...], its: Browser, challenge: Challenge | None) -> None:
        login = its.login
        events: Mapping[str, Callable[..., object]] = {
            "clock": self.shift,
            "prune": self.prune,
            "password": lambda: login and self.change_password(login.person, self.browsers.index(its)),
            "sign in": lambda: login and self.enter(its, login.person),
            "rules": lambda says: (self.decide("pay", says), self.decide("look", says)),
            "fault": lambda fault, calls: self.network.break_down(fault, calls, KINDS[-1]),
            "lie": lambda lie, calls: self.network.break_down(lie, calls, KINDS[-1]),
            "meanwhile": self.arm,
        }
        of_challenge: Mapping[str, Callable[..., object]] = {
            "word": lambda state, ago: self.tell(self.word(*self.names_of(challenge), state, ago)),
            "operator": lambda state: (self.operate(challenge, state), self.run_sync()),
            "return elsewhere": lambda browser: self.return_to(
                challenge, self._elsewhere(challenge, browser), challenge.token
            ),
        }
        if name in events:
            events[name](*details)
        elif name in of_challenge and challenge:
            of_challenge[name](*details)
