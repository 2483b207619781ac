"""The receiver of Authsignal's webhooks, at ``<prefix>/webhook/``: verify, record once, answer."""

from __future__ import annotations

import logging

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from django_authsignal.client import InvalidSignature, UnexpectedAnswer
from django_authsignal.client.sealed import SealedBytes
from django_authsignal.client.signature import HEADER
from django_authsignal.decorators import outside_transactions
from django_authsignal.protection import step_up_exempt
from django_authsignal.services.webhooks import Answer, deliver, open_delivery

__all__ = ["webhook"]

logger = logging.getLogger("django_authsignal")

BODY_LIMIT = 5 * 1024 * 1024
"""Bytes. A batch of 500 records is larger than Django's own limit of 2.5 MB for a body."""
RETRY_SECONDS = 30
STATUS = {Answer.ACCEPTED: 200, Answer.VETOED: 409, Answer.NOT_SENT: 503}


@csrf_exempt
@login_not_required
@step_up_exempt
@outside_transactions
@never_cache
@require_POST
def webhook(request: HttpRequest) -> JsonResponse:
    """200 once what the webhook says is recorded; what is not genuine is 400, before a single query.

    409 tells the service that a challenge must not succeed; 503 that the database cannot be reached, so that the
    event is sent again or the user tries again.
    """
    try:
        body = SealedBytes(request.read(BODY_LIMIT + 1) if HEADER in request.headers else b"")
        if len(body) > BODY_LIMIT:
            return JsonResponse({"error": "the body is too large"}, status=413)
        events = open_delivery(body, request.headers.get(HEADER), timezone.now())
    except UnreadablePostError:
        return JsonResponse({"error": "the body ended early"}, status=400)
    except (InvalidSignature, UnexpectedAnswer) as refusal:
        return JsonResponse({"error": str(refusal)}, status=400)
    try:
        answer = deliver(events)
    except Error:
        logger.exception("a webhook could not be recorded")
        return JsonResponse({"error": "try again"}, status=503, headers={"Retry-After": str(RETRY_SECONDS)})
    return JsonResponse({}, status=STATUS[answer])
