"""What people do: ask for things, pass challenges or not, come back, repeat, sign in and out, and try it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from django_authsignal.models import TrackedAction

from .browsers import Browser
from .deeds import FIGURES, IDLE, RECENT, challenged, deed
from .model import Challenge
from .site import EFFECTS, ROUTES
from .stage import Stage

BROWSERS = st.integers(0, 4)
PATHS = st.sampled_from(list(ROUTES))
PAGES = [path for path, route in ROUTES.items() if route.max_age is not None]
CONTENT = st.fixed_dictionaries(
    {
        "amount": st.sampled_from(["5", "5", "6000"]),
        "payee": st.sampled_from(["Ann", "Ann", "Ben"]),
        "memo": st.sampled_from(["", "", "x"]),
    }
)
CHANGED = st.sampled_from(["amount", "payee", "memo", "path", "path", "browser", "browser", "browser"])
METHODS = st.sampled_from(["SMS", "PASSKEY", "PASSKEY"])
NAMED = st.sampled_from(["", "", "own", "other"])
STYLES = st.sampled_from(["form", "form", "form", "json", "async"])


def has_windows(self: Any) -> bool:
    return bool(self.world.windows)


def submitted(self: Any) -> bool:
    return bool(self.world.submits)


class People(Stage):
    def newest(self, things: list[Any], which: int) -> Any:
        return things[-1 - which % len(things)]

    def challenge(self, which: int) -> Challenge:
        """One of the challenges, counted from the newest; there is one."""
        return self.newest(list(self.world.challenges.values()), which)

    def browser_of(self, challenge: Challenge) -> Browser | None:
        return next((one for one in self.browsers if one.login is challenge.login), None)

    @deed(2, browser=BROWSERS, path=PATHS, sent=CONTENT, named=NAMED, style=STYLES)
    def submit(self, browser: int, path: str, sent: dict[str, str], named: str, style: str) -> None:
        self.send(self.browsers[browser], path, sent, self._key(named, self.browsers[browser]), style)

    def _key(self, named: str, browser: Browser) -> str:
        known = self.world.challenges.values()
        keys = {
            "own": [one.key for one in known if one.login is browser.login],
            "other": [one.key for one in known if one.login is not browser.login],
        }
        return (keys.get(named) or [""])[-1]

    @deed(4, browser=BROWSERS, path=PATHS, sent=CONTENT, style=STYLES, way=st.sampled_from([0, 1, 1, 2, 2, 2]))
    def get_approval(self, browser: int, path: str, sent: dict[str, str], style: str, way: int) -> None:
        """Ask, having signed in if need be; pass the challenge if there is one; come back: some part of the way."""
        its, person = self.browsers[browser], self.usual[browser]
        if (its.login is None or not its.login.works) and person.active:
            self.enter(its, person)
        known = len(self.world.challenges)
        self.send(its, path, sent, style=style)
        if len(self.world.challenges) > known:
            for _ in range(way):
                self._advance(self.challenge(0), "PASSKEY")

    @deed(5, challenged, which=RECENT, method=METHODS)
    def go_on(self, which: int, method: str) -> Any:
        """The next that an honest user would do."""
        unused = [one for one in self.world.challenges.values() if not one.used and self.browser_of(one)]
        return self._advance(self.newest(unused, which), method) if unused else IDLE

    def _advance(self, challenge: Challenge, method: str) -> Any:
        browser = self.browser_of(challenge)
        if not browser:
            return IDLE
        if challenge.standing == "open":
            return self.act_on(challenge, "verify", method)
        if challenge.approved_at is None:
            return self.return_to(challenge, browser, challenge.token)
        first = challenge.submit
        return self.send(browser, first.path, first.sent, challenge.key, first.style)

    @deed(4, challenged, which=RECENT, named=st.booleans(), changed=CHANGED, path=PATHS, browser=BROWSERS)
    def continue_nearly(self, which: int, named: bool, changed: str, path: str, browser: int) -> Any:
        """Send again what a challenge was asked for, with one thing changed; rather of one that is approved."""
        challenge = self._rather(which, lambda one: one.approved_at is not None and not one.used)
        its = self._elsewhere(challenge, browser) if changed == "browser" else self.browser_of(challenge)
        if not its:
            return IDLE
        first = challenge.submit
        sent = {**first.sent, **({changed: "7"} if changed in first.sent else {})}
        path = path if changed == "path" else first.path
        return self.send(its, path, sent, challenge.key if named else "", first.style)

    def _elsewhere(self, challenge: Challenge, browser: int) -> Browser:
        """Rather another browser of the same user than any."""
        person = challenge.login.person
        others = [one for one in self.browsers if one.login and one.login is not challenge.login]
        return next((one for one in others if one.login and one.login.person is person), self.browsers[browser])

    def _rather(self, which: int, wanted: Callable[[Challenge], bool]) -> Challenge:
        """One of the challenges that are as wanted; if there is none, any."""
        found = [one for one in self.world.challenges.values() if wanted(one)]
        return self.newest(found, which) if found else self.challenge(which)

    @deed(3, has_windows, which=RECENT, path=st.sampled_from(PAGES))
    def look_again(self, which: int, path: str) -> Any:
        """Ask for a page of an action for which there was a window."""
        login = self.newest(self.world.windows, which).login
        its = next((one for one in self.browsers if one.login is login), None)
        return self.send(its, path, {"amount": "5", "payee": "Ann", "memo": "page 2"}) if its else IDLE

    @deed(
        1,
        submitted,
        which=RECENT,
        browser=BROWSERS,
        path=st.none() | PATHS,
        named=st.booleans(),
    )
    def replay(self, which: int, browser: int, path: str | None, named: bool) -> Any:
        """Send what somebody sent before, in any browser, or to another route."""
        past = self.newest(self.world.submits, which)
        named_key = past.named if named else ""
        return self.send(self.browsers[browser], path or past.path, past.sent, named_key, past.style)

    @deed(
        2,
        challenged,
        which=RECENT,
        do=st.sampled_from(["verify", "verify", "verify", "wrong", "fail", "quit"]),
        method=METHODS,
    )
    def on_hosted_page(self, which: int, do: str, method: str) -> Any:
        return self.act_on(self.challenge(which), do, method)

    def act_on(self, challenge: Challenge, do: str, method: str = "PASSKEY") -> Any:
        """Do on the service's own page what its user does there."""
        code = "000000" if do == "wrong" else self.kit.store.code
        form = {"do": "verify" if do == "wrong" else do, "code": code, "method": method}
        page = self.network.browse("POST", challenge.url, form)
        if challenge.standing == "open" and page.status_code == 303 and do in ("verify", "fail"):
            challenge.standing = "passed" if do == "verify" else "CHALLENGE_FAILED"
            challenge.method, challenge.passed_at = method, self.now
        return page

    @deed(
        3,
        challenged,
        which=RECENT,
        where=st.sampled_from(["here", "here", "elsewhere"]),
        browser=BROWSERS,
        token=st.sampled_from(["own", "own", "own", "own", "another's", "none", "garbage"]),
        another=RECENT,
    )
    def come_back(self, which: int, where: str, browser: int, token: str, another: int) -> Any:
        """To the return URL of a challenge: its user, or somebody else, with its token or another."""
        challenge = self._rather(which, lambda one: one.standing == "passed" and one.approved_at is None)
        its = self.browser_of(challenge) if where == "here" else self._elsewhere(challenge, browser)
        tokens = {"own": challenge.token, "another's": self.challenge(another).token, "none": ""}
        return self.return_to(challenge, its, tokens.get(token, "e30.e30.e30")) if its else IDLE

    def return_to(self, challenge: Challenge, browser: Browser, token: str) -> Any:
        may = self._may_be_approved(challenge, browser, token)
        in_time, calm = challenge.in_time(self.now), self.network.is_calm and not self.statements_to_fail
        self.validated_at = None
        response = browser.client.get(f"/step-up/return/{challenge.key}/", {"token": token} if token else {})
        if may and self.validated_at is not None and challenge.approved_at is None:
            if challenge.in_time(self.validated_at):
                challenge.approved_at = min(challenge.passed_at, self.validated_at)
                FIGURES["approvals"] += 1
            status = (
                TrackedAction.objects.filter(idempotency_key=challenge.key).values_list("status", flat=True).first()
            )
            approved = status in ("approved", "spent")
            assert approved or not (calm and in_time) or challenge.disturbed, f"passed, and yet {status}"
        return response

    def _may_be_approved(self, challenge: Challenge, browser: Browser, token: str) -> bool:
        its_own = browser.login is challenge.login and token == challenge.token
        same_password = challenge.submit.generation == challenge.login.person.generation
        passed = challenge.standing == "passed" and challenge.arrived
        return its_own and passed and same_password and challenge.login.works

    @deed(browser=BROWSERS, person=st.integers(0, 2), leave=st.booleans())
    def sign_in_or_out(self, browser: int, person: int, leave: bool) -> Any:
        who = self.world.people[person]
        if leave:
            return self.go(self.browsers[browser])
        return self.enter(self.browsers[browser], who) if who.active else IDLE

    def go(self, browser: Browser) -> Any:
        if not browser.login:
            return IDLE
        browser.client.post("/sign-out/")
        self.leave(browser.login)
        browser.login = None
        return None

    @deed(browser=BROWSERS, path=PATHS, method=st.sampled_from(["HEAD", "OPTIONS", "TRACE"]))
    def probe(self, browser: int, path: str, method: str) -> None:
        """By a method that must neither ask, nor use up an approval, nor do anything."""
        calls = len(self.kit.requests)
        self.browsers[browser].client.generic(method, path)
        assert (EFFECTS, len(self.kit.requests)) == ([], calls)
