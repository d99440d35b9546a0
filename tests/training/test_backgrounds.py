import numpy as np
import pytest

from training.fitting import backgrounds

EDGE = 128


def on_board(colour: tuple[int, int, int] = (200, 30, 30)) -> np.ndarray:
    """A square thing in the middle of a white board in uneven light."""
    light = np.linspace(180, 240, EDGE)[:, None, None]
    picture = np.broadcast_to(light, (EDGE, EDGE, 3)).astype(np.uint8).copy()
    picture[40:88, 40:88] = colour
    return picture


def test_the_thing_is_told_from_the_board() -> None:
    mask = backgrounds.thing(on_board())
    assert mask is not None
    assert mask.shape == (EDGE, EDGE)
    assert mask[44:84, 44:84].min() == 1
    assert mask[:24].max() == 0
    assert mask[:, :24].max() == 0


def test_the_inside_of_a_white_thing_is_not_the_board() -> None:
    picture = on_board(colour=(60, 60, 60))
    picture[46:82, 46:82] = 215
    mask = backgrounds.thing(picture)
    assert mask is not None
    assert mask[60:68, 60:68].min() == 1


@pytest.mark.parametrize(
    "picture",
    [
        np.full((EDGE, EDGE, 3), (150, 100, 50), dtype=np.uint8),  # cardboard that fills the photo
        np.full((EDGE, EDGE, 3), 230, dtype=np.uint8),  # nothing on the board
        np.random.default_rng(0).integers(0, 255, (EDGE, EDGE, 3), dtype=np.uint8),
    ],
    ids=["all thing", "all board", "no board"],
)
def test_where_there_is_no_board_nothing_is_found(picture: np.ndarray) -> None:
    assert backgrounds.thing(picture) is None


def test_another_background_leaves_the_thing_as_it_is() -> None:
    picture = on_board()
    mask = backgrounds.thing(picture)
    assert mask is not None
    for seed in range(5):
        changed = backgrounds.replace(picture, mask, np.random.default_rng(seed))
        assert np.array_equal(changed[44:84, 44:84], picture[44:84, 44:84])
        assert not np.array_equal(changed[:24], picture[:24])


def test_grounds_follow_from_their_generator_and_differ() -> None:
    drawn = [backgrounds.draw(32, 48, np.random.default_rng(seed)) for seed in range(6)]
    assert all(ground.shape == (32, 48, 3) for ground in drawn)
    assert len({ground.tobytes() for ground in drawn}) == 6
    assert np.array_equal(drawn[2], backgrounds.draw(32, 48, np.random.default_rng(2)))
