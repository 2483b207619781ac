"""Do on Authsignal's hosted page what its user would do, and come back."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any, Literal, overload
from urllib.parse import parse_qs, urlsplit

from django.test import AsyncClient, Client

from .adapter import SandboxAdapter
from .reading import active_adapter, hosted_url, repeat_headers

__all__ = ["acomplete_step_up", "complete_step_up"]

Result = Literal["approve", "wrong_code", "fail", "quit"]
PAGE = re.compile(r'data-page="(\w*)"')
WRONG_CODE = "not the code"
ADDRESSES = {"phoneNumber": "+64271234567", "email": "you@example.com"}


@overload
def complete_step_up(client: Client, response: Any, result: Result = ..., method: str | None = ...) -> Any: ...
@overload
def complete_step_up(
    client: AsyncClient, response: Any, result: Result = ..., method: str | None = ...
) -> Awaitable[Any]: ...
def complete_step_up(
    client: Client | AsyncClient, response: Any, result: Result = "approve", method: str | None = None
) -> Any:
    """Follow *response* to the hosted page, act there, and return the response of the URL it leads back to.

    *result*: "approve" passes the challenge or, on the enrol page, enrols; "wrong_code" types a wrong code once and
    then quits; "fail" fails it for good; "quit" leaves at once. *method* is the verification method to use.
    *client* is the test client that made *response*: Django's, DRF's, or an AsyncClient, whose answer is awaited.

    The response returned is not followed. Its ``step_up_headers`` are what a script or a program sends along when it
    repeats the request that was stopped. Raises AssertionError when *response* leads to no hosted page.
    """
    back = urlsplit(_act(active_adapter(), hosted_url(response), result, method))
    path, secure = back._replace(scheme="", netloc="").geturl(), back.scheme == "https"
    headers = repeat_headers(response, token=parse_qs(back.query).get("token", [""])[0])
    if isinstance(client, AsyncClient):
        return _return(client, path, secure, headers)
    page: Any = client.get(path, secure=secure)
    page.step_up_headers = headers
    return page


async def acomplete_step_up(
    client: AsyncClient, response: Any, result: Result = "approve", method: str | None = None
) -> Any:
    """``complete_step_up`` for an AsyncClient, under the name that Django's own async twins would have."""
    return await complete_step_up(client, response, result, method)


async def _return(client: AsyncClient, path: str, secure: bool, headers: dict[str, str]) -> Any:
    page: Any = await client.get(path, secure=secure)
    page.step_up_headers = headers
    return page


def _act(adapter: SandboxAdapter, url: str, result: Result, method: str | None) -> str:
    """Post the hosted page's forms; the address it sends the browser back to, token included."""
    page = adapter.browse("GET", url)
    if page.status_code != 200:
        raise AssertionError(f"The hosted page answered {page.status_code}: has its link expired?")
    kind = PAGE.search(page.text)
    for form in _forms(result, kind[1] if kind else "", adapter.store.code):
        page = adapter.browse("POST", url, form | ({"method": method} if method else {}))
    if "Location" not in page.headers:
        raise AssertionError(
            f"The hosted page has nowhere to send its user after {result!r}: was redirectUrl given when tracking?"
        )
    return page.headers["Location"]


def _forms(result: Result, page: str, code: str) -> list[dict[str, str]]:
    """The forms to post one after the other on this kind of page."""
    leave = {"do": "quit"}
    if result == "approve":
        enrol = {"do": "enrol", "method": "SMS", **ADDRESSES}
        ways = {"challenge": [{"do": "verify", "code": code}], "enrol": [enrol], "settings": [enrol, leave]}
        return ways.get(page, [leave])
    if result == "wrong_code":
        return [{"do": "verify", "code": WRONG_CODE}, leave]
    return [{"do": "fail"} if result == "fail" else leave]
