"""The sandbox's memory: users, actions and challenges under one lock, with the transitions of the real service.

It speaks in the frozen values of ``records``; the API and the pages turn them into JSON and HTML.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from . import tokens
from .challenges import Challenges, forget_oldest
from .journal import Journal
from .records import Action, Authenticator, State, User, Visit
from .rules import Outcome, Rules
from .sending import Sender
from .webhooks import Webhooks

__all__ = ["Store"]

# So that a sandbox left running for weeks stays small; the oldest entries are forgotten first.
MAX_USERS = 100_000
MAX_ACTIONS_PER_USER = 1_000

ActionId = tuple[str, str]

STATE_OF = {
    Outcome.ALLOW: State.ALLOW,
    Outcome.BLOCK: State.BLOCK,
    Outcome.CHALLENGE: State.CHALLENGE_REQUIRED,
    Outcome.REVIEW: State.REVIEW_REQUIRED,
}


class Store:
    """An Authsignal tenant in memory; every method may be called from any thread.

    ``secret`` is the only API key it knows, ``code`` the right answer to every challenge, ``origin`` where its hosted
    pages are reached, ``lifetime`` the seconds that tokens and challenges live, ``clock`` gives unix seconds.
    """

    def __init__(
        self,
        rules: Rules | Mapping[str, object] | None = None,
        *,
        secret: str = "sandbox_demo",  # noqa: S107  the public demo key
        code: str = "123456",
        origin: str = "http://localhost:8001",
        lifetime: int = 600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rules = rules if isinstance(rules, Rules) else Rules.from_mapping(rules or {})
        self.secret = secret
        self.code = code
        self.origin = origin
        self.lifetime = lifetime
        self.clock = clock
        self.tenant_id = str(uuid.uuid5(uuid.NAMESPACE_URL, secret))
        self.journal = Journal()
        self._lock = threading.RLock()
        self._users: OrderedDict[str, User] = OrderedDict()
        self._actions: OrderedDict[str, OrderedDict[ActionId, Action]] = OrderedDict()
        self.challenges = Challenges(self._lock)
        self._forced: dict[str, Outcome | str] = {}
        self.webhooks = Webhooks()
        for seed in self.rules.users:
            self._seed(seed)

    def send_webhooks(self, url: str, *, also_sign_with: Collection[str] = (), **options: Any) -> None:
        """Tell *url* from now on; *options* are those of Webhooks. Raises ValueError for another machine's address."""
        sender = Sender(url, (self.secret, *also_sign_with), self.clock)
        self.webhooks = Webhooks(sender, self.tenant_id, self.clock, **options)

    # Decisions

    def force(self, action_code: str, answer: Outcome | str) -> None:
        """Decide *action_code* from now on: an Outcome as a rule would, any other text as the raw state answered."""
        with self._lock:
            self._forced[action_code] = answer

    def track(self, user_id: str, action_code: str, key: str | None, **facts: Any) -> Action:
        """The action of this user, code and key: the known one unchanged, else a new one, decided by the rules."""
        with self._lock:
            actions = self._actions.setdefault(user_id, OrderedDict())
            action_id = (action_code, key or str(uuid.uuid4()))
            if action_id not in actions:
                state, rule_ids = self._decide(self.user(user_id), action_code, facts.get("custom", {}))
                now = self.clock()
                actions[action_id] = Action(
                    user_id=user_id,
                    code=action_code,
                    key=action_id[1],
                    state=state,
                    outcome=state.partition("_")[0],
                    rule_ids=rule_ids,
                    created_at=now,
                    state_updated_at=now,
                    **facts,
                )
                self.webhooks.action(actions[action_id])
            forget_oldest(actions, MAX_ACTIONS_PER_USER)
            forget_oldest(self._actions, MAX_USERS)
            return actions[action_id]

    def _decide(self, user: User, action_code: str, custom: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
        outcome, rule_ids = self.rules.decide(action_code, custom)
        forced = self._forced.get(action_code, outcome)
        if not isinstance(forced, Outcome):
            return forced, ()
        if forced is not outcome:
            rule_ids = ()
        if forced is Outcome.CHALLENGE and not user.is_enrolled:
            return State.ALLOW, rule_ids
        return STATE_OF[forced], rule_ids

    # Actions

    def action(self, user_id: str, action_code: str, key: str) -> Action | None:
        with self._lock:
            return self._actions.get(user_id, OrderedDict()).get((action_code, key))

    def actions(self, user_id: str) -> tuple[Action, ...]:
        """A user's actions, the newest first."""
        with self._lock:
            return tuple(reversed(self._actions.get(user_id, {}).values()))

    def update_action(self, action: Action, *, only_from: Collection[str] = (), **changes: Any) -> Action:
        """Write *changes*; with ``only_from``, only while the action is still in one of these states."""
        with self._lock:
            current = self._actions[action.user_id][action.code, action.key]
            if only_from and current.state not in only_from:
                return current
            if "state" in changes:
                changes["state_updated_at"] = self.clock()
            changed = replace(current, **changes)
            self._actions[action.user_id][action.code, action.key] = changed
            if "state" in changes:
                self.webhooks.action(changed)
            return changed

    def answer_challenge(
        self, action: Action, state: State, *, method: str | None, authenticator_id: str | None = None, **options: Any
    ) -> Action:
        """Write how a challenge went, as ``update_action``; it succeeds only when the application, asked first, agrees.

        The action returned is in another state than *state* when it did not.
        """
        # Outside the lock: the application may well ask something back before it answers.
        asked = state == State.CHALLENGE_SUCCEEDED
        if asked and not self.webhooks.allows_success(action, method, authenticator_id):
            return action
        return self.update_action(action, state=state, method=method, authenticator_id=authenticator_id, **options)

    # Users

    def user(self, user_id: str) -> User:
        """The user; one never heard of is not stored by asking, and has no authenticators unless everyone has."""
        with self._lock:
            known = self._users.get(user_id)
            if known is None and self.rules.enrol_everyone:
                self.enrol(user_id, "SMS", {"phoneNumber": "+64270000000"}, told=False)
                known = self._users[user_id]
            return known or User(id=user_id)

    def users(self) -> Iterator[User]:
        with self._lock:
            return iter(tuple(self._users.values()))

    def update_user(self, user_id: str, fields: Mapping[str, Any], **changes: Any) -> User:
        """Merge wire *fields* into the user, who is created when unknown."""
        with self._lock:
            user = self.user(user_id)
            self._users[user_id] = replace(user, fields={**user.fields, **fields}, **changes)
            forget_oldest(self._users, MAX_USERS)
            return self._users[user_id]

    def delete_user(self, user_id: str, *, actions: bool) -> None:
        """Forget a user. The empty record left behind keeps ``enrol_everyone`` from enrolling the deleted again."""
        with self._lock:
            if user_id in self._users:
                self._users[user_id] = User(id=user_id)
            if actions:
                self._actions.pop(user_id, None)

    def enrol(self, user_id: str, method: str, fields: Mapping[str, Any], *, told: bool = True) -> Authenticator:
        """Add a factor, active at once; enrolling the same one again gives the known one.

        Not *told* to the application is what was there from the start.
        """
        with self._lock:
            user = self._users.setdefault(user_id, User(id=user_id))
            new_id = str(fields.get("userAuthenticatorId") or uuid.uuid4())
            new = Authenticator(id=new_id, user_id=user_id, method=method, created_at=self.clock(), fields=fields)
            if same := next(filter(new.is_same_as, user.authenticators), None):
                return same
            self.update_user(user_id, {}, authenticators=(*user.authenticators, new))
            if told:
                self.webhooks.authenticator("created", new)
            return new

    def remove_authenticator(self, user_id: str, authenticator_id: str) -> bool:
        """Remove one factor; False when the user has none of that id."""
        with self._lock:
            user = self.user(user_id)
            gone = [known for known in user.authenticators if known.id == authenticator_id]
            self.update_user(
                user_id, {}, authenticators=tuple(known for known in user.authenticators if known not in gone)
            )
            for authenticator in gone:
                self.webhooks.authenticator("deleted", authenticator)
            return bool(gone)

    def _seed(self, seed: Mapping[str, Any]) -> None:
        user_id = seed["userId"]
        fields = {name: value for name, value in seed.items() if name not in ("userId", "authenticators")}
        self._users[user_id] = User(id=user_id, fields=fields)
        for factor in seed.get("authenticators", ()):
            self.enrol(user_id, factor["verificationMethod"], factor, told=False)

    # Tokens

    def token(self, about: User | Action, *, scope: str = "read:authenticators") -> str:
        """A fresh token about a user or one action."""
        if isinstance(about, User):
            subject = {"userId": about.id}
        else:
            subject = {"userId": about.user_id, "actionCode": about.code, "idempotencyKey": about.key}
        return tokens.issue(
            self.secret,
            issuer=f"{self.origin}/v1",
            tenant_id=self.tenant_id,
            now=self.clock(),
            lifetime=self.lifetime,
            scope=scope,
            **subject,
        )

    def page_url(self, token: str) -> str:
        """The hosted page for a token; it carries a query because the browser SDK appends ``&mode=popup``."""
        return f"{self.origin}/hosted?token={token}"

    def visit(self, token: str) -> Visit | None:
        """What a token speaks of, expired or not; None when this tenant did not sign it or forgot its action."""
        claims = tokens.read(token, self.secret)
        if claims is None:
            return None
        about = claims["other"]
        action = None
        if "actionCode" in about:
            action = self.action(about["userId"], about["actionCode"], about["idempotencyKey"])
            if action is None:
                return None
        return Visit(self.user(about["userId"]), action, claims["exp"], claims["scope"])
