"""A page where a click in one picture shows its match in another, and how like it is everywhere else."""

import base64
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np

from dejavu_ros.errors import ConfigError
from dejavu_ros.images import encode_jpeg, encode_png
from dejavu_ros.matching.dense_features import sample
from dejavu_ros.matching.explorer_page import PAGE

HOST = '127.0.0.1'  # for the person at this machine alone
DISTINCT = 0.05  # cosine below the best at which the heat has fallen to 1/e


class Explorer:
    """Two pictures (H, W, 3) uint8 RGB and their dense descriptors."""

    def __init__(self, dense: Callable[[np.ndarray], np.ndarray], first: np.ndarray, second: np.ndarray):
        """``dense`` makes unit vectors (n, h, w) of a picture."""
        self.pictures = first, second
        self.maps = dense(first), dense(second)

    def match(self, x: float, y: float) -> dict:
        """Of a point in pixels of the first picture: its best place ``x``, ``y`` in the second, to the cell of its map,
        the ``cosine`` there, and ``heat``, a picture of the second's size as a data URI.
        """
        point = np.array([[x, y]], np.float32)
        vector = sample(self.maps[0], point, self.pictures[0].shape[:2])[:, 0]
        cosines = np.einsum('n,nhw->hw', vector, self.maps[1])
        row, column = np.unravel_index(cosines.argmax(), cosines.shape)
        height, width = self.pictures[1].shape[:2]
        step_y, step_x = height / cosines.shape[0], width / cosines.shape[1]
        heat = np.exp((cosines - cosines.max()) / DISTINCT)
        coloured = cv2.applyColorMap((255 * cv2.resize(heat, (width, height))).astype(np.uint8), cv2.COLORMAP_INFERNO)
        data = encode_png(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB))
        return {'x': (column + 0.5) * step_x - 0.5, 'y': (row + 0.5) * step_y - 0.5,
                'cosine': float(cosines.max()), 'heat': 'data:image/png;base64,' + base64.b64encode(data).decode()}


def make_server(explorer: Explorer, port: int) -> ThreadingHTTPServer:
    """Serve the page, for this machine alone; port 0 is any that is free. Raises ConfigError where it is taken."""
    first, second = (encode_jpeg(picture) for picture in explorer.pictures)
    fixed = {'/': (PAGE.encode(), 'text/html; charset=utf-8'), '/first.jpg': (first, 'image/jpeg'),
             '/second.jpg': (second, 'image/jpeg')}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path in fixed:
                self.answer(200, *fixed[address.path])
            elif address.path == '/match':
                self.answer_match(parse_qs(address.query))
            else:
                self.answer(404, b'there is no such page', 'text/plain')

        def answer_match(self, query: dict[str, list[str]]) -> None:
            height, width = explorer.pictures[0].shape[:2]
            try:
                x, y = (float(query[name][0]) for name in 'xy')
                inside = -0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5  # not for NaN either
            except (KeyError, ValueError):
                inside = False
            if inside:
                self.answer(200, json.dumps(explorer.match(x, y)).encode(), 'application/json')
            else:
                self.answer(400, f'x and y must be pixels of a picture of {width}x{height}'.encode(), 'text/plain')

        def answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header('Content-Type', kind)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_) -> None:
            """Clicks are not worth a line."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise ConfigError(f'cannot serve at {HOST}:{port} ({error.strerror}): choose another --port') from None
