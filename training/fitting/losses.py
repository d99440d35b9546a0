"""What training makes small, and the teacher that a network may learn from.

Guarantees: a loss is one number for each photo, so that the weights of classes scale it whatever it is made of.
"""

from typing import Any

import keras
from keras import ops

from training.recipe import Recipe
from training.recipe_parts import Loss


def of(recipe: Recipe, *, taught: bool) -> keras.Loss:
    """Return the loss between targets [b, k] and logits [b, k]; `taught`: [b, 2 k], the teacher's behind the own.

    Focal loss: Lin et al. 2017, arXiv:1708.02002, without its alpha, since class weights do that.
    """
    if recipe.loss is Loss.FOCAL:
        hard = keras.losses.CategoricalFocalCrossentropy(alpha=1, gamma=recipe.focal_gamma, from_logits=True)
    else:
        hard = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    return Distilled(hard, recipe.distillation_weight, recipe.distillation_temperature) if taught else hard


class Distilled(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types.
    """(1 - w) hard + w T^2 cross-entropy(teacher / T, own / T): Hinton et al. 2015, arXiv:1503.02531, section 2."""

    def __init__(self, hard: keras.Loss, weight: float, temperature: float) -> None:
        super().__init__(name="distilled")
        self._hard, self._weight, self._temperature = hard, weight, temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        own, teacher = ops.split(y_pred, 2, axis=-1)
        wanted = ops.softmax(teacher / self._temperature)
        soft = ops.categorical_crossentropy(wanted, own / self._temperature, from_logits=True)
        return (1 - self._weight) * self._hard.call(y_true, own) + self._weight * self._temperature**2 * soft


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Whether the own answer has the largest share of the target, also where a teacher's answer is behind it."""
    return keras.metrics.categorical_accuracy(y_true, y_pred[..., : y_true.shape[-1]])


def with_teacher(model: keras.Model, teacher: keras.Model) -> keras.Model:
    """Return a model that gives the teacher's logits behind those of `model`, for the same view, [b, 2 k].

    It shares the weights of `model`, and the teacher learns nothing.
    """
    teacher = keras.Model(teacher.input, teacher.output, name="teacher")  # Its own name may be that of `model`.
    teacher.trainable = False
    photo = keras.Input(model.input.shape[1:], name="photo")
    seen, edges = photo, teacher.input.shape[1:3]
    if edges != photo.shape[1:3]:
        seen = keras.layers.Resizing(*edges, name="teacher_view")(photo)
    answers = [model(photo), teacher(seen, training=False)]
    return keras.Model(photo, keras.layers.Concatenate(name="answers")(answers))
