"""A cache whose server is gone: every operation raises, as the clients of such servers do."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.cache.backends.base import BaseCache

KEPT = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "faults"}}
DUMMY = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
DOWN = {"default": {"BACKEND": "tests.faults.caches.Down"}}


class Down(BaseCache):
    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise ConnectionRefusedError("the cache is down")

    add = get = set = touch = delete = clear = _refuse
