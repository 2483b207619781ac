"""The fault matrix: every fault, at every place where it can strike, before a sync and before an async view.

A *cell* is one fault at one site behind one door. In every cell nothing may be granted: no effect, no approval, no
lost key; the answer is one that its reader understands, within the budget, without a secret in it; and once the fault
is over, the same user does the same thing exactly once. What each fault is:

    F1   the first byte of the answer is late                 F12  the body is HTML, empty, 204 or not an object
    F2   the answer drips, a byte at a time                   F13  the body is truncated, badly chunked, mismeasured
    F3   no connection: refused, or the name is unknown       F14  the body is huge, or a compressed bomb
    F4   TLS: expired, wrong host, self-signed, no TLS        F15  invalid, deep, duplicate, NaN, BOM, surrogate JSON
    F5   a reset before, during or after the answer           F16  members missing or of a wrong type
    F6   a connection that died while it was idle             F17  an unknown state, member or method
    F7   429 or 503, with whatever Retry-After                F18  a redirect
    F8   500, 502, 504                                        F19  an answer about another key, user or action
    F9   400, 409, 413, 422: the call itself is refused       F20 to F25  the database, the pool, the cache
    F10  401, 403: the secret is refused                      F26 to F31  processes, order, clocks, forks, disks
    F11  404

The sites: **track**, the first submit of a protected request; **return**, the way back from the hosted page, when the
service is asked what the token proves; **enrol**, the way to the hosted page of somebody without an authenticator;
**webhook**, a delivery to us. Beside these four, some faults are tried at **spend**, when an approval is used, and at
**command**, when an operator enrols a verified number. The doors: **sync**, a form and a sync view under WSGI (gunicorn
at the webhook); **async**, a script's JSON and an async view under ASGI (uvicorn).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.rig.proofs import record

__all__ = ["DOORS", "FAULTS", "NOT_APPLICABLE", "PROVED_BY", "SITES", "UPSTREAM", "Cell", "of"]

FAULTS = tuple(f"F{number}" for number in range(1, 32))
SITES = ("track", "return", "enrol", "webhook")
DOORS = ("sync", "async")

ASKED = "the service calls us here, and we call nobody"
NOT_APPLICABLE = {
    ("F3", "webhook"): f"{ASKED}: whoever cannot reach us sends again later",
    ("F4", "webhook"): "TLS ends in front of us; the sender judges our certificate",
    ("F7", "webhook"): f"{ASKED}: there is no answer with a status",
    ("F8", "webhook"): f"{ASKED}: there is no answer with a status",
    ("F9", "webhook"): f"{ASKED}: there is no answer with a status",
    ("F11", "webhook"): f"{ASKED}: there is no answer with a status; an event about an unknown key is F28",
    ("F18", "webhook"): f"{ASKED}: there is no answer with a status",
    ("F21", "webhook"): f"{ASKED}: there is no moment between a call of ours and its answer",
    ("F21", "spend"): "a spend calls nobody",
}
"""(fault, site): why it cannot strike there, whatever the door."""

UPSTREAM = "tests/faults/test_upstream.py"
PROVED_BY = {
    **dict.fromkeys(FAULTS[:19], UPSTREAM),
    **dict.fromkeys(("F20", "F21", "F22", "F24"), "tests/faults/test_database.py"),
    "F23": "tests/faults/test_database_locks.py",
    "F25": "tests/faults/test_caches.py",
    "F26": "tests/crashes/test_matrix.py",
    "F27": "tests/faults/test_processes.py",
    "F28": "tests/webhooks/test_recording.py",
    "F29": "tests/faults/test_clocks.py",
    "F30": "tests/faults/test_processes.py",
    "F31": "tests/faults/test_full_disks.py",
}
"""Where the cells of each fault are run; those of F1 to F19 at the webhook in ``test_deliveries.py``. F26 and F28 have
tables of their own: the crash points, and the orders in which a webhook and its row may come."""


class Cell(NamedTuple):
    """One fault, at one site, behind one door."""

    fault: str
    site: str
    door: str

    def __str__(self) -> str:
        return "-".join(self)

    def proved(self, **figures: int) -> None:
        """Count this cell, which has granted nothing. Call it last."""
        record("faults", self.fault, cells=1, grants=0, **figures)


def of(faults: Iterable[str], sites: Iterable[str] = SITES) -> list[Cell]:
    """Every cell of *faults* at *sites* that can occur."""
    known = [Cell(fault, site, door) for fault in faults for site in sites for door in DOORS]
    return [cell for cell in known if (cell.fault, cell.site) not in NOT_APPLICABLE]
