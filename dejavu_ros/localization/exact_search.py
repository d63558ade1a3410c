"""Contextual similarity with the keyframes of a map, exactly: on a GPU as long as it works, else on the CPU."""

import logging

import numpy as np
import torch

from dejavu_ros.keyframes import KeyframeMap
from dejavu_ros.localization.device_map import DeviceMap, StoredMap
from dejavu_ros.nn.device import is_device_failure
from dejavu_ros.ops.contextual.masked import masked_similarity, shown
from dejavu_ros.ops.contextual.settings import ContextualSettings
from dejavu_ros.troubleshooting import SEARCH_ON_CPU

REST = 30  # searches for which a GPU that failed is left alone


class ExactSearch:
    """Several queries at once; masked cells do not count."""

    def __init__(self, keyframes: KeyframeMap, settings: ContextualSettings, device: torch.device, limit: int):
        """Search on ``device``, of which the map may take ``limit`` bytes."""
        self.stored, self.settings = StoredMap(keyframes), settings
        self.on_gpu = DeviceMap(self.stored, device, limit) if device.type != 'cpu' else None
        self.views = keyframes.camera_index
        self.cells = [seen_cells(keyframes, camera) for camera in range(len(keyframes.cameras))]
        self.problem, self.rest = '', 0

    @torch.inference_mode()
    def __call__(self, queries: torch.Tensor, rows: np.ndarray | None = None) -> np.ndarray:
        """CX of queries (Q, n, N) float16 with all keyframes, or those of ``rows`` (R,): (Q, K) or (Q, R) float32.

        Where a GPU has no memory left or is lost, the CPU computes instead, ``problem`` says so in words, and the log
        once; the GPU is tried again some searches later.
        """
        if self.on_gpu is not None and not self.rest:
            try:
                scores = self.search(self.on_gpu, queries, rows)
                self.problem = ''
                return scores
            except RuntimeError as error:
                if not is_device_failure(error):
                    raise
                self.on_gpu.release()
                self.rest = REST
                fails = SEARCH_ON_CPU(device=self.on_gpu.device, reason=str(error).splitlines()[0])
                if not self.problem:
                    logging.getLogger(__name__).warning(fails)
                self.problem = fails
        self.rest = max(0, self.rest - 1)
        return self.search(self.stored, queries, rows)

    def search(self, keyframes: StoredMap | DeviceMap, queries: torch.Tensor, rows: np.ndarray | None) -> np.ndarray:
        """As :meth:`__call__`, where these keyframes are. Raises RuntimeError where a GPU fails."""
        views = self.views if rows is None else self.views[rows]
        groups = [(numbers, group.to(keyframes.device)) for numbers, group in shown(queries)]
        scores = torch.empty(len(queries), len(views), device=keyframes.device)
        for start, chunk in keyframes.chunks(rows):
            here = slice(start, start + len(chunk))
            for numbers, group in groups:
                found = masked_similarity(group, chunk, views[here], self.cells, self.settings)
                for number, row in zip(numbers, found):
                    scores[number, here] = row
        return scores.cpu().numpy()


def seen_cells(keyframes: KeyframeMap, camera: int) -> np.ndarray | None:
    """Columns of the descriptors that a camera of the map shows; None: all, as where it has no mask."""
    rows = np.flatnonzero(keyframes.camera_index == camera)
    if keyframes.cameras[camera].mask is None or not len(rows):
        return None
    return np.flatnonzero(keyframes.descriptors(int(rows[0]), int(rows[0]) + 1)[0].any(0))
