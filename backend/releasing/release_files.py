"""The files of a release in storage.

Guarantees: a release is complete where its manifest is, which is written last.
"""

from collections.abc import Iterable
from pathlib import Path

import obstore
from obstore.store import ObjectStore

MANIFEST, MODEL, BLESSING = "manifest.json", "model.tflite", "blessing.json"


def release_key(version: int, file: str) -> str:
    """Where a file of a release lies in storage."""
    return f"artefacts/releases/{version}/{file}"


def manifest_last(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name == MANIFEST, name))


def store(storage: ObjectStore, version: int, folder: Path) -> None:
    """Store all files of a release folder."""
    for name in manifest_last(file.name for file in folder.iterdir() if file.is_file()):
        obstore.put(storage, release_key(version, name), folder / name)
