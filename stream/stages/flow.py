"""Where the pictures of one camera have gone: handed on, skipped for a reason, under way. The ledger adds it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stream.metrics import Metrics
from stream.plan.cameras import CameraPlan
from stream.transport.ring import SlotPool
from stream.video import Feed
from stream.video.live import RESTARTED


class Flow:
    """Counts at the decoder, where loss happens. published: pictures that were handed on."""

    def __init__(self, camera: CameraPlan, feed: Feed, pool: SlotPool, metrics: Metrics) -> None:
        self._camera, self._feed, self._pool, self._metrics = camera, feed, pool, metrics
        self.published = self._most_in_flight = 0
        self.own_skipped: Counter[str] = Counter()  # beside those of the feed

    @property
    def skipped(self) -> dict[str, int]:
        """All, by reason."""
        return dict(self.own_skipped + self._feed.skipped)

    def publish(self) -> None:
        self.published += 1
        self._note()

    def skip(self, reason: str, count: int = 1) -> None:
        self.own_skipped[reason] += count
        self._note()
        value = self.own_skipped[reason]
        self._metrics.set("roadtally_skipped_total", value, camera=self._camera.name, reason=reason)

    def restore(self, published: int, skipped: Mapping[str, int]) -> None:
        """Go back to a checkpoint. A file is read again. A camera's pictures that were under way are lost: skipped, for
        that reason."""
        if not self._camera.live or not (self.published or self.own_skipped):  # so is one by a new decoder
            self.own_skipped = Counter(skipped)
            lost = self._feed.decoded - published - sum((self.own_skipped + self._feed.skipped).values())
        else:
            lost = self.published - published
        self.published = published
        if self._camera.live and lost > 0:
            self.skip(RESTARTED, lost)

    def _note(self) -> None:
        camera, in_flight = self._camera.name, self._pool.in_flight()
        self._most_in_flight = max(self._most_in_flight, in_flight)
        self._metrics.set("roadtally_decoded_total", self._feed.decoded, camera=camera)
        self._metrics.set("roadtally_in_flight", in_flight, camera=camera)
        self._metrics.set("roadtally_in_flight_most", self._most_in_flight, camera=camera)
