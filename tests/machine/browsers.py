"""Browsers, and how they send a request."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from .model import Login, Submit
from .site import SUBMIT


class Browser:
    """One cookie jar, and who is signed in there."""

    def __init__(self) -> None:
        self.client = Client()
        self.login: Login | None = None


def request(client: Client, submit: Submit) -> Any:
    """Send *submit* as a browser's form, a script's JSON, or to the async handler."""
    headers = {SUBMIT: str(submit.number)}
    if submit.style == "json" and submit.path.startswith("/pay"):
        headers |= {"Accept": "application/json"} | ({"Authsignal-Step-Up": submit.named} if submit.named else {})
        return client.post(submit.path, json.dumps(submit.sent), content_type="application/json", headers=headers)
    post, get = client.post, client.get
    if submit.style == "async":
        other = AsyncClient()
        other.cookies = client.cookies
        post, get = async_to_sync(other.post), async_to_sync(other.get)
    if not submit.path.startswith("/pay"):
        return get(submit.path, submit.sent, headers=headers)
    fields = {**submit.sent, **({"_step_up_key": submit.named} if submit.named else {})}
    return post(submit.path, fields, headers=headers)
