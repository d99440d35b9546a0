"""The HTML report of models that left everything, or next to nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mobile_models.document import sha256
from mobile_models.evaluation import Answer, Counted, OutsideReport, ThresholdFit
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET
from mobile_models.quantization import Effort, QuantizationAttempt, QuantizationReport
from tests.pictures import jpeg
from tests.training.reports import report_of
from training import backbones, recipe
from training.data.frozen_record import FrozenRecord, LeftOutPhoto
from training.data.labelled_files import Reason
from training.dataset import DatasetSnapshot, SnapshotPhoto, Split
from training.evaluation.measured_model import MeasuredModel, Photos
from training.evaluation.model_outputs import ModelOutputs
from training.fitting.checkpoints import Epoch, History
from training.reporting import html_report

VOID = {"meta", "img", "br", "line", "circle", "rect", "polyline"}
EPOCHS = (
    Epoch(stage=0, name="head", loss=1.0, accuracy=0.5, val_loss=0.9, val_accuracy=0.6, seconds=1),
    Epoch(stage=1, name="tail", loss=0.5, accuracy=0.95, val_loss=0.8, val_accuracy=0.7, seconds=1),
)


class Page(HTMLParser):
    """Raises where an element is closed that is not open; keeps what is loaded and what pictures are called."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.nameless_pictures = 0
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [value for name, value in attrs if name in ("src", "srcset", "action") and value]
        self.loaded += [str(given["href"])] if tag == "link" else []
        self.anchors += [str(given["href"])] if tag == "a" else []
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.nameless_pictures += (tag == "img" and not given.get("alt")) or (
            tag == "svg" and "aria-label" not in given
        )
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture
def bare() -> MeasuredModel:
    """Answers alone, as from a model that others made."""
    answers = [
        Answer(photo=sha256(f"{label}{n}".encode()), label=label, predicted=label, confidence=0.5 + n / 20)
        for label in TRASHNET.ids
        for n in range(8)
    ]
    wrong = Answer(photo=sha256(b"wrong"), label="glass", predicted="plastic", confidence=0.97)
    return MeasuredModel("foreign", report_of([*answers, wrong]))


@pytest.fixture
def whole(tmp_path: Path) -> MeasuredModel:
    """A model of two labels' worth of drawn photos that left photos, scores, curves and a checkpoint."""
    (tmp_path / "photos").mkdir()
    photos, answers = [], []
    for place in range(12):
        drawn = TRASHNET.ids[place % 2]
        content = jpeg(drawn, place, size=(48, 64))
        (tmp_path / "photos" / f"{sha256(content)}.jpg").write_bytes(content)
        photos.append(SnapshotPhoto(sha256=sha256(content), label=drawn, split=Split.HOLDOUT, group=f"{place // 4}"))
        predicted = "cardboard" if place == 3 else drawn
        answers.append(Answer(photo=sha256(content), label=drawn, predicted=predicted, confidence=0.9))
    report = report_of(answers)
    labels = np.array([TRASHNET.index(answer.label) for answer in answers])
    logits = np.eye(6, dtype=np.float32)[[TRASHNET.index(answer.predicted) for answer in answers]] * 9
    embedding = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    made_by = recipe.load("tiny").with_changes(input_edge=32)
    backbones.save(backbones.build(made_by, 6, "random"), tmp_path / "checkpoint.keras")
    twice = LeftOutPhoto(
        path="glass/1.jpg",
        reason=Reason.CONTRADICTION,
        sentence="",
        label="glass",
        twin="metal/2.jpg",
        twin_label="metal",
    )
    snapshot = DatasetSnapshot(label_set=TRASHNET, photos=tuple(photos))
    frozen = FrozenRecord(
        snapshot=snapshot.digest,
        source="drawn",
        layout="folders",
        seed=0,
        fractions=(0, 0, 1),
        grouped=True,
        counts={},
        left_out=(twice,),
    )
    outputs = ModelOutputs(tuple(answer.photo for answer in answers), labels, logits, None, embedding)
    return MeasuredModel(
        name="run 1",
        report=report,
        thresholds=dict.fromkeys(TRASHNET.ids, 0.5),
        input_spec=InputSpec(width=32, height=32),
        recipe=made_by,
        history=History(epochs=EPOCHS),
        outputs=outputs,
        photos=Photos(tmp_path, snapshot, frozen),
        checkpoint=tmp_path / "checkpoint.keras",
    )


def written(path: Path, *models: MeasuredModel) -> str:
    html_report.write(path, models)
    return path.read_text()


def text_of(content: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", content.split("</style>")[1]).split())


def test_the_page_is_whole_and_loads_nothing(whole: MeasuredModel, bare: MeasuredModel, tmp_path: Path) -> None:
    for models in ((whole,), (bare,), (whole, bare)):
        content = written(tmp_path / "report.html", *models)
        page = Page(content)
        assert page.open == []
        assert all(address.startswith("data:image/jpeg;base64,") for address in page.loaded)
        assert all(anchor.removeprefix("#") in page.ids for anchor in page.anchors)
        assert len(page.ids) == len(set(page.ids))
        assert page.nameless_pictures == 0
        assert "<script" not in content
        assert "http" not in content.replace("http-equiv", ""), "no address of another place"


def test_a_whole_run_shows_everything(whole: MeasuredModel, tmp_path: Path) -> None:
    content = written(tmp_path / "report.html", whole)
    text = text_of(content)
    for said in (
        "glass taken for cardboard: 1 of 6",
        "gap +0.250: it fits the photos it learns from better than new ones",
        "threshold 0.9 (WasteNet)",
        "calibrated thresholds",
        "macro average",
        "weighted average",
        "by group: photos of one object",
        "byte for byte the same photo as metal/2.jpg",
        "probability 0.999 of cardboard, 0.000 of its label",
        "variance of the Laplacian",
    ):
        assert said in text
    assert content.count('class="mark-name"') == 2 * 2, "two stages on two charts; every answer reaches each threshold"
    assert "what spoke for cardboard is bright" in content
    assert "✗ unmet" in text or "✓ met" in text


def test_what_is_missing_is_said(bare: MeasuredModel, tmp_path: Path) -> None:
    text = text_of(written(tmp_path / "report.html", bare))
    for said in (
        "Learning curves: this is a model without a record",
        "The photos are not at hand",
        "Slices by brightness, blur and object size: not all",
        "Calibrated thresholds: the model comes without a manifest",
        "Groups of photos are not known",
        "Beyond these photos Not measured",
        "only photos that are there twice were looked for",
    ):
        assert said in text


def test_a_broken_checkpoint_costs_the_heat_maps_only(whole: MeasuredModel, tmp_path: Path) -> None:
    assert whole.checkpoint is not None
    whole.checkpoint.write_bytes(b"broken")
    content = written(tmp_path / "report.html", whole)
    assert "No Grad-CAM:" in content
    assert Page(content).loaded, "the photo itself is shown"


def test_a_lost_photo_leaves_a_sentence(whole: MeasuredModel, tmp_path: Path) -> None:
    wrong = next(answer for answer in whole.report.answers if answer.label != answer.predicted)
    file = whole.file_of(wrong)
    assert file is not None
    file.unlink()
    text = text_of(written(tmp_path / "report.html", whole))
    assert "Some photos are not at hand" in text
    assert "Slices by brightness, blur and object size: not all" in text


def test_photos_it_was_trained_on_are_no_proof(whole: MeasuredModel, tmp_path: Path) -> None:
    seen = replace(whole, trained_on=frozenset(answer.photo for answer in whole.report.answers[:5]))
    assert "5 of these 12 photos were used to train" in text_of(written(tmp_path / "report.html", seen))


def test_two_runs_stand_side_by_side(whole: MeasuredModel, bare: MeasuredModel, tmp_path: Path) -> None:
    same = replace(whole, name="run 2")
    other = report_of(bare.report.answers, holdout="other")
    text = text_of(written(tmp_path / "report.html", whole, same, replace(bare, report=other)))
    assert "run 2 against run 1: +0.0000 accuracy on the same 12 photos" in text
    assert "foreign against run 1: they were measured on different photos" in text


def test_names_and_words_of_others_cannot_break_the_page(bare: MeasuredModel, tmp_path: Path) -> None:
    content = written(tmp_path / "report.html", replace(bare, name='<img src=x onerror="alert(1)">'))
    assert "<img src=x" not in content
    assert Page(content).open == []


def test_photos_from_elsewhere_stand_beside_those_of_the_holdout(bare: MeasuredModel, tmp_path: Path) -> None:
    outside = OutsideReport(
        name="street",
        photos_digest=sha256(b"street"),
        photos=40,
        accuracy=0.5,
        recall={"glass": Counted(right=20, photos=40)},
        unmeasured=("cardboard", "trash"),
        unsure=0.25,
        sure_accuracy=0.6,
        not_waste_photos=10,
        not_waste_unsure=0.7,
        novelty_auroc=0.9,
    )
    report = bare.report.model_copy(update={"outside": outside})
    text = text_of(written(tmp_path / "report.html", replace(bare, report=report)))
    for said in (
        "These photos beside street",
        "recall of glass 0.889 of 9 0.500 (20 of 40)",
        "recall of trash 1.000 of 8 not measured",
        "Without a photo there, and so not measured: cardboard, trash.",
        "70.0% are answered unsure",
        "AUROC of 0.900",
    ):
        assert said in text


def test_fitted_thresholds_and_efforts_of_quantisation_are_shown(bare: MeasuredModel, tmp_path: Path) -> None:
    fit = ThresholdFit(threshold=0.55, precision=0.84, lower_bound=0.7, answers=21, kept=0.8, reached=False)
    attempts = (
        QuantizationAttempt(effort=Effort.POST_TRAINING, accuracy=0.91, agreement=0.98, size_bytes=2_700_000),
        QuantizationAttempt(effort=Effort.CALIBRATED, skipped="the first effort was good enough"),
    )
    quantization = QuantizationReport(
        float_accuracy=0.912,
        views=400,
        allowed_drop=0.005,
        least_agreement=0.97,
        attempts=attempts,
        chosen=Effort.POST_TRAINING,
        reason="it loses 0.2 points",
    )
    changes = {"thresholds": {"glass": fit}, "target_precision": 0.9, "quantization": quantization}
    report = bare.report.model_copy(update={**changes, "float_accuracy": 0.99, "float_agreement": 0.97})
    text = text_of(written(tmp_path / "report.html", replace(bare, report=report)))
    for said in (
        "for a precision of 0.90",
        "glass 0.550 0.840 ≥ 0.70 0.800 21 answers ✗ no",
        "post training 0.9100 0.9800 2.70 – chosen: it loses 0.2 points",
        "the first effort was good enough",
        "same answer by both 0.9700 of the photos",
    ):
        assert said in text
