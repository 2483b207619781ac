"""The client: a method for each endpoint of the Server API that the gate uses, and ``call()`` for the rest."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from time import monotonic, time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django_authsignal import __version__

from .answers import Action, ActionSummary, Authenticator, Enrolled, Tracked, User, Users, Validation
from .decoding import Reply, accept, parse
from .encoding import Id, Request, base_url
from .errors import UnexpectedAnswer
from .ping import STRANGER, Ping
from .sealed import Payload, basic
from .transport import Transport
from .wire import Reader, State

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

__all__ = ["Client"]

Members = Mapping[str, Any]


class Client:
    """Authsignal's Server API, for one tenant.

    *api_key* is the tenant's API secret, *api_url* the URL of its region (``/v1`` is added when missing), *timeout*
    the seconds that one call may take in all, its retry included. *adapter* is a ``requests`` adapter to send
    through in place of the network. One client serves all threads, and survives a fork.

    Every call may raise Unavailable, Unauthorized, Rejected or UnexpectedAnswer (see ``errors``), and ValueError or
    TypeError, before anything is sent, for ids that cannot be a path segment and values that JSON cannot hold.
    """

    _url = ""

    def __init__(
        self,
        api_key: str,
        api_url: str = "https://api.authsignal.com/v1",
        timeout: float = 8.0,
        adapter: BaseAdapter | None = None,
    ) -> None:
        authorization = basic(api_key)
        del api_key  # no frame of a traceback shows it from here on
        self._url = base_url(api_url)
        self._timeout = _positive(timeout)
        self._transport = Transport(self._url, authorization, f"django-authsignal/{__version__}", adapter)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._url}>"

    def with_timeout(self, seconds: float) -> Client:
        """The same client, connections and breaker included, with another time limit for its calls."""
        other = copy.copy(self)
        other._timeout = _positive(seconds)
        return other

    def call(self, method: str, *segments: Id, payload: Members | None = None, query: Members | None = None) -> Any:
        """Call any endpoint: ``client.call("POST", "claim", payload={...})``. Returns the JSON object or array.

        Members of *payload* and *query* that are None are left out.
        """
        payload = None if payload is None else Payload(payload)
        query = Payload(query or {})
        return accept(self._send(method, segments, payload, query))

    def track_action(self, user_id: Id, action_code: str, payload: Members | None = None) -> Tracked:
        """Tell the service that a user performs an action, and get its decision (POST ``/users/…/actions/…``).

        An ``idempotencyKey`` is generated unless *payload* has one, so that a retry names the same action.
        """
        payload = Payload(payload or {})
        payload["idempotencyKey"] = payload.get("idempotencyKey") or str(uuid4())
        return Tracked.read(self._ask("POST", "users", user_id, "actions", action_code, payload=payload))

    def get_action(self, user_id: Id, action_code: str, idempotency_key: Id) -> Action:
        """The action as it stands now (GET ``/users/…/actions/…/…``); Rejected with status 404 if there is none."""
        return Action.read(self._ask("GET", "users", user_id, "actions", action_code, idempotency_key))

    def update_action(
        self, user_id: Id, action_code: str, idempotency_key: Id, state: str, custom: Members | None = None
    ) -> Action:
        """Set an action's state (PATCH ``/users/…/actions/…/…``)."""
        payload = Payload(state=State(state), custom=custom)
        del custom
        return Action.read(
            self._ask("PATCH", "users", user_id, "actions", action_code, idempotency_key, payload=payload)
        )

    def query_user_actions(
        self, user_id: Id, codes: Iterable[str] = (), from_date: datetime | None = None, state: str | None = None
    ) -> tuple[ActionSummary, ...]:
        """A user's actions of the last 30 days, or since *from_date* (aware), newest as the service orders them
        (GET ``/users/…/actions``)."""
        query = Payload(codes=",".join(codes) or None, fromDate=from_date and _iso(from_date), state=state)
        return tuple(ActionSummary.read(one) for one in self._ask_all("GET", "users", user_id, "actions", query=query))

    def get_user(self, user_id: Id, redirect_url: str | None = None) -> User:
        """A user and whether they are enrolled (GET ``/users/…``). An unknown user is simply not enrolled.

        *redirect_url* is for services that still answer with the self-service ``url``.
        """
        return User.read(self._ask("GET", "users", user_id, query=Payload(redirectUrl=redirect_url)))

    def identify(self, user_id: Id, user_payload: Members) -> User:
        """Store attributes of a user, creating the user if unknown (PATCH ``/users/…``); missing ones stay."""
        user_payload = Payload(user_payload)
        return User.read(self._ask("PATCH", "users", user_id, payload=user_payload))

    def delete_user(self, user_id: Id, actions: bool = False) -> None:
        """Delete a user, with *actions* also their action data (DELETE ``/users/…``)."""
        self._delete("users", user_id, query=Payload(actions="true" if actions else None))

    def query_users(
        self,
        username: str | None = None,
        email: str | None = None,
        phone_number: str | None = None,
        token: str | None = None,
        limit: int | None = None,
        last_evaluated_user_id: str | None = None,
    ) -> Users:
        """Users with this name, e-mail address or E.164 phone number, page by page (GET ``/users``)."""
        query = Payload(username=username, email=email, phoneNumber=phone_number, token=token)
        query |= Payload(limit=limit, lastEvaluatedUserId=last_evaluated_user_id)
        del username, email, phone_number, token
        return Users.read(self._ask("GET", "users", query=query))

    def enrol_authenticator(self, user_id: Id, authenticator_payload: Members) -> Enrolled:
        """Record a factor that the user has already proved, active at once (POST ``/users/…/authenticators``).

        ``oobChannel``, as the first SDK called it, is sent as ``verificationMethod``.
        """
        authenticator_payload = Payload(authenticator_payload)
        if channel := authenticator_payload.pop("oobChannel", None):
            authenticator_payload.setdefault("verificationMethod", channel)
        return Enrolled.read(self._ask("POST", "users", user_id, "authenticators", payload=authenticator_payload))

    def get_authenticators(self, user_id: Id) -> tuple[Authenticator, ...]:
        """A user's factors (GET ``/users/…/authenticators``)."""
        return tuple(Authenticator.read(one) for one in self._ask_all("GET", "users", user_id, "authenticators"))

    def delete_authenticator(self, user_id: Id, user_authenticator_id: Id) -> None:
        """Delete one factor of a user (DELETE ``/users/…/authenticators/…``)."""
        self._delete("users", user_id, "authenticators", user_authenticator_id)

    def validate_challenge(self, token: str, user_id: Id | None = None, action: str | None = None) -> Validation:
        """Ask what the token proves that a browser brought back (POST ``/validate``). Never sent twice.

        Only ``state`` CHALLENGE_SUCCEEDED, for the very user, action and key that were stored, is a yes.
        """
        payload = Payload(token=token, userId=user_id if user_id is None else str(user_id), action=action)
        del token
        reply = self._send("POST", ("validate",), payload, None)
        # Some generations of the service say "not valid" with status 400.
        read = parse if _says_invalid(reply) else accept
        return Validation.read(Reader(read(reply), reply.method, reply.route))

    def ping(self) -> Ping:
        """Find out whether the service can be reached and accepts our secret, and what its clock says
        (GET ``/users/…`` for a made-up user, who is not created by that)."""
        started, begun = time(), monotonic()
        reply = self._send("GET", ("users", STRANGER), None, None)
        seconds = monotonic() - begun
        Reader(accept(reply), reply.method, reply.route).required("isEnrolled", bool)
        return Ping.read(reply.date, started, seconds)

    def _send(self, method: str, segments: tuple[Id, ...], payload: Payload | None, query: Payload | None) -> Reply:
        return self._transport.exchange(Request.build(method, segments, payload, query), self._timeout)

    def _ask(self, method: str, *segments: Id, payload: Payload | None = None, query: Payload | None = None) -> Reader:
        reply = self._send(method, segments, payload, query)
        return Reader(accept(reply), reply.method, reply.route)

    def _ask_all(self, method: str, *segments: Id, query: Payload | None = None) -> list[Reader]:
        reply = self._send(method, segments, None, query)
        return Reader({"answer": accept(reply)}, reply.method, reply.route).inners("answer")

    def _delete(self, *segments: Id, query: Payload | None = None) -> None:
        reader = self._ask("DELETE", *segments, query=query)
        # An answer without a body (204) has nothing to say; one that says anything else than true is no success.
        if reader.wire and not reader.is_true("success"):
            reader.fail("the deletion is not confirmed")


def _says_invalid(reply: Reply) -> bool:
    try:
        value = parse(reply) if reply.status == 400 else None
    except UnexpectedAnswer:
        return False
    return isinstance(value, dict) and value.get("isValid") is False


def _positive(seconds: float) -> float:
    if not (isfinite(seconds) and seconds > 0):
        raise ValueError("A timeout is a positive number of seconds.")
    return float(seconds)


def _iso(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("from_date must be aware.")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
