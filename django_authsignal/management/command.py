"""What every command that lists its exit codes has in common."""

from __future__ import annotations

import argparse
from typing import Any, ClassVar

from django.core.management.base import BaseCommand

__all__ = ["Command"]


class Command(BaseCommand):
    """A command whose ``--help`` ends with ``epilog``, line for line."""

    epilog: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        return super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)
