"""Fitting a model by a recipe, resumable after a kill at any moment.

Guarantees: after each epoch the whole state (weights, optimiser, history) lies in the folder, and all chance follows
from (seed, stage, epoch), so a resumed run does what an unbroken one would have done. The model that comes out is that
of the best validation epoch of the last stage, with the averaged weights where the recipe averages. The holdout is
never seen here.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mobile_models.document import Sha256
from training import backbones
from training.backbone_facts import FACTS
from training.feature_cache.boundary import split_at
from training.feature_cache.feature_store import FeatureStore
from training.feature_cache.features import KeptFeatures
from training.fitting import curves, devices, losses, optimizers, pace, pipeline, sampling, schedules
from training.fitting.batches import Batches, Changes, Inputs
from training.fitting.checkpoints import Checkpoints, Epoch, FitState, History
from training.fitting.loading import Loaders
from training.fitting.mixing import Mixing
from training.fitting.pipeline import Pictures
from training.recipe import Recipe, balanced_class_weights
from training.recipe_parts import Sampling, Stage
from training.run_directory import Progress

__all__ = ["Diverged", "Epoch", "Fit", "FitState", "History", "Task", "Trainee"]

Report = Callable[[Progress], None]
SAMPLE = 2
"""Tells the generator that samples from those of a batch."""


class Diverged(Exception):
    """The loss is no number any more; the message says what to do."""


@dataclass(frozen=True)
class Trainee:
    """What a stage trains: the whole model on photos, or the part above a boundary on kept features.

    `inputs` gives the train photos, or their features, in an epoch of the stage; `changes`: what happens to them on
    their way into a batch.
    """

    model: keras.Model
    inputs: Callable[[int], Inputs]
    validation: Inputs
    changes: Changes | None


@dataclass(frozen=True)
class Task:
    """What is fitted; `digest` names it, so that checkpoints of something else are not taken up."""

    recipe: Recipe
    train: Pictures
    validation: Pictures
    seed: int
    digest: Sha256
    teacher: keras.Model | None = None
    """Photos in 0 to 255 to logits of the same labels, for a recipe that distils."""


class Fit:
    """One fit in one folder; `run` goes on from whatever is there."""

    def __init__(
        self,
        model: keras.Model,
        task: Task,
        folder: Path,
        report: Report,
        *,
        curves: Path | None = None,
        loaders: int = 0,
        store: FeatureStore | None = None,
    ) -> None:
        """`curves`: where TensorBoard's files go; `loaders`: processes that make batches; `store`: where features are.

        Without a store they lie in `folder` until the fit is done.

        Raise `DataError` if `folder` holds the state of another task, or has no room for this one.
        """
        self.model, self.folder, self._task, self._report = model, folder, task, report
        self._recipe, self._train, self._validation, self._seed = task.recipe, task.train, task.validation, task.seed
        self._class_weights = _class_weights(task.recipe, task.train.labels, model.output.shape[-1])
        self._checkpoints = Checkpoints(folder, task.digest)
        self._checkpoints.require_space(4 * model.count_params())
        self._curves_folder, self._loader_count = curves, loaders
        self._own_store = folder / "features"
        self._store = store or FeatureStore(self._own_store)

    @property
    def state(self) -> FitState:
        return self._checkpoints.state

    def run(self) -> None:
        """Train `model` to the end; raise `Diverged` where that leads nowhere."""
        with (
            Loaders(self._loader_count) as self._loaders,
            curves.writer(self._curves_folder, self.state.epochs) as self._curves,
            devices.precision(self.model, self._recipe.precision),
        ):
            for position in range(self.state.stage, len(self._recipe.stages)):
                self._run_stage(position, self._recipe.stages[position])
        shutil.rmtree(self._own_store, ignore_errors=True)
        self._checkpoints.load(self.state.start, self.model.weights)

    def _run_stage(self, position: int, stage: Stage) -> None:
        self._checkpoints.load(self.state.start, self.model.weights)
        began = [np.asarray(weight).copy() for weight in self.model.weights] if stage.kept_change < 1 else []
        backbones.set_trainable(self.model, stage)
        trainee = self._trainee(position, stage)
        self._trainer = self._compiled(trainee.model, stage)
        self._checkpoints.load(self.state.last, self._learned(trainee))
        while not schedules.is_over(stage, self._history(position)):
            epoch = self._run_epoch(trainee, position, stage)
            self._curves.add(epoch)
            self._report(self._progress(stage, epoch))
        self._checkpoints.load(self.state.best, trainee.model.weights)
        for weight, earlier in zip(self.model.weights if began else (), began, strict=True):
            # Wortsman et al. 2022, Robust fine-tuning of zero-shot models, arXiv:2109.01903, equation 1.
            weight.assign(earlier + stage.kept_change * (np.asarray(weight) - earlier))
        start = self._checkpoints.save(f"start-{position + 1}.npz", self.model.weights)
        self._checkpoints.keep(stage=position + 1, start=start, last=None, best=None)

    def _compiled(self, model: keras.Model, stage: Stage) -> keras.Model:
        """Return what is trained in this stage: `model`, beside its teacher where it sees photos and has one."""
        teacher = self._task.teacher if model is self.model else None
        trainer = model if teacher is None else losses.with_teacher(model, teacher)
        factors = optimizers.factors(self.model, stage)
        optimizer = optimizers.build(self._recipe, stage.learning_rate, trainer.trainable_variables, factors)
        loss = losses.of(self._recipe, taught=teacher is not None)
        # XLA makes training slower on a CPU with TensorFlow; JAX cannot do without.
        trainer.compile(optimizer, loss, metrics=[losses.accuracy], jit_compile=keras.backend.backend() == "jax")
        return trainer

    def _learned(self, trainee: Trainee) -> list[Any]:
        """All that an epoch changes."""
        return [*trainee.model.weights, *self._trainer.optimizer.variables]

    def _trainee(self, position: int, stage: Stage) -> Trainee:
        recipe = self._recipe
        mixing = Mixing(recipe.mixup_alpha, recipe.cutmix_alpha)
        if not stage.keeps_features:
            changes = Changes(recipe.augmentation, mixing) if stage.augment else None
            return Trainee(self.model, lambda epoch: self._train.pixels, self._validation.pixels, changes)
        self._report(Progress(stage=stage.name, epoch=len(self.state.epochs), epochs=recipe.total_epochs))
        kept = KeptFeatures(self._store, split_at(self.model, stage), recipe, stage, self._loaders)
        kept.check_room(len(self._train))
        kept.of_epoch(self._train, len(self._history(position)))
        if kept.computed:
            self._checkpoints.keep(forward_seconds=kept.seconds / kept.computed * len(self._train))
        return Trainee(
            kept.boundary.upper,
            lambda epoch: kept.of_epoch(self._train, epoch),
            kept.unchanged(self._validation),
            Changes(mixing=mixing) if stage.augment else None,
        )

    def _run_epoch(self, trainee: Trainee, position: int, stage: Stage) -> Epoch:
        started, done = time.monotonic(), self._history(position)
        optimizer, learning_rate, waiting = (
            self._trainer.optimizer,
            schedules.learning_rate(stage, done),
            pace.Waiting(),
        )
        optimizer.learning_rate = learning_rate
        loss, accuracy = self._show(trainee, (self._seed, position, len(done)), waiting)
        with optimizers.averaged(optimizer, self._trainer.trainable_variables):
            val_loss, val_accuracy = self._validate(trainee)
            if not np.isfinite([loss, val_loss]).all():
                raise Diverged(f"The training diverged in stage {stage.name!r}. Lower its learning_rate in the recipe.")
            epoch = Epoch(
                stage=position,
                name=stage.name,
                learning_rate=learning_rate,
                loss=loss,
                accuracy=accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                seconds=time.monotonic() - started,
                data_seconds=waiting.seconds,
            )
            changes = self._if_best(trainee, epoch)
        last = self._checkpoints.save(f"last-{position}-{len(done) + 1}.npz", self._learned(trainee))
        self._checkpoints.keep(epochs=(*self.state.epochs, epoch), last=last, **changes)
        return epoch

    def _show(self, trainee: Trainee, chance: tuple[int, ...], waiting: pace.Waiting) -> tuple[float, float]:
        """Train for one epoch; return loss and accuracy."""
        _reseed(trainee.model, chance)
        batches = self._batches(trainee, chance)
        whole = trainee.model is self.model  # Features need no work, only way: other processes would slow them.
        stream = waiting.watch(self._loaders.stream(batches) if whole else batches)
        shown = self._trainer.fit(
            stream, steps_per_epoch=len(batches), callbacks=[waiting], shuffle=False, verbose=0
        ).history
        return shown["loss"][-1], shown["accuracy"][-1]

    def _batches(self, trainee: Trainee, chance: tuple[int, ...]) -> Batches:
        recipe, inputs, labels, order = self._recipe, trainee.inputs(chance[-1]), self._train.labels, None
        generator = np.random.default_rng((*chance, 0, SAMPLE))
        if recipe.sampling is Sampling.OVERSAMPLE:
            order = sampling.oversample(labels, generator)
        elif recipe.sampling is Sampling.SMOTE:
            inputs, labels = sampling.smote(np.asarray(inputs), labels, generator)
        return Batches(inputs, labels, self._class_weights, recipe.batch_size, chance, trainee.changes, order)

    def _if_best(self, trainee: Trainee, epoch: Epoch) -> dict[str, object]:
        """Save what is validated if there was no better epoch in its stage, and return what changes in the state."""
        scores = [*self._history(epoch.stage), self._score(epoch)]
        if schedules.best_epoch(scores) < len(scores) - 1:
            return {}
        return {"best": self._checkpoints.save(f"best-{epoch.stage}-{len(scores)}.npz", trainee.model.weights)}

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

    def _progress(self, stage: Stage, epoch: Epoch) -> Progress:
        recipe, done = self._recipe, self.state.epochs
        left = pace.seconds_left(recipe.stages, FACTS[recipe.backbone].layers, done, self.state.forward_seconds)
        return Progress(
            stage=stage.name, epoch=len(done), epochs=recipe.total_epochs, metrics=epoch.metrics, seconds_left=left
        )


def _class_weights(recipe: Recipe, labels: NDArray[np.int64], label_count: int) -> NDArray[np.float64]:
    if recipe.class_weights == "none":
        return np.ones(label_count)
    return np.array(balanced_class_weights(labels.tolist(), label_count))


def _reseed(model: keras.Model, chance: tuple[int, ...]) -> None:
    """All layers that draw lots begin each epoch anew, so that a resumed one draws the same."""
    for position, layer in enumerate(backbones.all_layers(model)):
        if hasattr(layer, "seed_generator"):
            seed = np.random.default_rng((*chance, position)).integers(2**31, size=2)
            layer.seed_generator.state.assign(seed)
