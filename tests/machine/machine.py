"""The whole machine: half of what happens is what people do."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .deeds import do_one_of
from .honest import Honest
from .house import House
from .people import People
from .service import Service
from .traps import Traps

ELSE = [Service, Service, Service, Service, Service, House, House, House, Honest]


class Machine(Honest):
    @rule(data=st.data())
    def people_act(self, data: Any) -> None:
        do_one_of(People, self, data)

    @rule(data=st.data())
    def people_act_more(self, data: Any) -> None:
        """Twice, so that mishaps find something to happen to."""
        do_one_of(People, self, data)

    @rule(data=st.data())
    def something_happens_on_the_way(self, data: Any) -> None:
        do_one_of(Traps, self, data)

    @rule(data=st.data(), whose=st.sampled_from(ELSE))
    def something_else_happens(self, data: Any, whose: type) -> None:
        do_one_of(whose, self, data)
