"""Which frames come too late for a belief that other cameras have already led on."""


class Arrivals:
    """The newest stamps of several cameras, whose frames need not come in the order in which they were taken."""

    def __init__(self, late: float):
        """A frame may be ``late`` seconds older than the newest one of the other cameras."""
        self.late_ns = round(late * 1e9)
        self.newest: dict[str, int] = {}

    def lateness_ns(self, camera: str, stamp_ns: int) -> int:
        """By how much a frame is too old to be used, 0 where it is not, and note it.

        A camera whose own stamps go back is no latecomer: the clock was set, or a bag plays again. That begins anew.
        """
        if stamp_ns < self.newest.get(camera, stamp_ns):
            self.newest.clear()
        late = max((newest for name, newest in self.newest.items() if name != camera), default=stamp_ns) - stamp_ns
        self.newest[camera] = stamp_ns
        return late if late > self.late_ns else 0
