"""Where a failure can show something: log, mail, report, database, session and admin."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.sessions.models import Session
from django.core.signals import got_request_exception
from django.db import connection
from django.utils.log import AdminEmailHandler

from django_authsignal.models import TrackedAction

from .reporters import printed, reported, stack_of_ours

ADMIN = "/admin/authsignal/trackedaction/"
SESSIONS = "django_session"


class Log(logging.Handler):
    """Every record, with everything that hangs on it, and what a reporter would send beside it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.records: list[str] = []
        self.reports: list[str] = []
        self._is_printing = False

    def emit(self, record: logging.LogRecord) -> None:
        if self._is_printing:
            return  # a query that is printed is run, and logged
        self._is_printing = True
        try:
            self._keep(record)
        finally:
            self._is_printing = False

    def _keep(self, record: logging.LogRecord) -> None:
        if record.name == "django.db.backends" and SESSIONS in record.getMessage():
            return  # Django's own: at DEBUG it logs every session with its key
        self.records.append(self.format(record))
        if record.name == "django.template":
            return  # a name that a template does not find: hundreds in each of Django's own reports
        self.records += printed(vars(record), depth=1)
        self.reports += stack_of_ours(sys._getframe())
        if record.exc_info:
            self.reports += reported(record.exc_info[1])


class Mail(AdminEmailHandler):
    """The error mails that administrators get."""

    def __init__(self, *, include_html: bool) -> None:
        super().__init__(include_html=include_html)
        self.setLevel(logging.ERROR)
        self.sent: list[str] = []

    def send_mail(self, subject: str, message: str, *args: Any, html_message: str | None = None, **kwargs: Any) -> None:
        self.sent.append(f"{subject}\n{message}\n{html_message}")


class Watch:
    """All that became known while it was watched."""

    def __init__(self, *, html_mails: bool) -> None:
        self.log, self.mail = Log(), Mail(include_html=html_mails)
        self.reports: list[str] = []

    def note_exception(self, **kwargs: Any) -> None:
        self.reports += reported(sys.exc_info()[1])

    def shown(self) -> dict[str, str]:
        return {
            "log": "\n".join(self.log.records),
            "mails": "\n".join(self.mail.sent),
            "reports": "\n".join(self.reports + self.log.reports),
        }


@contextmanager
def watched(*, html_mails: bool) -> Iterator[Watch]:
    """Listen to every logger, at every level."""
    watch, root = Watch(html_mails=html_mails), logging.getLogger()
    loggers = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [(one, one.level, one.propagate, one.disabled) for one in (root, *loggers)]
    for one in loggers:
        one.level, one.propagate, one.disabled = logging.NOTSET, True, False
    root.setLevel(1)
    handlers = [watch.log, watch.mail]
    for handler in handlers:
        root.addHandler(handler)
    root.manager._clear_cache()
    got_request_exception.connect(watch.note_exception)
    try:
        yield watch
    finally:
        got_request_exception.disconnect(watch.note_exception)
        for handler in handlers:
            root.removeHandler(handler)
        for one, level, propagate, disabled in before:
            one.level, one.propagate, one.disabled = level, propagate, disabled
        root.manager._clear_cache()


def database() -> str:
    """Every cell of every table, as the database holds it. Sessions are read by themselves: see `sessions()`."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table != SESSIONS:
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                found += [f"{table} {line}" for line in cursor.fetchall()]
    return "\n".join(found)


def sessions() -> str:
    """What the sessions say, decoded; where hosted pages may be kept while their challenges are pending."""
    return "\n".join(str(session.get_decoded()) for session in Session.objects.all())


def admin_pages(browser: Any) -> str:
    """What a superuser's *browser* sees of the history: list, dashboard, export, and each action with its story."""
    rows = TrackedAction.objects.values_list("pk", flat=True)
    pages = [browser.get(f"{ADMIN}{page}") for page in ("", "dashboard/", "export/", *(f"{pk}/change/" for pk in rows))]
    assert {page.status_code for page in pages} == {200}
    return "\n".join(b"".join(page).decode() for page in pages)
