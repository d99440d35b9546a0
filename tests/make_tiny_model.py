"""Writes tests/tiny_model.tflite. Needs TensorFlow; run it again only when the published interface changes.

python -m tests.make_tiny_model
"""

import tempfile

import numpy as np
import tensorflow as tf

from tests.tiny_model import BASE_BIASES, BASE_WEIGHTS, EDGE, FILE


class Tiny(tf.Module):  # type: ignore[misc]
    """Logits are a linear function of the mean colour; the embedding is 4 x 4 local mean grey values."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.constant(BASE_WEIGHTS)
        self.biases = tf.constant(BASE_BIASES)

    @tf.function(input_signature=[tf.TensorSpec((1, EDGE, EDGE, 3), tf.uint8, name="photo")])
    def serve(self, photo: tf.Tensor) -> dict[str, tf.Tensor]:
        colours = tf.cast(photo, tf.float32) / 255.0
        mean = tf.reduce_mean(colours, axis=(1, 2))
        local = tf.nn.avg_pool2d(colours, EDGE // 4, EDGE // 4, "VALID")
        embedding = tf.reshape(tf.reduce_mean(local, axis=3), (1, 16))
        return {"logits": tf.matmul(mean, self.weights) + self.biases, "embedding": embedding}


def main() -> None:
    tiny = Tiny()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(tiny, folder, signatures={"serving_default": tiny.serve})
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    FILE.write_bytes(content)
    for constant in (BASE_WEIGHTS.T, BASE_BIASES):
        assert np.ascontiguousarray(constant).tobytes() in content, "the constants are stored otherwise than expected"


if __name__ == "__main__":
    main()
