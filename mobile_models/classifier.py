"""The classifier: the bytes of a photo in, a label or "unsure" out.

Guarantees: only the model that the manifest names by digest answers; scores are probabilities over the whole label
set; the label is the most probable one, or `unsure` where that one does not reach its threshold, or where the photo is
too far from all that the model learnt from. Where labels belong to groups, the group is answered too: the one with the
largest sum of probabilities, or `unsure` where that sum does not reach the lowest threshold of its labels, or where the
photo is too far.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_models import photo as photos
from mobile_models.document import file_sha256, sha256
from mobile_models.label_set import UNSURE, LabelSet
from mobile_models.litert_model import LiteRtModel, ModelError
from mobile_models.manifest import ReleaseManifest

__all__ = ["Classification", "Classifier", "ModelError", "softmax", "sum_by_group"]


@dataclass(frozen=True)
class Classification:
    label: str
    """Label id, or `unsure`."""
    scores: dict[str, float]
    """Label id to probability, in the order of the label set."""
    milliseconds: float
    """From the photo to this answer, on the wall clock."""
    embedding: NDArray[np.float32]
    """[embedding_length]"""
    group: str | None = None
    """Group id, or `unsure`; None where the labels have no groups."""
    group_scores: dict[str, float] = field(default_factory=dict)
    """Group id to the summed probability of its labels; empty where the labels have no groups."""
    novelty: float | None = None
    """Distance from what the model learnt from, as a share of the one beyond which the answer is unsure; None where the
    manifest has no such distance."""

    @property
    def best_label(self) -> str:
        """The most probable label, whatever its threshold."""
        return max(self.scores, key=self.scores.__getitem__)


class Classifier:
    """Safe to share between threads. Raises `ModelError` if model and manifest do not belong together."""

    def __init__(self, model: bytes | Path, manifest: ReleaseManifest, threads: int = 1) -> None:
        found = sha256(model) if isinstance(model, bytes) else file_sha256(model)
        if found != manifest.model.sha256:
            raise ModelError(f"the model has digest {found}, but its manifest names {manifest.model.sha256}")
        self.manifest = manifest
        self._model = LiteRtModel(model, len(manifest.label_set.ids), threads=threads)
        spec = manifest.input_spec
        if self._model.input_shape != (1, spec.height, spec.width, 3):
            raise ModelError(f"the model takes {self._model.input_shape}, its manifest {spec.height} x {spec.width}")
        if self._model.embedding_length != manifest.model.embedding_length:
            raise ModelError(
                f"the embedding has {self._model.embedding_length} values, "
                f"its manifest says {manifest.model.embedding_length}"
            )

    @classmethod
    def load(cls, release: Path, threads: int = 1) -> Self:
        """Load a release folder, or a model file that has its `manifest.json` beside it."""
        model = release / "model.tflite" if release.is_dir() else release
        if not model.is_file():
            raise ModelError(f"there is no model at {model}")
        path = model.with_name("manifest.json")
        try:
            manifest = ReleaseManifest.read(path)
        except OSError as error:
            raise ModelError(f"there is no manifest at {path}, which says what the model is fed: {error}") from error
        except ValueError as error:
            raise ModelError(f"{path} is no release manifest: {error}") from error
        return cls(model, manifest, threads)

    def classify(self, photo: bytes) -> Classification:
        """Raise `photo.PhotoError` if the bytes are not a photo that can be read."""
        started = time.perf_counter()
        return self._answer(self.manifest.input_spec.prepare(photos.decode(photo)), started)

    def classify_image(self, image: Image.Image) -> Classification:
        """Classify an upright RGB image."""
        started = time.perf_counter()
        return self._answer(self.manifest.input_spec.prepare(image), started)

    def classify_prepared(self, prepared: NDArray[np.uint8]) -> Classification:
        """Classify what `InputSpec.prepare` made of a photo, uint8 [1, H, W, 3]."""
        return self._answer(prepared, time.perf_counter())

    def logits(self, prepared: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits float32 [labels] and embedding float32 [embedding_length] of uint8 [1, H, W, 3]."""
        return self._model.run(prepared)

    def _answer(self, prepared: NDArray[np.uint8], started: float) -> Classification:
        logits, embedding = self.logits(prepared)
        probabilities = softmax(logits, self.manifest.temperature)
        scores = dict(zip(self.manifest.label_set.ids, map(float, probabilities), strict=True))
        best = max(scores, key=scores.__getitem__)
        novelty = self._novelty(embedding)
        is_known = novelty is None or novelty <= 1
        label = best if is_known and scores[best] >= self.manifest.thresholds[best] else UNSURE
        group_scores = sum_by_group(self.manifest.label_set, scores)
        group = self._group(group_scores, is_known=is_known)
        return Classification(label, scores, _milliseconds_since(started), embedding, group, group_scores, novelty)

    def _novelty(self, embedding: NDArray[np.float32]) -> float | None:
        score = self.manifest.novelty
        return None if score is None else score.relative(embedding[np.newaxis])[0]

    def _group(self, group_scores: Mapping[str, float], *, is_known: bool) -> str | None:
        if not group_scores:
            return None
        if not is_known:
            return UNSURE
        best = max(group_scores, key=group_scores.__getitem__)
        members = self.manifest.label_set.groups[best]
        return best if group_scores[best] >= min(self.manifest.thresholds[label] for label in members) else UNSURE


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def sum_by_group(label_set: LabelSet, scores: Mapping[str, float]) -> dict[str, float]:
    """Return group id to the summed score of its labels; empty where the labels have no groups."""
    return {group: sum(scores[label] for label in members) for group, members in label_set.groups.items()}


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities of `logits` [..., labels] divided by `temperature` (Guo et al. 2017, arXiv:1706.04599)."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
