"""The network between the site and the sandbox: it refuses, loses, delays, garbles and lies, and lets things happen
while an answer is on its way."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Collection
from typing import Any

import requests
from django.db import connection
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from django_authsignal.models import TrackedAction
from django_authsignal.testing.adapter import SandboxAdapter

Honest = Callable[[], requests.Response]

TRACK, VALIDATE, OTHER = "track", "validate", "other"
KINDS = [(TRACK,), (VALIDATE,), (TRACK, VALIDATE, OTHER)]
NOT_ENOUGH: dict[str, list[dict[str, Any]]] = {
    TRACK: [
        {"state": "CHALLENGE_SUCCEEDED", "isEnrolled": True},
        {"state": "REVIEW_SUCCEEDED", "isEnrolled": True},
        {"state": "allow", "isEnrolled": True},
        {"state": ["ALLOW"], "isEnrolled": True},
        {"state": None, "isEnrolled": True},
        {"state": "ALLOW", "isEnrolled": True, "idempotencyKey": str(uuid.UUID(int=7, version=4))},
        {"state": "CHALLENGE_REQUIRED", "url": "https://evil.example/?token=x", "challengeUrl": "https://evil.example"},
    ],
    VALIDATE: [
        {"isValid": "true", "state": "CHALLENGE_SUCCEEDED"},
        {"isValid": 1, "state": "CHALLENGE_SUCCEEDED"},
        {"isValid": True, "state": "ALLOW"},
        {"isValid": True, "state": "REVIEW_SUCCEEDED"},
        {"isValid": False, "state": "CHALLENGE_SUCCEEDED"},
        {"isValid": True, "state": "CHALLENGE_SUCCEEDED", "userId": "somebody"},
        {"isValid": True, "state": "CHALLENGE_SUCCEEDED", "action": "other", "actionCode": "other"},
        {"isValid": True, "state": "CHALLENGE_SUCCEEDED", "idempotencyKey": str(uuid.UUID(int=7, version=4))},
    ],
}
"""Members of answers that sound like a yes and are none."""
STATUSES = (400, 401, 404, 422, 429, 500, 503)
BODIES = (b"", b"<html>ALLOW</html>", b"[]", b'{"state": "ALLOW", "isEnrolled": true', b"\xff\xfe{}", b"null")
LIES = [f"lie {number}" for number in range(len(NOT_ENOUGH[VALIDATE]))]
FAULTS = [
    "refused",
    "unheard",
    "lost",
    "reset",
    *(f"status {status}" for status in STATUSES),
    *(f"body {number}" for number in range(len(BODIES))),
    *LIES,
]
DELAYS = (5, 130, 301, 601, 3600, -100, -130, -3600)


class Network(SandboxAdapter):
    """*listener* is told of every question before it is sent, and of every answer that arrives as it was given."""

    def __init__(self, store: Any, listener: Any) -> None:
        super().__init__(store)
        self.listener = listener
        self.fault = ""
        self.calls_to_fail = 0
        self.kinds: Collection[str] = ()
        self.has_failed = False
        """Since it was mended last: the client may still hold back its calls."""
        self.meanwhile: list[Callable[[str], object]] = []

    @property
    def is_calm(self) -> bool:
        return not self.fault and not self.meanwhile

    def break_down(self, fault: str, calls: int, kinds: Collection[str]) -> None:
        """Let the next *calls* of these kinds fail."""
        self.fault, self.calls_to_fail, self.kinds, self.has_failed = fault, calls, kinds, True

    def mend(self) -> None:
        self.fault, self.calls_to_fail, self.has_failed = "", 0, False

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        kind = kind_of(request)
        if kind == TRACK:
            self.listener.asked(*named_in(request))
        name, _, detail = self._next_fault(kind).partition(" ")
        self.listener.called("refused" if name == "refused" else "sent")
        if name == "unheard":
            raise requests.ReadTimeout("read timed out")
        self.is_down = name == "refused"
        answer = super().send(request, *args, **kwargs)
        if kind != OTHER:
            self._let_things_happen(request)
        if name:
            return self._garbled(request, answer, kind, name, detail)
        if kind == TRACK and answer.status_code == 200:
            self.listener.answered(*named_in(request), answer.json(), arrived=True)
        if kind == VALIDATE:
            self.listener.validated()
        return self._reply(request, answer.status_code, answer.content)  # a body can be read only once

    def _next_fault(self, kind: str) -> str:
        fault = self.fault
        if kind not in self.kinds:
            return ""
        if fault and self.calls_to_fail <= 1:
            self.fault = ""
        self.calls_to_fail -= 1
        return fault

    def _let_things_happen(self, request: Any) -> None:
        waiting, self.meanwhile = self.meanwhile, []
        key = named_in(request)[2] if kind_of(request) == TRACK else ""
        for event in waiting:
            event(key)

    def _garbled(self, request: Any, answer: Any, kind: str, name: str, detail: str) -> Any:
        if kind == TRACK and answer.status_code == 200:
            self.listener.answered(*named_in(request), answer.json(), arrived=False)
        match name:
            case "lost":
                raise requests.ReadTimeout("read timed out")
            case "reset":
                raise requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError()))
            case "status":
                return self._reply(request, int(detail), b'{"error": "server_error", "state": "ALLOW"}')
            case "body":
                return self._reply(request, 200, BODIES[int(detail)])
        lies = NOT_ENOUGH.get(kind, [{"state": "ALLOW"}])
        try:
            members = answer.json()
        except ValueError:
            members = {}
        if isinstance(members, dict):
            members |= lies[int(detail) % len(lies)]
        return self._reply(request, 200, json.dumps(members).encode())

    def _reply(self, request: Any, status: int, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        raw = HTTPResponse(io.BytesIO(body), headers=headers, status=status, preload_content=False)
        return self.build_response(request, raw)


def kind_of(request: Any) -> str:
    if request.url.endswith("/validate"):
        return VALIDATE
    path = request.url.split("/v1/", 1)[-1].split("/")
    return TRACK if request.method == "POST" and path[0] == "users" and path[2:3] == ["actions"] else OTHER


def named_in(request: Any) -> tuple[str, str, str, dict[str, Any]]:
    """User id, action code, key and custom values of a track call."""
    path, said = request.url.split("/v1/users/", 1)[1].split("/"), json.loads(request.body)
    return path[0], path[2], said["idempotencyKey"], said.get("custom", {})


def is_committed(user_id: str, action: str, key: str) -> bool:
    """Whether a row of this identity stands in the database, whatever happens to the caller."""
    rows = TrackedAction.objects.filter(authsignal_user_id=user_id, action=action, idempotency_key=key)
    return rows.exists() and not connection.in_atomic_block
