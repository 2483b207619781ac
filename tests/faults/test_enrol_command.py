"""F1 to F19 while an operator enrols a verified number: an exit code says what to do, and a second run mends it.

The call that is struck is the one that writes. Nothing here decides about anybody's request, so there is no grant to
lose; what can be lost or done twice is the number.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_authsignal.management.exits import Exit
from tests.rig.hostile import body, json_with
from tests.rig.proofs import record

from .bench import BASIC, BUDGET, SECRET, SLACK
from .cells import Cell
from .test_upstream import _calm as _calm
from .test_upstream import bench as bench
from .test_upstream import customer as customer
from .test_upstream import db as db
from .variants import VARIANTS, said

NUMBER = "+64211234567"
EXITS = {503: Exit.UNAVAILABLE, 502: Exit.FAILED, 0: Exit.OK}
FIRST = {fault: variants[0] for fault, variants in VARIANTS.items()}
SHAPES = FIRST | {
    "F15": next(one for one in VARIANTS["F15"] if one.name == "half"),
    "F16": said("of wrong types", body(b'{"authenticator": ["a"], "recoveryCodes": {}}')),
    "F17": said("member and method", json_with(brandNew=1), 0),
    # The path names the user; the answer decides nothing.
    "F19": said("user", json_with(userId="9999"), 0),
}
CASES = [
    pytest.param(Cell(fault, "command", "sync"), shape, id=f"{fault}-command-sync-{shape.name}")
    for fault, shape in SHAPES.items()
]


def enrolled(bench, user):
    return [one.fields["phoneNumber"] for one in bench.store.user(str(user.pk)).authenticators]


def run(user):
    """The exit code, and all that the operator is shown."""
    out = StringIO()
    try:
        call_command("authsignal_enrol", user.username, phone=NUMBER, stdout=out, no_color=True)
    except CommandError as error:
        return error.returncode, str(error)
    return Exit.OK, out.getvalue()


@pytest.mark.parametrize(("cell", "shape"), CASES)
def test_enrolment_of_a_number(bench, db, customer, cell, shape, caplog):
    user = customer.user
    bench.store.update_user(str(user.pk), {}, authenticators=())
    with ExitStack() as stack:
        shape.begin(bench, f"POST /v1/users/{user.pk}/authenticators", stack)
        began = time.monotonic()
        code, shown = run(user)
        assert time.monotonic() - began < 2 * BUDGET + SLACK  # it looks first, and then writes
    bench.calm()
    assert code == (Exit.UNAUTHORIZED if cell.fault == "F10" else EXITS[shape.track])
    assert not [word for word in (SECRET, BASIC, NUMBER) if word in shown + caplog.text]
    assert run(user)[0] == Exit.OK
    assert enrolled(bench, user) == [NUMBER]
    record("faults", cell.fault, cells=1, grants=0)
