"""One tracked action in words, for the people who look after the site: where it stands, and how it came there."""

from __future__ import annotations

from django_authsignal.timeline.story import (
    Entry,
    answer_of,
    first_answer,
    has_run_out,
    standing,
    status_of,
    story,
    tone_of,
)
from django_authsignal.timeline.words import REASONS, moment, plain, reason_of

__all__ = [
    "REASONS",
    "Entry",
    "answer_of",
    "first_answer",
    "has_run_out",
    "moment",
    "plain",
    "reason_of",
    "standing",
    "status_of",
    "story",
    "tone_of",
]
