from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRE_ALL = os.environ.get("AUTHSIGNAL_TEST_REQUIRE_ALL", "") not in ("", "0")


def missing(reason: str) -> NoReturn:
    """Skip what asked, saying why; on CI, where every part must be there, fail instead."""
    if REQUIRE_ALL:
        pytest.fail(f"{reason} (and AUTHSIGNAL_TEST_REQUIRE_ALL is set)", pytrace=False)
    pytest.skip(reason)
