"""The distance is written out here once more, label by label, as docs/published-format.md says it."""

import numpy as np
import pytest

from mobile_models.document import sha256
from mobile_models.novelty import Novelty, Rows


def small() -> Novelty:
    return Novelty(
        means=Rows.of(np.array([[1.0, 0, 0], [0, 1.0, 0]])),
        directions=Rows.of(np.array([[0.6, 0.8, 0]])),
        weights=(2.0,),
        other_weight=10.0,
        threshold=0.5,
    )


def test_the_distance_is_that_to_the_nearest_label() -> None:
    embeddings = np.array([[3, 0, 0], [0, 0.5, 0], [0, 0, 7], [1, 2, 2]], dtype=np.float32)
    score = small()
    expected = []
    for embedding in embeddings.astype(float):
        unit = embedding / np.sqrt((embedding**2).sum())
        each = []
        for mean in score.means.matrix:
            difference = unit - mean
            along = score.directions.matrix[0] @ difference
            each.append(2.0 * along**2 + 10.0 * ((difference**2).sum() - along**2))
        expected.append(min(each))
    np.testing.assert_allclose(score.distances(embeddings), expected, atol=1e-12)
    assert score.distances(embeddings)[:2] == pytest.approx([0, 0], abs=1e-12)
    assert score.relative(embeddings)[2] > 1


def test_an_embedding_of_nothing_but_zeros_has_a_distance() -> None:
    assert np.isfinite(small().distances(np.zeros((1, 3), dtype=np.float32))).all()


def test_rows_in_8_bits_differ_by_at_most_half_a_step() -> None:
    matrix = np.random.default_rng(0).normal(0, 3, (5, 40))
    rows = Rows.of(matrix)
    steps = np.array(rows.scales)[:, None]
    assert (np.abs(rows.matrix - matrix) <= steps * 0.5001).all()
    assert Rows.of(np.zeros((1, 4))).matrix.tolist() == [[0, 0, 0, 0]]


def test_rows_that_are_not_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold 1 times 4 bytes"):
        Rows(columns=4, scales=(1.0,), values="AAAA")
    with pytest.raises(ValueError, match="equally long"):
        Novelty(
            means=Rows.of(np.eye(3)), directions=Rows.of(np.eye(2)), weights=(1.0, 1.0), other_weight=1, threshold=1
        )


def test_a_score_keeps_its_digest_through_its_bytes() -> None:
    score = small()
    score.distances(np.ones((1, 3), dtype=np.float32))
    read = Novelty.model_validate_json(score.to_bytes())
    assert sha256(read.to_bytes()) == score.digest
    assert read == small()
    read.distances(np.ones((1, 3), dtype=np.float32))
    assert read == score


def test_the_check_value_of_the_published_format_is_true() -> None:
    published = (
        b'{"directions":{"columns":3,"scales":[0.006299212598425198],"values":"X38A"},"kind":"mahalanobis",'
        b'"means":{"columns":3,"scales":[0.007874015748031496,0.007874015748031496],"values":"fwAAAH8A"},'
        b'"other_weight":10.0,"threshold":0.5,"weights":[2.0]}'
    )
    distances = Novelty.model_validate_json(published).distances(np.array([[1, 2, 2], [3, 0, 0]], dtype=np.float32))
    assert distances == pytest.approx([6.630549, 0], abs=1e-6)
