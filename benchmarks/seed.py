"""Millions of plausible history rows, made by the database itself: a minute for five million."""

from __future__ import annotations

from typing import Any

from django.db import connection

STATUSES = (
    "CASE WHEN n % 1000 = 0 THEN 'void' WHEN n % 97 = 0 THEN 'refused' WHEN n % 89 = 0 THEN 'void' ELSE 'spent' END"
)
REASONS = (
    "CASE WHEN n % 1000 = 0 THEN 'unavailable' WHEN n % 97 = 0 THEN 'block' WHEN n % 89 = 0 THEN 'expired' ELSE '' END"
)
METHODS = (
    "CASE WHEN n % 3 <> 0 THEN '' WHEN n % 9973 = 0 THEN 'RECOVERY_CODE' WHEN n % 6 = 0 THEN 'PASSKEY' ELSE 'SMS' END"
)
ACTIONS = "CASE WHEN n % 50000 = 7 THEN 'closeAccount' ELSE 'action' || (n % 12) END"

USER_COLUMNS = "username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined"
COLUMNS = (
    "user_id, authsignal_user_id, tenant, environment, action, idempotency_key, status, remote_state, remote_state_at, "
    "remote_state_source, reason, enforced, route, method, return_path, binding, channel, auth_hash, is_enrolled, "
    "verification_method, rule_ids, ip_address, created_at, answered_at, approved_at, spent_at, ended_at, expires_at"
)


def seed(rows: int, *, users: int = 100_000, days: int = 365) -> None:
    """Insert *rows* finished actions of *users*, spread evenly over the last *days*, oldest first."""
    if connection.vendor == "postgresql":
        _postgresql(rows, users, days)
    else:
        _sqlite(rows, users, days)


def _postgresql(rows: int, users: int, days: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO auth_user ({USER_COLUMNS}) SELECT 'user' || lpad(n::text, 7, '0'), '!', false, false, true,"
            f" '', '', '', now() FROM generate_series(1, {users}) n"
        )
        person = f"({_first_user(cursor)} + (n::bigint * 7919) % {users})"
        time = f"now() - ({rows} - n) * interval '{days * 86400 / rows} seconds'"
        cursor.execute(
            f"INSERT INTO authsignal_trackedaction ({COLUMNS}) SELECT {person}, {person}::text, '', 'sandbox',"
            f" {ACTIONS}, gen_random_uuid(), {STATUSES}, 'ALLOW', {time}, 'track', {REASONS}, true, 'transfer', 'POST',"
            f" '', md5(n::text), md5('c' || n), md5('a' || n), true, {METHODS}, '[]'::jsonb, '203.0.113.7',"
            f" {time}, {time}, {_ended(time)} FROM generate_series(1, {rows}) n"
        )
        cursor.execute("VACUUM ANALYZE")


def _sqlite(rows: int, users: int, days: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_series(users)} INSERT INTO auth_user ({USER_COLUMNS}) SELECT 'user' || substr('000000' || n, -7), '!',"
            " 0, 0, 1, '', '', '', datetime('now') FROM series"
        )
        person = f"({_first_user(cursor)} + (n * 7919) % {users})"
        ago = f"'-' || (({rows} - n) * {days * 86400 / rows}) || ' seconds'"
        time = f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {ago})"
        cursor.execute(
            f"{_series(rows)} INSERT INTO authsignal_trackedaction ({COLUMNS}) SELECT {person}, CAST({person} AS TEXT),"
            f" '', 'sandbox', {ACTIONS}, lower(hex(randomblob(16))), {STATUSES}, 'ALLOW', {time}, 'track', {REASONS},"
            f" 1, 'transfer', 'POST', '', hex(n), hex('c' || n), hex('a' || n), 1, {METHODS}, '[]', '203.0.113.7',"
            f" {time}, {time}, {_ended(time)} FROM series"
        )
        cursor.execute("ANALYZE")


def _first_user(cursor: Any) -> int:
    cursor.execute("SELECT min(id) FROM auth_user WHERE username LIKE 'user0%'")
    return int(cursor.fetchone()[0])


def _ended(time: str) -> str:
    """The columns approved_at, spent_at, ended_at and expires_at."""
    return (
        f"CASE WHEN n % 3 = 0 THEN {time} END, CASE WHEN {STATUSES} = 'spent' THEN {time} END, "
        f"CASE WHEN {STATUSES} <> 'spent' THEN {time} END, NULL"
    )


def _series(last: int) -> str:
    return f"WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {last})"
