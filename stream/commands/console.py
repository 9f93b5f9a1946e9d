"""The terminal that every command writes to."""

from __future__ import annotations

import sys

from rich.console import Console

PLAIN_WIDTH = 140  # of tables that go to a file or a log

# Names of lines, paths and reasons are the user's: what stands in brackets or between colons in them is no mark-up.
console = Console(width=None if sys.stdout and sys.stdout.isatty() else PLAIN_WIDTH, markup=False, emoji=False)
