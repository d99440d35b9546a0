"""How far the file that ships may be believed: temperature, a threshold for each label, and what is too far away.

Guarantees: all of it is fitted to what the .tflite itself gives, on the validation split; the train split gives only
the means and directions of the novelty score, but for labels that this run did not train on. The holdout is never
looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mobile_models.evaluation import ThresholdFit
from mobile_models.litert_model import ModelError
from mobile_models.novelty import Novelty
from training.evaluation import calibration, novelty
from training.evaluation.calibration import Calibration
from training.evaluation.model_outputs import ModelOutputs
from training.evaluation.subject import Subject
from training.fitting.pipeline import Pictures
from training.recipe import Recipe

PHOTOS, FEWEST_OF_A_LABEL = 2400, 20
"""So many train photos tell where the labels lie, the same number of each; more cost time and change nothing."""


@dataclass(frozen=True)
class Confidence:
    labels: tuple[str, ...]
    calibration: Calibration
    novelty: Novelty
    target_precision: float

    @property
    def temperature(self) -> float:
        return self.calibration.temperature

    @property
    def thresholds(self) -> dict[str, float]:
        return {label: fit.threshold for label, fit in self.fits.items()}

    @property
    def fits(self) -> Mapping[str, ThresholdFit]:
        return dict(zip(self.labels, self.calibration.fits, strict=True))


def fit(subject: Subject, recipe: Recipe, train: Pictures, validation: ModelOutputs, seed: int) -> Confidence:
    """Return what is fitted for `subject`, given what it gives for the validation split."""
    chosen = _some_of_each(train.labels, seed)
    _, embeddings = subject.outputs(np.asarray(train.pixels[chosen]))
    if embeddings is None or validation.embedding is None:
        raise ModelError(f"{subject.name} gives no embedding, which a release needs")
    known = np.isin(validation.labels, train.labels)
    embeddings = np.concatenate([embeddings, validation.embedding[~known]])
    labels = np.concatenate([train.labels[chosen], validation.labels[~known]])
    return Confidence(
        labels=subject.label_set.ids,
        calibration=calibration.calibrate(validation.logits, validation.labels, recipe.target_precision),
        novelty=novelty.fit(embeddings, labels, validation.embedding, recipe.novelty_kept),
        target_precision=recipe.target_precision,
    )


def _some_of_each(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return positions of at most `PHOTOS` photos, the same share for each label, in their order."""
    chance, present = np.random.default_rng(seed), np.unique(labels)
    share = max(FEWEST_OF_A_LABEL, PHOTOS // len(present))
    each = [chance.permutation(np.flatnonzero(labels == label))[:share] for label in present]
    chosen: NDArray[np.int64] = np.sort(np.concatenate(each))
    return chosen
