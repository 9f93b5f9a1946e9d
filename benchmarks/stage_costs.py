"""What a frame costs in each stage, alone on one core, and how much of the machine the pipeline turns into frames.

    python benchmarks/stage_costs.py clip.mp4 --weights yolox_nano.onnx

Each stage object of the pipeline is fed alone, on one core with one thread; cost is processor time a frame, so other
programs disturb it little. A hop is one message over an edge: encoded, sent, received, decoded, slot checked.
Pipeline efficiency is fps / (cores / sum of the costs) of the run with all stages: 1 means that no core ever waited and
that nothing was spent between the stages.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec
import zmq
from clips import CLIPS, read_lines
from timing import line_options, machine, markdown, middle, run_roadtally

from stream.config.file import parse
from stream.messages import Decoded, EndOfStream, Message
from stream.metrics import Metrics
from stream.plan.topology import WorkerPlan
from stream.running.launch import look, planned
from stream.stages import Stage, open_stage
from stream.stages.decode import Decode
from stream.transport.edge import CreditInlet, CreditOutlet, Inlet, Outlet
from stream.transport.ring import Ring, RingSpec, SlotPool, local_slots
from stream.video import VideoReader

KEPT = 200  # pictures that the stages after the decoder are measured on


def decode_cost(work: WorkerPlan) -> tuple[float, float, list[Decoded]]:
    """(ms a frame of decoding alone, of the whole stage, some messages with pixels of their own)."""
    camera = work.cameras[0]
    started_s, frames = time.process_time(), 0
    with VideoReader(camera.source) as reader:
        frames = sum(1 for _ in reader)
    alone_ms = 1000 * (time.process_time() - started_s) / frames
    kept: list[Decoded] = []
    pool = SlotPool(local_slots(4, camera.layout))
    stage = Decode(camera, work.sources[camera.name], pool, Metrics())
    started_s, copied_s = time.process_time(), 0.0
    while not stage.ended:
        message = stage.next()
        if not isinstance(message, Decoded):  # a checkpoint, the end
            continue
        before_s = time.process_time()
        if len(kept) < KEPT:
            kept.append(_own_pixels(message))
        pool.give_back(message.frame.epoch, message.frame.slot)
        copied_s += time.process_time() - before_s
    whole_ms = 1000 * (time.process_time() - started_s - copied_s) / frames
    stage.close()
    return alone_ms, whole_ms, kept


def stage_cost(name: str, work: WorkerPlan, messages: Sequence[Message]) -> tuple[float, list[Message]]:
    """(ms a frame, what came out) of one stage."""
    stage = open_stage(name, work, Metrics())
    if name == "detect":
        _drive(stage, messages[:1])  # the first pass makes the buffers
    started_s = time.process_time()
    out = _drive(stage, messages)
    cost_ms = 1000 * (time.process_time() - started_s) / len(messages)
    stage.close()
    return cost_ms, out


def _drive(stage: Stage, messages: Sequence[Message]) -> list[Message]:
    out: list[Message] = []
    for message in messages:
        out += stage.process(message)
    while len(out) < len(messages):
        time.sleep(stage.wait_s or 0)
        out += stage.poll()
    return out


def hop_cost(work: WorkerPlan, messages: list[Message]) -> float:
    """ms of one message by handle from one worker to the next."""
    camera = work.cameras[0]
    ring = Ring.create(RingSpec(f"roadtally-bench-{os.getpid()}", 1, camera.layout))
    context = zmq.Context()
    with tempfile.TemporaryDirectory() as folder:
        inlet = Inlet(context, f"ipc://{folder}/hop", {camera.name: ring})
        outlet = Outlet(context, f"ipc://{folder}/hop", carries_pixels=False)

        def one(message: Message) -> None:
            assert not isinstance(message, EndOfStream)
            ring.slots[0].stamp[:] = message.frame.epoch, message.frame.seq
            framed = msgspec.structs.replace(message, frame=msgspec.structs.replace(message.frame, slot=0))
            outlet.send(framed, lambda: False)
            while inlet.receive() is None:
                inlet.socket.poll(100)

        cost_ms = _repeated_ms(one, messages)
        outlet.close()
        inlet.close()
    context.term()
    ring.close()
    return cost_ms


def credit_cost(times: int = 500) -> float:
    """ms of returning one slot."""
    context = zmq.Context()
    with tempfile.TemporaryDirectory() as folder:
        inlet = CreditInlet(context, f"ipc://{folder}/credit")
        outlet = CreditOutlet(context, f"ipc://{folder}/credit")

        def one(slot: int) -> None:
            outlet.give(0, slot)
            while not inlet.take(0.1):
                pass

        cost_ms = _repeated_ms(one, list(range(times)))
        outlet.close()
        inlet.close()
    context.term()
    return cost_ms


def _repeated_ms(one: Callable[..., None], items: list) -> float:
    one(items[0])
    started_s = time.process_time()
    for item in items:
        one(item)
    return 1000 * (time.process_time() - started_s) / len(items)


def _own_pixels(message: Decoded) -> Decoded:
    yuv = None if message.yuv is None else message.yuv.copy()
    tensor = None if message.tensor is None else message.tensor.copy()
    return msgspec.structs.replace(message, yuv=yuv, tensor=tensor)


def isolated_costs(given: argparse.Namespace, lines: list[str], folder: Path) -> dict[str, float]:
    """ms a frame by stage, in order; "decoding alone" is a part of "decode" and not to be added to it."""
    named = dict(text.split(":", 1) for text in lines)
    camera = {"source": str(given.clip), "lines": {k: [float(n) for n in v.split(",")] for k, v in named.items()}}
    config = parse(
        {
            "cameras": [camera],
            "detector": {"model": str(given.weights), "threads": 1},
            "output": {"dir": str(folder), "record": "none" if given.no_video else "annotated"},
            "placement": {"mode": "inline"},
        },
        str(given.clip),
    )
    with planned(config, look(config)) as plan:
        work = plan.workers[0]
        alone_ms, decode_ms, decoded = decode_cost(work)
        detect_ms, detected = stage_cost("detect", work, decoded)
        track_ms, counted = stage_cost("track", work, detected)
        record_ms, _ = stage_cost("record", work, counted)
        edges: list[list[Message]] = [list(decoded), detected]
        hops_ms = sum(hop_cost(work, messages) for messages in edges) + credit_cost()
    return {
        "decoding alone": alone_ms,
        "decode (with tensor and YUV copy)": decode_ms,
        "detect (network, post-processing, letterbox)": detect_ms,
        "track and count": track_ms,
        "record (draw, encode, store)": record_ms,
        "two hops and a credit": hops_ms,
    }


def main() -> None:
    given = _arguments()
    print(machine(), "\n", flush=True)
    lines = read_lines(given.clips).get(given.clip.stem, []) if (given.clips / "truth").exists() else []
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, cores[:1])
        (Path(folder) / "alone").mkdir()
        trials = [isolated_costs(given, lines, Path(folder) / "alone") for _ in range(given.repeats)]
        os.sched_setaffinity(0, cores)
        costs = {name: median(trial[name] for trial in trials) for name in trials[0]}
        options = ["--weights", str(given.weights), *line_options(lines), *(["--no-video"] if given.no_video else [])]
        runs = [run_roadtally(given.clip, Path(folder) / str(k), options) for k in range(given.repeats)]
    total_ms = sum(costs.values()) - costs["decoding alone"]
    fps, limit = middle(runs, "fps"), 1000 * len(cores) / total_ms
    print(markdown(("stage", "core-ms a frame"), [*costs.items(), ("sum", total_ms)]), "\n")
    used_ms = median(_steady_core_ms(run.document["metrics"], run.frames) for run in runs)
    rows = [
        ("fps of the pipeline", fps),
        (f"limit: {len(cores)} cores / sum", limit),
        ("pipeline efficiency", fps / limit),
        ("core-ms a frame that the running pipeline takes", used_ms),
    ]
    print(markdown(("", "value"), rows))
    if given.json:
        summary = {str(name): value for name, value in rows}
        given.json.write_text(json.dumps({"machine": machine(), "costs_ms": costs, "summary": summary}, indent=2))


def _steady_core_ms(metrics: dict[str, float], frames: int) -> float:
    """Processor time of all workers between being open and being done, a frame."""
    done = sum(v for k, v in metrics.items() if k.startswith("roadtally_cpu_seconds_total"))
    opened = sum(v for k, v in metrics.items() if k.startswith("roadtally_open_cpu_seconds"))
    return 1000 * (done - opened) / frames


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--weights", default="roadtally-nano", help="a name from `roadtally models`, or a file")
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder whose truth/ has the lines of the clip")
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
