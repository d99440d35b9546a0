import numpy as np
import pytest

from tests.pictures import draw
from training import recipe
from training.fitting import augment
from training.recipe_parts import Augmentation

PICTURE = np.asarray(draw("glass", size=(40, 32)))


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_nothing_asked_changes_nothing() -> None:
    assert np.array_equal(augment.view(PICTURE, Augmentation(), chance()), PICTURE)


@pytest.mark.parametrize("name", recipe.names())
def test_views_of_each_recipe_differ_and_stay_pixels(name: str) -> None:
    wanted = recipe.load(name).augmentation
    views = [augment.view(PICTURE, wanted, chance(seed)) for seed in range(8)]
    assert all(view.shape == PICTURE.shape and view.dtype == np.float32 for view in views)
    assert all(view.min() >= 0 and view.max() <= 255 for view in views)
    assert len({view.tobytes() for view in views}) == 8


def test_a_view_follows_from_its_generator() -> None:
    wanted = recipe.load("resnet50v2").augmentation
    assert np.array_equal(augment.view(PICTURE, wanted, chance(3)), augment.view(PICTURE, wanted, chance(3)))


def test_flips_are_flips() -> None:
    views = [augment.view(PICTURE, Augmentation(horizontal_flip=True), chance(seed)) for seed in range(20)]
    expected = {PICTURE.astype(np.float32).tobytes(), PICTURE[:, ::-1].astype(np.float32).tobytes()}
    assert {view.tobytes() for view in views} == expected


def test_what_lies_outside_repeats_the_edge() -> None:
    board = np.zeros((32, 32, 3), dtype=np.uint8)
    board[8:24, 8:24] = 200
    for seed in range(10):
        view = augment.view(board, Augmentation(shift_fraction=0.2), chance(seed))
        assert set(np.unique(view)) >= {0.0}
        assert view[0, 0, 0] == 0


def test_a_shift_moves_by_at_most_its_fraction() -> None:
    board = np.zeros((40, 40, 3), dtype=np.uint8)
    board[19:21, 19:21] = 255
    for seed in range(10):
        rows, columns = np.nonzero(augment.view(board, Augmentation(shift_fraction=0.1), chance(seed))[..., 0])
        assert abs(rows.mean() - 19.5) <= 4.5
        assert abs(columns.mean() - 19.5) <= 4.5


def test_brightness_and_channel_shift_stay_in_their_range() -> None:
    grey = np.full((4, 4, 3), 100, dtype=np.uint8)
    factors = [augment.view(grey, Augmentation(brightness_fraction=0.1), chance(seed)).mean() for seed in range(50)]
    assert 90 <= min(factors) < 93
    assert 107 < max(factors) <= 110
    added = [augment.view(grey, Augmentation(channel_shift=10), chance(seed)).mean() for seed in range(50)]
    assert 90 <= min(added) < 93
    assert 107 < max(added) <= 110


@pytest.mark.parametrize(
    "change",
    [
        {"contrast_fraction": 0.5},
        {"saturation_fraction": 0.8},
        {"tint_fraction": 0.3},
        {"noise": 20.0},
        {"erase_fraction": 1.0},
        {"blur_pixels": 3.0},
    ],
)
def test_each_change_of_light_changes_pixels_and_leaves_others_alone(change: dict[str, float]) -> None:
    wanted = Augmentation.model_validate(change)
    views = [augment.view(PICTURE, wanted, chance(seed)) for seed in range(8)]
    assert any(not np.array_equal(view, PICTURE) for view in views)
    assert all(view.min() >= 0 and view.max() <= 255 for view in views)


def test_contrast_keeps_the_mean_and_saturation_keeps_grey() -> None:
    ramp = np.repeat(np.linspace(80, 160, 32, dtype=np.uint8)[:, None, None], 32, axis=1).repeat(3, axis=2)
    for seed in range(5):
        contrast = augment.view(ramp, Augmentation(contrast_fraction=0.4), chance(seed))
        assert abs(contrast.mean() - ramp.mean()) < 0.01
        assert np.allclose(augment.view(ramp, Augmentation(saturation_fraction=1), chance(seed)), ramp, atol=1e-3)


def test_erasing_paints_one_rectangle_of_at_most_a_quarter() -> None:
    grey = np.full((40, 40, 3), 100, dtype=np.uint8)
    for seed in range(10):
        changed = (augment.view(grey, Augmentation(erase_fraction=1), chance(seed)) != 100).any(axis=2)
        rows, columns = np.nonzero(changed)
        assert changed[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
        assert changed.sum() <= 0.3 * changed.size


def test_a_background_is_replaced_only_as_often_as_asked() -> None:
    board = np.full((96, 96, 3), 220, dtype=np.uint8)
    board[30:66, 30:66] = (180, 20, 20)
    views = [augment.view(board, Augmentation(background_fraction=0.5), chance(seed)) for seed in range(40)]
    unchanged = sum(np.array_equal(view, board) for view in views)
    assert 10 <= unchanged <= 30
