r"""The command line of the TUF client conformance suite (github.com/theupdateframework/tuf-conformance, CLIENT-CLI.md).

It adds nothing to the reference client: `metadata_client.refreshed` verifies as for a phone, `target_download.fetch`
downloads as for a phone, and the time is the one that a phone would judge by. Exit status 0 or 1.

    phone-client --metadata-dir DIR init ROOT
    phone-client --metadata-dir DIR --metadata-url URL refresh
    phone-client --metadata-dir DIR --metadata-url URL \
        --target-name PATH --target-base-url URL --target-dir DIR download
"""

import argparse
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
from tuf.ngclient import Updater

from mobile_models.updates.following import metadata_client, target_download
from mobile_models.updates.following.known_time import KnownTime
from mobile_models.updates.following.metadata_client import HttpFetcher
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if asked.command == "init":
        _init(asked)
        return 0
    try:
        with httpx.Client(timeout=10) as http:
            _follow(asked, http)
    except UpdateRefused as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201  # A command prints.
        return 1
    return 0


def _init(asked: argparse.Namespace) -> None:
    asked.metadata_dir.mkdir(parents=True, exist_ok=True)
    for name in ("trusted_root", "root.json"):  # The first is what would be built into the app.
        shutil.copyfile(asked.root, asked.metadata_dir / name)


def _follow(asked: argparse.Namespace, http: httpx.Client) -> None:
    metadata: Path = asked.metadata_dir
    trusted_root = (metadata / "trusted_root").read_bytes()
    fetcher, known_time = HttpFetcher(http), KnownTime(metadata / "known_time")
    with metadata_client.refusing_metadata_errors(fetcher, known_time):
        client = metadata_client.refreshed(metadata, asked.metadata_url, trusted_root, fetcher, known_time)
        if asked.command == "download":
            _download(asked, client, http)


def _download(asked: argparse.Namespace, client: Updater, http: httpx.Client) -> None:
    target = client.get_targetinfo(asked.target_name)
    if target is None:
        raise UpdateRefused(RefusalReason.NOT_PUBLISHED, f"there is no {asked.target_name}")
    destination = asked.target_dir / quote(asked.target_name, safe="")
    if not target_download.is_intact(destination, target):
        url = target_download.target_url(asked.target_base_url, target, metadata_client.is_consistent(client))
        target_download.fetch(http, url, target, asked.metadata_dir / "downloads").replace(destination)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="phone-client")
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url", type=_folder_url)
    parser.add_argument("--target-name")
    parser.add_argument("--target-base-url", type=_folder_url)
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser


def _folder_url(value: str) -> str:
    return value if value.endswith("/") else f"{value}/"


if __name__ == "__main__":
    sys.exit(main())
