"""One evaluation: a manifest and a method to figures, pictures and a report."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dejavu_ros.data.layouts import PlaceSet
from dejavu_ros.data.manifests import ManifestRow
from dejavu_ros.errors import DataError
from dejavu_ros.evaluation.features import Method
from dejavu_ros.evaluation.metrics import (
    by_session,
    centred,
    recall_by_condition,
    recall_of,
    retrieval_metrics,
)
from dejavu_ros.evaluation.reliability import answers, reliability, reliability_by_condition
from dejavu_ros.evaluation.report import write_report
from dejavu_ros.evaluation.settings import EvaluationSettings
from dejavu_ros.localization.model import AgreementModel, EvidenceModel, model_of
from dejavu_ros.localization.observation import Calibration


def measure(places: PlaceSet, settings: EvaluationSettings, method: Method) -> tuple[dict, np.ndarray]:
    """The content of ``metrics.json`` and the (B, B) similarity it was computed from. Raises DejavuError."""
    rows = places.rows
    if settings.map and settings.map not in by_session(rows):  # said before the long work
        raise DataError(f'no session {settings.map} to be the map; there are: {", ".join(by_session(rows))}')
    descriptors = method.descriptors([row.image for row in rows])
    similarity = method.all_pairs(descriptors)
    told = reliability_metrics(rows, similarity, descriptors, settings, method)
    if settings.centre:
        similarity = centred(rows, similarity)
    before = similarity
    similarity = method.reranked(rows, similarity, descriptors)
    metrics = retrieval_metrics(rows, similarity, settings.radius)
    metrics |= {'features': settings.features, 'similarity': settings.similarity, 'centre': settings.centre,
                'checkpoint': method.checkpoint, **reranking_metrics(rows, before, settings, method),
                'checkpoint_file': settings.checkpoint or 'shipped' if method.checkpoint else None,
                'radius': settings.radius or None, 'map': settings.map or None,
                'recall_by_condition': recall_by_condition(rows, similarity, settings.map, settings.radius)
                if settings.map else None,
                **told, 'set': places.name, 'images': identity(rows)}
    return metrics, similarity


def reranking_metrics(rows: Sequence[ManifestRow], before: np.ndarray, settings: EvaluationSettings,
                      method: Method) -> dict:
    """By what the images were re-ranked, and their recall before it; nothing where they were not."""
    if not method.reranker:
        return {}
    return {'rerank': settings.rerank, 'rerank_checkpoint': method.reranker.identity, 'rerank_top': settings.rerank_top,
            'recall_before_rerank': recall_of(rows, before, settings.radius),
            'recall_by_condition_before_rerank': recall_by_condition(rows, before, settings.map, settings.radius)
            if settings.map else None}


def reliability_metrics(rows: Sequence[ManifestRow], similarity: np.ndarray, descriptors: Sequence[np.ndarray],
                        settings: EvaluationSettings, method: Method) -> dict:
    """What single frames are told against the map, by all and by condition; None without a map, or where nothing
    says what a score is worth: only a checkpoint's features under CX are calibrated.
    """
    if not settings.map or settings.similarity != 'cx' or not method.extractor:
        return {'ece': None, 'recall_at_100_precision': None, 'reliability': None, 'reliability_by_condition': None}
    card = method.extractor.checkpoint.card
    found = answers(rows, similarity, descriptors, method.extractor.grid, settings.map, Calibration.of(card),
                    settings.radius, model_of(card, 'evidence', EvidenceModel),
                    model_of(card, 'agreement', AgreementModel))
    figures = reliability(found)
    return {'ece': figures['ece'], 'recall_at_100_precision': figures['recall_at_100_precision'],
            'reliability': figures, 'reliability_by_condition': reliability_by_condition(rows, found)}


def evaluate(places: PlaceSet, settings: EvaluationSettings, folder: str | Path) -> dict:
    """:func:`measure`, and write all that :func:`dejavu_ros.evaluation.report.write_report` does to ``folder``."""
    check_writable(Path(folder))
    method = Method(settings)
    metrics, similarity = measure(places, settings, method)
    title = f'{places.name}: {settings.features}, {settings.similarity}{", centred" if settings.centre else ""}'
    write_report(folder, title, places.rows, metrics, similarity, method.dense)
    return metrics


def identity(rows: Sequence[ManifestRow]) -> str:
    """12 hex digits that are the same where images, places and sessions are, wherever they lie."""
    known = sorted((row.image.name, row.place, row.session) for row in rows)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:12]


def check_writable(folder: Path) -> None:
    """Raise DataError where ``folder`` cannot be made or written to: said before the long work, not after it."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise DataError(f'cannot write {folder}: {existing} is {"read-only" if existing.is_dir() else "not a folder"}')
