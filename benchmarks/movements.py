"""Turning movements through a crossroads when tracks are cut: by gates alone, and by likeness to complete paths too.

    python benchmarks/movements.py

Synthetic vehicles with true movements (stream/synth/junction.py) over a line on each of four arms. Of a share of them
the track is born late, ends early, or breaks and goes on under another id after half a second to two. Vehicles do not
keep their distance, so some lie on others at a line and only one is counted there. Prints one JSON object: for each
share, over all seeds, the share of vehicles with the right movement, the share of movements that are right, and the
error of the counts by movement (sum of differences over the number of vehicles).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter as Tally

from stream.counting import Counter
from stream.messages import Crossing, Frame
from stream.records.store import RoadUser
from stream.results.movements import Turn, find_turns
from stream.settings import CountingSettings
from stream.sinks.events import PATH_STEP
from stream.synth.junction import SIZE, Vehicle, crossroads, crossroads_scene, cut_tracks, tracks_of

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)


def crossings_of(vehicles: list[Vehicle]) -> list[Crossing]:
    """What the counter makes of the tracks."""
    counter, found = Counter(crossroads_scene(), CountingSettings()), []
    for seq, (pts_s, tracks) in enumerate(tracks_of(vehicles)):
        found += counter.update(Frame("junction", 0, seq, pts_s, 0, *SIZE), tracks)
    return [*found, *counter.finish()]


def user_of(vehicle: Vehicle) -> RoadUser:
    """What the store keeps of a track: its path, thinned as there."""
    foot_x, foot_y = (vehicle.xyxy[:, 0] + vehicle.xyxy[:, 2]) / 2, vehicle.xyxy[:, 3]
    path: list[tuple[float, float, float]] = []
    for time_s, x, y in zip(vehicle.times_s.tolist(), foot_x.tolist(), foot_y.tolist(), strict=True):
        if not path or abs(x - path[-1][1]) + abs(y - path[-1][2]) > PATH_STEP * SIZE[0]:
            path.append((time_s, x, y))
    first_s, last_s = vehicle.times_s[[0, -1]].tolist()
    return RoadUser("junction", vehicle.track_id, vehicle.label, first_s, last_s, tuple(path))


def figures(turns: list[Turn], vehicles: list[Vehicle], tracks: list[Vehicle]) -> Tally[str]:
    """Sums of one scene: vehicles, those with the right movement, movements, error of the counts."""
    truth = {track.track_id: (track.origin, track.destination) for track in tracks}
    right = sum(truth[turn.track_id] == (turn.origin, turn.destination) for turn in turns)
    true = Tally((vehicle.origin, vehicle.destination) for vehicle in vehicles)
    counted = Tally((turn.origin, turn.destination) for turn in turns)
    error = sum(abs(true[key] - counted[key]) for key in true | counted)
    return Tally({"vehicles": len(vehicles), "right": right, "turns": len(turns), "error": error})


def shares(sums: Tally[str]) -> dict[str, float]:
    return {
        "right_of_vehicles": round(sums["right"] / sums["vehicles"], 3),
        "right_of_movements": round(sums["right"] / max(1, sums["turns"]), 3),
        "count_error": round(sums["error"] / sums["vehicles"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--vehicles", type=int, default=200, help="of each seed")
    given = parser.parse_args()
    report = {}
    for share in SHARES:
        sums = {"gates": Tally(), "gates and paths": Tally()}
        for seed in range(given.seeds):
            vehicles = crossroads(seed, given.vehicles)
            tracks = cut_tracks(vehicles, share, seed)
            turns = find_turns(crossroads_scene(), [user_of(track) for track in tracks], crossings_of(tracks))
            sums["gates"] += figures([turn for turn in turns if turn.by == "gates"], vehicles, tracks)
            sums["gates and paths"] += figures(turns, vehicles, tracks)
        report[f"{share:.0%} cut"] = {name: shares(of_name) for name, of_name in sums.items()}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
