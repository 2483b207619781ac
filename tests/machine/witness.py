"""Sees what goes over the network, into the database and out of the views, and says what must never be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import OperationalError
from hypothesis.stateful import RuleBasedStateMachine, invariant

from django_authsignal.models import TrackedAction
from example_project.bank.models import Transfer

from .deeds import FIGURES
from .judge import judge
from .model import Challenge, Submit, World
from .network import is_committed
from .site import EFFECTS

MOVES = {
    "created": {"pending", "approved", "spent", "refused", "void"},
    "pending": {"approved", "spent", "refused", "void"},
    "approved": {"spent", "refused", "void"},
}
"""Where a row may be after a step, by where it was before."""


class Witness(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.serving: list[Submit] = []
        """Requests that are under way, the innermost last."""
        self.askers: dict[str, Submit] = {}
        self.begun: dict[str, float] = {}
        self.validated_at: float | None = None
        self.statements_to_fail = 0
        self.database_failed = False
        self.known_rows: dict[int, tuple[str, str]] = {}
        self.pruned = False

    @property
    def now(self) -> float:
        return datetime.now(UTC).timestamp()

    def judge_effects(self) -> None:
        for effect in EFFECTS:
            judge(self.world, effect)
            FIGURES["effects"] += 1
        EFFECTS.clear()

    # What the network tells

    def asked(self, user_id: str, action: str, key: str, custom: dict[str, Any]) -> None:
        """The service is about to hear a question."""
        submit = self.serving[-1]
        self.begun.setdefault(key, self.now)
        assert is_committed(user_id, action, key), "the service heard of an action that no row stands for"
        assert (user_id, action) == (submit.login.person.id, submit.route.action), "asked about somebody else"
        first = self.askers.setdefault(key, submit)
        same = (first.login, first.subject) == (submit.login, submit.subject)
        assert first is submit or (same and key in self.world.challenges), "a key was used again"
        if submit.route.policy.get("bind") or submit.route.service:
            shown = (str(custom["amount"]), custom["payee"])
            assert shown == (submit.sent["amount"], submit.sent["payee"]), "the user would approve something else"

    def answered(
        self, user_id: str, action: str, key: str, custom: dict[str, Any], answer: dict[str, Any], *, arrived: bool
    ) -> None:
        """It has answered; *arrived*: as it was given, and not garbled or lost on the way."""
        submit = self.serving[-1]
        if answer["state"] == "ALLOW" and arrived:
            self.world.allowed[key] = (submit, answer["isEnrolled"])
        if answer["state"] == "CHALLENGE_REQUIRED":
            made = Challenge(key, submit, answer["url"], answer["token"], self.begun[key])
            challenge = self.world.challenges.setdefault(key, made)
            if arrived and not challenge.arrived:
                challenge.arrived, challenge.shown = True, self.now

    def called(self, how: str) -> None:
        if self.serving:
            self.serving[-1].calls.append(how)

    def validated(self) -> None:
        self.validated_at = self.now

    # The database

    def _statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Fail once, before or after the statement that is due."""
        verb, _, rest = sql.partition(" ")
        ours = verb in ("INSERT", "UPDATE", "DELETE") and '"authsignal_' in rest[:40]
        if not ours or self.statements_to_fail == 0:
            return execute(sql, params, many, context)
        self.statements_to_fail -= 1
        if self.statements_to_fail:
            return execute(sql, params, many, context)
        self.database_failed = True
        for challenge in self.world.challenges.values():
            challenge.disturbed = True
        if len(params or ()) % 2:
            execute(sql, params, many, context)
        raise OperationalError("the database is gone")

    # What must hold after every step

    @invariant()
    def all_is_well(self) -> None:
        self._rows_move_forward_only()
        self._nothing_is_approved_that_its_user_did_not_approve()
        self._every_effect_was_judged_and_paid_once()

    def _rows_move_forward_only(self) -> None:
        rows = TrackedAction.objects.values_list("pk", "status", "idempotency_key")
        now = {pk: (status, str(key)) for pk, status, key in rows}
        for pk, (before, key) in self.known_rows.items():
            assert pk in now or self.pruned, f"{key} is gone"
            status = now.get(pk, (before,))[0]
            assert status == before or status in MOVES.get(before, ()), f"{key} went from {before} to {status}"
        self.known_rows, self.pruned = now, False

    def _nothing_is_approved_that_its_user_did_not_approve(self) -> None:
        for status, key in self.known_rows.values():
            if status == "approved":
                challenge = self.world.challenges[key]
                assert challenge.approved_at is not None, f"{key} is approved, and nobody passed it and came back"
                assert key not in self.world.vetoed, f"{key} is approved, and the service has taken it back"

    def _every_effect_was_judged_and_paid_once(self) -> None:
        assert EFFECTS == []
        paid = [one.number for one in self.world.submits if one.effects and one.path.startswith("/pay")]
        ledger = Transfer.objects.values_list("reference", flat=True)
        assert sorted(map(int, ledger)) == sorted(paid)
