"""Values of a request, read by name for certain or not at all, and values as the service gets them."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from io import BytesIO
from math import isfinite
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadhandler import load_handler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser
from django.utils.functional import Promise
from django.utils.translation import gettext as _

__all__ = [
    "FORM_TYPES",
    "MULTIPART",
    "folded",
    "is_plain_form",
    "may_have_lost_bytes",
    "named_values",
    "parsed_form",
    "texts_of",
    "wire",
]

MULTIPART = "multipart/form-data"
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", MULTIPART})
FORM_BYTES = re.compile(rb"[\w*\-.%+&=~!'()]*")
"""What URLSearchParams, a form's own encoding and encodeURIComponent leave unescaped, and their marks."""
OTHER_LANGUAGES = (b"{", b'"', b"<", b"\0")
"""What stands in JSON, XML and UTF-16, and is escaped in a form."""
UNREADABLE = object()
UTF8 = ("", "utf-8", "utf8", "us-ascii")


def named_values(request: HttpRequest, names: Collection[str]) -> dict[str, object]:
    """The single value of each name, wherever in form, query, JSON body or URL a view could read it.

    Raises ValidationError for a name that is absent, stands in two places or twice in one, or holds several values,
    and for a body that cannot be read: a view may read it in a way of its own, and must not see what we did not.
    """
    match = request.resolver_match
    form = parsed_form(request)
    fields, files = (dict(form[0].lists()), form[1]) if form else (_as_form(request), {})
    multiples = [fields, dict(request.GET.lists())]
    singles = [_json_body(request, is_form=form is not None), match.kwargs if match else {}]
    for name in names:
        if name in files:  # an API's parser may take the file's name for the value
            raise ValidationError(_("“%(name)s” must be a single value.") % {"name": name})
    return {name: _single(name, multiples, singles) for name in names}


def parsed_form(request: HttpRequest) -> tuple[Any, Any] | None:
    """The fields and files of a form; None for any other body.

    Django parses forms of POST only and REST framework others too; a multipart body of another method is parsed here:
    a view may do so, and it is sent again under a new boundary.
    """
    if request.content_type not in FORM_TYPES:
        return None
    if request.method == "POST" or request.POST or request.FILES:
        return request.POST, request.FILES
    if request.content_type == MULTIPART:
        handlers = [load_handler(path, request) for path in settings.FILE_UPLOAD_HANDLERS]
        return MultiPartParser(request.META, BytesIO(request.body), handlers, request.encoding).parse()
    return None


def is_plain_form(request: HttpRequest) -> bool:
    """Whether a body that calls itself a form can be one that a browser or its scripts made.

    A multipart stream that Django has parsed away cannot be read in any other way; a body that was kept can.
    """
    if request.content_type != MULTIPART:
        return FORM_BYTES.fullmatch(request.body) is not None
    return not hasattr(request, "_body") or _is_plain_multipart(request)


def _is_plain_multipart(request: HttpRequest) -> bool:
    """Whether a readable multipart body is its parsed parts and nothing else: no prologue, epilogue or stray part."""
    form = parsed_form(request) or ()
    boundary = (request.content_params or {}).get("boundary", "").encode()
    first, *parts = request.body.split(b"--" + boundary)
    last = parts.pop() if parts else b""
    known = sum(len(values) for source in form for _name, values in source.lists())
    whole = all(part[:2] == part[-2:] == b"\r\n" for part in parts)
    return first == b"" and last in (b"--", b"--\r\n") and whole and len(parts) == known


def texts_of(fields: Any, files: Any) -> Iterator[str]:
    """Every text of a form: its names, its values and what its files are called."""
    for name, texts in fields.lists():
        yield name
        yield from map(str, texts)
    for name, sent in files.lists():
        yield name
        yield from (str(file.name) for file in sent)


def may_have_lost_bytes(fields: Any, files: Any) -> bool:
    """Whether a form's texts hold what stands for every byte that could not be decoded, so that unlike look alike."""
    return "\N{REPLACEMENT CHARACTER}" in "".join(texts_of(fields, files))


def folded(text: object) -> str:
    """*text* with plain line ends: a browser turns every one into CRLF when it sends a form again."""
    return str(text).replace("\r\n", "\n").replace("\r", "\n")


def wire(value: object) -> Any:
    """A bound or custom value as the service gets it: numbers stay numbers, dates and ids become text.

    Raises TypeError for other types and ValueError for what JSON cannot hold.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            if not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):
                raise ValueError(f"{value} is no number that JSON can hold")
            return value
        case dt.date() | dt.time() | uuid.UUID() | Promise():
            return str(value)
        case list() | tuple():
            return [wire(item) for item in value]
        case Mapping():
            return {str(name): wire(item) for name, item in value.items()}
    raise TypeError(f"a {type(value).__name__} cannot be sent: use text, numbers, dates, UUIDs, lists or mappings.")


def _single(name: str, multiples: list[dict[str, list[Any]]], singles: list[Mapping[str, object]]) -> object:
    found = [folded(value) for source in multiples for value in source.get(name, ())]
    found += [source[name] for source in singles if name in source]  # type: ignore[misc]
    if not found:
        raise ValidationError(_("“%(name)s” is missing.") % {"name": name})
    if len(found) > 1:
        raise ValidationError(_("“%(name)s” was sent more than once.") % {"name": name})
    value: object = found[0]
    if isinstance(value, list | tuple | Mapping):
        raise ValidationError(_("“%(name)s” must be a single value.") % {"name": name})
    return value


def _as_form(request: HttpRequest) -> dict[str, list[str]]:
    """What a view would find that takes a body for a form, as views of PUT do, whatever the media type says."""
    return parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)


def _json_body(request: HttpRequest, *, is_form: bool) -> Mapping[str, object]:
    """The members of a JSON object, whatever the media type says: a view may not look at that either."""
    if request.content_type == MULTIPART and is_plain_form(request):
        return {}
    if not request.body:
        return {}
    if not is_form and (request.content_params or {}).get("charset", "").lower() not in UTF8:
        raise ValidationError(_("The request's body must be UTF-8."))
    try:
        body = json.loads(request.body, parse_float=Decimal, parse_constant=_no_constants, object_pairs_hook=_no_twins)
    except (ValueError, ArithmeticError, RecursionError):
        body = None if is_form and not any(mark in request.body for mark in OTHER_LANGUAGES) else UNREADABLE
    if body is UNREADABLE:  # not from the parser's error, which holds the body
        raise ValidationError(_("The request's body could not be read."))
    return body if isinstance(body, Mapping) else {}


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Parsers disagree on which of two equal names counts, so such a body is refused."""
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return names


def _no_constants(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")
