"""Tables of what was counted, as a person sees them."""

from __future__ import annotations

from rich.console import Console

from stream.commands.tables import show_tally
from stream.results.summary import Tally
from stream.scene import Line, Movement, Scene


def test_a_sentence_stands_for_the_table_when_no_movement_was_made() -> None:
    """Headings were shown without a row."""
    lines = (Line("A", 0, 50, 100, 50), Line("B", 50, 0, 50, 100))
    scene = Scene("road", 100, 100, lines, movements=(Movement("A to B", "A", "B"),))
    console = Console(record=True, width=200)
    show_tally(console, Tally([]), [scene])
    text = console.export_text()
    assert "no turning movement" in text and "by path" not in text
