"""The newest frames that were not accepted, on the disk, for ``dejavu localize --images`` to look at again."""

from pathlib import Path

import numpy as np

from dejavu_ros.errors import DataError
from dejavu_ros.files import new_file
from dejavu_ros.images import encode_jpeg
from dejavu_ros.localization.estimate import Estimate

PATTERN = '*_*.jpg'


class FrameRing:
    """A folder of ``STAMP_REASON.jpg`` that never holds more than ``limit_mb`` megabytes: the oldest go first."""

    def __init__(self, folder: str | Path, limit_mb: int):
        """Takes up what is there. Raises DataError where the folder cannot be made."""
        self.folder, self.limit = Path(folder).expanduser(), limit_mb * 1_000_000
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.sizes = {path: path.stat().st_size for path in sorted(self.folder.glob(PATTERN))}
        except OSError as error:
            raise DataError(f'rejected frames cannot be kept in {folder}: {error.strerror}') from None

    def add(self, image: np.ndarray, estimate: Estimate) -> None:
        """Keep (H, W, 3) uint8 RGB unless it was accepted. Raises DataError where it cannot be written."""
        if estimate.accepted:
            return
        data = encode_jpeg(image, 95)
        path = self.folder / f'{estimate.stamp_ns:019d}_{estimate.reject_reason}.jpg'
        self.sizes.pop(path, None)
        while self.sizes and sum(self.sizes.values()) + len(data) > self.limit:
            oldest = min(self.sizes)
            del self.sizes[oldest]
            oldest.unlink(missing_ok=True)
        if len(data) <= self.limit:
            with new_file(path) as file:
                file.write(data)
            self.sizes[path] = len(data)
