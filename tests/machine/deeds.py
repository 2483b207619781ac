"""What a step is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import note
from hypothesis import strategies as st

IDLE = "idle"
RECENT = st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 5, 8, 13])
"""Which of the things that there are: 0 is the newest."""
FIGURES = {"examples": 0, "steps": 0, "effects": 0, "approvals": 0, "journeys": 0}

Deed = Callable[..., Any]


def deed(often: int = 1, needs: Callable[[Any], object] = lambda self: True, **drawn: Any) -> Callable[[Deed], Deed]:
    """Something that can happen in a step, with what it is drawn from: *often* as likely as others.

    It returns IDLE when there was nothing to do it with; without what it *needs* it is not even tried.
    """

    def decorate(function: Deed) -> Deed:
        function.drawn, function.often, function.needs = st.fixed_dictionaries(drawn), often, needs  # type: ignore[attr-defined]
        return function

    return decorate


def challenged(self: Any) -> bool:
    """Whether there is a challenge to do something with."""
    return bool(self.world.challenges)


def do_one_of(kind: type, machine: Any, data: Any) -> None:
    """One step of *machine*: a deed that the class *kind* defines."""
    deeds = [one for one in vars(kind).values() if hasattr(one, "often") and one.needs(machine)]
    chosen = data.draw(st.sampled_from([one for one in deeds for _ in range(one.often)]))
    drawn = data.draw(chosen.drawn)
    note(f"{chosen.__name__}({', '.join(f'{name}={value!r}' for name, value in drawn.items())})")
    FIGURES["steps"] += chosen(machine, **drawn) is not IDLE
