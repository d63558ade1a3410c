"""Shortlists: how often the best keyframe of an exact search is among the first of a coarse pass.

    python benchmarks/shortlists.py --manifest town_val/manifest.csv grief.csv --describer ckpts/netvlad.pt

The images of all manifests are one map, and each query is compared with all sessions but its own, as in large_maps.py.
Beside the coarse map of cells that the localizer uses by default stands the describer's. Times are processor time.
"""

import argparse

import numpy as np
import torch
from large_maps import Views, as_good, evenly, seconds
from tabulate import tabulate

from dejavu_ros.data.manifests import read_manifest
from dejavu_ros.images import load_image
from dejavu_ros.localization.coarse_map import CoarseMap
from dejavu_ros.nn.checkpoint import load_checkpoint
from dejavu_ros.nn.features import FeatureExtractor
from dejavu_ros.retrieval.describer import Describer
from dejavu_ros.retrieval.files import load_describer

SHARES = 0.005, 0.01, 0.02, 0.05, 0.1  # of the map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--manifest', nargs='+', required=True, metavar='CSV')
    parser.add_argument('--checkpoint', default='')
    parser.add_argument('--describer', default='', metavar='FILE.pt')
    parser.add_argument('--images', type=int, default=1000, help='of each manifest, evenly')
    parser.add_argument('--queries', type=int, default=200, help='of each manifest, evenly')
    arguments = parser.parse_args()
    extractor = FeatureExtractor(load_checkpoint(arguments.checkpoint))
    views = Views(arguments.manifest, extractor, arguments.images)
    describer = Describer(load_describer(arguments.describer))
    files = [row.image for path in arguments.manifest for row in evenly(read_manifest(path), arguments.images)]
    descriptors = torch.from_numpy(describer.describe_files(files)).float()
    sources = dict.fromkeys(views.sources)
    queries = np.concatenate([evenly(np.flatnonzero(views.sources == source), arguments.queries) for source in sources])
    coarse_map = CoarseMap([views.descriptors], *views.descriptors.shape[:2], extractor.grid, 1000)
    exact = views.scores(queries, views.descriptors)
    rough = {'cells': coarse_map.similarity(views.descriptors[queries]),
             'describer': descriptors[queries] @ descriptors.T}
    rows = []
    for way, similarity in rough.items():
        masked = views.masked(queries, similarity.numpy())
        for share in SHARES:
            length = max(1, round(share * len(files)))
            good = as_good(exact, masked, length)
            rows.append([way, f'{100 * share:g} % ({length})',
                         *(f'{100 * good[views.sources[queries] == source].mean():.1f}' for source in sources)])
    print(tabulate(rows, ['coarse pass', f'first of {len(files)}', *sources]))
    image = load_image(files[0])
    print(f'{describer.identity}: {descriptors.shape[1]} values, {2 * descriptors.shape[1]} bytes a keyframe; one '
          f'image {1e3 * seconds(lambda: describer.describe([image])):.1f} ms, beside features '
          f'{1e3 * seconds(lambda: extractor.extract([image])):.1f} ms; comparing '
          f'{1e3 * seconds(lambda: descriptors @ descriptors[0]):.2f} ms, cells '
          f'{1e3 * seconds(lambda: coarse_map.similarity(views.descriptors[:1])):.2f} ms')


if __name__ == '__main__':
    main()
