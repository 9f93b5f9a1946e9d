"""Turning movements at junctions when tracks are cut: by gates alone, and by likeness to complete paths too.

    python benchmarks/movements.py

Simulated traffic (junction_tracks.py) through crossroads and T junctions of many shapes, with a line over each arm. Of
a share of the vehicles the track is born late inside the junction, ends early there, or breaks and goes on under
another id after half a second to two. Prints one JSON object: for each share, over all seeds, the share of vehicles
with the right movement, the share of movements that are right, and the error of the counts by movement (sum of
differences over the number of vehicles).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter as Tally

from junction_tracks import Track, crossings_of, cut_tracks, user_of, watch_junction

from stream.results.movements import Turn, find_turns
from stream.synth import SynthSettings

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)


def figures(turns: list[Turn], vehicles: list[Track], tracks: list[Track]) -> Tally[str]:
    """Sums of one scene: vehicles, those with the right movement, movements, error of the counts."""
    of_track = {track.track_id: track for track in tracks}
    named = [(of_track[turn.track_id], (turn.origin, turn.destination)) for turn in turns]
    right = {track.vehicle for track, ends in named if (track.origin, track.destination) == ends}
    true = Tally((vehicle.origin, vehicle.destination) for vehicle in vehicles)
    counted = Tally(ends for _, ends in named)
    error = sum(abs(true[key] - counted[key]) for key in true | counted)
    return Tally({"vehicles": len(vehicles), "right": len(right), "turns": len(turns), "error": error})


def shares(sums: Tally[str]) -> dict[str, float]:
    return {
        "vehicles": sums["vehicles"],
        "right_of_vehicles": round(sums["right"] / sums["vehicles"], 3),
        "right_of_movements": round(sums["right"] / max(1, sums["turns"]), 3),
        "count_error": round(sums["error"] / sums["vehicles"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6, help="of each place")
    parser.add_argument("--minutes", type=float, default=8, help="of each seed; about a dozen vehicles come in one")
    given = parser.parse_args()
    sums: dict[str, dict[str, Tally[str]]] = {}
    for place in ("crossroads", "t-junction"):
        for seed in range(given.seeds):
            settings = SynthSettings(
                place=place, seed=seed, duration_s=60 * given.minutes, fps=10, width=1280, height=720
            )
            scene, vehicles = watch_junction(settings)
            for share in SHARES:
                tracks = cut_tracks(vehicles, share, seed)
                turns = find_turns(scene, [user_of(scene, track) for track in tracks], crossings_of(scene, tracks))
                row = sums.setdefault(f"{share:.0%} cut", {"gates": Tally(), "gates and paths": Tally()})
                row["gates"] += figures([turn for turn in turns if turn.by == "gates"], vehicles, tracks)
                row["gates and paths"] += figures(turns, vehicles, tracks)
    report = {share: {name: shares(of_name) for name, of_name in row.items()} for share, row in sums.items()}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
