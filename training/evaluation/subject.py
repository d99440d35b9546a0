"""A model that can be measured, whatever its kind: a release, or a classifier that others made.

Guarantees: what is measured is the file that was given, fed as a phone feeds it (`InputSpec.prepare`); a release
answers only with the model that its manifest names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_models.classifier import softmax
from mobile_models.document import Sha256, sha256
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import LabelSet
from mobile_models.litert_model import LiteRtModel, ModelError
from mobile_models.manifest import ReleaseManifest
from mobile_models.novelty import Novelty
from training.evaluation.model_outputs import ModelOutputs
from training.quantization.quantize import float_operators

Output = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Logits [k] and embedding [e] of one picture; None where the model gives no embedding."""


@dataclass(frozen=True)
class Subject:
    name: str
    sha256: Sha256
    size_bytes: int
    label_set: LabelSet
    input_spec: InputSpec
    run: Callable[[NDArray[np.uint8]], Output]
    """One prepared picture, uint8 [1, H, W, 3]."""
    temperature: float = 1.0
    thresholds: dict[str, float] | None = None
    """Label id to the score below which the answer is unsure; None where the model is never unsure."""
    novelty: Novelty | None = None
    float_operators: tuple[str, ...] = field(default=())

    def outputs(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return logits float32 [n, k] and embeddings float32 [n, e], or None, of uint8 [n, H, W, 3]."""
        given = [self.run(picture[np.newaxis]) for picture in pixels]
        logits = np.stack([logits for logits, _ in given])
        embeddings = [embedding for _, embedding in given if embedding is not None]
        return logits, np.stack(embeddings) if len(embeddings) == len(given) else None

    def novel(self, outputs: ModelOutputs) -> NDArray[np.bool_]:
        """Which photos are too far from all that it learnt from, bool [n]."""
        if self.novelty is None or outputs.embedding is None:
            return np.zeros(len(outputs.logits), dtype=np.bool_)
        return np.asarray(self.novelty.distances(outputs.embedding) > self.novelty.threshold)

    def unsure(self, outputs: ModelOutputs) -> NDArray[np.bool_]:
        """Which photos it answers with `unsure`, bool [n], as `Classifier` does."""
        probabilities = softmax(outputs.logits, self.temperature)
        lowest = np.array([(self.thresholds or {}).get(label, 0.0) for label in self.label_set.ids])
        below = probabilities.max(axis=1) < lowest[probabilities.argmax(axis=1)]
        return np.asarray(below | self.novel(outputs))


def of_release(release: Path) -> Subject:
    """Raise `ModelError` if the release folder is not whole."""
    try:
        manifest = ReleaseManifest.read(release / "manifest.json")
        content = (release / "model.tflite").read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"{release} is no release folder: {error}") from error
    if sha256(content) != manifest.model.sha256:
        raise ModelError(f"{release / 'model.tflite'} is not the model that its manifest names")
    return of_manifest(content, manifest)


def of_manifest(content: bytes, manifest: ReleaseManifest) -> Subject:
    name, labels, spec = f"release {manifest.version}", manifest.label_set, manifest.input_spec
    return of_tflite(content, name, labels, spec, manifest.temperature, manifest.thresholds, manifest.novelty)


def of_tflite(
    content: bytes,
    name: str,
    label_set: LabelSet,
    input_spec: InputSpec,
    temperature: float = 1.0,
    thresholds: dict[str, float] | None = None,
    novelty: Novelty | None = None,
) -> Subject:
    """A .tflite of the published format. Raise `ModelError` if it is none."""
    litert = LiteRtModel(content, len(label_set.ids))

    def run(picture: NDArray[np.uint8]) -> Output:
        logits, embedding = litert.run(picture)
        return logits.copy(), embedding.copy()

    return Subject(
        name=name,
        sha256=sha256(content),
        size_bytes=len(content),
        label_set=label_set,
        input_spec=input_spec,
        run=run,
        temperature=temperature,
        thresholds=thresholds,
        novelty=novelty,
        float_operators=float_operators(content),
    )
