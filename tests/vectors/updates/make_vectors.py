"""Write the test vectors anew.

    python -m tests.vectors.updates.make_vectors

Guarantees: the same code writes the same bytes, on every machine.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.vectors.updates import cases, city, file_cases, guide_cases, signature_cases

FOLDER = Path(__file__).parent
PHONE = {"app_version": "1.2", "runtime_version": "2.3.1"}

__all__ = ["file_cases", "guide_cases", "signature_cases", "vectors", "write"]
"""Three of them add their cases where they are imported."""


def vectors() -> dict[str, bytes]:
    """Return path below this folder to content."""
    manifest, model = city.release(1)
    files = {
        "phone/root.json": city.draft().sign()["metadata/1.root.json"],
        "phone/manifest.json": manifest,
        "phone/model.tflite": model,
        "phone/phone.json": _document(PHONE),
    }
    for case in cases.CASES:
        files[f"{case.name}/expected.json"] = _document(_expected(case))
        for number, visit in enumerate(case.visits(), 1):
            files |= {f"{case.name}/visit-{number}/{path}": content for path, content in visit.files.items()}
    return files


def _expected(case: cases.Case) -> dict[str, Any]:
    return {
        "about": case.about,
        "visits": [
            {
                "repository": f"visit-{number}",
                "moment": f"{visit.moment:%Y-%m-%dT%H:%M:%SZ}",
                "channel": "stable",
                **({"city": visit.city} if visit.city else {}),
                "phones": visit.phones,
            }
            for number, visit in enumerate(case.visits(), 1)
        ],
    }


def _document(content: object) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def write(folder: Path) -> None:
    for old in (path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"):
        shutil.rmtree(old)
    for path, content in vectors().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


if __name__ == "__main__":
    write(FOLDER)
