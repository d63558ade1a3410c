"""One evaluation: a manifest and a method to figures, pictures and a report."""

import os
from pathlib import Path

import numpy as np

from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.features import Method
from dejavu_ros.evaluation.metrics import retrieval_metrics
from dejavu_ros.evaluation.report import write_report
from dejavu_ros.evaluation.settings import EvaluationSettings


def measure(rows: list[ManifestRow], settings: EvaluationSettings) -> tuple[dict, np.ndarray]:
    """The content of ``metrics.json`` and the (B, B) similarity it was computed from. Raises DejavuError."""
    method = Method(settings)
    similarity = method.all_pairs([row.image for row in rows])
    metrics = retrieval_metrics(rows, similarity, settings.radius)
    metrics |= {'features': settings.features, 'similarity': settings.similarity, 'checkpoint': method.checkpoint,
                'checkpoint_file': settings.checkpoint or 'shipped' if settings.features == 'dvf' else None,
                'radius': settings.radius or None}
    return metrics, similarity


def evaluate(rows: list[ManifestRow], settings: EvaluationSettings, folder: str | Path, title: str) -> dict:
    """:func:`measure`, and write ``metrics.json``, ``auc_matrix.png`` and ``report.html`` to ``folder``."""
    check_writable(Path(folder))
    metrics, similarity = measure(rows, settings)
    write_report(folder, title, rows, metrics, similarity)
    return metrics


def check_writable(folder: Path) -> None:
    """Raise DataError where ``folder`` cannot be made or written to: said before the long work, not after it."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise DataError(f'cannot write {folder}: {existing} is {"read-only" if existing.is_dir() else "not a folder"}')
