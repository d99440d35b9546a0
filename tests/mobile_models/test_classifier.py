import threading
from pathlib import Path

import numpy as np
import pytest

from mobile_models.classifier import Classifier, ModelError, softmax
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import TRASHNET, Label, LabelSet
from mobile_models.litert_model import LiteRtModel
from mobile_models.manifest import ReleaseManifest
from mobile_models.novelty import Novelty, Rows
from mobile_models.photo import PhotoError
from tests import pictures, tiny_model


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return tiny_model.release_folder(tmp_path / "1")


def changed(manifest: ReleaseManifest, **values: object) -> ReleaseManifest:
    return ReleaseManifest.model_validate(manifest.model_dump() | values)


@pytest.mark.parametrize("label", TRASHNET.ids)
def test_a_photo_is_named_by_its_most_probable_label(release: Path, label: str) -> None:
    answer = Classifier.load(release).classify(pictures.jpeg(label, 4))
    assert answer.label == answer.best_label == label
    assert tuple(answer.scores) == TRASHNET.ids
    assert sum(answer.scores.values()) == pytest.approx(1)
    assert answer.milliseconds > 0
    assert answer.embedding.shape == (tiny_model.EMBEDDING_LENGTH,)


def test_below_the_threshold_of_its_label_the_answer_is_unsure() -> None:
    model = tiny_model.model_bytes()
    manifest = tiny_model.manifest(model)
    strict = changed(manifest, thresholds={**manifest.thresholds, "glass": 1.0})
    classifier = Classifier(model, strict)
    assert classifier.classify(pictures.jpeg("glass")).label == "unsure"
    assert classifier.classify(pictures.jpeg("glass")).best_label == "glass"
    assert classifier.classify(pictures.jpeg("paper")).label == "paper"


def novelty_of(classifier: Classifier, label: str, threshold: float) -> Novelty:
    """A score that knows only what photos of `label` look like."""
    embedding = classifier.classify(pictures.jpeg(label)).embedding.astype(np.float64)
    mean = embedding / np.linalg.norm(embedding)
    return Novelty(
        means=Rows.of(np.stack([mean] * len(TRASHNET.ids))),
        directions=Rows.of(np.eye(1, tiny_model.EMBEDDING_LENGTH)),
        weights=(1.0,),
        other_weight=1.0,
        threshold=threshold,
    )


def test_a_photo_far_from_all_that_was_learnt_is_answered_unsure() -> None:
    model = tiny_model.model_bytes()
    plain = Classifier(model, tiny_model.manifest(model))
    assert plain.classify(pictures.jpeg("glass")).novelty is None
    knows_glass = changed(plain.manifest, novelty=novelty_of(plain, "glass", 0.001))
    classifier = Classifier(model, knows_glass)
    near, far = classifier.classify(pictures.jpeg("glass")), classifier.classify(pictures.jpeg("trash"))
    assert (near.label, far.label, far.best_label) == ("glass", "unsure", "trash")
    assert near.novelty is not None
    assert far.novelty is not None
    assert near.novelty <= 1 < far.novelty


def test_a_photo_that_is_too_far_has_no_group_either() -> None:
    labels = tuple(label.model_copy(update={"group": "things"}) for label in TRASHNET.labels)
    model = tiny_model.model_bytes()
    grouped = tiny_model.manifest(model, label_set=LabelSet(id="grouped", version=1, labels=labels))
    novelty = novelty_of(Classifier(model, grouped), "glass", 0.001)
    classifier = Classifier(model, changed(grouped, novelty=novelty))
    assert classifier.classify(pictures.jpeg("glass")).group == "things"
    assert classifier.classify(pictures.jpeg("trash")).group == "unsure"


def test_a_manifest_whose_novelty_fits_another_model_is_refused() -> None:
    manifest = tiny_model.manifest(tiny_model.model_bytes())
    other = Novelty(
        means=Rows.of(np.eye(6, 5)), directions=Rows.of(np.eye(1, 5)), weights=(1.0,), other_weight=1.0, threshold=1.0
    )
    with pytest.raises(ValueError, match="must be 6 times 16, not 6 times 5"):
        changed(manifest, novelty=other)


def test_a_manifest_without_novelty_keeps_the_bytes_that_it_had_before_there_was_one() -> None:
    content = tiny_model.manifest(tiny_model.model_bytes()).to_bytes()
    assert b"novelty" not in content
    assert b"outside" not in content


def test_a_higher_temperature_makes_it_less_sure_of_the_same_label() -> None:
    model = tiny_model.model_bytes()
    manifest = tiny_model.manifest(model)
    photo = pictures.jpeg("metal")
    plain = Classifier(model, manifest).classify(photo)
    cooled = Classifier(model, changed(manifest, temperature=20.0)).classify(photo)
    assert cooled.best_label == plain.best_label == "metal"
    assert cooled.scores["metal"] < 0.6 < plain.scores["metal"]
    assert cooled.label == "unsure"


def test_softmax_of_large_logits_does_not_overflow() -> None:
    np.testing.assert_allclose(softmax(np.array([1000.0, 1000.0], dtype=np.float32), 1.0), [0.5, 0.5])
    logits = np.array([0.0, np.log(3.0)], dtype=np.float32)
    np.testing.assert_allclose(softmax(logits, 1.0), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(softmax(logits, 0.5), [0.1, 0.9], rtol=1e-6)


def test_threads_that_share_a_classifier_get_their_own_answers(release: Path) -> None:
    classifier = Classifier.load(release)
    wrong: list[str] = []

    def ask(label: str) -> None:
        photo = pictures.jpeg(label)
        wrong.extend(found for _ in range(30) if (found := classifier.classify(photo).label) != label)

    threads = [threading.Thread(target=ask, args=(label,)) for label in TRASHNET.ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_bytes_that_are_no_photo_are_a_photo_error(release: Path) -> None:
    with pytest.raises(PhotoError):
        Classifier.load(release).classify(b"hello")


def test_another_model_than_the_manifest_names_is_refused(release: Path) -> None:
    manifest = ReleaseManifest.read(release / "manifest.json")
    with pytest.raises(ModelError, match="its manifest names"):
        Classifier(tiny_model.model_bytes(2), manifest)
    (release / "model.tflite").write_bytes(tiny_model.model_bytes(2))
    with pytest.raises(ModelError, match="its manifest names"):
        Classifier.load(release)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x1c\x00\x00\x00TFL3" + bytes(range(256))])
def test_a_file_that_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(content)
    for source in (content, file):
        with pytest.raises(ModelError, match="cannot load"):
            LiteRtModel(source, 6)


def test_a_cut_model_is_refused() -> None:
    content = tiny_model.model_bytes()
    with pytest.raises(ModelError, match="cannot load"):
        LiteRtModel(content[: len(content) // 2], 6)


def test_shapes_that_differ_from_the_manifest_are_refused() -> None:
    model = tiny_model.model_bytes()
    manifest = tiny_model.manifest(model)
    with pytest.raises(ModelError, match="its manifest 64 x 64"):
        Classifier(model, changed(manifest, input_spec=InputSpec(width=64, height=64)))
    with pytest.raises(ModelError, match="embedding has 16"):
        Classifier(model, changed(manifest, model=manifest.model.model_copy(update={"embedding_length": 5})))
    with pytest.raises(ModelError, match="6 logits, but there are 7 labels"):
        LiteRtModel(model, 7)


def test_a_prepared_input_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        tiny_model.tiny().run(np.zeros((1, 8, 8, 3), dtype=np.uint8))


def test_a_release_without_manifest_or_model_says_which(release: Path) -> None:
    (release / "manifest.json").write_text('{"version": 1}')
    with pytest.raises(ModelError, match="no release manifest"):
        Classifier.load(release)
    (release / "manifest.json").unlink()
    for path in (release, release / "model.tflite"):
        with pytest.raises(ModelError, match="no manifest at"):
            Classifier.load(path)
    (release / "model.tflite").unlink()
    for path in (release, release / "model.tflite"):
        with pytest.raises(ModelError, match="no model at"):
            Classifier.load(path)


def test_a_model_file_is_loaded_with_the_manifest_beside_it(release: Path) -> None:
    assert Classifier.load(release / "model.tflite").manifest.version == 1


GROUPED = LabelSet(
    id="trashnet",
    version=1,
    labels=tuple(
        Label(id=label, name=label, group=group)
        for label, group in zip(TRASHNET.ids, ("fibre", "hard", "hard", "fibre", "hard", None), strict=True)
    ),
)


def test_a_fine_label_also_answers_its_group_by_summed_probability() -> None:
    model = tiny_model.model_bytes()
    answer = Classifier(model, tiny_model.manifest(model, label_set=GROUPED)).classify(pictures.jpeg("paper"))
    assert (answer.label, answer.group) == ("paper", "fibre")
    assert list(answer.group_scores) == ["fibre", "hard", "trash"]
    assert answer.group_scores["fibre"] == answer.scores["paper"] + answer.scores["cardboard"]
    assert sum(answer.group_scores.values()) == pytest.approx(1)


def test_a_group_is_answered_where_no_label_of_it_is_sure_enough() -> None:
    model = tiny_model.model_bytes()
    flat = changed(tiny_model.manifest(model, label_set=GROUPED), temperature=1000.0)
    answer = Classifier(model, flat).classify(pictures.jpeg("glass"))
    assert (answer.label, answer.group) == ("unsure", "hard"), "three of six labels that are all as likely"
    sure = changed(flat, thresholds=dict.fromkeys(TRASHNET.ids, 0.9))
    assert Classifier(model, sure).classify(pictures.jpeg("glass")).group == "unsure"


def test_labels_without_groups_answer_no_group() -> None:
    model = tiny_model.model_bytes()
    answer = Classifier(model, tiny_model.manifest(model)).classify(pictures.jpeg("glass"))
    assert (answer.group, answer.group_scores) == (None, {})
