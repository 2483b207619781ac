"""The bank with the views of tests/journeys."""

from __future__ import annotations

from tests.journeys.conftest import _more_views as _more_views
from tests.journeys.conftest import clock as clock
from tests.journeys.conftest import done as done
from tests.journeys.conftest import edge as edge
