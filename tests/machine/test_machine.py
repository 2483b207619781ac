"""Everything at once, in any order: what was done is always a part of what was approved, each approval once.

The machine plays people, browsers, the service, the network, the clock and the operators, and keeps its own book of who
approved what. After each step it compares: no effect without its approval, none twice, no row that goes back. And
an honest user must get things done at any time, so that it cannot pass by refusing everything.

Short runs are the same every time. AUTHSIGNAL_TEST_LONG=1 makes new ones, AUTHSIGNAL_TEST_SEED=… the same again.
"""

from __future__ import annotations

import logging
import os
import random
import sys

import pytest
from django.db import connection
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.rig.proofs import LONG, often, record

from .deeds import FIGURES
from .machine import Machine

# Late in a whole run it takes minutes; the other pairs of Python and Django do without.
pytestmark = pytest.mark.races

STEPS = 50
DATABASE = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@pytest.fixture
def _site(transactional_db, settings):
    settings.ROOT_URLCONF = "tests.machine.site"
    settings.SESSION_COOKIE_AGE = 10 * 365 * 86_400
    logging.disable(logging.CRITICAL)
    synchronous(False)
    yield
    synchronous(True)
    logging.disable(logging.NOTSET)


def synchronous(wanted):
    """Whether SQLite waits for the disk: not here, where no machine loses power."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'OFF'}")


@pytest.mark.usefixtures("_site")
def test_effects_are_a_part_of_the_approvals_each_at_most_once():  # T1 to T7 T10 T11 T14 to T17 T21 T22 T57 T58 T70
    for name in FIGURES:
        FIGURES[name] = 0
    examples = often(20, 480 if connection.vendor == "sqlite" else 120)
    long_seed = int(os.environ.get("AUTHSIGNAL_TEST_SEED") or random.SystemRandom().getrandbits(32))
    sys.stdout.write(f"AUTHSIGNAL_TEST_SEED={long_seed}\n")  # shown when this fails
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not LONG,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run = seed(long_seed)(Machine) if LONG else Machine
    run_state_machine_as_test(run, settings=chosen)
    assert FIGURES["steps"] >= examples * STEPS * 0.7
    assert FIGURES["effects"] > FIGURES["steps"] // 30
    record("machine", DATABASE[connection.vendor], **FIGURES, unapproved_effects=0)
