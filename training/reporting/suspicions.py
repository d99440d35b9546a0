"""Photos of an evaluation whose label is likely wrong, with the reason in words.

Guarantees: sure contradictions (the same bytes under two labels) come first, then look-alikes under two labels, then
what confident learning doubts; no photo is named twice. Where it cannot be searched, the reason is said.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mobile_models.classifier import softmax
from training.dataset import DataError
from training.evaluation.measured_model import MeasuredModel
from training.reporting import label_errors


@dataclass(frozen=True)
class Suspicion:
    label: str
    suggested: str
    reason: str
    photo: str | None = None
    """Digest; None where the photo is not among the measured ones."""
    path: str | None = None
    """Where it came from, as far as that is known."""


@dataclass(frozen=True)
class Suspicions:
    found: tuple[Suspicion, ...]
    basis: str
    """What was searched, and by which probabilities."""


def of_model(measured: MeasuredModel, most: int = 30) -> Suspicions:
    """Return at most `most` likely label errors among the photos of an evaluation and those left out of it."""
    sure = _contradictions(measured)
    if measured.outputs is None:
        basis = "Scores of single photos were not kept, so only photos that are there twice were looked for."
        return Suspicions(tuple(sure[:most]), basis)
    probabilities, basis = _probabilities(measured)
    found = [*sure, *_look_alikes(measured), *_doubts(measured, probabilities)]
    unique: dict[str, Suspicion] = {}
    for each in found:
        unique.setdefault(each.photo or f"{each.path} {each.label}", each)
    return Suspicions(tuple(unique.values())[:most], basis)


def _contradictions(measured: MeasuredModel) -> list[Suspicion]:
    frozen = measured.photos.frozen if measured.photos else None
    return [
        Suspicion(
            label=each.label or "",
            suggested=each.twin_label or "",
            reason=f"byte for byte the same photo as {each.twin}; both are left out",
            path=each.path,
        )
        for each in (frozen.contradictions if frozen else ())
    ]


def _look_alikes(measured: MeasuredModel) -> list[Suspicion]:
    outputs, ids = measured.outputs, measured.report.label_set.ids
    if outputs is None or outputs.embedding is None:
        return []
    return [
        Suspicion(
            label=ids[outputs.labels[place]],
            suggested=ids[outputs.labels[other]],
            reason=f"looks the same as a photo of {ids[outputs.labels[other]]} (cosine {pair.similarity:.4f})",
            photo=outputs.photos[place],
        )
        for pair in label_errors.look_alikes(outputs.embedding, outputs.labels)
        for place, other in ((pair.first, pair.second), (pair.second, pair.first))
    ]


def _doubts(measured: MeasuredModel, probabilities: NDArray[np.float64]) -> list[Suspicion]:
    outputs, ids = measured.outputs, measured.report.label_set.ids
    if outputs is None:
        return []
    return [
        Suspicion(
            label=ids[outputs.labels[doubt.place]],
            suggested=ids[doubt.suggested],
            reason=(
                f"probability {probabilities[doubt.place, doubt.suggested]:.3f} of {ids[doubt.suggested]}, "
                f"{probabilities[doubt.place, outputs.labels[doubt.place]]:.3f} of its label"
            ),
            photo=outputs.photos[doubt.place],
        )
        for doubt in label_errors.doubts(probabilities, outputs.labels)
    ]


def _probabilities(measured: MeasuredModel) -> tuple[NDArray[np.float64], str]:
    """Return probabilities of a model that was not fitted to these labels, and which one that is."""
    outputs = measured.outputs
    if outputs is None:
        raise ValueError("there are no scores")
    own = softmax(outputs.logits, measured.report.temperature)
    if not measured.seen or outputs.embedding is None:
        return own, f"Confident learning on the model's own scores for {len(own)} photos."
    try:
        crossed = label_errors.out_of_sample(outputs.embedding, outputs.labels, measured.groups, own.shape[1])
    except DataError as error:
        return own, f"Confident learning on the model's own scores, some of them for photos it has seen: {error}"
    return crossed, (
        f"Confident learning on {len(own)} photos, {measured.seen} of which the model was trained on: the scores are "
        "those of heads that were cross-validated by group on its embeddings."
    )
