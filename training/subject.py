"""A model that can be measured, whatever its kind: a release, or a classifier that others made.

Guarantees: what is measured is the file that was given, fed as a phone feeds it (`InputSpec.prepare`); a release answers
only with the model that its manifest names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_models.document import Sha256, sha256
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import LabelSet
from mobile_models.litert_model import LiteRtModel, ModelError
from mobile_models.manifest import ReleaseManifest
from training.quantize import float_operators

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
    float_operators: tuple[str, ...] = field(default=())

    def outputs(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return logits float32 [n, k] and embeddings float32 [n, e], or None, of uint8 [n, H, W, 3]."""
        given = [self.run(picture[np.newaxis]) for picture in pixels]
        logits = np.stack([logits for logits, _ in given])
        embeddings = [embedding for _, embedding in given if embedding is not None]
        return logits, np.stack(embeddings) if len(embeddings) == len(given) else None


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
    return of_tflite(content, name, labels, spec, manifest.temperature, manifest.thresholds)


def of_tflite(
    content: bytes,
    name: str,
    label_set: LabelSet,
    input_spec: InputSpec,
    temperature: float = 1.0,
    thresholds: dict[str, float] | None = None,
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
        float_operators=float_operators(content),
    )
