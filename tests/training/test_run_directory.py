from training.run_directory import Progress


def test_progress_says_what_is_known_of_it() -> None:
    assert Progress(stage="load").describe() == "load"
    assert Progress(stage="gate", epoch=3, epochs=3).describe() == "gate: epoch 3 of 3"
    whole = Progress(stage="head", epoch=1, epochs=3, metrics={"val_loss": 0.5}, seconds_left=61.4)
    assert whole.describe() == "head: epoch 1 of 3, 61 s left; val_loss 0.5000"
