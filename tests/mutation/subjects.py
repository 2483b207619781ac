"""What is mutated: the code on which "never proceeds unapproved, never twice" rests, and the tests that must notice.

decision   what a request claims (question), what an answer of the service, a return or a token makes of it (asking,
           completion), and the value that opens the gate (decision)
binding    everything between a request's bytes and the digests that an approval is bound to: the values it names, the
           canonical form, and the secret that stands in for a browser where there is none (bearers)
spend      the way from a row to a grant: the gate's order (stepup), the conditional UPDATEs (models, querysets), and
           the signed facts of a session that grant without a row, windows and sign-ins (sessions)
webhooks   from the signature of a webhook to what it may do: take back, and never grant (reports)

Not mutated: what only shows, records or configures. ``policy`` checks a developer's arguments; ``protection`` and the
surfaces decide who asks, not what is answered. The tests are those close by, that need no server, browser or second
process: what only a journey through a whole site would notice counts as a survivor.
"""

from __future__ import annotations

from .mutants import Subject

__all__ = ["SUBJECTS"]

SLOW = ("all_orders", "batch_of_500", "random_states")

SUBJECTS = {
    "decision": Subject(
        modules=("services/decision", "services/question", "services/completion", "services/asking"),
        tests=(
            "services/test_asking.py",
            "services/test_completion.py",
            "services/test_decisions.py",
            "services/test_question.py",
            "services/test_stepup.py",
            "test_bearers.py",
            "test_decorators.py",
            "test_protection.py",
            "test_signals.py",
            "test_views.py",
            "journeys/test_return_view.py",
            "journeys/test_states.py",
        ),
        without=SLOW,
    ),
    "binding": Subject(
        modules=("binding", "values", "digests", "bearers"),
        tests=(
            "test_bearers.py",
            "test_binding.py",
            "test_digests.py",
            "test_holding.py",
            "test_protection.py",
            "test_values.py",
            "journeys/test_binding.py",
        ),
        without=("error_tells_nothing_of_what_was_typed",),
    ),
    "spend": Subject(
        modules=("services/stepup", "models/actions", "querysets", "sessions", "statuses"),
        beside=("services/reports",),
        tests=(
            "services/test_asking.py",
            "services/test_decisions.py",
            "services/test_stepup.py",
            "test_bearers.py",
            "test_middleware.py",
            "test_models.py",
            "test_protection.py",
            "test_sessions.py",
            "test_signals.py",
            "test_views.py",
            "journeys/test_single_use.py",
            "journeys/test_time.py",
            "journeys/test_windows.py",
            "webhooks/test_recording.py",
        ),
        without=SLOW,
    ),
    "webhooks": Subject(
        modules=(
            "client/signature",
            "client/webhooks",
            "services/reports",
            "services/webhooks",
            "webhook",
        ),
        tests=("client/test_signature.py", "client/test_webhooks.py", "webhooks"),
        without=(
            "all_orders",
            "batch_of_500",
            "fuzz",
            "no_error_page_shows_a_code",
        ),
    ),
}
