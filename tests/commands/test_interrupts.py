"""Ctrl-C as a wish."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_authsignal.management.interrupts import stop_on_interrupt


def test_first_ctrl_c_is_a_wish_and_the_second_an_interrupt():
    with stop_on_interrupt() as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_ctrl_c_is_what_it_was():
    usual = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not usual
    assert signal.getsignal(signal.SIGINT) is usual


def test_other_threads_leave_ctrl_c_alone():
    def wish():
        with stop_on_interrupt() as stop:
            return stop.is_set(), signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(wish).result() == (False, signal.getsignal(signal.SIGINT))
