"""Ways of doing one thing side by side, in turn, so that what slows the machine down slows all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Cost", "by_turns", "median", "ratio", "share"]

Act = Callable[[], Any]


@dataclass(frozen=True)
class Cost:
    """What one call took in one round, in seconds."""

    p50: float
    """The median of the calls, by the clock on the wall."""
    cpu: float
    """This process's processor time, divided by the calls."""


def by_turns(ways: Mapping[str, Act], *, rounds: int, calls: int, warm_up: int = 1) -> dict[str, list[Cost]]:
    """The cost of each way in each of *rounds*; in each, every way has *calls* calls, and another one begins."""
    names = list(ways)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            cost = cost_of(ways[name], calls)
            if number >= 0:
                costs[name].append(cost)
    return costs


def cost_of(act: Act, calls: int) -> Cost:
    clock, taken = time.perf_counter, []
    gc.collect()
    cpu = time.process_time()
    for _ in range(calls):
        begun = clock()
        act()
        taken.append(clock() - begun)
    return Cost(statistics.median(taken), (time.process_time() - cpu) / calls)


def median(costs: list[Cost], measure: str) -> float:
    return statistics.median(getattr(cost, measure) for cost in costs)


def ratio(ours: list[Cost], peer: list[Cost], measure: str) -> float:
    """The median of what each round's costs come to, one over the other."""
    pairs = zip(ours, peer, strict=True)
    return statistics.median(getattr(one, measure) / getattr(other, measure) for one, other in pairs)


def added(costs: list[Cost], bare: list[Cost], measure: str) -> list[float]:
    """What a way costs more than the *bare* one, round by round."""
    return [getattr(one, measure) - getattr(other, measure) for one, other in zip(costs, bare, strict=True)]


def share(ours: list[Cost], peer: list[Cost], bare: list[Cost], measure: str) -> float:
    """What ours adds to the *bare* way, over what the *peer* adds to it: the median of the rounds."""
    pairs = zip(added(ours, bare, measure), added(peer, bare, measure), strict=True)
    return statistics.median(one / other for one, other in pairs)
