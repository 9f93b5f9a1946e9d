"""Who went from which arm of a junction to which: the true movements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stream.synth.junction_traffic import Driver
from stream.truth import TrueCrossing, TrueTurn


class MovementBook:
    """Remembers the ways of all road users on wheels that were in the clip."""

    def __init__(self, clip: str) -> None:
        self._clip = clip
        self._drivers: dict[int, Driver] = {}

    def see(self, users: Iterable[object]) -> None:
        self._drivers |= {user.track_id: user for user in users if isinstance(user, Driver)}

    def rows(self, crossings: Mapping[int, Sequence[TrueCrossing]]) -> list[TrueTurn]:
        """crossings: of each road user, over the lines named after the arms, where `in` is into the junction.

        A movement can be counted by eye when both its crossings can. It is flagged `edge` when one of them lies outside
        the clip or at one of its ends, `uncertain` when one of them is; `frame` is that of the first in the clip. Who
        crossed no line has no movement.
        """
        found = []
        for track_id, driver in self._drivers.items():
            way = (driver.way.origin, "in"), (driver.way.destination, "out")
            mine = [row for row in crossings.get(track_id, ()) if (row.line, row.direction) in way]
            if not mine:
                continue
            flags = {row.flag for row in mine} | ({"edge"} if len(mine) < 2 else set())
            flag = "edge" if "edge" in flags else max(flags)
            found.append(TrueTurn(self._clip, way[0][0], way[1][0], mine[0].frame, driver.label, flag))
        return sorted(found, key=lambda turn: (turn.frame, turn.origin, turn.destination))
