"""The command line: how it begins, and how an error is shown.

Nothing is imported at the top: every worker process imports this file again, as spawned processes do with the module
that began the program, and each would take 0.1 s to load commands that it never runs.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130  # as shells say it: 128 and the number of SIGINT


def main() -> None:
    """The console script: a RoadtallyError becomes one message and its exit code, never a traceback."""
    try:
        _run()
    except KeyboardInterrupt:  # before the command has begun; from then on it knows what to do
        raise SystemExit(INTERRUPTED) from None


def _run() -> None:
    from stream.commands.app import app
    from stream.errors import RoadtallyError

    try:
        app()
    except RoadtallyError as error:
        print(f"roadtally: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
