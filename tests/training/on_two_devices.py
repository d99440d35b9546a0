"""Run as a script where Keras has two devices: fit on both and on one, and print how far the two models differ.

The arguments: a snapshot directory and a folder for checkpoints.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from mobile_models.label_set import TRASHNET
from training import backbones, recipe
from training.dataset import DatasetSnapshot, Split
from training.fitting import devices, pipeline
from training.fitting.fit import Fit, Task


def fitted(task: Task, folder: Path) -> Fit:
    keras.utils.set_random_seed(task.seed)
    fit = Fit(backbones.build(task.recipe, 6, "random"), task, folder, lambda progress: None)
    fit.run()
    return fit


def main(directory: Path, folder: Path) -> None:
    wanted = recipe.load("tiny").with_changes(input_edge=32, weight_averaging=0.5).with_epochs(3)
    snapshot = DatasetSnapshot.read(directory / "snapshot.json")
    train, validation = (
        pipeline.load(directory, snapshot.of(split), TRASHNET, wanted.input_spec, folder)
        for split in (Split.TRAIN, Split.VALIDATION)
    )
    task = Task(wanted, train, validation, 5, wanted.digest)
    with devices.shared(wanted):
        both = fitted(task, folder / "both")
        predicted = pipeline.predict(both.model, validation.pixels[:7])
    single = devices.on_one(both.model)
    alone = fitted(task, folder / "alone")
    kernels = both.model.get_layer("backbone").trainable_variables
    told = {
        "devices": devices.names(),
        "placed_on": len(kernels[0].value.sharding.device_set) if keras.backend.backend() == "jax" else None,
        "replicas": kernels[0].value.__class__.__name__,
        "losses": [epoch.loss for epoch in both.state.epochs],
        "losses_alone": [epoch.loss for epoch in alone.state.epochs],
        "farthest": max(
            float(np.abs(np.asarray(one) - np.asarray(other)).max())
            for one, other in zip(both.model.weights, alone.model.weights, strict=True)
        ),
        "predicted": predicted.shape,
    }
    backbones.save(both.model, folder / "both.keras")
    again = keras.saving.load_model(folder / "both.keras", compile=False)
    told["single_differs"] = float(np.abs(pipeline.predict(single, validation.pixels[:7]) - predicted).max())
    told["saved_differs"] = float(np.abs(pipeline.predict(again, validation.pixels[:7]) - predicted).max())
    print(json.dumps(told))  # noqa: T201  # The answer of a script.


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
