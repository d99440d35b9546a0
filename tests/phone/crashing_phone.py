"""A phone whose process the kernel kills: while it loads a release, gives its first answer, or downloads.

python -m tests.phone.crashing_phone DIRECTORY URL ROOT BUNDLED WHEN
"""

import os
import signal
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, NoReturn

import httpx

from mobile_models import self_tests
from mobile_models.classifier import Classifier
from mobile_models.updates.following import target_download
from phone.client import Phone
from tests import pictures

RELEASE = 3
"""Kills whoever loads it, or asks it."""
DOWNLOADED_BYTES = 700


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _deadly(real: Callable[..., Any], classifier_of: Callable[..., Classifier]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        return _die() if classifier_of(*arguments).manifest.version == RELEASE else real(*arguments)

    return called


def _cut(real: Callable[..., None]) -> Callable[..., None]:
    def write(answer: httpx.Response, file: FileIO, wanted_bytes: int) -> None:
        if not str(answer.url).endswith(".tflite"):
            return real(answer, file, wanted_bytes)
        file.write(next(iter(answer.iter_raw(DOWNLOADED_BYTES))))
        _die()

    return write


def main(directory: Path, url: str, root: Path, bundled: Path, when: str) -> None:
    if when == "loading":
        self_tests.run = _deadly(self_tests.run, lambda classifier, _: classifier)
    elif when == "answering":
        Classifier.classify = _deadly(Classifier.classify, lambda classifier, _: classifier)  # type: ignore[method-assign]
    else:
        target_download._write = _cut(target_download._write)
    phone = Phone(directory, url, root.read_bytes(), bundled)
    phone.update()
    phone.classify(pictures.jpeg("glass"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5])
