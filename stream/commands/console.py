"""The terminal that every command writes to."""

from __future__ import annotations

import sys

from rich.console import Console

PLAIN_WIDTH = 140  # of tables that go to a file or a log

console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
