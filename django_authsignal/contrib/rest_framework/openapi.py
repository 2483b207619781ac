"""The refusals as OpenAPI describes responses.

With drf-spectacular: ``@extend_schema(responses={201: TransferSerializer, **REFUSALS})``. REFUSAL_SCHEMA alone is plain
JSON schema for any other tool.
"""

from __future__ import annotations

from typing import Any

from django_authsignal.services.decision import Outcome
from django_authsignal.wording import WORDS

__all__ = ["REFUSALS", "REFUSAL_SCHEMA"]

_TOLD = [words for outcome, words in WORDS.items() if outcome is not Outcome.LOGIN]
"""Nobody signed in is REST framework's own 401 or 403."""

REFUSAL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The step-up gate stopped this request (problem details, RFC 9457).",
    "required": ["title", "status", "detail", "code", "action"],
    "properties": {
        "title": {"type": "string", "description": "What happened in a few words, in the request's language."},
        "status": {"type": "integer", "description": "The HTTP status code."},
        "detail": {"type": "string", "description": "What to tell the user, in the request's language."},
        "code": {
            "type": "string",
            "enum": [words.code for words in _TOLD],
            "description": "What happened, for a script.",
        },
        "action": {"type": "string", "description": "The action code."},
        "challenge_url": {
            "type": "string",
            "format": "uri",
            "description": "step_up_required: the page where the user passes the challenge.",
        },
        "status_url": {
            "type": "string",
            "format": "uri-reference",
            "description": "step_up_required: tells in one word how the challenge stands.",
        },
        "key": {
            "type": "string",
            "format": "uuid",
            "description": "step_up_required: send the same request again with the header Authsignal-Step-Up: <key>, "
            "or, without a session, Authsignal-Step-Up: <key>.<resume> and Authsignal-Token: <token>.",
        },
        "shown": {
            "type": "array",
            "items": {
                "type": "array",
                "prefixItems": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
                "minItems": 2,
                "maxItems": 2,
            },
            "description": "step_up_required: what is about to be approved, as pairs of a label and its values.",
        },
        "resume": {
            "type": "string",
            "description": "step_up_required, only the first time and only to callers without a session: their secret.",
        },
        "expires_at": {"type": "string", "format": "date-time", "description": "step_up_required: until when."},
        "enrol_url": {
            "type": "string",
            "format": "uri-reference",
            "description": "step_up_enrol: the page where the user sets up an authenticator.",
        },
        "errors": {"type": "array", "items": {"type": "string"}, "description": "What was wrong with the request."},
    },
}
"""JSON schema of the body of every refusal."""

REFUSALS: dict[tuple[int, str], dict[str, Any]] = {
    (status, "application/problem+json"): REFUSAL_SCHEMA for status in sorted({words.status for words in _TOLD})
}
"""By status code and media type."""
