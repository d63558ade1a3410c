"""A checkpoint and a map: there, whole, and made for each other."""

import contextlib
from collections.abc import Iterator

from dejavu_ros.doctor.finding import Finding, bad, good, note
from dejavu_ros.errors import DejavuError, MapError


def examine(checkpoint_path: str, map_path: str) -> Iterator[Finding]:
    """Findings on the checkpoint (empty: the map's own, else the default) and, unless its path is empty, on the map."""
    from dejavu_ros.keyframes.own_checkpoint import find_checkpoint
    from dejavu_ros.nn.checkpoint import default_checkpoint_path, load_checkpoint

    name = checkpoint_path or str(default_checkpoint_path())
    if map_path and not checkpoint_path:
        with contextlib.suppress(MapError):  # said with the map
            name = str(find_checkpoint(map_path)[0])
    try:
        checkpoint = load_checkpoint(name)
    except DejavuError as error:
        yield bad('checkpoint', str(error), 'give another with --checkpoint')
        return
    settings = checkpoint.settings
    yield good('checkpoint', f'{name}: {checkpoint.identity}, sees {settings.input_width}x{settings.input_height} '
                             f'pixels, {settings.grid_width}x{settings.grid_height} vectors')
    if checkpoint.untrained:
        yield note('checkpoint', 'it is an untrained network: step 0 of its training', 'give one that was trained')
    if not checkpoint.calibrated:
        yield note('checkpoint', 'it is not calibrated: its probabilities mean little',
                   'dejavu calibrate, on places that it was not trained on')
    if map_path:
        yield from examine_map(map_path, checkpoint.identity)


def examine_map(path: str, checkpoint_id: str) -> Iterator[Finding]:
    from dejavu_ros.keyframes import KeyframeMap
    from dejavu_ros.keyframes.verify import verify

    try:
        defects = [finding for finding in verify(path) if not finding.harmless]
        if defects:
            yield bad('map', f'{path} has {len(defects)} defects, the first: {defects[0].text}',
                      'restore it from a copy, or build it again')
            return
        with KeyframeMap.open(path) as content:
            yield good('map', f'{content.path}: {len(content)} keyframes of {len(content.sessions)} sessions '
                              f'({", ".join(sorted({session.condition or "?" for session in content.sessions}))}), '
                              f'revision {content.revision}, every byte checked')
            if content.checkpoint_id != checkpoint_id:
                yield bad('map', f'it was made with checkpoint {content.checkpoint_id}, not with {checkpoint_id}',
                          'give its checkpoint with --checkpoint, copy it beside the map, or build the map again')
    except DejavuError as error:
        yield bad('map', str(error), 'give the path of a NAME.dvmap folder')
