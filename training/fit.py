"""Fitting a model by a recipe, resumable after a kill at any moment.

Guarantees: after each epoch the whole state (weights, optimiser, history) lies in the folder, and all chance follows
from (seed, stage, epoch), so a resumed run does what an unbroken one would have done. The model that comes out is that
of the best validation epoch of the last stage. The holdout is never seen here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mobile_models.document import Document, Sha256
from training import backbones, pipeline, schedules
from training.dataset import DataError
from training.pipeline import Batches, Pictures
from training.recipe import Recipe, balanced_class_weights
from training.recipe_parts import Stage
from training.run_directory import Progress

Report = Callable[[Progress], None]
STATE_FILE = "state.json"


class Diverged(Exception):
    """The loss is no number any more; the message says what to do."""


class Epoch(Document):
    """What one epoch measured; validation is unweighted and without label smoothing."""

    stage: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float

    @property
    def metrics(self) -> dict[str, float]:
        return self.model_dump(exclude={"stage", "seconds"})


class History(Document):
    """`history.json`: the curves of a finished fit, epoch by epoch over all stages."""

    epochs: tuple[Epoch, ...]


class FitState(Document):
    """`state.json`: where to go on. It is written after the files that it names."""

    fit: Sha256 = Field(description="digest of what is fitted: recipe, data set, seed, weights")
    stage: int = 0
    epochs: tuple[Epoch, ...] = ()
    start: str | None = Field(default=None, description="the whole model as the stage began; null: as it was built")
    last: str | None = Field(default=None, description="what is trained, with its optimiser, after the last epoch")
    best: str | None = Field(default=None, description="what is trained, at the best epoch of the stage")


@dataclass(frozen=True)
class Trainee:
    """What a stage trains: the whole model on photos, or the head on the features of unchanged photos."""

    model: keras.Model
    train: NDArray[Any]
    validation: NDArray[Any]


@dataclass(frozen=True)
class Task:
    """What is fitted; `digest` names it, so that checkpoints of something else are not taken up."""

    recipe: Recipe
    train: Pictures
    validation: Pictures
    seed: int
    digest: Sha256


class Fit:
    """One fit in one folder; `run` goes on from whatever is there."""

    def __init__(self, model: keras.Model, task: Task, folder: Path, report: Report) -> None:
        """Raise `DataError` if the folder holds the state of another task."""
        self.model, self.folder, self._report = model, folder, report
        self._recipe, self._train, self._validation, self._seed = task.recipe, task.train, task.validation, task.seed
        self._class_weights = _class_weights(task.recipe, task.train.labels, model.output.shape[-1])
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / STATE_FILE
        self.state = FitState.read(file) if file.is_file() else FitState(fit=task.digest)
        if self.state.fit != task.digest:
            raise DataError(
                f"{folder} belongs to another run (recipe, data set, seed or weights differ). Use a new one."
            )

    def run(self) -> None:
        """Train `model` to the end; raise `Diverged` where that leads nowhere."""
        for position in range(self.state.stage, len(self._recipe.stages)):
            self._run_stage(position, self._recipe.stages[position])
        if self.state.start is not None:
            _load(self.folder / self.state.start, self.model.weights)

    def _run_stage(self, position: int, stage: Stage) -> None:
        if self.state.start is not None:
            _load(self.folder / self.state.start, self.model.weights)
        backbones.set_trainable(self.model, stage)
        trainee = self._trainee(position, stage)
        self._compile(trainee.model, stage)
        if self.state.last is not None:
            _load(self.folder / self.state.last, _variables(trainee.model))
        while not schedules.is_over(stage, self._history(position)):
            self._run_epoch(trainee, position, stage)
        _load(self.folder / str(self.state.best), trainee.model.weights)
        start = self._save(f"start-{position + 1}.npz", self.model.weights)
        self._keep(self.state.model_copy(update={"stage": position + 1, "start": start, "last": None, "best": None}))

    def _trainee(self, position: int, stage: Stage) -> Trainee:
        if stage.trains_body or stage.augment:
            return Trainee(self.model, self._train.pixels, self._validation.pixels)
        self._report(Progress(stage=stage.name, epoch=len(self.state.epochs), epochs=self._recipe.total_epochs))
        body = backbones.body_of(self.model)
        features = [self._features(body, position, pictures) for pictures in (self._train, self._validation)]
        return Trainee(backbones.head_of(self.model), *features)

    def _features(self, body: keras.Model, position: int, pictures: Pictures) -> NDArray[np.float32]:
        """Pooled features float32 [n, embedding], kept in the folder since they take the most time of such a stage."""
        file = self.folder / f"features-{position}-{'train' if pictures is self._train else 'validation'}.npy"
        if not file.exists():
            partial = file.with_name(f"partial-{file.name}")
            np.save(partial, pipeline.predict(body, pictures.pixels))
            partial.replace(file)
        features: NDArray[np.float32] = np.load(file)
        return features

    def _run_epoch(self, trainee: Trainee, position: int, stage: Stage) -> None:
        started = time.monotonic()
        number = len(self._history(position))
        chance = (self._seed, position, number)
        trainee.model.optimizer.learning_rate = schedules.learning_rate(stage, self._history(position))
        _reseed_dropout(trainee.model, chance)
        batches = Batches(
            trainee.train,
            self._train.labels,
            self._class_weights,
            self._recipe.batch_size,
            chance,
            self._recipe.augmentation if stage.augment else None,
        )
        fitted = trainee.model.fit(batches, shuffle=False, verbose=0).history
        val_loss, val_accuracy = self._validate(trainee)
        if not np.isfinite([fitted["loss"][-1], val_loss]).all():
            raise Diverged(f"The training diverged in stage {stage.name!r}. Lower its learning_rate in the recipe.")
        epoch = Epoch(
            stage=position,
            loss=fitted["loss"][-1],
            accuracy=fitted["accuracy"][-1],
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=time.monotonic() - started,
        )
        self._finish_epoch(trainee, position, epoch)
        self._report(self._progress(stage, position, epoch))

    def _finish_epoch(self, trainee: Trainee, position: int, epoch: Epoch) -> None:
        name = f"{position}-{len(self._history(position)) + 1}.npz"
        changes: dict[str, object] = {"epochs": (*self.state.epochs, epoch)}
        state = self.state.model_copy(update=changes)
        scores = [self._score(each) for each in state.epochs if each.stage == position]
        if schedules.best_epoch(scores) == len(scores) - 1:
            changes["best"] = self._save(f"best-{name}", trainee.model.weights)
        changes["last"] = self._save(f"last-{name}", _variables(trainee.model))
        self._keep(self.state.model_copy(update=changes))

    def _validate(self, trainee: Trainee) -> tuple[float, float]:
        """Return cross-entropy and accuracy on the validation split."""
        logits = pipeline.predict(trainee.model, trainee.validation).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_likelihood = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        labels = self._validation.labels
        loss = -log_likelihood[np.arange(len(labels)), labels].mean()
        return float(loss), float((logits.argmax(axis=1) == labels).mean())

    def _history(self, position: int) -> list[float]:
        return [self._score(epoch) for epoch in self.state.epochs if epoch.stage == position]

    def _score(self, epoch: Epoch) -> float:
        return epoch.val_accuracy if self._recipe.monitor == "accuracy" else -epoch.val_loss

    def _compile(self, model: keras.Model, stage: Stage) -> None:
        recipe = self._recipe
        if recipe.weight_decay:
            optimizer = keras.optimizers.AdamW(stage.learning_rate, weight_decay=recipe.weight_decay)
        else:
            optimizer = keras.optimizers.Adam(stage.learning_rate)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
        # XLA makes training slower on a CPU with TensorFlow; JAX cannot do without.
        model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=keras.backend.backend() == "jax")
        optimizer.build(model.trainable_variables)

    def _save(self, name: str, variables: list[Any]) -> str:
        partial = self.folder / f"partial-{name}"
        np.savez(partial, *[np.asarray(variable) for variable in variables])
        partial.replace(self.folder / name)
        return name

    def _keep(self, state: FitState) -> None:
        """Write the state, then remove the files that it no longer names."""
        state.write(self.folder / STATE_FILE)
        self.state = state
        kept = {STATE_FILE, state.start, state.last, state.best}
        for path in self.folder.iterdir():
            if path.name not in kept and not path.name.startswith(f"features-{state.stage}-"):
                path.unlink()

    def _progress(self, stage: Stage, position: int, epoch: Epoch) -> Progress:
        done, total = len(self.state.epochs), self._recipe.total_epochs
        seconds_left = None
        if position == len(self._recipe.stages) - 1:
            own = [each.seconds for each in self.state.epochs if each.stage == position]
            seconds_left = float(np.median(own)) * (stage.epochs - len(own))
        return Progress(stage=stage.name, epoch=done, epochs=total, metrics=epoch.metrics, seconds_left=seconds_left)


def _class_weights(recipe: Recipe, labels: NDArray[np.int64], label_count: int) -> NDArray[np.float64]:
    if recipe.class_weights == "none":
        return np.ones(label_count)
    return np.array(balanced_class_weights(labels.tolist(), label_count))


def _variables(model: keras.Model) -> list[Any]:
    return [*model.weights, *model.optimizer.variables]


def _load(file: Path, variables: list[Any]) -> None:
    with np.load(file) as saved:
        for variable, name in zip(variables, saved.files, strict=True):
            variable.assign(saved[name])


def _reseed_dropout(model: keras.Model, chance: tuple[int, ...]) -> None:
    for position, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            seed = np.random.default_rng((*chance, position)).integers(2**31, size=2)
            layer.seed_generator.state.assign(seed)
