"""Reading the rows of a CSV file that a person may have edited."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from stream.errors import TruthError

Row = TypeVar("Row")


def read_rows(path: Path, columns: Sequence[str], convert: Callable[[str, dict[str, str]], Row]) -> list[Row]:
    """Every row through convert(where, row: text by column, without blanks around it). Empty rows are left out, and
    the columns may be separated by ; or tabs, as spreadsheets write them in many countries.

    Raises TruthError where a column is missing or the file cannot be read; convert raises it for a row, naming `where`.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            heading = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max((",", ";", "\t"), key=heading.count))
            names = [name.strip() for name in next(reader, [])]
            missing = [name for name in columns if name not in names]
            if missing:
                what = f"expected the columns {', '.join(columns)}, got {', '.join(names) or 'nothing'}"
                raise TruthError(str(path), what, f"add {', '.join(missing)}")
            return [_read(f"{path}, line {reader.line_num}", names, cells, convert) for cells in reader if any(cells)]
    except OSError as error:
        raise TruthError.refused(path, "read", error, "check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TruthError(str(path), f"is no CSV in UTF-8: {error}", "save it as CSV UTF-8") from error


def check_words(where: str, row: Mapping[str, str], allowed: Mapping[str, Sequence[str]]) -> None:
    """Raises TruthError that names the first column whose text is none of those allowed in it."""
    for column, words in allowed.items():
        if row[column] not in words:
            expected = ", ".join(word or "nothing" for word in words)
            raise TruthError(where, f"{column}: expected one of {expected}, got {row[column]!r}")


def _read(where: str, names: list[str], cells: list[str], convert: Callable[[str, dict[str, str]], Row]) -> Row:
    """Cells that are left out at the end of a row are empty. Raises TruthError where there are too many."""
    if len(cells) > len(names):
        what = f"expected {len(names)} values, got {len(cells)}"
        raise TruthError(where, what, "put text that holds a comma in quotes, and write decimals with a point")
    return convert(where, {name: cell.strip() for name, cell in zip_longest(names, cells, fillvalue="")})
