from __future__ import annotations

import os
from typing import NoReturn

import django
import pytest

REQUIRE_ALL = os.environ.get("AUTHSIGNAL_TEST_REQUIRE_ALL", "") not in ("", "0")


def missing(reason: str) -> NoReturn:
    """Skip what asked, saying why; on CI, where every part must be there, fail instead."""
    if REQUIRE_ALL:
        pytest.fail(f"{reason} (and AUTHSIGNAL_TEST_REQUIRE_ALL is set)", pytrace=False)
    pytest.skip(reason)


accessible_admin = pytest.mark.skipif(
    django.VERSION < (6, 1),
    reason="axe finds links without an underline in the breadcrumbs of older Djangos' own admin",
)
