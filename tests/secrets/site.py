"""A customer of the bank, the network and the database, at each of which something fails."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client
from urllib3 import HTTPResponse

from django_authsignal.models import TrackedAction
from django_authsignal.testing import acomplete_step_up, complete_step_up
from django_authsignal.testing.adapter import SandboxAdapter
from django_authsignal.testing.reading import hosted_url

from .urls import OddError

SECRET = "sandbox_s3cr3t/of+the=bank"
EMAIL, PHONE, CODE = "alice.private@bank.example", "+64211234567", "code-157743"
FORM = {"amount": "5000", "payee": "Landlord"}
TYPED = "bob.private@bank.example"
"""Sent as JSON: of a form, Django's own reports show every field that they were not told to be sensitive."""
GARBAGE = {"token": "ey.garbage.token", "url": "https://hosted.example/?token=ey.garbage.token", "email": EMAIL}


def told(request: Any) -> dict[str, str]:
    """AUTHSIGNAL_ATTRIBUTES: what the project tells the service."""
    return {"email": EMAIL, "phoneNumber": PHONE}


class Network(SandboxAdapter):
    """The sandbox, until a call whose method and URL hold all of `words` breaks, or is answered with garbage."""

    words: tuple[str, ...] = ()
    garbage: object = None

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.words or not all(word in f"{request.method} {request.url}" for word in self.words):
            return super().send(request, *args, **kwargs)
        if self.garbage is None:
            raise OddError("the network library trips")
        raw = HTTPResponse(io.BytesIO(json.dumps(self.garbage).encode()), status=200, preload_content=False)
        return self.build_response(request, raw)


class Site:
    """One customer's way through the bank, over WSGI or ASGI; and what of it must never be shown."""

    def __init__(self, user: Any, authsignal: Any, network: Network, door: str, accept: str) -> None:
        self.user, self.authsignal, self.network, self.door = user, authsignal, network, door
        make = AsyncClient if door == "asgi" else Client
        self.client = make(raise_request_exception=False, headers={"Accept": accept})
        self.client.force_login(user)
        self.page: Any = None
        self.token = ""

    def send(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        call = getattr(self.client, method)
        return async_to_sync(call)(path, *args, **kwargs) if self.door == "asgi" else call(path, *args, **kwargs)

    def pay(self, **extra: str) -> Any:
        return self.send("post", "/pay/async/" if self.door == "asgi" else "/pay/", FORM | extra)

    def remit(self, path: str = "", headers: dict[str, str] | None = None, **extra: str) -> Any:
        """Pay by a script's JSON, in which the payee is an e-mail address."""
        body = json.dumps({"amount": "5000", "payee": TYPED} | extra)
        path = path or ("/remit/async/" if self.door == "asgi" else "/remit/")
        return self.send("post", path, body, content_type="application/json", headers=headers)

    def challenged(self, **extra: str) -> Site:
        self.page = self.pay(**extra)
        return self

    def come_back(self, result: str = "approve") -> Any:
        """Act on the hosted page and return."""
        if self.door == "asgi":
            back = async_to_sync(acomplete_step_up)(self.client, self.page, result)
            query = back.request["query_string"]
        else:
            back = complete_step_up(self.client, self.page, result)
            query = back.request["QUERY_STRING"]
        self.token = parse_qs(query).get("token", [self.token])[0]
        return back

    def go_on(self, **extra: str) -> Any:
        """Send the approved request again."""
        self.come_back()
        return self.pay(_step_up_key=str(self.page.step_up.key), **extra)

    def confidential(self) -> dict[str, str]:
        """What must not be shown, by what it is."""
        hosted = hosted_url(self.page) if self.page is not None else ""
        known = {
            "secret": SECRET,
            "header": b64encode(f"{SECRET}:".encode()).decode().rstrip("="),
            "e-mail": EMAIL,
            "phone": PHONE,
            "code": CODE,
            "what was typed": TYPED,
            "token of a garbled answer": "ey.garbage",
            "a token": "eyJ",
            "hosted page": hosted,
            "end of the return's token": self.token.rpartition(".")[2],
            "key of the session": self.client.session.session_key or "",
        }
        return {name: word for name, word in known.items() if word}


@contextmanager
def broken_statement(*words: str, error: type[Exception] = OddError) -> Iterator[None]:
    """Every statement that holds all of *words* fails."""

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if all(word in sql for word in words):
            raise error("the database trips")
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield


def approvals() -> int:
    return TrackedAction.objects.filter(status__in=["approved", "spent"]).count()
