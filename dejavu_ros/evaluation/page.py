"""Self-contained HTML: text, tables and pictures in one file, without links."""

import base64
import html
from collections.abc import Sequence

import numpy as np
from tabulate import tabulate

from dejavu_ros.images import encode_jpeg, resize

THUMBNAIL_WIDTH = 240
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
img{max-width:100%}figure{margin:.6rem 0}figcaption{font-size:.85rem;color:#555}"""


def page(title: str, parts: Sequence[str]) -> str:
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f'<style>{STYLE}</style>\n<h1>{html.escape(title)}</h1>\n' + '\n'.join(parts) + '\n</html>\n')


def heading(text: str) -> str:
    return f'<h2>{html.escape(text)}</h2>'


def table(rows: Sequence[Sequence], headers: Sequence[str] = ()) -> str:
    return tabulate(rows, headers=headers, tablefmt='html', disable_numparse=True)


def png(data: bytes, name: str) -> str:
    return f'<img alt="{html.escape(name)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def thumbnail(image: np.ndarray, name: str) -> str:
    """(H, W, 3) uint8 RGB, reduced or enlarged to THUMBNAIL_WIDTH."""
    height = max(1, round(image.shape[0] * THUMBNAIL_WIDTH / image.shape[1]))
    data = base64.b64encode(encode_jpeg(resize(image, THUMBNAIL_WIDTH, height), 80)).decode()
    return f'<img alt="{html.escape(name)}" src="data:image/jpeg;base64,{data}">'


def figure(pictures: Sequence[str], caption: str) -> str:
    return f'<figure>{" ".join(pictures)}<figcaption>{html.escape(caption)}</figcaption></figure>'
