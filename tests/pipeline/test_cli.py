"""What a person meets at the command line: one message for each mistake, files that play after an interrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import av
import pytest

from models.registry import weights_path
from stream.records.claim import RUN_LOCK, Claim
from stream.records.store import Store
from tests.blobs import GO, LINE, blob_clip
from tests.build import make_sound
from tests.pipeline.runs import leftovers, picture_times_s, rows, workers_of

ROOT = Path(__file__).resolve().parents[2]
BLOBS = ("--weights", "tests.blobs:BlobDetector")
SLOW = ("--weights", "tests.blobs:SlowBlobDetector")
HELD = ("--weights", "tests.blobs:HeldBlobDetector")
SLOW_S = 100.0  # as long as a busy machine may take


def roadtally(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stream.cli", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=SLOW_S)
    assert "Traceback" not in out + err, err
    assert leftovers(process.pid) == []
    return process.returncode, out + err


def test_counts_are_shown_when_a_clip_is_run(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4")
    code, text = finish(roadtally("run", str(clip), "--line", LINE, *BLOBS, "--out", str(tmp_path / "out")))
    assert code == 0, text
    assert len(rows(tmp_path / "out")) == 3
    assert "crossings.csv" in text and "decoded" in text


def test_names_in_brackets_are_shown_when_a_run_ends(tmp_path: Path) -> None:
    """They were taken for mark-up: [red] was not shown, and [/north] ended the run with a traceback."""
    clip = blob_clip(tmp_path / "road.mp4", frames=20)
    lines = [option for name in ("[red]", "[/north]") for option in ("--line", f"{name}{LINE[1:]}")]
    out = tmp_path / "[bold]out"
    code, text = finish(roadtally("run", str(clip), "--inline", "--no-video", *BLOBS, *lines, "--out", str(out)))
    assert code == 0, text
    assert "[red]" in text and "[/north]" in text and "[bold]out" in text


@pytest.mark.parametrize("out", ["ascii", "closed"])
def test_run_ends_well_when_the_output_takes_no_signs(out: str, tmp_path: Path) -> None:
    """The counts were there, then a traceback: of a sign that the terminal does not know, or of no output at all."""
    clip = blob_clip(tmp_path / "road.mp4", frames=20)
    words = (
        "run",
        str(clip),
        "--inline",
        "--no-video",
        *BLOBS,
        "--line",
        f"süd{LINE[1:]}",
        "--out",
        str(tmp_path / "out"),
    )
    shell = 'exec "$@" >&-' if out == "closed" else 'PYTHONIOENCODING=ascii exec "$@"'
    command = ["sh", "-c", shell, "sh", sys.executable, "-m", "stream.cli", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SLOW_S)
    assert (done.returncode, done.stderr) == (0, "")


def test_line_is_suggested_when_none_is_given(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4")
    code, text = finish(roadtally("run", str(clip), "--inline", *BLOBS, "--out", str(tmp_path / "out")))
    assert code == 0, text
    assert "moving road users" in text
    _, _, pasted = text.partition("lines across the flows: ")
    suggested = pasted.splitlines()[0].split()
    code, _ = finish(roadtally("run", str(clip), "--inline", *BLOBS, *suggested, "--out", str(tmp_path / "again")))
    assert code == 0
    assert len(rows(tmp_path / "again")) == 3


def test_second_run_is_refused_at_once_when_one_has_the_folder(tmp_path: Path) -> None:
    """It waited for the workers of the first, and moved files aside before the first had written the last."""
    clip, out = blob_clip(tmp_path / "road.mp4", frames=3), tmp_path / "out"
    with closing(Claim(out, 0, RUN_LOCK)):
        code, text = finish(roadtally("run", str(clip), "--inline", *BLOBS, "--out", str(out)))
    assert (code, "another run is writing into it" in text) == (5, True), text
    assert [path.name for path in out.iterdir()] == [RUN_LOCK]


def wait_for_video(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until the recording has its first whole second: then the run is under way in every stage."""
    deadline_s = time.monotonic() + SLOW_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with contextlib.suppress(OSError, av.FFmpegError):
            if picture_times_s(folder / "annotated.mp4"):
                return
        time.sleep(0.1)
    raise AssertionError("the run never got under way")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_partial_counts_are_kept_when_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4", frames=400)
    process = roadtally("run", str(clip), "--line", LINE, *SLOW, "--out", str(tmp_path / "out"))
    wait_for_video(tmp_path / "out", process)
    process.send_signal(number)
    code, text = finish(process)
    assert code == 130, text
    store = Store(tmp_path / "out" / "events.sqlite")
    (balance,) = store.balances()
    store.close()
    assert 0 < balance.decoded < 400 and balance.in_flight == 0
    assert len(picture_times_s(tmp_path / "out" / "annotated.mp4")) == balance.detected
    assert "stopped before the end" in text


def test_run_ends_at_once_when_interrupted_twice(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4", frames=400)
    process = roadtally("run", str(clip), "--line", LINE, *SLOW, "--out", str(tmp_path / "out"))
    wait_for_video(tmp_path / "out", process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert picture_times_s(tmp_path / "out" / "annotated.mp4")
    code, text = finish(roadtally("run", "--resume", str(tmp_path / "out")))
    assert code == 0 and "since it was resumed" in text, text
    assert "frames a second" not in text  # it was all pictures by the seconds of the last start


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the pids of workers are read from /proc")
@pytest.mark.parametrize(("order", "stage"), [(0, "decode"), (1, "detect"), (2, "track+record")])
def test_run_goes_on_and_says_so_when_a_stage_is_killed(
    order: int, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GO, str(tmp_path / "go"))
    clip = blob_clip(tmp_path / "road.mp4", frames=160)
    process = roadtally("run", str(clip), "--line", LINE, *HELD, "--out", str(tmp_path / "out"))
    wait_for_video(tmp_path / "out", process)
    victims = workers_of(process.pid)
    os.kill(victims[order], signal.SIGKILL)
    (tmp_path / "go").touch()
    code, text = finish(process)
    assert code == 0, text
    assert f"stage {stage} was killed by SIGKILL: it was started again" in text
    assert len(picture_times_s(tmp_path / "out" / "annotated.mp4")) == 160
    assert not any(Path(f"/proc/{pid}").exists() for pid in victims)


def mistakes(folder: Path) -> dict[str, tuple[list[str], int, str]]:
    clip = str(blob_clip(folder / "road.mp4", frames=3))
    (folder / "text.mp4").write_text("this is no video")
    (folder / "empty.mp4").write_bytes(b"")
    make_sound(folder / "sound.mp4")
    (folder / "bad.yaml").write_text(f"cameras:\n  - source: {clip}\n    colour: red\n")
    (folder / "file").write_text("a file, not a folder")
    return {
        "no such file": (["run", str(folder / "none.mp4")], 3, "none.mp4"),
        "no video": (["run", str(folder / "text.mp4")], 3, "text.mp4"),
        "an empty file": (["run", str(folder / "empty.mp4")], 3, "empty.mp4"),
        "a folder": (["run", str(folder)], 3, "got a directory"),
        "sound only": (["run", str(folder / "sound.mp4")], 3, "video"),
        "a line of three": (["run", clip, "--line", "A:1,2,3"], 2, "expected NAME:x1,y1,x2,y2"),
        "a line outside": (["run", clip, "--line", "A:10,10,5000,10"], 2, "outside the picture"),
        "a line at the border": (["run", clip, "--line", "A:0,0.999,1,0.999"], 2, "border"),
        "an unknown key": (["check", str(folder / "bad.yaml")], 2, "colour"),
        "an unknown setting": (["run", clip, "--set", "detector.colour=red"], 2, "colour"),
        "an unknown model": (["run", clip, "--weights", "yolo99"], 4, "yolo99"),
        "a folder that is a file": (["run", clip, *BLOBS, "--out", str(folder / "file")], 5, "file"),
        "a name that is no text": (["run", str(folder / "ro\udcffd.mp4")], 2, "expected text in UTF-8"),
        "no configuration": (["run", str(folder / "none.yaml")], 2, "none.yaml"),
    }


def test_message_says_what_to_do_when_a_person_errs(tmp_path: Path) -> None:
    for name, (arguments, expected, words) in mistakes(tmp_path).items():
        if arguments[0] == "run" and "--out" not in arguments:
            arguments = [*arguments, "--out", str(tmp_path / "out"), "--inline"]
        code, text = finish(roadtally(*arguments))
        assert (code, words in text) == (expected, True), f"{name}: exit code {code}\n{text}"


def test_no_count_is_shown_when_a_run_failed_before_its_first_picture(tmp_path: Path) -> None:
    """A table of zeros and an empty crossings.csv: weights that failed looked like an empty road."""
    clip, out, weights = blob_clip(tmp_path / "road.mp4", frames=3), tmp_path / "out", tmp_path / "mine.safetensors"
    content = bytearray(weights_path("roadtally-nano").read_bytes())
    content[-1] ^= 1  # seen only when the detector is opened
    weights.write_bytes(content)
    asked = ("--line", LINE, "--weights", str(weights), "--inline", "--out", str(out))
    code, text = finish(roadtally("run", str(clip), *asked))
    assert code == 4, text
    assert "do not match their sha256" in text and "crossings" not in text
    assert not (out / "crossings.csv").exists() and (out / "run.json").exists()


@pytest.mark.parametrize(
    "weights", ["{0}/none.safetensors", "{0}/half.safetensors", "{0}/none.yaml", "ssd300_vgg16:{0}/none.pth", "yolo99"]
)
def test_nothing_is_written_when_the_weights_are_not_there_or_not_whole(weights: str, tmp_path: Path) -> None:
    """The run began, moved the results before to previous/, and found it then; `check` called it all well."""
    clip, out, config = blob_clip(tmp_path / "road.mp4", frames=3), tmp_path / "out", tmp_path / "road.yaml"
    (tmp_path / "half.safetensors").write_bytes(weights_path("roadtally-nano").read_bytes()[:10_000])
    model = weights.format(tmp_path)
    code, text = finish(roadtally("run", str(clip), "--line", LINE, "--weights", model, "--out", str(out)))
    assert (code, out.exists()) == (4, False), text
    cameras = f"[{{source: {clip}}}, {{source: {tmp_path}/gone.mp4}}]"
    config.write_text(f"cameras: {cameras}\ndetector: {{model: '{model}'}}\n")
    code, text = finish(roadtally("check", str(config)))
    assert code == 4 and "2 problems" in text and "gone.mp4" in text, text


def test_plan_is_shown_when_checked(tmp_path: Path) -> None:
    clip = blob_clip(tmp_path / "road.mp4", frames=3)
    code, text = finish(roadtally("check", str(clip)))
    assert code == 0, text
    for words in ("decode", "detect", "track+record", "ipc://", "shared memory"):
        assert words in text


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("stream.cli", ("typer", "stream.commands")),  # every worker imports it again
        ("stream.commands.app", ("numpy", "av", "pydantic", "urllib.request")),  # --help is to be quick
    ],
)
def test_what_is_slow_is_not_loaded_when_the_program_begins(module: str, spared: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(set({spared}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
