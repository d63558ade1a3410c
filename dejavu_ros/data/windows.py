"""Pictures of a fixed camera cut into windows, each of them a place, so that one camera can judge features."""

from collections.abc import Iterable
from pathlib import Path

from dejavu_ros.data.manifests import ManifestRow, read_manifest, write_manifest
from dejavu_ros.errors import DataError
from dejavu_ros.files import new_folder
from dejavu_ros.images import encode_jpeg, load_image

COLUMNS, LINES = 4, 3
SIDE = 1.5  # of a window, as a multiple of its share: neighbours overlap by a third
JPEG_QUALITY = 95


def write_windows(path: str | Path, rows: Iterable[ManifestRow]) -> list[ManifestRow]:
    """Cut each image into COLUMNS x LINES windows and write the new folder ``path`` with its manifest.csv.

    A window is a place, ``PLACE-LINE-COLUMN``; the rest of a row stays. Raises DataError where the folder cannot be
    made or an image is smaller than a few pixels a window, ImageError for a damaged image.
    """
    cut = []
    with new_folder(path) as folder:
        for row in rows:
            image = load_image(row.image)
            height, width = (int(SIDE * size / count) for size, count in zip(image.shape, (LINES, COLUMNS)))
            if min(height, width) < 16:
                raise DataError(f'{row.image} is {image.shape[1]}x{image.shape[0]}: too small for {COLUMNS}x{LINES} '
                                'windows')
            for line in range(LINES):
                for column in range(COLUMNS):
                    y = round((image.shape[0] - height) * line / (LINES - 1))
                    x = round((image.shape[1] - width) * column / (COLUMNS - 1))
                    place = f'{row.place}-{line}-{column}'
                    file = folder / place / f'{row.image.stem}.jpg'
                    file.parent.mkdir(exist_ok=True)
                    file.write_bytes(encode_jpeg(image[y:y + height, x:x + width], JPEG_QUALITY))
                    cut.append(ManifestRow(file, place, row.session, row.condition))
        write_manifest(folder / 'manifest.csv', cut)
    return read_manifest(Path(path) / 'manifest.csv')
