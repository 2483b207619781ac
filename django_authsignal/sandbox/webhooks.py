"""The sandbox's webhooks: what it tells the application, and when.

``action.verify`` and the message events are asked and waited for: whatever is not a 2xx in time refuses them.
``authenticator.*`` is told in the background, with up to three retries. Logs go out in batches, a moment after their
actions ended (the service waits for the token's lifetime), and are kept until they were accepted.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .challenges import forget_oldest
from .records import Action, Authenticator, State, timestamp
from .sending import Sender

__all__ = ["Webhooks"]

SOURCE = "https://authsignal.com"
RETRIES = 3
BATCH_RETRIES = 10
BATCH_SIZE = 500
MAX_LOGS = 10_000
OPEN = (State.CHALLENGE_REQUIRED, State.REVIEW_REQUIRED)
# The verification methods that send a code, with the member that says where to, and the event that passes it on.
ADDRESS = {"SMS": "phoneNumber", "WHATSAPP": "phoneNumber", "EMAIL_OTP": "email"}
MESSAGES = {"SMS": "sms.created", "EMAIL_OTP": "email.created"}


@dataclass(frozen=True, slots=True)
class Log:
    """A record that waits for its batch; an open action's waits until the action has ended."""

    record: dict[str, Any]
    is_open: bool


class Webhooks:
    """The events of one tenant; without a *sender* nothing is sent and everything is agreed to.

    ``sends_messages`` leaves the sending of codes to the application, by ``sms.created`` and ``email.created``.
    ``pause`` is the time in seconds before a retry and before a batch.
    """

    def __init__(
        self,
        sender: Sender | None = None,
        tenant_id: str = "",
        clock: Callable[[], float] = time.time,
        *,
        sends_messages: bool = False,
        pause: float = 1.0,
    ) -> None:
        self.sender, self.tenant_id, self.clock = sender, tenant_id, clock
        self.sends_messages, self.pause = sends_messages, pause
        self._logs: OrderedDict[tuple[str, ...], Log] = OrderedDict()
        self._lock, self._sending, self._closed = threading.Lock(), threading.Lock(), threading.Event()
        self._is_batch_due = False
        # Its threads start with the first event; several, because a retry holds one up.
        self._background = ThreadPoolExecutor(4, "sandbox-webhooks")

    # Asked, and waited for

    def allows_success(self, action: Action, method: str | None, authenticator_id: str | None) -> bool:
        """``action.verify``: whether the application lets *action* succeed now."""
        return self._post(
            self._event(
                "action.verify",
                userId=action.user_id,
                action=action.code,
                idempotencyKey=action.key,
                verifiedAt=timestamp(self.clock()),
                state=State.CHALLENGE_SUCCEEDED,
                verificationMethod=method,
                userAuthenticatorId=authenticator_id,
            )
        )

    def starts_challenge(self, method: str, to: str, code: str, **about: str | None) -> bool:
        """Whether *code* is on its way to its user; *about* are the members that name user, action and key."""
        if method not in ADDRESS:
            return True
        if self.sends_messages and method in MESSAGES:
            shown = method if method == "EMAIL_OTP" else None
            if not self._post(self._event(MESSAGES[method], to=to, code=code, verificationMethod=shown, **about)):
                return False
        facts = {"type": f"{method}_SENT", "verificationMethod": method, ADDRESS[method]: to, **about}
        event = self._event("challenge.log_created", **facts, createdAt=timestamp(self.clock()))
        self._log((event["id"],), event, is_open=False)
        return True

    # Told, in the background

    def authenticator(self, change: str, authenticator: Authenticator) -> None:
        """``authenticator.created`` or ``authenticator.deleted``."""
        event = self._event(
            f"authenticator.{change}",
            userId=authenticator.user_id,
            verificationMethod=authenticator.method,
            userAuthenticatorId=authenticator.id,
            createdAt=timestamp(authenticator.created_at),
            deletedAt=timestamp(self.clock()) if change == "deleted" else None,
            **{name: authenticator.fields.get(name) for name in ("email", "phoneNumber", "credentialId")},
        )
        self._start(self._retry, RETRIES, lambda: self._post(event))

    def action(self, action: Action) -> None:
        """``action.log_created``, in a batch; the last word about an action replaces one that is not sent yet."""
        event = self._event(
            "action.log_created",
            userId=action.user_id,
            actionCode=action.code,
            idempotencyKey=action.key,
            createdAt=timestamp(action.created_at),
            updatedAt=timestamp(action.state_updated_at),
            state=action.state,
            stateUpdatedAt=timestamp(action.state_updated_at),
            outcome=action.outcome,
            verificationMethod=action.method,
            ipAddress=action.ip_address,
        )
        self._log((action.user_id, action.code, action.key), event, is_open=action.state in OPEN)

    def flush_logs(self, *, only_ended: bool = False) -> bool:
        """Send the logs that wait, by default those of open actions too; whether all of them were accepted."""
        with self._sending:
            with self._lock:
                waiting = [(key, log) for key, log in self._logs.items() if not (only_ended and log.is_open)]
            batches = [waiting[start : start + BATCH_SIZE] for start in range(0, len(waiting), BATCH_SIZE)]
            return all(self._send_batch(batch) for batch in batches)

    def close(self) -> None:
        """Stop; what was not accepted by now is lost."""
        with self._lock:
            self._closed.set()
        self._background.shutdown(cancel_futures=True)

    # How

    def _event(self, kind: str, /, **data: object) -> dict[str, Any]:
        present = {name: str(value) for name, value in data.items() if value}
        facts = {"version": 1, "id": str(uuid.uuid4()), "source": SOURCE, "time": timestamp(self.clock())}
        return facts | {"tenantId": self.tenant_id, "type": kind, "data": present}

    def _post(self, message: dict[str, Any]) -> bool:
        return self.sender is None or self.sender.post(message)

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        with self._lock:
            if self.sender and not self._closed.is_set():
                self._background.submit(work, *arguments)

    def _retry(self, retries: int, send: Callable[[], bool]) -> None:
        """Call *send* until it succeeds, *retries* times more than once at most."""
        for _ in range(1 + retries):
            if self._closed.is_set() or send():
                return
            self._closed.wait(self.pause)

    def _log(self, key: tuple[str, ...], event: dict[str, Any], *, is_open: bool) -> None:
        if self.sender is None:
            return
        event["record"] = event.pop("data")
        with self._lock:
            self._logs[key] = Log(event, is_open)
            forget_oldest(self._logs, MAX_LOGS)
            starts = not is_open and not self._is_batch_due
            self._is_batch_due |= starts
        if starts:
            self._start(self._send_ended)

    def _send_ended(self) -> None:
        # The application may still be reading the answer that ended the action.
        self._closed.wait(self.pause)
        with self._lock:
            self._is_batch_due = False
        self._retry(BATCH_RETRIES, lambda: self.flush_logs(only_ended=True))

    def _send_batch(self, batch: list[tuple[tuple[str, ...], Log]]) -> bool:
        if not self._post({"records": [log.record for _key, log in batch]}):
            return False
        with self._lock:
            for key, log in batch:
                if self._logs.get(key) is log:
                    del self._logs[key]
        return True
