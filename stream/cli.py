"""The command line: how it begins, and how an error is shown.

Nothing is imported at the top: every worker process imports this file again, as spawned processes do with the module
that began the program, and each would take 0.1 s to load commands that it never runs.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper

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

    if isinstance(sys.stdout, TextIOWrapper):  # it is None where the caller has closed it
        sys.stdout.reconfigure(errors="replace")  # a terminal may not know every sign of a name
    try:
        for word in sys.argv[1:]:
            _check_text(word)
        app()
    except RoadtallyError as error:
        print(f"roadtally: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _check_text(word: str) -> None:
    """File names are bytes; what is no text could stand in no result. Raises ConfigError."""
    from stream.errors import ConfigError

    try:
        word.encode()
    except UnicodeEncodeError:
        fix = "rename the file, or reach it by a link with another name"
        raise ConfigError("command line", f"expected text in UTF-8, got {word!a}", fix) from None


if __name__ == "__main__":
    main()
