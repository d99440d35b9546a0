"""What a model gave for each photo of a split: `holdout.npz` and `validation.npz` of a run directory.

Guarantees: equal outputs give equal bytes; reports, curves and searches for label errors need no second run of the
model. The keys: photos (digests), labels (int64 [n], positions in the label set), logits (float32 [n, k], of the
.tflite), float_logits (float32 [n, k], of the model it was made from; absent where there is none), embedding
(float32 [n, e]; absent where the model gives none).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ModelOutputs:
    photos: tuple[str, ...]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    float_logits: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None

    def write(self, file: Path) -> None:
        """Replace `file` whole."""
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"photos": np.array(self.photos, dtype=str), "labels": self.labels}
        arrays |= {"logits": self.logits, "float_logits": self.float_logits, "embedding": self.embedding}
        partial = file.with_name(file.name + ".partial")
        with partial.open("wb") as opened:
            np.savez(opened, **{name: values for name, values in arrays.items() if values is not None})
        partial.replace(file)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raise `OSError` if there is no such file and `ValueError` if it holds something else."""
        with np.load(file, allow_pickle=False) as stored:
            if missing := {"photos", "labels", "logits"} - set(stored.files):
                raise ValueError(f"{file} lacks {', '.join(sorted(missing))}")
            return cls(
                photos=tuple(map(str, stored["photos"])),
                labels=stored["labels"],
                logits=stored["logits"],
                float_logits=stored.get("float_logits"),
                embedding=stored.get("embedding"),
            )
