"""The out-of-domain figure: a model on photos taken elsewhere than those it learnt from.

Guarantees: the file that ships is measured, fed as a phone feeds it; a label without photos there is named as
unmeasured and never counted; photos that show none of the labels (an empty label in the label map) count only for
`unsure`. Photos with equal bytes count once.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mobile_models import photo as photos
from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Counted, EvaluationReport, OutsideReport
from mobile_models.label_set import LabelSet
from training.data import layouts
from training.data.layouts import MappedReading
from training.data.photo_source import PhotoSource
from training.dataset import DataError, LabelledFile
from training.evaluation import novelty
from training.evaluation.evaluate import Measured, sure_accuracy
from training.evaluation.model_outputs import ModelOutputs
from training.evaluation.subject import Subject

log = logging.getLogger(__name__)

NO_LABEL = -1


@dataclass(frozen=True)
class OutsidePhotos:
    """Photos taken elsewhere, as read for a label set."""

    name: str
    labelled: tuple[LabelledFile, ...]
    not_waste: tuple[LabelledFile, ...]


def report(measured: Measured, source: PhotoSource | None) -> EvaluationReport:
    """Return the report with the out-of-domain figure, or as it is where there are no photos from elsewhere."""
    if source is None:
        return measured.report
    subject = measured.subject
    elsewhere = measure(subject, read(source, subject.label_set), measured.outputs)
    return measured.report.model_copy(update={"outside": elsewhere})


def read(source: PhotoSource, label_set: LabelSet) -> OutsidePhotos:
    """List the photos without decoding them; raise `DataError` if none has a label of `label_set`."""
    reading = _mapped(source)
    labelled = tuple(file for file in reading.labelled.files if file.label in label_set.ids)
    if not labelled:
        found = ", ".join(sorted({file.label for file in reading.labelled.files})) or "none"
        raise DataError(
            f"{source.directory} has no photo of {', '.join(label_set.ids)}: its labels are {found}. Give a label map, "
            f"as a CSV file or one of {', '.join(layouts.label_map.names())}."
        )
    return OutsidePhotos(source.directory.name, labelled, reading.none_of_these)


def measure(subject: Subject, outside: OutsidePhotos, inside: ModelOutputs | None = None) -> OutsideReport:
    """Measure `subject` on `outside`; `inside` is what it gives for its own holdout, to compare distances with.

    Raise `DataError` if none of the photos with a label can be read.
    """
    labelled = _outputs(subject, outside.labelled)
    if not labelled.photos:
        raise DataError(f"None of the photos in {outside.name} can be read.")
    not_waste = _outputs(subject, outside.not_waste) if outside.not_waste else None
    right = labelled.logits.argmax(axis=1) == labelled.labels
    unsure = subject.unsure(labelled)
    recall = _recall(subject.label_set, labelled.labels, right)
    return OutsideReport(
        name=outside.name,
        photos_digest=_digest(labelled, subject.label_set),
        photos=len(right),
        accuracy=float(right.mean()),
        recall=recall,
        unmeasured=tuple(label for label in subject.label_set.ids if label not in recall),
        unsure=float(unsure.mean()),
        sure_accuracy=sure_accuracy(right, unsure),
        not_waste_photos=0 if not_waste is None else len(not_waste.photos),
        not_waste_unsure=_share_unsure(subject, not_waste),
        novelty_auroc=_auroc(subject, inside, not_waste),
    )


def _mapped(source: PhotoSource) -> MappedReading:
    if source.label_map is None:
        return MappedReading(source.read(), ())
    return layouts.read_mapped(source.directory, source.label_map, source.layout)


def _outputs(subject: Subject, files: Iterable[LabelledFile]) -> ModelOutputs:
    """What `subject` gives for each photo that can be read; the others are logged."""
    given: dict[Sha256, tuple[int, NDArray[np.float32], NDArray[np.float32] | None]] = {}
    ids = subject.label_set.ids
    for file in files:
        try:
            content = file.path.read_bytes()
            prepared = subject.input_spec.prepare(photos.decode(content))
        except (OSError, photos.PhotoError) as error:
            log.warning("left out: %s: %s", file.path, error)
            continue
        label = ids.index(file.label) if file.label in ids else NO_LABEL
        given.setdefault(sha256(content), (label, *subject.run(prepared)))
    embeddings = [embedding for _, _, embedding in given.values() if embedding is not None]
    return ModelOutputs(
        photos=tuple(given),
        labels=np.array([label for label, _, _ in given.values()], dtype=np.int64),
        logits=np.array([logits for _, logits, _ in given.values()], dtype=np.float32).reshape(-1, len(ids)),
        embedding=np.stack(embeddings) if embeddings and len(embeddings) == len(given) else None,
    )


def _recall(label_set: LabelSet, labels: NDArray[np.int64], right: NDArray[np.bool_]) -> dict[str, Counted]:
    return {
        label: Counted(right=int(right[labels == place].sum()), photos=int((labels == place).sum()))
        for place, label in enumerate(label_set.ids)
        if (labels == place).any()
    }


def _digest(outputs: ModelOutputs, label_set: LabelSet) -> Sha256:
    """Like that of a holdout (`dataset.holdout_digest`)."""
    pairs = sorted(zip(outputs.photos, outputs.labels, strict=True))
    return sha256("".join(f"{photo} {label_set.ids[label]}\n" for photo, label in pairs).encode())


def _share_unsure(subject: Subject, not_waste: ModelOutputs | None) -> float | None:
    if not_waste is None or not not_waste.photos:
        return None
    return float(subject.unsure(not_waste).mean())


def _auroc(subject: Subject, inside: ModelOutputs | None, not_waste: ModelOutputs | None) -> float | None:
    """None where the model has no such distance, or there is nothing to compare."""
    if subject.novelty is None or inside is None or inside.embedding is None:
        return None
    if not_waste is None or not_waste.embedding is None:
        return None
    known = subject.novelty.distances(inside.embedding)
    return novelty.auroc(known, subject.novelty.distances(not_waste.embedding))
