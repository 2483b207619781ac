"""Request -> what an approval is bound to: route, kwargs and method always, and the content (T4)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from django_authsignal.digests import digests
from django_authsignal.values import (
    FORM_TYPES,
    MULTIPART,
    folded,
    is_plain_form,
    may_have_lost_bytes,
    named_values,
    parsed_form,
)

__all__ = [
    "KEY_FIELD",
    "KEY_HEADER",
    "NOT_CONTENT",
    "Binding",
    "bind_login",
    "bind_request",
    "content_of",
    "drop_key",
    "is_form",
    "named_key",
    "route_of",
]

KEY_FIELD = "_step_up_key"
"""The form field by which the holding page names its row."""

KEY_HEADER = "Authsignal-Step-Up"
"""The header by which script callers name theirs."""

NOT_CONTENT = frozenset({"csrfmiddlewaretoken", KEY_FIELD})

BYTEWISE = "latin-1"
"""The charset that makes one character of each byte, so that no two texts become one."""

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Binding:
    """What one request is, as digests, and what of it the user sees."""

    fingerprints: tuple[str, ...]
    """Under the current SECRET_KEY first, then under each fallback."""
    values: Values = field(repr=False)
    """The bound values: shown before the user approves and sent as ``custom``; empty without ``bind``."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a policy names of a request, without a printable form."""

    values: Values = field(repr=False)
    is_all: bool
    """Whether nothing else of the content is bound."""


def bind_request(
    request: HttpRequest, bind: Collection[str] | Callable[[HttpRequest], Values] | Values | None
) -> Binding:
    """Bind *request* to everything it carries, or to the mapping that a function returned or a caller gave.

    Names choose what of it the user sees and the rules get; whatever else was sent stays bound, because a gate that
    read it otherwise than the view does must not let anything through. In a mapping, a name that starts with an
    underscore is bound, but neither shown nor sent.

    Raises ValidationError when a named value cannot be read for certain; nothing was tracked then.
    """
    # Variables of this frame are in error reports: what was typed is in none of them (T65).
    chosen = _Chosen({} if bind is None else _values(request, bind), callable(bind) or isinstance(bind, Mapping))
    try:
        fingerprints = _fingerprints(request, chosen)
    except UnicodeEncodeError:
        fingerprints = ()
    except TypeError as error:  # says which type; the frames below hold everything else
        raise error.with_traceback(None) from None
    if not fingerprints:
        raise ValidationError(_("The request holds text that is not valid Unicode."))
    return Binding(fingerprints, {name: value for name, value in chosen.values.items() if name[:1] != "_"})


def bind_login() -> Binding:
    """What stands for a login as a whole; the session's nonce tells one from another."""
    return Binding(digests("binding", "login"), {})


def route_of(request: HttpRequest) -> str:
    """The URL pattern that matched, such as ``transfer/<int:pk>/``; the path where none did."""
    return request.resolver_match.route if request.resolver_match else request.path


def is_form(request: HttpRequest) -> bool:
    """Whether Django parses this request's body into POST and FILES."""
    return request.method == "POST" and request.content_type in FORM_TYPES


def named_key(request: HttpRequest) -> uuid.UUID | None:
    """The row that the request says it belongs to; anything that is no UUID names none."""
    text = request.headers.get(KEY_HEADER) or request.POST.get(KEY_FIELD, "")
    try:
        return uuid.UUID(text.partition(".")[0])
    except ValueError:
        return None


def content_of(request: HttpRequest) -> str:
    """A digest of everything that *request* carries, for a bind function that shows some of it and binds all."""
    return digests("content", list(_content(request)))[0]


def drop_key(request: HttpRequest) -> None:
    """Take the holding page's own field away: the view sees the form as it was first sent."""
    if KEY_FIELD in request.POST:
        fields = request.POST.copy()
        del fields[KEY_FIELD]
        fields._mutable = False
        request.POST = fields  # type: ignore[assignment]


def _content(request: HttpRequest) -> Iterator[object]:
    """Everything a view can parse from the request, but the CSRF field, headers, cookies, session and database."""
    yield [[name, value] for name, values in request.GET.lists() for value in values]
    # A view may read the query by itself: in its order, and bytes that are no UTF-8, which all look alike above.
    yield parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True, encoding=BYTEWISE)
    yield request.content_type
    parsed = parsed_form(request)
    if parsed is None:
        # A charset changes what a body says, and API parsers take a file's name from the header.
        yield [sorted((request.content_params or {}).items()), request.headers.get("Content-Disposition", "")]
        yield hashlib.sha256(request.body).digest()
        return
    if not is_plain_form(request):  # no browser's form, and a view may read it in its own way
        yield [sorted((request.content_params or {}).items()), hashlib.sha256(request.body).digest()]
    fields, uploads = parsed
    yield _fields(fields)
    yield sorted([name, [_file(file) for file in files]] for name, files in uploads.lists())
    if may_have_lost_bytes(fields, uploads):
        yield from _bytes_of(request)


def _bytes_of(request: HttpRequest) -> Iterator[object]:
    """The bytes of a form, where a view can still read them in a charset of its own."""
    if request.content_type != MULTIPART:
        yield _fields(QueryDict(request.body, encoding=BYTEWISE))
    elif hasattr(request, "_body"):
        yield hashlib.sha256(request.body).digest()


def _fields(fields: QueryDict) -> list[Any]:
    """A view reads fields by name, so only the order within a name means anything."""
    return sorted(
        [name, [folded(value) for value in values]] for name, values in fields.lists() if name not in NOT_CONTENT
    )


def _file(file: UploadedFile[Any]) -> list[object]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)  # the view reads it from the start
    extra = {name: str(value) for name, value in (file.content_type_extra or {}).items()}
    return [file.name, file.content_type, file.charset, extra, digest.digest()]


def _fingerprints(request: HttpRequest, chosen: _Chosen) -> tuple[str, ...]:
    content = [chosen.values] if chosen.is_all else [chosen.values, *_content(request)]
    match = request.resolver_match
    kwargs = {name: str(value) for name, value in match.kwargs.items()} if match else {}
    args = [str(value) for value in match.args] if match else []
    # The path holds the prefix under which the site is served, the other is what the URLs were looked up by.
    place = [request.get_host(), request.path, request.path_info, route_of(request), args, kwargs]
    return digests("binding", [*place, request.method, chosen.is_all, content])


def _values(request: HttpRequest, bind: Collection[str] | Callable[[HttpRequest], Values] | Values) -> Values:
    if callable(bind):
        return dict(bind(request))
    if isinstance(bind, Mapping):
        return dict(bind)
    try:
        return named_values(request, bind)
    except ValidationError as error:  # logged where a policy only watches, and its frames hold the whole form
        raise error.with_traceback(None) from None
