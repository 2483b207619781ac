"""A challenged form -> what the holding page needs to send the very same request again.

The form never leaves the browser for long: nothing is stashed on the server, and what is secret is asked for again
instead of being echoed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext

from django_authsignal.binding import KEY_FIELD, NOT_CONTENT, is_form
from django_authsignal.values import may_have_lost_bytes, texts_of

__all__ = ["AskedField", "HeldForm", "hold", "is_secret", "label_of"]

SECRET_WORDS = re.compile(
    r"passw(or)?d|passphrase|passcode|secret|token|(api|private)key|(credit|debit)card|cardnum", re.IGNORECASE
)
"""Anywhere in a name, whatever stands between their letters: 'newpassword', 'api_key', 'X-Private-Key'."""
SECRET_PARTS = frozenset({"pass", "pwd", "pin", "otp", "cvc", "cvv", "csc", "card"})
"""As a part of a name only: 'userPin' and 'card-number', but not 'shipping' and 'discard'."""
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class AskedField:
    """A field to be filled in again, visibly."""

    name: str
    label: str
    kind: str
    """'file', 'password', 'text', or 'textarea' for what had several lines."""
    multiple: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class HeldForm:
    """A form that a browser will send again as it came."""

    action: str
    enctype: str
    hidden: list[tuple[str, str]] = field(repr=False)
    asked: list[AskedField]
    key: str
    key_name: str = KEY_FIELD


def hold(request: HttpRequest, key: str, ask_again: Collection[str]) -> HeldForm | None:
    """The form that *request* sent; None when a browser's form cannot reproduce it (JSON, NUL, lost bytes, …)."""
    if not is_form(request) or not _reproducible(request):
        return None
    sensitive = getattr(request, "sensitive_post_parameters", ())
    hidden: list[tuple[str, str]] = []
    asked = [AskedField(name, label_of(name), "file", multiple=len(files) > 1) for name, files in request.FILES.lists()]
    for name, values in request.POST.lists():
        if name in NOT_CONTENT:
            continue
        asks = is_secret(name) or name in ask_again or sensitive == "__ALL__" or name in sensitive
        if asks and any(values):
            asked += [_asked(name, str(value)) for value in values]
        else:
            hidden += [(name, str(value)) for value in values]
    return HeldForm(request.get_full_path(), str(request.content_type), hidden, asked, key)


def label_of(name: str) -> str:
    """A field's name as a person reads it: 'payeeName' and 'payee_name' become 'Payee name', or what that is in the
    project's own catalogues."""
    words = " ".join(re.split(r"[_\-.\s]+|(?<=[a-z])(?=[A-Z])", name)).strip()
    return gettext(words[:1].upper() + words[1:].lower() if words else name)


def _asked(name: str, value: str) -> AskedField:
    one_line = "password" if is_secret(name) else "text"
    kind = "textarea" if {"\r", "\n"}.intersection(value) else one_line
    return AskedField(name, label_of(name), kind, required=bool(value))


def is_secret(name: str) -> bool:
    """Whether a field of this name holds what must be neither echoed, shown nor sent."""
    letters = re.sub(r"[\W_]", "", name)
    return bool(SECRET_WORDS.search(letters)) or not SECRET_PARTS.isdisjoint(map(str.lower, _PARTS.findall(name)))


def _reproducible(request: HttpRequest) -> bool:
    """Whether an HTML page in our charset can carry the form's texts there and back."""
    names = {*request.POST, *request.FILES}
    if names & {"", "_charset_"}:  # browsers leave out the one and fill in the other themselves
        return False
    if {"\r", "\n"}.intersection("".join(names)):
        return False
    if may_have_lost_bytes(request.POST, request.FILES):
        return False
    text = "".join(texts_of(request.POST, request.FILES))
    try:
        text.encode(settings.DEFAULT_CHARSET)
    except UnicodeEncodeError:
        return False
    return "\0" not in text
