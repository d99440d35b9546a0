"""How far a photo is from all that a model was trained on, computed from its embedding alone.

Guarantees: whoever has the manifest gets the same distance; some 40 kilobytes of it are enough. The distance is that of
Mahalanobis to the nearest label (Lee et al. 2018, arXiv:1807.03888) between embeddings of length 1 (Mueller and Hein
2025, arXiv:2505.18032), with a covariance of a few directions and one variance for all others (Tipping and Bishop 1999,
Probabilistic principal component analysis).
"""

import base64
from functools import lru_cache
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mobile_models.document import Document

LARGEST = 127
Matrix = NDArray[np.float64]


class Rows(Document):
    """A matrix in 8 bits: row i is `scales[i]` times its signed bytes."""

    columns: int = Field(gt=0)
    scales: tuple[float, ...] = Field(min_length=1)
    values: str = Field(description="base64 of the signed bytes, row by row")

    @classmethod
    def of(cls, matrix: Matrix) -> Self:
        scales = np.maximum(np.abs(matrix).max(axis=1), np.finfo(np.float32).tiny) / LARGEST
        values = np.rint(matrix / scales[:, None]).astype(np.int8)
        encoded = base64.b64encode(values.tobytes()).decode()
        return cls(columns=matrix.shape[1], scales=tuple(map(float, scales)), values=encoded)

    @property
    def matrix(self) -> Matrix:
        """Return float64 [rows, columns], read-only."""
        return _matrix(self.values, self.columns, self.scales)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if len(base64.b64decode(self.values, validate=True)) != len(self.scales) * self.columns:
            raise ValueError(f"values must hold {len(self.scales)} times {self.columns} bytes")
        return self


@lru_cache(maxsize=8)  # Not in the document: documents are compared by all that they hold.
def _matrix(values: str, columns: int, scales: tuple[float, ...]) -> Matrix:
    decoded = np.frombuffer(base64.b64decode(values, validate=True), dtype=np.int8)
    matrix: Matrix = decoded.reshape(len(scales), columns) * np.array(scales)[:, None]
    matrix.flags.writeable = False
    return matrix


class Novelty(Document):
    """Beyond `threshold` the answer is `unsure`, whatever the scores."""

    kind: Literal["mahalanobis"] = "mahalanobis"
    means: Rows = Field(description="a row for each label, in the order of the label set")
    directions: Rows = Field(description="directions in which the embeddings of one label vary most")
    weights: tuple[float, ...] = Field(description="1 / variance along each direction")
    other_weight: float = Field(gt=0, description="1 / variance along any other direction")
    threshold: float = Field(gt=0)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.means.columns != self.directions.columns or len(self.weights) != len(self.directions.scales):
            raise ValueError("means and directions must be equally long, and each direction needs a weight")
        return self

    def distances(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the squared distance to the nearest label, float64 [n], of embeddings [n, e]."""
        given = np.asarray(embeddings, dtype=np.float64)
        unit = given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12)
        means, directions = self.means.matrix, self.directions.matrix
        along = ((unit @ directions.T)[:, None] - means @ directions.T) ** 2
        whole = (unit**2).sum(axis=1)[:, None] - 2 * unit @ means.T + (means**2).sum(axis=1)
        distances = along @ np.array(self.weights) + (whole - along.sum(axis=2)) * self.other_weight
        nearest: NDArray[np.float64] = distances.min(axis=1)
        return nearest

    def relative(self, embeddings: NDArray[np.float32]) -> list[float]:
        """Return the distances as shares of the threshold: above 1 the answer is unsure."""
        return [float(distance) for distance in self.distances(embeddings) / self.threshold]
