import pytest

from training import recipe
from training.recipe import Recipe, RecipeError


@pytest.mark.parametrize("name", recipe.names())
def test_each_recipe_reads_back_from_json_with_the_same_digest(name: str) -> None:
    loaded = recipe.load(name)
    assert Recipe.model_validate_json(loaded.to_bytes()) == loaded
    assert loaded.name == name


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"mobilenet_v2, .*resnet50v2_tuned"):
        recipe.load("resnet")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_edge": 31}, "input_edge"),
        ({"label_smoothing": 0.5}, "label_smoothing"),
        ({"batch_size": 0}, "batch_size"),
        ({"stages": []}, "stages"),
        ({"learning_rate": 1}, "learning_rate"),
        ({"backbone": "vgg"}, "backbone"),
        ({"augmentation": {"rotation_degrees": 200}}, r"augmentation\.rotation_degrees"),
        ({"split": (0.5, 0.5, 0.5)}, "split"),
        ({"momentum": 0.9}, "momentum"),
        ({"optimizer": "adam", "weight_decay": 0.1}, "weight_decay"),
        ({"loss": "focal", "label_smoothing": 0.1}, "label_smoothing"),
        ({"sampling": "oversample"}, "class_weights"),
        ({"sampling": "smote", "class_weights": "none"}, "sampling"),
    ],
)
def test_what_cannot_be_is_refused_with_the_name_of_the_field(change: dict[str, object], named: str) -> None:
    with pytest.raises(RecipeError, match=named):
        recipe.load("tiny").with_changes(**change)


def test_a_backbone_cannot_train_more_layers_than_it_has() -> None:
    too_many = recipe.load("resnet50v2").stages[0].model_dump() | {"trainable_layers": 191}
    with pytest.raises(RecipeError, match="trainable_layers of stage 'all': resnet50v2 has only 190 layers"):
        recipe.load("resnet50v2").with_changes(stages=[too_many])


@pytest.mark.parametrize(
    ("stage", "change", "named"),
    [
        ({"trainable_layers": 13}, {}, "cached_views of stage 'all': its whole backbone learns"),
        ({}, {"cutmix_alpha": 1}, "cutmix_alpha: stage 'all' keeps features"),
        ({}, {"distillation_weight": 0.5}, "distillation_weight: stage 'all' keeps features"),
    ],
)
def test_what_kept_features_cannot_give_is_refused(
    stage: dict[str, object], change: dict[str, object], named: str
) -> None:
    tiny = recipe.load("tiny")
    half = tiny.stages[0].model_dump() | {"trainable_layers": 6, "cached_views": 2}
    assert tiny.with_changes(stages=[half]).stages[0].keeps_features
    with pytest.raises(RecipeError, match=named):
        tiny.with_changes(stages=[half | stage], **change)


def test_a_warm_up_is_shorter_than_its_stage() -> None:
    stage = recipe.load("mobilenet_v2").stages[1].model_dump() | {"warmup_epochs": 14}
    with pytest.raises(RecipeError, match="warmup_epochs 14 must be less than epochs 14"):
        recipe.load("mobilenet_v2").with_changes(stages=[stage])
    assert recipe.load("mobilenet_v2").with_epochs(1).total_epochs == 41


def test_the_reference_recipe_is_the_papers() -> None:
    paper = recipe.load("resnet50v2")
    (stage,) = paper.stages
    assert (paper.backbone, paper.input_edge, paper.scaling) == ("resnet50v2", 384, "zero_to_one")
    assert (stage.trainable_layers, stage.batch_norm_frozen, stage.learning_rate) == (38, False, 1e-3)
    assert (paper.head.batch_norm, paper.head.dropout, paper.class_weights) == (True, 0.5, "balanced")
    assert (paper.label_smoothing, paper.weight_decay, paper.monitor) == (0, 0, "accuracy")
    changes = paper.augmentation
    assert (changes.rotation_degrees, changes.shift_fraction, changes.zoom_fraction) == (45, 0.15, 0.15)
    assert (changes.channel_shift, changes.brightness_fraction, changes.shear_degrees) == (10, 0.1, 0.05)
    assert changes.horizontal_flip and changes.vertical_flip


def test_balanced_weights_are_the_papers() -> None:
    counts = (323, 401, 328, 476, 386, 110)
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    weights = recipe.balanced_class_weights(labels, 6)
    assert weights == pytest.approx([1.0444, 0.8412, 1.0285, 0.7087, 0.8740, 3.0667], abs=1e-4)


def test_balanced_weights_need_a_photo_of_each_class() -> None:
    with pytest.raises(ValueError, match=r"no photo of label \[1\]"):
        recipe.balanced_class_weights([0, 2], 3)


def test_weights_that_cannot_be_had_are_refused() -> None:
    with pytest.raises(RecipeError, match="no ImageNet weights for tiny"):
        recipe.check_weights(recipe.load("tiny"), "imagenet")
    with pytest.raises(RecipeError, match=r"no file nowhere\.h5"):
        recipe.check_weights(recipe.load("mobilenet_v2"), "nowhere.h5")
    recipe.check_weights(recipe.load("mobilenet_v2"), "imagenet")
    recipe.check_weights(recipe.load("tiny"), "random")


def test_going_on_from_a_champion_skips_the_stage_of_the_head() -> None:
    whole = recipe.load("mobilenet_v2")
    assert [stage.name for stage in whole.for_weights("champion").stages] == ["tail"]
    assert whole.for_weights("imagenet") == whole
