"""The store of a run: SQLite in WAL mode, so that it can be read while the run goes on and survives a kill.

runs       one row: when, which version, the configuration, how it ended
crossings  one row an event; its key makes storing it twice the same as once
visits     one row a stay in a zone; left_* are empty while it lasts
users      one row a road user: class, first and last time, path
clocks     from which pts_s on which time of day holds, and who says so; none for a file
gaps       one row a time in which a camera was not seen; to_s is empty while it lasts
ledger     one row a camera: the account of every frame
notes      what happened besides: damage, repairs, and what was told (see messages.Notice)
checkpoints   one row a camera: where its lane goes on after a crash, stored with all that lies before it
sources    one row a file: how to know that it is still the same
crossings_utc   a view: crossings with their time of day and its source
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from stream.errors import OutputError, RoadtallyError, SourceError, words_of
from stream.messages import Checkpoint, Clock, Crossing, Gap, Visit
from stream.records.ledger import Balance

STORE = "events.sqlite"  # in the folder of a run

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (started_utc REAL, finished_utc REAL, version TEXT, config TEXT, status TEXT);
CREATE TABLE IF NOT EXISTS crossings (key TEXT PRIMARY KEY, camera TEXT, line TEXT, direction TEXT, track_id INTEGER,
    label TEXT, seq INTEGER, pts_s REAL, x REAL, y REAL);
CREATE TABLE IF NOT EXISTS visits (key TEXT PRIMARY KEY, camera TEXT, zone TEXT, track_id INTEGER, label TEXT,
    entered_seq INTEGER, entered_s REAL, entered TEXT, left_seq INTEGER, left_s REAL, "left" TEXT);
CREATE TABLE IF NOT EXISTS users (camera TEXT, track_id INTEGER, label TEXT, first_pts_s REAL, last_pts_s REAL,
    path BLOB, PRIMARY KEY (camera, track_id));
CREATE TABLE IF NOT EXISTS ledger (camera TEXT PRIMARY KEY, decoded INTEGER, detected INTEGER, predicted INTEGER,
    quiet INTEGER, skipped TEXT, in_flight INTEGER, problems TEXT);
CREATE TABLE IF NOT EXISTS clocks (camera TEXT, pts_s REAL, utc_s REAL, source TEXT, PRIMARY KEY (camera, pts_s));
CREATE TABLE IF NOT EXISTS gaps (camera TEXT, from_s REAL, to_s REAL, from_utc_s REAL, to_utc_s REAL, reason TEXT,
    PRIMARY KEY (camera, from_s));
CREATE VIEW IF NOT EXISTS crossings_utc AS
    SELECT c.*, k.utc_s + c.pts_s - k.pts_s AS utc_s, k.source AS time_source FROM crossings c LEFT JOIN clocks k
    ON k.camera = c.camera AND k.pts_s =
        (SELECT MAX(pts_s) FROM clocks WHERE camera = c.camera AND pts_s <= MAX(c.pts_s, 0));
CREATE TABLE IF NOT EXISTS notes (utc REAL, camera TEXT, kind TEXT, text TEXT, pts_s REAL);
CREATE TABLE IF NOT EXISTS checkpoints (camera TEXT PRIMARY KEY, body BLOB, rows TEXT);
CREATE TABLE IF NOT EXISTS sources (camera TEXT PRIMARY KEY, body TEXT);
"""
REWOUND = ("crossings", "visits", "users", "notes")
"""Tables whose rows of after a checkpoint go when the lane goes back to it."""

RESTART = "restart"  # the kind of the notes that say that a lane went back

Rows = tuple[str, list[tuple]]
"""A statement, and the rows that it is executed with."""

Path3 = tuple[tuple[float, float, float], ...]


class RoadUser(msgspec.Struct, frozen=True):
    """One confirmed track from birth to end. path: (pts_s, x, y) of its ground point, thinned."""

    camera: str
    track_id: int
    label: str
    first_pts_s: float
    last_pts_s: float
    path: Path3


_PATH = msgspec.msgpack.Decoder(Path3)


class Store:
    """An open store. Writes wait in memory until commit(), so that the file is locked only for a moment and other
    workers can write it too. Errors of the disk become OutputError, and a damaged file SourceError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, timeout=10)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(SCHEMA)
            self._waiting: list[Rows] = []
            self._sealed: tuple[int, Checkpoint] | None = None  # how much of what waits belongs to which checkpoint
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def begin_run(self, version: str, config: str) -> None:
        self._write("INSERT INTO runs VALUES (?, NULL, ?, ?, 'running')", [(time.time(), version, config)])

    def resume_run(self) -> None:
        self._write("UPDATE runs SET finished_utc = NULL, status = 'running'", [()])

    def end_run(self, status: str) -> None:
        self._write("UPDATE runs SET finished_utc = ?, status = ?", [(time.time(), status)])

    def set_source(self, camera: str, body: bytes) -> None:
        """body: JSON, of whoever checks that a source is still the same."""
        self._write("INSERT OR REPLACE INTO sources VALUES (?,?)", [(camera, body)])

    def sources(self) -> dict[str, bytes]:
        return {row["camera"]: row["body"] for row in self._read("SELECT * FROM sources")}

    def add_crossings(self, crossings: Iterable[Crossing]) -> None:
        rows = [(c.key, *msgspec.structs.astuple(c)) for c in crossings]
        self._write("INSERT OR IGNORE INTO crossings VALUES (?,?,?,?,?,?,?,?,?,?)", rows)

    def set_visits(self, visits: Iterable[Visit]) -> None:
        """A visit is told when it begins and when it ends: the second replaces the first."""
        rows = [(visit.key, *msgspec.structs.astuple(visit)) for visit in visits]
        self._write("INSERT OR REPLACE INTO visits VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)

    def add_user(self, user: RoadUser) -> None:
        *head, path = msgspec.structs.astuple(user)
        self._write("INSERT OR REPLACE INTO users VALUES (?,?,?,?,?,?)", [(*head, msgspec.msgpack.encode(path))])

    def set_balance(self, b: Balance) -> None:
        skipped, problems = msgspec.json.encode(b.skipped), msgspec.json.encode(b.problems)
        row = (b.camera, b.decoded, b.detected, b.predicted, b.quiet, skipped, b.in_flight, problems)
        self._write("INSERT OR REPLACE INTO ledger VALUES (?,?,?,?,?,?,?,?)", [row])

    def add_clock(self, clock: Clock) -> None:
        self._write(
            "INSERT OR REPLACE INTO clocks VALUES (?,?,?,?)", [(clock.camera, clock.pts_s, clock.utc_s, clock.source)]
        )

    def set_gap(self, gap: Gap) -> None:
        """A gap is told when it begins and when it ends: the second replaces the first."""
        row = (gap.camera, gap.from_s, gap.to_s, gap.from_utc_s, gap.to_utc_s, gap.reason)
        self._write("INSERT OR REPLACE INTO gaps VALUES (?,?,?,?,?,?)", [row])

    def note(self, camera: str, kind: str, text: str, pts_s: float | None = None) -> None:
        self._write("INSERT INTO notes VALUES (?,?,?,?,?)", [(time.time(), camera, kind, text, pts_s)])

    def commit(self) -> None:
        """Write all that waits, in one transaction."""
        waiting, self._waiting, self._sealed = self._waiting, [], None
        self._execute(waiting)

    def seal(self, checkpoint: Checkpoint) -> None:
        """All that waits now belongs to this checkpoint; what is added later does not."""
        self._sealed = len(self._waiting), checkpoint

    def commit_sealed(self) -> None:
        """Write a sealed checkpoint and all that belongs to it in one transaction; nothing where there is none."""
        if self._sealed is None:
            return
        (count, checkpoint), self._sealed = self._sealed, None
        belongs, self._waiting = self._waiting[:count], self._waiting[count:]
        body = msgspec.msgpack.encode(checkpoint)
        last = ", ".join(f"'{t}', (SELECT COALESCE(MAX(rowid), 0) FROM {t})" for t in REWOUND)  # noqa: S608
        statement = f"INSERT OR REPLACE INTO checkpoints VALUES (?, ?, json_object({last}))"  # noqa: S608
        self._execute([*belongs, (statement, [(checkpoint.camera, body)])])

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting, self._sealed = [], None

    def checkpoint(self, camera: str) -> Checkpoint | None:
        """The last one of a camera; None where there is none yet."""
        rows = self._read("SELECT body FROM checkpoints WHERE camera = ?", camera)
        return msgspec.msgpack.decode(rows[0]["body"], type=Checkpoint) if rows else None

    def rewind(self, camera: str) -> None:
        """Forget what happened to a camera after its last checkpoint, also what still waits; not that it went back."""
        self.drop()
        rows = self._read("SELECT rows FROM checkpoints WHERE camera = ?", camera)
        last = msgspec.json.decode(rows[0]["rows"]) if rows else dict.fromkeys(REWOUND, 0)
        statements: list[Rows] = []
        for table in REWOUND:
            besides = f" AND kind != '{RESTART}'" if table == "notes" else ""
            statement = f"DELETE FROM {table} WHERE camera = ? AND rowid > ?{besides}"  # noqa: S608
            statements.append((statement, [(camera, last[table])]))
        self._execute(statements)

    def run(self) -> tuple[str, str, str]:
        """The configuration of the run as JSON, how it ended, and by which version it was begun. All empty before
        begin_run()."""
        rows = self._read("SELECT config, status, version FROM runs")
        return (rows[0]["config"], rows[0]["status"], rows[0]["version"]) if rows else ("", "", "")

    def config(self) -> str:
        """The configuration of the run as JSON; empty before begin_run()."""
        return self.run()[0]

    def crossings(self) -> list[Crossing]:
        """All crossings in order of time."""
        columns = ", ".join(Crossing.__struct_fields__)
        rows = self._read(f"SELECT {columns} FROM crossings ORDER BY pts_s, camera, line, track_id")  # noqa: S608
        return [Crossing(*row) for row in rows]

    def visits(self) -> list[Visit]:
        """All visits in order of time."""
        rows = self._read("SELECT * FROM visits ORDER BY entered_s, camera, zone, track_id")
        return [Visit(**{name: row[name] for name in Visit.__struct_fields__}) for row in rows]

    def users(self) -> list[RoadUser]:
        rows = self._read("SELECT * FROM users ORDER BY camera, track_id")
        return [msgspec.convert({**row, "path": _PATH.decode(row["path"])}, RoadUser) for row in rows]

    def balances(self) -> list[Balance]:
        rows = self._read("SELECT * FROM ledger ORDER BY camera")
        decode = msgspec.json.decode
        return [
            msgspec.convert({**row, "skipped": decode(row["skipped"]), "problems": decode(row["problems"])}, Balance)
            for row in rows
        ]

    def notes(self, kind: str) -> list[tuple[str, str]]:
        """(camera, text) of the notes of a kind, oldest first."""
        rows = self._read("SELECT camera, text FROM notes WHERE kind = ? ORDER BY utc", kind)
        return [(row["camera"], row["text"]) for row in rows]

    def clocks(self) -> list[Clock]:
        """Which time of day held from which pts_s on, by camera, in order."""
        rows = self._read("SELECT * FROM clocks ORDER BY camera, pts_s")
        return [msgspec.convert({**row, "epoch": 0}, Clock) for row in rows]

    def gaps(self) -> list[Gap]:
        """The times in which cameras were not seen, in order."""
        rows = self._read("SELECT * FROM gaps ORDER BY camera, from_s")
        return [msgspec.convert({**row, "epoch": 0}, Gap) for row in rows]

    def close(self) -> None:
        self.commit()
        self._db.close()

    def _read(self, statement: str, *values: object) -> list[sqlite3.Row]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error, "read") from error

    def _write(self, statement: str, rows: list[tuple]) -> None:
        self._waiting.append((statement, rows))

    def _execute(self, statements: list[Rows]) -> None:
        try:
            with self._db:
                for statement, rows in statements:
                    self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error, done: str = "written") -> RoadtallyError:
        """OperationalError is the system's no; all others say that this is no sound store."""
        if isinstance(error, sqlite3.OperationalError):
            return OutputError.refused(self._path, done, error, "is the disk full, or the folder read-only?")
        fix = "a power cut or a bad disk does that: the run must be made again"
        return SourceError(str(self._path), f"is damaged: {words_of(error)}", fix)
