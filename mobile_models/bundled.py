"""The releases that come with the program, so that a fresh installation answers with a real model."""

from pathlib import Path

RELEASES = Path(__file__).parent / "releases"


def newest(releases: Path = RELEASES) -> Path:
    """Return the folder of the highest version; raise `FileNotFoundError` if none is there."""
    versions = (
        [int(folder.name) for folder in releases.iterdir() if folder.name.isdecimal()] if releases.is_dir() else []
    )
    if not versions:
        raise FileNotFoundError(f"no release in {releases}")
    return releases / str(max(versions))
