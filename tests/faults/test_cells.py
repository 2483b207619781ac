"""The matrix has no hole: every fault F1 to F31 is tried at every site behind both doors, or it is said why not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.rig.proofs import record

from .cells import DOORS, FAULTS, NOT_APPLICABLE, PROVED_BY, SITES, of

ROOT = Path(__file__).parents[2]
HERE = "tests/faults/"
FILES = sorted({file for file in PROVED_BY.values() if file.startswith(HERE)} | {f"{HERE}test_deliveries.py"})
ELSEWHERE = [fault for fault, file in PROVED_BY.items() if not file.startswith(HERE)]


def cells_of(file):
    return import_module(file.removesuffix(".py").replace("/", ".")).CELLS


def test_every_cell_is_run_or_cannot_occur():
    run = {cell for file in FILES for cell in cells_of(file)}
    wanted = set(of(fault for fault in FAULTS if fault not in ELSEWHERE))
    assert (wanted - run, run & {cell for cell in run if (cell.fault, cell.site) in NOT_APPLICABLE}) == (set(), set())
    excused = [fault for fault, site in NOT_APPLICABLE if site in SITES]
    record("faults", "", not_applicable=len(excused) * len(DOORS))


def test_no_fault_is_excused_everywhere():
    assert all({cell.site for cell in of([fault])} for fault in FAULTS)
    assert {fault for fault, _ in NOT_APPLICABLE} <= set(FAULTS)
    assert all(len(reason.split()) >= 4 for reason in NOT_APPLICABLE.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_where_it_is_proved(fault):
    text = (ROOT / PROVED_BY[fault]).read_text()
    assert fault in text or "F1 to F19" in text
