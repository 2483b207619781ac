"""What the service, the network between, and the clock do: honestly, wrongly, late, twice and out of order."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from django_authsignal.connection import get_client
from django_authsignal.sandbox.records import timestamp

from .deeds import IDLE, RECENT, challenged, deed
from .model import HARMLESS, Challenge
from .network import DELAYS, FAULTS, KINDS, LIES
from .people import BROWSERS, People

WORDS = st.sampled_from(
    ["BLOCK", "BLOCK", "CHALLENGE_FAILED", "REVIEW_REQUIRED", "REVIEW_FAILED", "SUSPENDED", *HARMLESS]
)
FIRST_WORDS = ["review", "REVIEW_SUCCEEDED", "REVIEW_REQUIRED", "CHALLENGE_SUCCEEDED", "odd"]
"""What a first answer must not be, or must not let pass."""
STATES = st.sampled_from(["BLOCK", "REVIEW_REQUIRED", "CHALLENGE_FAILED", "CHALLENGE_REQUIRED"])
MEANWHILE = [*DELAYS, *["twice", "sign out", "password", "veto", "deactivate", "sync"] * 2]
ANSWERS = st.sampled_from([*["challenge"] * 4, "allow", "allow", "block", *FIRST_WORDS])
CALLS = st.sampled_from([1, 1, 1, 2, 5])
JUMPS = (1, 5, 20, 30, 40, 59, 60, 61, 119, 121, 179, 180, 181, 299, 300, 301, 599, 600, 601, 3601, 86_401)


class Service(People):
    @deed(2, action=st.sampled_from(["pay", "look"]), says=ANSWERS)
    def rules_change(self, action: str, says: str) -> None:
        self.decide(action, says)

    def decide(self, action: str, says: str) -> None:
        self.rules_say[action] = says
        if says in ("allow", "challenge", "block", "review"):
            getattr(self.kit, says)(action)
        else:
            self.kit.answer(action, says)

    @deed(2, fault=st.sampled_from([*FAULTS, *LIES, "database", "database"]), calls=CALLS, kinds=st.sampled_from(KINDS))
    def fault(self, fault: str, calls: int, kinds: tuple[str, ...]) -> None:
        """The next calls, or the next statement but a few, will fail."""
        if fault == "database":
            self.statements_to_fail = calls
        else:
            self.network.break_down(fault, calls, kinds)

    @deed()
    def all_is_mended(self) -> Any:
        self.mend()

    def mend(self) -> None:
        self.network.mend()
        self.network.meanwhile.clear()
        self.statements_to_fail = 0
        get_client.cache_clear()

    @deed(2, seconds=st.sampled_from([sign * jump for jump in JUMPS for sign in (1, 1, -1)]))
    def clock_jumps(self, seconds: int) -> None:
        self.shift(seconds)

    @deed(browser=BROWSERS, what=st.sampled_from(MEANWHILE))
    def meanwhile(self, browser: int, what: str | int) -> None:
        """Let something happen while the next answer is on its way; a number is how many seconds that takes."""
        self.arm(what, browser)

    def arm(self, what: str | int, browser: int) -> None:
        person = self.usual[browser]
        events: dict[str | int, Callable[[str], object]] = {
            "twice": lambda key: self._submit_again(),
            "sign out": lambda key: self.go(self.browsers[browser]),
            "password": lambda key: self.change_password(person, None),
            "veto": self._veto,
            "deactivate": lambda key: self.set_active(person, False),
            "sync": lambda key: self.run_sync(),
        }
        self.network.meanwhile.append(events.get(what) or (lambda key: self.shift(int(what))))

    def _submit_again(self) -> None:
        """A double click, or a second tab."""
        if self.serving:
            first = self.serving[-1]
            browser = next((one for one in self.browsers if one.login is first.login), None)
            if browser:
                self.send(browser, first.path, first.sent, first.named, first.style)

    def _veto(self, key: str) -> None:
        if key:
            login = self.serving[-1].login
            self.tell(self.word(login.person.id, self.serving[-1].route.action, key, "BLOCK", 0))

    @deed(
        needs=challenged,
        which=RECENT,
        state=STATES,
    )
    def operator_at_the_service(self, which: int, state: str) -> Any:
        """Somebody changes an action in the service's own portal, and nobody tells us yet."""
        return self.operate(self.challenge(which), state)

    def operate(self, challenge: Challenge, state: str) -> Any:
        action = self.kit.store.action(*self.names_of(challenge))
        if not action:
            return IDLE
        self.kit.store.update_action(action, state=state)
        challenge.standing = "open" if state == "CHALLENGE_REQUIRED" else state
        challenge.disturbed = True
        return None

    def names_of(self, challenge: Challenge) -> tuple[str, str, str]:
        """User id, action code and key: who it is at the service."""
        return challenge.login.person.id, challenge.submit.route.action, challenge.key

    # Webhooks

    @deed(
        2,
        challenged,
        kind=st.sampled_from(["one", "one", "batch", "again", "forged", "verify"]),
        which=RECENT,
        state=WORDS,
        ago=st.sampled_from([0, 0, 500, -60, -500]),
    )
    def webhook(self, kind: str, which: int, state: str, ago: int) -> Any:
        """The service, or somebody who is not, says how an action stands: now, belatedly, or once more."""
        about = self.names_of(self.challenge(which))
        match kind:
            case "again":
                return self.webhook_again(which)
            case "forged":
                return self.forged_webhook(about, state)
            case "verify":
                return self.asked_to_verify(about)
        return self.tell(self.word(*about, state, ago), batched=kind == "batch")

    def word(self, user_id: str, action: str, key: str, state: str, ago: float) -> dict[str, Any]:
        at = timestamp(self.now - ago)
        data = {"userId": user_id, "actionCode": action, "idempotencyKey": key, "state": state}
        return {
            "type": "action.log_created",
            "id": str(uuid.uuid4()),
            "time": at,
            "data": {**data, "createdAt": at, "updatedAt": at, "stateUpdatedAt": at},
        }

    def tell(self, event: dict[str, Any], *, batched: bool = False) -> Any:
        """Deliver *event*; what it takes back is taken back once it is accepted."""
        said = event["data"]
        response = self.post(event, batched=batched)
        assert response.status_code == 200 or self.database_failed, response.status_code
        challenge = self.world.challenges.get(said["idempotencyKey"])
        if challenge:
            challenge.disturbed = True
        if response.status_code == 200 and said["state"] not in HARMLESS:
            self.world.vetoed.add(said["idempotencyKey"])
        self.told.append(event)
        return response

    def post(self, event: dict[str, Any], *, batched: bool = False, **options: Any) -> Any:
        whole = {**self.kit_members, **event}
        if batched:
            whole = {"records": [{("record" if name == "data" else name): whole[name] for name in whole}]}
        self.database_failed = False
        return self.outsider.post(**self.kit.signed_webhook(whole, **options))

    def webhook_again(self, which: int) -> Any:
        """At least once means twice."""
        if not self.told:
            return IDLE
        event = self.newest(self.told, which)
        response = self.post(event)
        assert response.status_code == 200 or self.database_failed
        if response.status_code == 200 and event["data"]["state"] not in HARMLESS:
            self.world.vetoed.add(event["data"]["idempotencyKey"])
        return None

    def forged_webhook(self, about: tuple[str, str, str], state: str) -> Any:
        response = self.post(self.word(*about, state, 0), secret="sandbox_another")
        assert response.status_code == 400

    def asked_to_verify(self, about: tuple[str, str, str]) -> Any:
        """``action.verify`` says that a challenge is about to succeed; it has not, and may never."""
        names = dict(zip(("userId", "action", "idempotencyKey"), about, strict=True))
        data = {**names, "state": "CHALLENGE_SUCCEEDED", "verificationMethod": "PASSKEY"}
        response = self.post({"type": "action.verify", "data": data})
        assert response.status_code in (200, 409)
