"""How well near-duplicates are told from other photos of the same kind of thing.

    python benchmarks/near_duplicates.py --photos DIR/trashnet --release mobile_models/releases/2

Prints, for changed copies and for pairs of different objects (by groups.csv), how many each threshold of
`near_duplicates` takes for near-duplicates. Look again at `ALIKE_COSINE` when a release has new features.
"""

import argparse
import itertools
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from backend.intake.near_duplicates import ALIKE_COSINE, LIKELY_BITS, NEAR_BITS, Look, cosine, pack
from mobile_models.classifier import Classifier
from training.dataset import LabelledFile, read_folder


def crop(picture: Image.Image) -> Image.Image:
    return picture.crop((picture.width // 20, picture.height // 20, picture.width, picture.height))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half as large": lambda picture: picture.reduce(2),
    "5 % cropped": crop,
    "turned by 3 degrees": lambda picture: picture.rotate(3, fillcolor=(200, 200, 200)),
    "mirrored": ImageOps.mirror,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    given = parser.parse_args()
    files = random.Random(0).sample(list(read_folder(given.photos)), given.count)  # noqa: S311  # A sample, no secret.
    classifier = Classifier.load(given.release)
    pictures = [Image.open(file.path).convert("RGB") for file in files]
    looks = [look(classifier, picture) for picture in pictures]
    print(f"{'pairs':<32}{'number':>8}{'near bits':>11}{'likely':>9}{'and alike':>11}")
    for name, change in CHANGES.items():
        report(name, [(own, look(classifier, change(picture))) for own, picture in zip(looks, pictures, strict=True)])
    report("different objects", different_objects(files, looks))


def look(classifier: Classifier, picture: Image.Image) -> Look:
    return Look.of(picture, classifier.classify_image(picture).embedding, classifier.manifest.version)


def different_objects(files: list[LabelledFile], looks: list[Look]) -> list[tuple[Look, Look]]:
    pairs = itertools.combinations(zip(files, looks, strict=True), 2)
    return [(one, other) for (mine, one), (theirs, other) in pairs if mine.group != theirs.group]


def report(name: str, pairs: list[tuple[Look, Look]]) -> None:
    bits = np.array([distance(one, other) for one, other in pairs])
    likely = [pair for pair, apart in zip(pairs, bits, strict=True) if NEAR_BITS < apart <= LIKELY_BITS]
    alike = sum(similarity(*pair) >= ALIKE_COSINE for pair in likely)
    near, total = int((bits <= NEAR_BITS).sum()), len(pairs)
    print(f"{name:<32}{total:>8}{near / total:>11.3%}{len(likely) / total:>9.3%}{alike / total:>11.3%}")


def distance(one: Look, other: Look) -> int:
    if one.hash is None or other.hash is None or other.mirrored_hash is None:
        return 64
    return min((one.hash ^ other.hash).bit_count(), (one.hash ^ other.mirrored_hash).bit_count())


def similarity(one: Look, other: Look) -> float:
    if one.embedding is None or other.embedding is None:
        return 0.0
    return cosine(pack(one.embedding), pack(other.embedding))


if __name__ == "__main__":
    main()
