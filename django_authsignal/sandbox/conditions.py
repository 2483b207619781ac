"""One condition of a rule, such as ``custom.amount > 1000``, compared as the service's rules (JsonLogic) compare."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Condition"]

PATTERN = re.compile(
    r"\s*custom\.(?P<name>[\w-]+)\s*(?P<operator>>=|<=|==|!=|>|<|\bin\b)\s*(?P<value>.+?)\s*", re.DOTALL
)
MISSING = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """``custom.<name> <operator> <JSON value>``."""

    name: str
    operator: str
    value: object

    @classmethod
    def parse(cls, text: object) -> Condition:
        """Read a condition; ValueError says what is wrong with *text*."""
        match = PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(
                f"{text!r} is no condition: write it like 'custom.amount > 1000', with one of {_operators()}"
            )
        try:
            value = json.loads(match["value"])
        except ValueError:
            raise ValueError(
                f"{text!r} compares with {match['value']}, which is no JSON value: put text in double quotes"
            ) from None
        if match["operator"] == "in" and not isinstance(value, list):
            raise ValueError(f'{text!r} needs a list after "in", like \'custom.country in ["NZ", "AU"]\'')
        return cls(match["name"], match["operator"], value)

    def holds(self, custom: Mapping[str, object]) -> bool:
        """True when *custom*, the tracked values, satisfies the condition; a missing value satisfies ``!=`` only."""
        found = custom.get(self.name, MISSING)
        if found is MISSING:
            return self.operator == "!="
        return OPERATORS[self.operator](found, self.value)


def _number(value: object) -> float:
    """*value* as JavaScript's ``Number()`` sees it: NaN for what is no number, so that no comparison holds."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        value = value.strip() or "0"
    if not isinstance(value, (bool, int, float, str)):
        return float("nan")
    try:
        return float(value)
    except (ValueError, OverflowError):
        return float("nan")


def _equal(left: object, right: object) -> bool:
    if left is None or right is None or type(left) is type(right):
        return left == right
    return _number(left) == _number(right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def holds(left: object, right: object) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        return compare(_number(left), _number(right))

    return holds


def _among(found: object, choices: object) -> bool:
    return isinstance(choices, list) and any(_equal(found, choice) for choice in choices)


OPERATORS: dict[str, Callable[[object, object], bool]] = {
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "in": _among,
}


def _operators() -> str:
    return ", ".join(OPERATORS)
