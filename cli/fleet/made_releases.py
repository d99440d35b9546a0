"""Releases made without training, out of the bundled one: a good one, and bad ones on purpose.

Guarantees: each is a whole release folder whose parts belong together by digest, so that nothing on the way to the
phones can tell a bad one from a good one: it is bad in what it answers, or where it is loaded.
"""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_models import self_tests
from mobile_models.document import sha256
from mobile_models.manifest import ReleaseManifest, SelfTest
from phone.fleet.scenarios import Scenario
from training.quantization.tflite_graph import Graph

_HEAD = "FULLY_CONNECTED"
_NUDGED_WEIGHTS = 64
_WRONG_BY = 10.0
"""Added to each logit that a self-test expects; no rounding of any processor comes near it."""


def bundled(source: Path, folder: Path, created_at: datetime) -> Path:
    """Copy the bundled release, as if it had been made before the city's days began."""
    shutil.copytree(source, folder)
    manifest = ReleaseManifest.read(folder / "manifest.json")
    manifest.model_copy(update={"created_at": created_at}).write(folder / "manifest.json")
    return folder


def make(source: Path, folder: Path, version: int, scenario: Scenario) -> Path:
    """Make release `version` out of the release folder `source`, and what the scenario asks."""
    shutil.copytree(source, folder)
    old = ReleaseManifest.read(source / "manifest.json")
    model, tests = _model((source / "model.tflite").read_bytes(), len(old.label_set.ids), scenario)
    (folder / "model.tflite").write_bytes(model)
    changes = {
        "version": version,
        "created_at": old.created_at + timedelta(hours=1),
        "model": old.model.model_copy(update={"sha256": sha256(model), "size_bytes": len(model)}),
        "self_tests": tests,
        "lineage": old.lineage.model_copy(update={"parent_version": old.version}),
    }
    old.model_copy(update=changes).write(folder / "manifest.json")
    return folder


def _model(content: bytes, labels: int, scenario: Scenario) -> tuple[bytes, tuple[SelfTest, ...]]:
    """Return the model and its self-tests; those of a model that does not open are of one that does."""
    model = _swapped_labels(content) if scenario is Scenario.WORSE else _nudged(content)
    tests = self_tests.make(model, labels)
    if scenario is Scenario.BROKEN_FILE:
        return bytes(64) + model[64:], tests
    if scenario is Scenario.SELF_TEST:
        return model, tuple(_mismatched(test) for test in tests)
    return model, tests


def _nudged(content: bytes) -> bytes:
    """Change the head a little, as retraining it does: the file is another one and answers nearly alike."""
    graph = Graph(content)
    weights = _constant(graph, 1)
    few = weights.reshape(-1)[:_NUDGED_WEIGHTS]
    few += np.where(few < np.iinfo(weights.dtype).max, 1, -1).astype(weights.dtype)
    return graph.content


def _swapped_labels(content: bytes) -> bytes:
    """Let the head give each label the score of the next one: sure of itself, and wrong."""
    graph = Graph(content)
    for place in (1, 2):
        values = _constant(graph, place)
        values[:] = np.roll(values, 1, axis=0)
    for tensor in _head(graph)[1:]:
        steps = graph.steps(tensor)
        if steps is not None:
            for numbers in steps:
                numbers[:] = np.roll(numbers, 1)
    return graph.content


def _mismatched(test: SelfTest) -> SelfTest:
    return test.model_copy(update={"logits": tuple(logit + _WRONG_BY for logit in test.logits)})


def _head(graph: Graph) -> tuple[int, ...]:
    """Return input, weights and bias of the last layer."""
    return next(operator.inputs for operator in reversed(graph.operators) if operator.name == _HEAD)


def _constant(graph: Graph, place: int) -> NDArray[Any]:
    values = graph.constant(_head(graph)[place])
    if values is None:
        raise ValueError("the last layer of this model has no weights of its own")
    return values
