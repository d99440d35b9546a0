"""Photos as features at the boundary of a stage, computed once and kept.

Guarantees: a view of a photo follows from the photo, the number of the view and the augmentation alone, so it is the
same in each epoch, run and retraining, and what was kept of it is used again. Only what the store lacks is computed.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_models.document import Sha256, sha256
from training.feature_cache.boundary import Boundary
from training.feature_cache.feature_store import GIGABYTE, FeatureStore, Rows, Source
from training.fitting import augment, devices
from training.fitting.batches import Inputs, from_file, on_file
from training.fitting.loading import Loaders
from training.fitting.pipeline import Pictures
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Stage

log = logging.getLogger(__name__)

UNCHANGED = 0
"""The view that is the photo itself."""
_BATCH = 64
_FLOAT16_BYTES = 2


def view_of_epoch(stage: Stage, epoch: int) -> int:
    """Return the view that all photos are shown in: unchanged where nothing is augmented, else 1 to `cached_views`."""
    return 1 + epoch % stage.cached_views if stage.augment else UNCHANGED


@dataclass
class KeptFeatures:
    """What a stage of `recipe` trains on."""

    store: FeatureStore
    boundary: Boundary
    recipe: Recipe
    stage: Stage
    loaders: Loaders
    computed: int = 0
    """Views that were not there."""
    seconds: float = 0
    """That they took."""

    def of_epoch(self, pictures: Pictures, epoch: int) -> Rows:
        return self._of(pictures, view_of_epoch(self.stage, epoch))

    def unchanged(self, pictures: Pictures) -> Rows:
        return self._of(pictures, UNCHANGED)

    def check_room(self, photos: int) -> None:
        """Warn where the store is too small for so many photos: then each epoch computes its features anew."""
        views = self.stage.cached_views if self.stage.augment else 1
        needed = photos * views * self.boundary.upper.input.shape[1] * _FLOAT16_BYTES
        if needed > self.store.capacity_bytes:
            log.warning(
                "Stage %s needs %.1f GB of features and may keep %.1f GB, so it computes them again and again. "
                "Give --features-gigabytes %d, or use fewer cached_views.",
                self.stage.name,
                needed / GIGABYTE,
                self.store.capacity_bytes / GIGABYTE,
                needed // GIGABYTE + 1,
            )

    def _of(self, pictures: Pictures, view: int) -> Rows:
        augmentation = self.recipe.augmentation if view != UNCHANGED else None
        digests = [photo.sha256 for photo in pictures.photos]

        def compute(chosen: NDArray[np.int64]) -> NDArray[np.float32]:
            return self._computed(Views(pictures, chosen, view, augmentation), len(chosen))

        return self.store.find_or_compute(self._source(augmentation), view, digests, compute)

    def _computed(self, views: "Views", count: int) -> NDArray[np.float32]:
        started, lower = time.monotonic(), self.boundary.lower
        parts = [np.asarray(lower.predict_on_batch(devices.shareable(batch))) for batch in self.loaders.stream(views)]
        self.computed, self.seconds = self.computed + count, self.seconds + time.monotonic() - started
        return np.concatenate(parts)[:count]  # Only the last batch can have been filled up.

    def _source(self, augmentation: Augmentation | None) -> Source:
        return Source(
            self._network,
            self.recipe.input_spec.digest,
            self.boundary.name,
            None if augmentation is None else augmentation.digest,
        )

    @cached_property
    def _network(self) -> Sha256:
        return self.boundary.network


class Views(Sequence[NDArray[np.uint8]]):
    """Batches of one view of the chosen photos, uint8 [b, height, width, 3]."""

    def __init__(
        self, pictures: Pictures, chosen: NDArray[np.int64], view: int, augmentation: Augmentation | None
    ) -> None:
        """`augmentation`: None for the photos themselves."""
        self._pixels: Inputs = pictures.pixels
        self._chosen, self._view, self._augmentation = chosen, view, augmentation
        self._digests = [pictures.photos[place].sha256 for place in chosen]

    def __len__(self) -> int:
        return math.ceil(len(self._chosen) / _BATCH)

    def __getitem__(self, index: Any) -> Any:
        """Return the batch with that number."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        numbers = range(index * _BATCH, min(len(self._chosen), (index + 1) * _BATCH))
        return np.stack([self._view_of(number) for number in numbers])

    def _view_of(self, number: int) -> NDArray[np.uint8]:
        photo: NDArray[np.uint8] = self._pixels[self._chosen[number]]
        if self._augmentation is None:
            return photo
        chance = _chance(self._digests[number], self._view, self._augmentation)
        return np.rint(augment.view(photo, self._augmentation, chance)).astype(np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        """Photos in a file travel to another process as its name."""
        return self.__dict__ | {"_pixels": on_file(self._pixels)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"_pixels": from_file(state["_pixels"])})


def _chance(photo: Sha256, view: int, augmentation: Augmentation) -> np.random.Generator:
    key = sha256(f"{photo} {view} {augmentation.digest}".encode())
    return np.random.default_rng(int(key, 16))
