"""Mean matching accuracy on sequences of images of planes, as HPatches has them (Balntas et al., CVPR 2017).

A folder of sequences, each with images 1 to 6 and files H_1_2 to H_1_6: homographies (3, 3) from the first image to
the others. Sequences i_* change in light, v_* in viewpoint.
"""

import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dejavu_ros.data.folders import list_images
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.matching_accuracy import accuracy_curves, table
from dejavu_ros.evaluation.measure import check_writable
from dejavu_ros.files import new_file
from dejavu_ros.images import load_image
from dejavu_ros.matching.accuracy import THRESHOLDS, mean_correct, mean_matching_accuracy
from dejavu_ros.matching.features import LocalDescriptors
from dejavu_ros.matching.pipeline import make_features, match
from dejavu_ros.matching.settings import AccuracySettings

KINDS = {'all': '', 'light': 'i_', 'viewpoint': 'v_'}  # of sequences, by the beginning of their names


def evaluate_hpatches(folder: str | Path, settings: AccuracySettings, output: str | Path) -> str:
    """Write ``hpatches.json``, ``hpatches.png`` and the features to ``output`` and return the table for the terminal.

    Of each image ``features/NAME/SEQUENCE/IMAGE.npz``: ``keypoints`` (N, 2) float32 pixels, ``descriptors`` (N, n)
    float32, ``scores`` (N,) float32, the strength of the corner there. Raises CheckpointError, ConfigError, DataError,
    ImageError.
    """
    output = Path(output)
    check_writable(output)
    sequences = find_sequences(folder)
    measured: dict[str, dict] = {}
    for name in settings.names:
        features, errors = make_features(name, settings), {}
        for sequence in tqdm(sequences, name, unit='sequence', disable=None):
            described = {}
            for path in list_images(sequence):
                image = load_image(path)
                described[path.stem] = features(image)
                save_features(output / 'features' / name / sequence.name / f'{path.name}.npz', image,
                              described[path.stem])
            errors[sequence.name] = pair_errors(sequence, described, name, settings.ratio)
        for kind, start in KINDS.items():
            pairs = [pair for sequence, found in errors.items() if sequence.startswith(start) for pair in found]
            if pairs:
                measured.setdefault(kind, {})[name] = {
                    'mean_matching_accuracy': mean_matching_accuracy(pairs).tolist(),
                    'correct_matches': mean_correct(pairs).tolist(), 'matches': float(np.mean([*map(len, pairs)])),
                    'pairs': len(pairs)}
    with new_file(output / 'hpatches.png') as file:
        file.write(accuracy_curves(measured['all'], Path(folder).resolve().name))
    with new_file(output / 'hpatches.json', 'w') as file:
        json.dump({'sequences': [sequence.name for sequence in sequences], 'thresholds_px': THRESHOLDS,
                   'count': settings.count, 'input_side': settings.input_side, 'features': measured}, file, indent=1)
        file.write('\n')
    return table(measured['all'])


def find_sequences(folder: str | Path) -> list[Path]:
    """Raises DataError where there is none."""
    found = sorted({path.parent for path in Path(folder).glob('*/H_1_*')})
    if not found:
        raise DataError(f'{folder} holds no sequences: folders with images 1, 2, ... and files H_1_2, ... were '
                        'expected')
    return found


def pair_errors(sequence: Path, described: dict[str, LocalDescriptors], name: str, ratio: float) -> list[np.ndarray]:
    """Errors in px (M_i,) of the matches of the first image with each other. Raises DataError."""
    errors = []
    for path in sorted(sequence.glob('H_1_*')):
        other = path.name.removeprefix('H_1_')
        try:
            homography = np.loadtxt(path).reshape(3, 3)
            first, second = described['1'], described[other]
        except ValueError:
            raise DataError(f'{path} holds no homography: nine numbers were expected') from None
        except KeyError as error:
            raise DataError(f'{sequence} has {path.name} and no image {error.args[0]}') from None
        pairs = match(first, second, name, ratio)
        errors.append(np.linalg.norm(transfer(homography, first.points[pairs[:, 0]]) - second.points[pairs[:, 1]],
                                     axis=1))
    return errors


def transfer(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 2) through a homography (3, 3)."""
    mapped = np.c_[points, np.ones(len(points))] @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


def save_features(path: Path, image: np.ndarray, found: LocalDescriptors) -> None:
    """Write one image's keypoints, descriptors and scores, whole or not at all."""
    strength = cv2.cornerMinEigenVal(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 3)
    x, y = found.points.round().astype(int).T
    scores = strength[y.clip(0, len(strength) - 1), x.clip(0, strength.shape[1] - 1)]
    with new_file(path) as file:
        np.savez(file, keypoints=found.points, descriptors=np.ascontiguousarray(found.descriptors.T), scores=scores)
