"""The operating point that holds the budget: the best answer that the machine can give in time. Pure; time is given.

An operating point is a way of looking at a picture (which network, how sharp, at which part) and which pictures are
looked at. `roadtally tune` measures what each costs and how well it counts; those that no other beats in both are the
front (Huang et al., CVPR 2017). The
controller predicts the load of the device from the rates of pictures and the cost of the points, corrected by what is
measured, and moves along the front: down at once when results are late or the load cannot be carried, as far as needed;
up one step at a time, when the load at the highest rate of late would fit with room to spare. A step up that failed is
not tried again for twice as long as before, sooner where the load has become clearly smaller: so it cannot oscillate,
whatever the profile says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stream.budget.load import Delays, Pictures, Rates, Service
from stream.budget.looks import Look, OperatingPoint

PERIOD_S = 0.25  # between two decisions
WINDOW_S, LEAST_DELAYS = 2.0, 8  # latencies that p95 is taken of
SETTLE_S = 1.0  # after a move, until its effect is judged
BACKLOG = 3  # looks of before that may still be under way or wait then
FULL, DOWN_TO, UP_TO = 0.95, 0.85, 0.65  # load of the device: too much; aimed at when going down, and when going up
ROOM = 0.8  # of the latency: a step up needs it to be below
INNOCENT = 0.35  # at a smaller load the device is not what makes results late
HOLD_S, MOST_HOLD_S = 4.0, 600.0  # before a step up; doubled each time one fails
TRIAL_S = 20.0  # a step up that lasts so long did not fail
EASIER, SOONER = 0.75, 4.0  # at such a share of the load at which a step up failed, it is tried so many times sooner


class Budget(msgspec.Struct, frozen=True):
    """What a camera's user wants. fps: pictures a second that are looked at at most; None: as many as come."""

    latency_p95_s: float
    fps: float | None = None
    weight: float = 1.0  # of its errors against those of other cameras


class Move(msgspec.Struct, frozen=True):
    """From one point to another, and why."""

    camera: str
    before: OperatingPoint
    after: OperatingPoint
    reason: str


class Controller:
    """The points of all cameras that share a device. budgets: None for a camera that stays at the first point."""

    def __init__(
        self, points: Sequence[OperatingPoint], budgets: Mapping[str, Budget | None], now_s: float = 0.0
    ) -> None:
        self._points, self._budgets = tuple(points), dict(budgets)
        self._at = dict.fromkeys(budgets, 0)
        self._service = Service({point.look: point.ms for point in points})
        self._pictures = {camera: Pictures(now_s) for camera in budgets}
        self._delays = {camera: Delays(WINDOW_S) for camera in budgets}
        self._decided_s = self._moved_s = self._settled_s = self._calm_s = now_s
        self._raised_s: float | None = None  # the last step up, until one down
        self._hold_s, self._failed_load = HOLD_S, 0.0

    def point(self, camera: str) -> OperatingPoint:
        return self._points[self._at[camera]]

    def asks(self, camera: str, now_s: float, *, moved: bool = True) -> bool:
        """A picture has come: whether it is worth a look at this point, and within the budget's rate. moved: whether
        the motion gate lets it through."""
        pictures, point, budget = self._pictures[camera], self.point(camera), self._budgets[camera]
        pictures.add(now_s, moved)
        if point.gate and not moved:
            return False
        return pictures.due(now_s, point.every, 0.8 / budget.fps if budget is not None and budget.fps else 0.0)

    def served(self, look: Look, ms: float) -> None:
        """A look at a picture kept the device busy for so long."""
        self._service.add(look, ms)

    def arrived(self, camera: str, now_s: float, delay_s: float) -> None:
        """A result came, so late. What was under way when the point was changed, and what waited for it, is not held
        against the new one."""
        if now_s - delay_s >= self._settled_s:
            self._delays[camera].add(now_s, delay_s)

    def load(self, now_s: float) -> float:
        """Share of its time that the device needs, as predicted from what was measured."""
        return self._load(self._at, self._now(now_s))

    def decide(self, now_s: float) -> list[Move]:
        """Where to go from here; most times nowhere."""
        if now_s - self._decided_s < PERIOD_S or len(self._points) < 2:
            return []
        self._decided_s = now_s
        load = self.load(now_s)
        late = self._late(now_s, load)
        if late or load > FULL:
            self._calm_s = now_s
            return self._lower(now_s, load, late) if now_s - self._moved_s >= SETTLE_S else []
        return self._raise(now_s, load)

    def _now(self, now_s: float) -> dict[str, Rates]:
        return {camera: pictures.now(now_s) for camera, pictures in self._pictures.items()}

    def _late(self, now_s: float, load: float) -> str:
        """Which camera's results come too late, in words; empty where none, or where the device is not to blame."""
        for camera, budget in self._budgets.items():
            p95_s = self._delays[camera].p95_s(now_s, LEAST_DELAYS)
            if budget is None or p95_s is None or p95_s <= budget.latency_p95_s:
                continue
            if load > INNOCENT or self._service.ms(self.point(camera).look) > 500 * budget.latency_p95_s:
                return f"p95 of {camera} {1000 * p95_s:.0f} ms of {1000 * budget.latency_p95_s:.0f}, "
        return ""

    def _lower(self, now_s: float, load: float, late: str) -> list[Move]:
        rates = self._now(now_s)
        at = self._plan(rates, DOWN_TO)
        if not any(at[camera] > self._at[camera] for camera in at):
            at = self._step_down(dict(self._at), rates)
        at = {camera: max(at[camera], self._at[camera]) for camera in at}
        if at == self._at:
            return []
        if self._raised_s is not None:
            failed = now_s - self._raised_s < TRIAL_S
            self._hold_s = min(2 * self._hold_s, MOST_HOLD_S) if failed else HOLD_S
            self._failed_load, self._raised_s = (load if failed else 0.0), None
        return self._go(at, now_s, f"{late}load {load:.0%}")

    def _raise(self, now_s: float, load: float) -> list[Move]:
        calm_s = now_s - max(self._calm_s, self._moved_s)
        rates = {camera: pictures.peak(now_s) for camera, pictures in self._pictures.items()}
        wanted = self._plan(rates, UP_TO)
        better = [camera for camera in wanted if wanted[camera] < self._at[camera] and self._has_room(camera, now_s)]
        if not better:
            return []
        gain = {camera: self._gain(camera, self._at[camera] - 1, self._at[camera]) for camera in better}
        camera = max(better, key=lambda camera: gain[camera])
        at = self._at | {camera: self._at[camera] - 1}
        expected = self._load(at, rates)
        easier = expected <= EASIER * self._failed_load
        if expected > UP_TO or calm_s < (max(HOLD_S, self._hold_s / SOONER) if easier else self._hold_s):
            return []
        if self._raised_s is not None and now_s - self._raised_s >= TRIAL_S:
            self._hold_s, self._failed_load = HOLD_S, 0.0  # the step before did not fail
        self._raised_s = now_s
        return self._go(at, now_s, f"load {load:.0%}, {expected:.0%} expected")

    def _go(self, at: dict[str, int], now_s: float, reason: str) -> list[Move]:
        backlog_s = max(BACKLOG * self._service.ms(self.point(camera).look) / 1000 for camera in at)
        before, self._at, self._moved_s = self._at, at, now_s
        self._settled_s = now_s + max(SETTLE_S / 2, backlog_s)
        for delays in self._delays.values():
            delays.clear()
        return [
            Move(camera, self._points[before[camera]], self._points[at[camera]], reason)
            for camera in at
            if at[camera] != before[camera]
        ]

    def _has_room(self, camera: str, now_s: float) -> bool:
        budget, p95_s = self._budgets[camera], self._delays[camera].p95_s(now_s, LEAST_DELAYS)
        return budget is not None and (p95_s is None or p95_s <= ROOM * budget.latency_p95_s)

    def _plan(self, rates: Mapping[str, Rates], limit: float) -> dict[str, int]:
        """The most accurate points whose load stays below the limit, or the cheapest ones."""
        at = {camera: 0 if self._budgets[camera] else self._at[camera] for camera in self._at}
        while self._load(at, rates) > limit:
            lower = self._step_down(at, rates)
            if lower == at:
                break
            at = lower
        return at

    def _step_down(self, at: dict[str, int], rates: Mapping[str, Rates]) -> dict[str, int]:
        """One camera one step lower: where least accuracy is lost for the load that is saved."""
        able = [c for c, i in at.items() if self._budgets[c] is not None and i + 1 < len(self._points)]
        if not able:
            return at
        spared = {c: max(1e-9, self._need(c, at[c], rates) - self._need(c, at[c] + 1, rates)) for c in able}
        camera = min(able, key=lambda c: self._gain(c, at[c], at[c] + 1) / spared[c])
        return at | {camera: at[camera] + 1}

    def _gain(self, camera: str, better: int, worse: int) -> float:
        budget = self._budgets[camera]
        return (self._points[worse].error - self._points[better].error) * (budget.weight if budget else 1.0)

    def _load(self, at: Mapping[str, int], rates: Mapping[str, Rates]) -> float:
        return sum(self._need(camera, index, rates) for camera, index in at.items())

    def _need(self, camera: str, index: int, rates: Mapping[str, Rates]) -> float:
        """Share of the device that a camera needs at a point."""
        point, budget = self._points[index], self._budgets[camera]
        rate = rates[camera].wanted(point.gate)
        if budget is not None and budget.fps:
            rate = min(rate, budget.fps)
        return rate / point.every * self._service.ms(point.look) / 1000
