"""What the sandbox decides: a rules file (TOML or JSON, by its ending), or the same as a Python dict.

Example::

    default = "ALLOW"                     # outcome of an action that nothing else names (this is the default)
    enrol_everyone = false                # true: users nobody enrolled count as enrolled, by SMS
    redirect_hosts = ["localhost:8000"]   # refuse a redirectUrl on another host; leave it out to accept any

    [actions]                             # outcome per action code: ALLOW, BLOCK, CHALLENGE or REVIEW
    withdrawFunds = "CHALLENGE"
    closeAccount = "REVIEW"

    [[rules]]                             # tried from the top, before [actions]; the first that matches decides
    id = "large-transfer"                 # optional; answered as ruleIds
    action = "transfer"                   # optional; without it the rule is for every action
    when = ["custom.amount > 1000", 'custom.country in ["NZ", "AU"]']    # one condition or a list, all must hold
    outcome = "CHALLENGE"

    [[users]]                             # users that exist from the start, in the wire's own field names
    userId = "1"
    email = "alice@example.com"
    authenticators = [{ verificationMethod = "SMS", phoneNumber = "+64271234567" }]

Conditions read the values tracked as ``custom`` with > >= < <= == != in. Numbers in text count as numbers
(``"5000" > 1000`` holds), as in the rules of the real service. CHALLENGE needs an enrolled user: anybody else is
answered ALLOW with ``isEnrolled: false``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .conditions import Condition

__all__ = ["Outcome", "Rule", "Rules", "RulesError"]


class Outcome(StrEnum):
    """What a rule decides, in the service's words."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"
    CHALLENGE = "CHALLENGE"
    REVIEW = "REVIEW"


class RulesError(ValueError):
    """The rules cannot be read; the text says where and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One conditional rule; ``action`` None stands for every action."""

    id: str
    action: str | None
    when: tuple[Condition, ...]
    outcome: Outcome

    def matches(self, action_code: str, custom: Mapping[str, object]) -> bool:
        return self.action in (None, action_code) and all(condition.holds(custom) for condition in self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything a rules file says."""

    default: Outcome = Outcome.ALLOW
    actions: Mapping[str, Outcome] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    users: tuple[Mapping[str, Any], ...] = ()
    enrol_everyone: bool = False
    redirect_hosts: tuple[str, ...] = ()

    @classmethod
    def from_file(cls, path: str | Path) -> Rules:
        """Read a ``.toml`` or ``.json`` file. Raises RulesError."""
        path = Path(path)
        readers = {".toml": tomllib.loads, ".json": json.loads}
        if path.suffix not in readers:
            raise RulesError(f"{path}: a rules file ends in .toml or .json")
        try:
            return cls.from_mapping(readers[path.suffix](path.read_text(encoding="utf-8")))
        except OSError as error:
            raise RulesError(f"{path}: cannot be read ({error.strerror}); check the path given to --rules") from error
        except ValueError as error:
            raise RulesError(f"{path}: {error}") from error

    @classmethod
    def from_mapping(cls, mapping: object) -> Rules:
        """Read the same structure from a dict. Raises RulesError."""
        given = _table(
            mapping, "the rules", known=("default", "enrol_everyone", "redirect_hosts", "actions", "rules", "users")
        )
        actions = _table(given.get("actions", {}), "actions")
        return cls(
            default=_outcome(given.get("default", Outcome.ALLOW), "default"),
            actions={code: _outcome(word, f"actions.{code}") for code, word in actions.items()},
            rules=tuple(_rule(entry, number) for number, entry in enumerate(_list(given, "rules"), 1)),
            users=tuple(_user(entry, number) for number, entry in enumerate(_list(given, "users"), 1)),
            enrol_everyone=_typed(given.get("enrol_everyone", False), bool, "enrol_everyone", "true or false"),
            redirect_hosts=tuple(
                _typed(host, str, "redirect_hosts", "text") for host in _list(given, "redirect_hosts")
            ),
        )

    def decide(self, action_code: str, custom: Mapping[str, object]) -> tuple[Outcome, tuple[str, ...]]:
        """The outcome for an action with these ``custom`` values, and the ids of the rules that made it."""
        for rule in self.rules:
            if rule.matches(action_code, custom):
                return rule.outcome, (rule.id,)
        return self.actions.get(action_code, self.default), ()


def _rule(entry: object, number: int) -> Rule:
    where = f"rules, entry {number}"
    given = _table(entry, where, known=("id", "action", "when", "outcome"))
    when = given.get("when", [])
    try:
        conditions = tuple(Condition.parse(text) for text in (when if isinstance(when, list) else [when]))
    except ValueError as error:
        raise RulesError(f"{where}: {error}") from error
    return Rule(
        id=_typed(given.get("id", f"rule-{number}"), str, f"{where}, id", "text"),
        action=None if "action" not in given else _typed(given["action"], str, f"{where}, action", "an action code"),
        when=conditions,
        outcome=_outcome(given.get("outcome"), f"{where}, outcome"),
    )


def _user(entry: object, number: int) -> Mapping[str, Any]:
    where = f"users, entry {number}"
    given = _table(entry, where)
    _typed(given.get("userId"), str, f"{where}, userId", 'text, like "1"')
    for place, authenticator in enumerate(_list(given, "authenticators"), 1):
        inner = f"{where}, authenticator {place}"
        table = _table(authenticator, inner)
        _typed(table.get("verificationMethod"), str, f"{inner}, verificationMethod", 'text, like "SMS"')
    return given


def _outcome(word: Any, where: str) -> Outcome:
    try:
        return Outcome(word)
    except ValueError:
        raise RulesError(f"{where}: {word!r} is no outcome; write one of {', '.join(Outcome)}") from None


def _table(value: object, where: str, known: Sequence[str] = ()) -> Mapping[str, Any]:
    table: Mapping[str, Any] = _typed(value, Mapping, where, "a table of names and values")
    if known and (unknown := sorted(str(name) for name in table.keys() - set(known))):
        raise RulesError(f"{where}: does not know {', '.join(unknown)}; the names are {', '.join(known)}")
    return table


def _list(table: Mapping[str, Any], name: str) -> Sequence[Any]:
    entries: Sequence[Any] = _typed(table.get(name, []), (list, tuple), name, "a list")
    return entries


def _typed(value: Any, kind: Any, where: str, expected: str) -> Any:
    if not isinstance(value, kind):
        raise RulesError(f"{where}: expected {expected}, found {value!r}")
    return value
