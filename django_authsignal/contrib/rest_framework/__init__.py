"""Django REST framework: the gate behind its authentication, permissions and throttles, and before the handler.

A caller that REST framework knows by its session is bound to that session; every other (token, JWT) to the secret that
its first refusal hands over (see ``bearers``). Refusals are ``application/problem+json``, except to a caller with a
session who was to get HTML, as from the browsable API: then they are the pages that every other view answers with.
"""

from .check import check
from .mixin import StepUpAPIMixin
from .openapi import REFUSAL_SCHEMA, REFUSALS
from .permission import StepUpRefused, step_up_permission

__all__ = ["REFUSALS", "REFUSAL_SCHEMA", "StepUpAPIMixin", "StepUpRefused", "check", "step_up_permission"]
