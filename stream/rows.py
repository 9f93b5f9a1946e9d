"""Reading the rows of a CSV file that a person may have edited."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from stream.errors import TruthError

Row = TypeVar("Row")


def read_rows(path: Path, columns: Sequence[str], convert: Callable[[str, dict[str, Any]], Row]) -> list[Row]:
    """Every row through convert(where, row by column). Raises TruthError where a column is missing or the file cannot
    be read; convert raises it for a row, naming `where`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                what = f"expected the columns {', '.join(columns)}, got {', '.join(reader.fieldnames or ('nothing',))}"
                raise TruthError(str(path), what, f"add {', '.join(missing)}")
            return [convert(f"{path}, line {reader.line_num}", row) for row in reader]
    except OSError as error:
        raise TruthError.refused(path, "read", error, "check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TruthError(str(path), f"is no CSV: {error}", "give a text file with a row a line") from error
