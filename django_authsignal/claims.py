"""What a request claims: who asks for what, in which browser. Compared with a row, never trusted on its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

__all__ = ["Claim"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Everything that an approval is bound to. Digests come as tuples: the current key's first, then fallbacks'."""

    user_pk: Any
    authsignal_user_id: str
    tenant: str
    environment: str
    action: str
    route: str
    method: str
    bindings: tuple[str, ...]
    channels: tuple[str, ...]
    auth_hashes: tuple[str, ...]
    return_path: str = ""
    ip_address: str | None = None
    key: uuid.UUID | None = None
    """The row that the request names, if it names one."""
