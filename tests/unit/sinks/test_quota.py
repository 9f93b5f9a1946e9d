"""What goes when runs take too much disk, and what never does."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from stream.config.file import parse
from stream.config.schema import Config
from stream.errors import OutputError
from stream.plan.cameras import Retention
from stream.records.ledger import Balance
from stream.records.store import STORE, Store
from stream.results.folder import begin
from stream.sinks.quota import Kept, Quota, outdated, tidy
from stream.sinks.shelf import GB, Shelf, recordings_of

DAY_S = 86400.0
NOW_S = 1000 * DAY_S
SIZE = 10_000_000  # bytes of each large file of a run, all holes; a store takes a hundredth
LARGE = ("original-20260101T000000Z.mp4", "original-20260101T001000Z.mp4", "strips/1_A_00000min.png", "background.png",
         "trajectories.arrow", "tracks.txt")  # fmt: skip
KEPT = ("crossings.csv", "movements.csv", "visits.csv", "run.json", "recordings.csv", STORE)


def configure(folder: Path, **output: float) -> Config:
    return parse({"cameras": [{"source": "rtsp://c/s", "name": "cam"}], "output": {"dir": folder, **output}}, "here")


def make_large(path: Path, size: int = SIZE) -> None:
    path.touch()
    os.truncate(path, size)


def a_run(folder: Path, config: Config, age_days: float, decoded: int = 100) -> None:
    """Begins as every run does, and leaves what a run of so many days ago leaves."""
    begin(folder, config)
    with closing(Store(folder / STORE)) as store:
        store.set_balance(Balance("cam", decoded, decoded, 0, 0, {}, 0))
    with closing(Shelf(folder, "original")) as shelf:
        for k, when in enumerate(("20260101T000000Z", "20260101T001000Z")):
            make_large(shelf.place(600.0 * k, when))
    (folder / "strips").mkdir()
    for name in LARGE[2:]:
        make_large(folder / name)
    for name in KEPT[:4]:
        (folder / name).write_text("kept")
    for k, path in enumerate([*map(folder.joinpath, (*LARGE, *KEPT))]):
        os.utime(path, (time.time() - age_days * DAY_S + k, time.time() - age_days * DAY_S + k))


def large_in(folder: Path) -> list[str]:
    return sorted(name for name in LARGE if (folder / name).exists())


def runs_before(folder: Path) -> list[Path]:
    """The oldest first."""
    return sorted((folder / "previous").iterdir())


@pytest.mark.parametrize(
    ("quota_gb", "keep_days", "sizes_gb", "ages_days", "gone"),
    [
        (0, 0, [5, 5, 5], [300, 200, 100], []),
        (10, 0, [5, 4, 3, 2], [4, 3, 2, 1], [0]),
        (10, 0, [5, 4, 6, 5], [4, 3, 2, 1], [0, 1, 2]),
        (0, 2, [1, 1, 1], [3, 2.1, 1.9], [0, 1]),
        (3, 2, [9, 2, 2], [3, 1, 0.5], [0, 1]),
        (1, 0, [5], [0.1], [0]),
        (10, 0, [1, 9, 5], [1, 2, 3], [2]),
    ],
)
def test_oldest_go_when_there_is_too_much(
    quota_gb: float, keep_days: float, sizes_gb: list[float], ages_days: list[float], gone: list[int]
) -> None:
    files = [
        Kept(Path(str(k)), round(size * GB), NOW_S - age * DAY_S)
        for k, (size, age) in enumerate(zip(sizes_gb, ages_days, strict=True))
    ]
    found = outdated(files, Retention(600, quota_gb, keep_days), NOW_S)
    assert sorted(int(kept.path.name) for kept in found) == gone


def test_disk_does_not_fill_when_a_service_starts_anew_every_night(tmp_path: Path) -> None:
    """Each start left a folder that nobody tidied: a disk filled within weeks."""
    config = configure(tmp_path, quota_gb=14.5 * SIZE / GB)
    for age_days in (5, 4, 3, 2, 1):
        a_run(tmp_path, config, age_days)
    begin(tmp_path, config)
    runs = runs_before(tmp_path)
    assert len(runs) == 5
    assert [len(large_in(run)) for run in runs] == [0, 0, 2, 6, 6]
    assert large_in(runs[2]) == ["tracks.txt", "trajectories.arrow"], "of a run, what was written first goes first"
    assert all((run / name).stat().st_size for run in runs for name in KEPT), "counts stay"
    assert not (runs[0] / "strips").exists()


def test_all_stays_when_nothing_was_asked_for(tmp_path: Path) -> None:
    config = configure(tmp_path)
    for age_days in (3000, 2000):
        a_run(tmp_path, config, age_days)
    begin(tmp_path, config)
    assert [len(large_in(run)) for run in runs_before(tmp_path)] == [len(LARGE)] * 2


def test_old_ones_go_when_days_are_limited(tmp_path: Path) -> None:
    config = configure(tmp_path, keep_days=10)
    for age_days in (30, 11, 9):
        a_run(tmp_path, config, age_days)
    begin(tmp_path, config)
    assert [len(large_in(run)) for run in runs_before(tmp_path)] == [0, 0, len(LARGE)]


def test_nothing_goes_that_roadtally_did_not_write(tmp_path: Path) -> None:
    config = configure(tmp_path, quota_gb=1e-9)
    a_run(tmp_path, config, 3)
    mine = ["notes.txt", "previous/notes.txt", "previous/mine/tracks.txt", "original-mine.mp4", "strips/mine.png",
            "other/tracks.txt", "other/strips/1_A_00000min.png", "other/original-20260101T000000Z.mp4"]  # fmt: skip
    for name in mine:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_large(tmp_path / name)
    another = tmp_path / "another-run"
    a_run(another, configure(another), 3)
    begin(tmp_path, config)
    begin(tmp_path, config)
    mine[4] = str(next(tmp_path.glob("previous/*/strips/mine.png")).relative_to(tmp_path))  # with the strips around it
    assert [name for name in mine if not (tmp_path / name).exists()] == []
    assert len(large_in(another)) == len(LARGE), "a run in a folder below is another's"


def test_what_went_is_told_when_something_did(tmp_path: Path) -> None:
    config = configure(tmp_path, quota_gb=5.5 * SIZE / GB)
    for age_days in (2, 1):
        a_run(tmp_path, config, age_days)
    begin(tmp_path, config)
    with closing(Store(tmp_path / STORE)) as store:
        ((camera, text),) = store.notes("tidied")
    assert camera == "" and text.startswith("removed 6 old files, 60.0 MB, of 20") and "quota_gb 0.055" in text


def test_closed_files_go_and_the_open_one_stays_when_a_camera_records_on(tmp_path: Path) -> None:
    config = configure(tmp_path, quota_gb=1e-9)
    a_run(tmp_path, configure(tmp_path), 0)
    quota = Quota(tmp_path, Retention(600, config.output.quota_gb, 0))
    gone: list[Kept] = []
    deadline_s = time.monotonic() + 10
    while not gone and time.monotonic() < deadline_s:
        gone += quota.look()
    quota.close()
    assert {kept.path.name for kept in gone} == {"original-20260101T000000Z.mp4", "1_A_00000min.png"}
    assert large_in(tmp_path) == sorted([LARGE[1], *LARGE[3:]])
    assert (tmp_path / "strips").is_dir(), "the next strip goes there"
    with closing(Store(tmp_path / STORE)) as store:
        assert len(store.notes("tidied")) == 1


def test_tracks_of_the_run_at_work_count_when_the_quota_is_looked_at(tmp_path: Path) -> None:
    a_run(tmp_path, configure(tmp_path), 1)
    begin(tmp_path, configure(tmp_path))
    make_large(tmp_path / "trajectories.arrow", 3 * SIZE)
    assert len(tidy(tmp_path, Retention(600, 9.5 * SIZE / GB, 0), time.time())) == 0
    assert len(tidy(tmp_path, Retention(600, 5.5 * SIZE / GB, 0), time.time())) == 4


def test_folders_of_cameras_are_tidied_when_there_are_several(tmp_path: Path) -> None:
    config = parse(
        {
            "cameras": [{"source": f"rtsp://c/{name}", "name": name} for name in ("north", "south")],
            "output": {"dir": tmp_path, "quota_gb": 3.5 * SIZE / GB},
        },
        "here",
    )
    begin(tmp_path, config)
    with closing(Store(tmp_path / STORE)) as store:
        store.set_balance(Balance("north", 100, 100, 0, 0, {}, 0))
    for k, name in enumerate(("north", "south")):
        (tmp_path / name).mkdir()
        for j, large in enumerate(("tracks.txt", "trajectories.arrow")):
            path = tmp_path / name / large
            make_large(path)
            os.utime(path, (1e9 + 2 * k + j,) * 2)
    begin(tmp_path, config)
    begin(tmp_path, config)  # which is the first to find four in runs of before
    left = sorted(path.relative_to(tmp_path).parts[2:] for path in tmp_path.glob("previous/*/*/t*"))
    assert left == [("north", "trajectories.arrow"), ("south", "tracks.txt"), ("south", "trajectories.arrow")]


def test_no_folder_is_left_when_a_run_before_saw_nothing(tmp_path: Path) -> None:
    """A service that cannot open its detector starts every ten seconds."""
    config = configure(tmp_path)
    for _ in range(3):
        begin(tmp_path, config)
        (tmp_path / "run.json").write_text("{}")
        (tmp_path / "tracks.txt").touch()
        (tmp_path / "strips").mkdir()
    (tmp_path / STORE).write_bytes(b"")  # of a start on a full disk
    begin(tmp_path, config)
    assert not (tmp_path / "previous").exists()
    with closing(Store(tmp_path / STORE)) as store:
        assert store.run()[1] == "running"


def test_tracks_are_kept_when_a_power_cut_has_emptied_the_store_beside_them(tmp_path: Path) -> None:
    config = configure(tmp_path)
    a_run(tmp_path, config, 1)
    (tmp_path / STORE).write_bytes(b"")
    begin(tmp_path, config)
    assert large_in(runs_before(tmp_path)[0]) == sorted(LARGE)


def test_recordings_are_listed_when_a_full_disk_took_half_of_a_row(tmp_path: Path) -> None:
    with closing(Shelf(tmp_path, "original")) as shelf:
        first = shelf.place(1.5, "20260101T000000Z")
    with (tmp_path / "recordings.csv").open("a") as index:
        index.write("original-20260101T0010")
    assert recordings_of(tmp_path) == [(first, 1.5)]


def test_all_is_left_as_it_is_when_a_file_has_the_name_of_a_folder(tmp_path: Path) -> None:
    a_run(tmp_path, configure(tmp_path), 1)
    begin(tmp_path, configure(tmp_path))
    (tmp_path / "strips").touch()
    (runs_before(tmp_path)[0] / "buffer").touch()
    assert len(tidy(tmp_path, Retention(600, 1e-9, 0), time.time())) == len(LARGE)
    assert (runs_before(tmp_path)[0] / "buffer").exists() and (tmp_path / "strips").exists()


def test_error_says_which_file_when_it_cannot_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_run(tmp_path, configure(tmp_path), 1)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match=r"original-20260101T000000Z.mp4: cannot be removed: Permission denied"):
        tidy(tmp_path, Retention(600, 1e-9, 0), time.time())
