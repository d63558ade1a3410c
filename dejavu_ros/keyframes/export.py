"""A map in files that other tools read: TUM trajectories, a table and the thumbnails."""

import csv
import re
from pathlib import Path

import numpy as np

from dejavu_ros.files import new_folder
from dejavu_ros.keyframes.keyframe_map import KeyframeMap

HEADER = ['keyframe', 'session', 'condition', 'camera', 'stamp_ns', 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw',
          'sigma_x', 'sigma_y', 'sigma_z', 'sigma_roll', 'sigma_pitch', 'sigma_yaw', 'thumbnail']


def export(content: KeyframeMap, folder: str | Path, progress=iter) -> None:
    """Write a new ``folder`` with keyframes.csv, NN_SESSION.tum for each session and thumbnails/ID.jpg, or nothing.

    A TUM line is ``seconds x y z qx qy qz qw`` of map_T_base. ``progress`` wraps the keyframes. Raises DataError
    where the folder exists or cannot be written, MapError where the map is damaged.
    """
    with new_folder(folder) as out:
        (out / 'thumbnails').mkdir()
        tracks: dict[str, list[str]] = {session.name: [] for session in content.sessions}
        with open(out / 'keyframes.csv', 'w', newline='', encoding='utf-8') as file:
            table = csv.writer(file)
            table.writerow(HEADER)
            for keyframe in progress(content.keyframes):
                numbers = (*keyframe.map_T_base.position, *keyframe.map_T_base.quaternion)
                pose = [repr(float(number)) for number in numbers]
                sigmas = [f'{value:.6g}' for value in np.sqrt(np.diag(keyframe.covariance))]
                thumbnail = f'thumbnails/{keyframe.id:09d}.jpg'
                (out / thumbnail).write_bytes(content.thumbnail(keyframe.id))
                table.writerow([keyframe.id, keyframe.session, keyframe.condition, keyframe.camera, keyframe.stamp_ns,
                                *pose, *sigmas, thumbnail])
                seconds, nanoseconds = divmod(keyframe.stamp_ns, 1_000_000_000)
                tracks[keyframe.session].append(f'{seconds}.{nanoseconds:09d} {" ".join(pose)}\n')
        for number, (session, lines) in enumerate(tracks.items()):
            name = re.sub(r'[^\w.-]+', '_', session)  # a session may be called anything
            (out / f'{number:02d}_{name}.tum').write_text(''.join(lines))
