"""Test your own gated views against an Authsignal that answers in the same process.

With pytest, the ``authsignal`` fixture is there as soon as this package is installed::

    from django_authsignal.testing import assert_step_up_required, assert_tracked, complete_step_up

    def test_transfer(authsignal, client, customer):
        client.force_login(customer)
        authsignal.challenge("transfer")
        form = {"amount": "5000", "payee": "NZ-1"}
        challenged = client.post("/transfer/", form)
        assert_step_up_required(challenged, action="transfer")
        complete_step_up(client, challenged)
        assert client.post("/transfer/", form).status_code == 302
        assert_tracked("transfer", custom={"amount": "5000"}, times=1)

Webhooks are posted as Authsignal signs them::

    def test_text_message(authsignal, client, provider):
        sms = {"to": "+64270000000", "code": "123456"}
        assert client.post(**authsignal.signed_webhook("sms.created", sms)).status_code == 200
        assert provider.sent == [sms]

With ``django.test.TestCase``, put ``AuthsignalTestMixin`` before it and use ``self.authsignal``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assertions import assert_not_tracked, assert_step_up_refused, assert_step_up_required, assert_tracked
    from .cases import AuthsignalTestMixin
    from .guard import no_network
    from .kit import Authsignal
    from .steps import acomplete_step_up, complete_step_up

__all__ = [
    "Authsignal",
    "AuthsignalTestMixin",
    "acomplete_step_up",
    "assert_not_tracked",
    "assert_step_up_refused",
    "assert_step_up_required",
    "assert_tracked",
    "complete_step_up",
    "no_network",
]

# pytest imports this package to find the plugin, in every project that installed it: nothing else may load then.
HOMES = {
    "Authsignal": "kit",
    "AuthsignalTestMixin": "cases",
    "acomplete_step_up": "steps",
    "assert_not_tracked": "assertions",
    "assert_step_up_refused": "assertions",
    "assert_step_up_required": "assertions",
    "assert_tracked": "assertions",
    "complete_step_up": "steps",
    "no_network": "guard",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
