"""What the commands say to the shell: the same number means the same everywhere."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """Exit codes. Each command's ``--help`` lists those that it uses."""

    OK = 0
    FAILED = 1
    """Settings, or whatever has no number of its own."""
    USAGE = 2
    """The command line itself; argparse's own number."""
    UNKNOWN_PERSON = 3
    """No such person, or more than one."""
    PARTICULAR = 4
    """What only this command can find out."""
    UNAUTHORIZED = 5
    """Authsignal does not accept the secret."""
    UNAVAILABLE = 6
    """Authsignal, or the database, cannot be asked now."""
    CLOCK = 7
    WEBHOOK = 8
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
