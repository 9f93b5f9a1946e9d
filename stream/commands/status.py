"""How a run stands: the same figures as /healthz, in the terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table
    from rich.text import Text

    from stream.running.health import CameraHealth, Health

WAIT_S = 5.0  # for an answer

HEADINGS: dict[str, JustifyMethod] = {
    "camera": "left",
    "state": "left",
    **dict.fromkeys(("fps", "event ms", "video ms", "in flight", "reconnects", "unseen s"), "right"),
    **dict.fromkeys(("skipped", "point", "counted", "notices"), "left"),
}


def status(
    where: Annotated[
        str,
        typer.Argument(
            metavar="URL|DIR",
            help="Address of a run's health server, or the folder of a run; else the newest in runs/.",
        ),
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks of --watch.")] = 2.0,
) -> None:
    """Show how the cameras of a run stand; the exit code is 1 where one does not deliver."""
    from rich.live import Live

    from stream.commands.console import console

    where = where or newest_run(Path("runs"))
    health = read_health(where)
    if not watch:
        console.print(health_table(health, console.width))
        raise typer.Exit(0 if health.healthy else 1)
    try:
        with Live(health_table(health, console.width), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(health_table(read_health(where), console.width), refresh=True)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def newest_run(folder: Path) -> str:
    """The run in the folder that was begun or has ended last; the folder itself where it holds none."""
    from stream.running.health_server import ADDRESS

    told = [path for path in folder.glob("*/*") if path.name in (ADDRESS, "run.json")]
    return str(max(told, key=lambda path: path.stat().st_mtime).parent if told else folder)


def read_health(where: str) -> Health:
    """Of a running run by address or folder; of a finished one from its run.json. Raises SourceError."""
    from stream.errors import SourceError
    from stream.records.store import STORE
    from stream.running.health_server import ADDRESS

    if where.startswith("http://"):
        return _ask(where.rstrip("/").removesuffix("/healthz"), "is the run still going on?")
    folder = Path(where)
    resume = f"if the run was cut off, `roadtally run --resume {where}` goes on with it"
    if (folder / ADDRESS).exists():
        return _ask((folder / ADDRESS).read_text(encoding="utf-8").strip(), resume)
    if (folder / "run.json").exists():
        return _finished(folder / "run.json")
    if (folder / STORE).exists():
        what = "holds a run that has not ended, and no address to ask: a run of files is served with --port"
        raise SourceError(where, what, resume)
    what = "holds no run that has ended, nor the address of one that goes on"
    raise SourceError(where, what, "give the run's --out, or http://HOST:PORT; a run of files is served with --port")


def health_table(health: Health, width: int) -> Table:
    """One row a camera; where that is wider than the terminal, one column a camera."""
    from rich.console import Console

    rows = [_cells(camera) for camera in health.cameras]
    table = _frame(health)
    for heading, justify in HEADINGS.items():
        table.add_column(heading, justify=justify)
    for row in rows:
        table.add_row(*row)
    if Console(width=10 * width, markup=False).measure(table).maximum <= width:
        return table
    turned = _frame(health)
    turned.show_header = False
    for heading, *cells in zip(HEADINGS, *rows, strict=True):
        turned.add_row(heading, *cells)
    return turned


def _frame(health: Health) -> Table:
    from rich.table import Table

    title, style = ("healthy", None) if health.healthy else (health.why, "red")
    caption = "latency: p50/p95/max" if any(camera.latency_s for camera in health.cameras) else None
    return Table(title=title, title_style=style, title_justify="left", caption=caption)


def _cells(camera: CameraHealth) -> tuple[str | Text, ...]:
    """What stands under HEADINGS."""
    from rich.text import Text

    latencies = [
        "/".join(f"{1000 * camera.latency_s[to][figure]:.0f}" for figure in ("p50", "p95", "max"))
        if to in camera.latency_s
        else ""
        for to in ("event", "video")
    ]
    passed = {"passed over": camera.passed_over} if camera.passed_over else {}
    return (
        camera.camera,
        Text(camera.state, "" if camera.healthy else "red"),
        f"{camera.fps:.1f}",
        *latencies,
        str(camera.in_flight),
        str(camera.reconnects),
        f"{camera.unseen_s:.0f}",
        _numbers({**camera.skipped, **passed}),
        camera.operating_point,
        _numbers(camera.crossings),
        _numbers(camera.notices),
    )


def _numbers(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in numbers.items()) or "0"


def _ask(url: str, fix: str) -> Health:
    import urllib.error
    import urllib.request

    import msgspec

    from stream.errors import SourceError
    from stream.running.health import Health

    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=WAIT_S) as answer:  # noqa: S310 - http:// was seen to
            body = answer.read()
    except urllib.error.HTTPError as error:  # 503: it answers, and something is wrong
        body = error.read()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise SourceError(url, f"does not answer: {reason}", fix) from error
    try:
        return msgspec.json.decode(body, type=Health)
    except msgspec.DecodeError as error:
        raise SourceError(url, f"expected the health of a run, got something else: {error}") from error


def _finished(path: Path) -> Health:
    import msgspec

    from stream.running.health import Health, figures

    run = msgspec.json.decode(path.read_bytes())
    busy_s = max(run["wall_s"] - run["open_s"], 1e-9)
    cameras = []
    for camera in run["cameras"]:
        values = run["metrics"]
        frames = values.get(f'roadtally_frames_total{{camera="{camera["name"]}"}}', 0.0)
        cameras.append(figures(camera["name"], values, "ended", f"the run has {run['status']}", frames / busy_s))
    return Health(run["error"] is None, run["error"] or "", tuple(cameras))
