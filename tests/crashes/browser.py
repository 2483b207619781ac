"""A browser as far as it matters here: cookies, forms sent as they stand on the page, a connection for each request."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

PATIENCE = 30  # seconds, in which a killed worker is replaced even on a busy machine


class Form:
    """One form of a page, filled in as the page came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fields: dict[str, str] = {}

    def filled(self, **typed: str) -> Form:
        self.fields |= typed
        return self


class Forms(HTMLParser):
    """All forms of a page."""

    def __init__(self, page: requests.Response) -> None:
        super().__init__()
        self._url, self.found = page.url, []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self.found.append(Form(urljoin(self._url, given.get("action") or "")))
        elif tag == "input" and self.found:
            self.found[-1].fields[str(given["name"])] = given.get("value") or ""


def form(page: requests.Response, field: str) -> Form:
    """The form of *page* that has a *field*."""
    return next(found for found in Forms(page).found if field in found.fields)


class Browser:
    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Connection"] = "close"

    def open(self, url: str) -> requests.Response:
        return self._ask("GET", url)

    def send(self, form: Form, **options: Any) -> requests.Response:
        return self._ask("POST", form.url, data=form.fields, **options)

    def _ask(self, *args: Any, **options: Any) -> requests.Response:
        self._session.close()  # cookies stay; a connection kept open could have died with its worker a moment ago
        return self._session.request(*args, timeout=PATIENCE, **options)
