"""What each field of a recipe means, in words for the form, and where it stands there.

Guarantees: every field of a recipe has a place and a meaning; a test fails for one that has not.
"""

from collections.abc import Mapping

from backend.console.pages import _

GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "general": (
        _("Name, backbone and photos"),
        ("name", "description", "backbone", "input_edge", "crop", "scaling", "batch_size", "split.0", "split.1",
         "split.2"),
    ),
    "head": (_("Head"), ("head.batch_norm", "head.dense_units", "head.dropout")),
    "learning": (
        _("Learning"),
        ("optimizer", "momentum", "weight_decay", "gradient_norm", "loss", "focal_gamma", "label_smoothing",
         "class_weights", "sampling", "mixup_alpha", "cutmix_alpha", "weight_averaging", "precision", "monitor",
         "distillation_weight", "distillation_temperature", "rehearsal_photos"),
    ),
    "augmentation": (
        _("Random changes of training photos"),
        ("augmentation.rotation_degrees", "augmentation.shift_fraction", "augmentation.zoom_fraction",
         "augmentation.shear_degrees", "augmentation.horizontal_flip", "augmentation.vertical_flip",
         "augmentation.channel_shift", "augmentation.brightness_fraction", "augmentation.contrast_fraction",
         "augmentation.saturation_fraction", "augmentation.tint_fraction", "augmentation.blur_pixels",
         "augmentation.noise", "augmentation.erase_fraction", "augmentation.background_fraction"),
    ),
    "int8": (
        _("int8 and thresholds"),
        ("calibration_photos", "quantization_drop", "quantization_float_layers", "quantization_aware_epochs",
         "target_precision", "novelty_kept"),
    ),
}  # fmt: skip
"""Group to its heading and its fields by dotted path; the stages have a group of their own."""

STAGE_FIELDS = (
    "name", "epochs", "trainable_layers", "trainable_groups", "group_learning_rate_factor", "batch_norm_frozen",
    "learning_rate", "schedule", "warmup_epochs", "augment", "cached_views", "decay_factor", "decay_every_epochs",
    "plateau_factor", "plateau_patience", "minimum_learning_rate", "stop_patience", "stop_minimum_change",
    "kept_change",
)  # fmt: skip

MEANINGS: Mapping[str, str] = {
    "name": _("Lower-case letters, digits and _; releases name it."),
    "description": _("For people."),
    "backbone": _("The network below the head."),
    "input_edge": _("Photos are made this many pixels square."),
    "crop": _("none: the whole photo is stretched."),
    "scaling": _("How raw pixels are scaled; empty: what the backbone's own weights were made for."),
    "batch_size": _("Photos of one step."),
    "split.0": _("Share for training, where a folder is split."),
    "split.1": _("Share for validation."),
    "split.2": _("Share for the holdout."),
    "head.batch_norm": _("Batch norm before the dense layer."),
    "head.dense_units": _("Units of the hidden layer; 0: none."),
    "head.dropout": _("Share of units left out in training."),
    "optimizer": _("How weights are moved."),
    "momentum": _("Of sgd, with Nesterov's correction."),
    "weight_decay": _("Decoupled from the gradient; adam has none."),
    "gradient_norm": _("Gradients are clipped to this length; empty: never."),
    "loss": _("What is made small."),
    "focal_gamma": _("Of the focal loss: how much less sure answers weigh."),
    "label_smoothing": _("Share of certainty taken from each label."),
    "class_weights": _("balanced: each class weighs the same in all."),
    "sampling": _("Which training photos make an epoch."),
    "mixup_alpha": _("Mixes whole photos; 0: never."),
    "cutmix_alpha": _("Puts in patches of other photos; 0: never."),
    "weight_averaging": _("Share of the running average that each step keeps; 0: none."),
    "precision": _("Of numbers while it trains."),
    "monitor": _("On validation; picks the best epoch."),
    "distillation_weight": _("Of a teacher's answers in the loss."),
    "distillation_temperature": _("How soft the teacher's answers are."),
    "rehearsal_photos": _("Old photos that are repeated where a model learns from new ones."),
    "augmentation.rotation_degrees": _("Largest turn, in degrees."),
    "augmentation.shift_fraction": _("Largest shift, of width and of height."),
    "augmentation.zoom_fraction": _("Largest zoom, in and out."),
    "augmentation.shear_degrees": _("Largest shear, in degrees."),
    "augmentation.horizontal_flip": _("Left and right are swapped in half of them."),
    "augmentation.vertical_flip": _("Top and bottom are swapped in half of them."),
    "augmentation.channel_shift": _("Added to all channels, in raw pixel values."),
    "augmentation.brightness_fraction": _("Brighter or darker by up to this share."),
    "augmentation.contrast_fraction": _("More or less contrast by up to this share."),
    "augmentation.saturation_fraction": _("More or less colour by up to this share."),
    "augmentation.tint_fraction": _("Each channel by itself, as other light does."),
    "augmentation.blur_pixels": _("Largest standard deviation of the blur."),
    "augmentation.noise": _("Largest standard deviation, in raw pixel values."),
    "augmentation.erase_fraction": _("Share of the photos that lose a rectangle."),
    "augmentation.background_fraction": _("Share of the photos whose plain bright background is replaced."),
    "calibration_photos": _("Of the training photos, to find the ranges for int8."),
    "quantization_drop": _("Loss of validation accuracy by int8 from which more effort is made."),
    "quantization_float_layers": _("Most sensitive layers left float to see what it would give; never shipped."),
    "quantization_aware_epochs": _("Of the last effort; 0: never."),
    "target_precision": _("Of the answers that are not unsure; sets each label's threshold."),
    "novelty_kept": _("Share of validation photos that are not too far away for an answer."),
    "stages.name": _("Of the stage; each has its own."),
    "stages.epochs": _("Passes over all training photos."),
    "stages.trainable_layers": _("Last layers of the backbone that learn; 0: only the head."),
    "stages.trainable_groups": _("Instead of layers: last stretches of equal resolution."),
    "stages.group_learning_rate_factor": _("Each group below learns this much slower than the one above."),
    "stages.batch_norm_frozen": _("Batch norm of the backbone keeps its statistics and weights."),
    "stages.learning_rate": _("How far one step goes."),
    "stages.schedule": _("How the learning rate changes."),
    "stages.warmup_epochs": _("The first ones run at a third of the learning rate."),
    "stages.augment": _("Photos are changed at random."),
    "stages.cached_views": _("Views of each photo whose activations are kept and used again; 0: none."),
    "stages.decay_factor": _("Of the exponential schedule."),
    "stages.decay_every_epochs": _("Of the exponential schedule."),
    "stages.plateau_factor": _("Of the plateau schedule: the learning rate is multiplied by this."),
    "stages.plateau_patience": _("Of the plateau schedule: epochs without a better one."),
    "stages.minimum_learning_rate": _("No schedule goes below."),
    "stages.stop_patience": _("Epochs without a better one until the stage ends; empty: never."),
    "stages.stop_minimum_change": _("Less than this does not count as better."),
    "stages.kept_change": _("How far the weights go from where the stage began to its best epoch."),
}

PROBLEMS: Mapping[str, str] = {
    "greater_than_equal": _("At least %(ge)s."),
    "greater_than": _("More than %(gt)s."),
    "less_than_equal": _("At most %(le)s."),
    "less_than": _("Less than %(lt)s."),
    "int_parsing": _("A whole number is needed."),
    "int_from_float": _("A whole number is needed."),
    "float_parsing": _("A number is needed."),
    "string_pattern_mismatch": _("Lower-case letters, digits and _ only, beginning with a letter."),
    "enum": _("Choose one of the list."),
    "literal_error": _("Choose one of the list."),
    "missing": _("This is needed."),
}
"""Kind of a mistake, as pydantic calls it, to what is said."""
