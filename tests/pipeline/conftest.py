"""Every pipeline test leaves nothing behind: no child, no shared memory, no socket folder."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator

import pytest

from tests.pipeline.runs import leftovers


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert not multiprocessing.active_children()
    assert leftovers(os.getpid()) == []
