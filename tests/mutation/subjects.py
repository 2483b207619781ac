"""What is mutated: the code on which "never proceeds unapproved, never twice" rests, and the tests that must notice.

decision   what a request claims (question), what an answer of the service, a return or a token makes of it (asking,
           completion), and the value that opens the gate (decision)
binding    everything between a request's bytes and the digests that an approval is bound to: the values it names, the
           canonical form, and the secret that stands in for a browser where there is none (bearers)
spend      the way from a row to a grant: the gate's order (stepup), the conditional UPDATEs (models, querysets), and
           the signed facts of a session that grant without a row, windows and sign-ins (sessions)
webhooks   from the signature of a webhook to what it may do: take back, and never grant (reports)

Not mutated: what only shows, records or configures. ``policy`` checks a developer's arguments; ``protection`` and the
surfaces decide who asks, not what is answered. The tests are those that need no server, browser or second process.
"""

from __future__ import annotations

from .mutants import Subject

__all__ = ["SUBJECTS"]

JOURNEYS = tuple(
    f"journeys/test_{name}.py"
    for name in (
        "binding",
        "methods_and_caches",
        "other_browsers",
        "return_view",
        "single_use",
        "states",
        "time",
        "transactions",
        "unenrolled",
        "upstream",
        "windows",
    )
)
SLOW = (
    "all_orders",
    "batch_of_500",
    "random_states",
    "report_only_delays",
    "any_id_reaches",
    "no_form_but_the_approved",
)
SUBJECTS = {
    "decision": Subject(
        modules=("services/decision", "services/question", "services/completion", "services/asking"),
        tests=(
            "services/test_asking.py",
            "services/test_completion.py",
            "services/test_question.py",
            "services/test_stepup.py",
            "test_bearers.py",
            "services/test_decisions.py",
            "test_decorators.py",
            "test_signals.py",
            "test_views.py",
            *JOURNEYS,
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
    ),
    "spend": Subject(
        modules=("services/stepup", "models/actions", "querysets", "sessions", "statuses"),
        tests=(
            "services/test_decisions.py",
            "services/test_stepup.py",
            "test_bearers.py",
            "test_middleware.py",
            "test_models.py",
            "test_protection.py",
            "test_sessions.py",
            "test_signals.py",
            *JOURNEYS,
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
