"""OpenVINO's converter and NNCF tell their makers over the network when they are used. Here they do not.

They have no switch for that but a file in the user's home; they are silent, though, where they believe to be tested.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Around the import of NNCF, and around each conversion."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before
