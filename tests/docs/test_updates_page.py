"""docs/updates.md says what is true: its examples are compared with real bytes, its tables with the code."""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore
from tuf.api.metadata import Metadata, Root

from mobile_models.document import sha256
from mobile_models.field_report import Arm, FieldReport
from mobile_models.label_set import TRASHNET
from mobile_models.updates import patches, update_channel
from mobile_models.updates.following.refusals import RefusalReason
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import publishing_folder, repository, stored_files
from mobile_models.updates.update_roles import CHANNELS_PATHS, LIFETIME, RENEW_BELOW, UpdateRole
from phone.model_store import open_tested
from tests import tiny_model

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors" / "updates"
PAGE = (ROOT / "docs" / "updates.md").read_text()
BLOCKS = re.findall(r"<!-- ([a-z ]+)(?:: (.+?))? -->\n```(?:json)?\n(.*?)```", PAGE, re.DOTALL)
OLD = bytes(range(200))


def blocks(kind: str) -> list[tuple[str, str]]:
    """Return what each example of this kind is about, and its text."""
    found = [(about, text) for each, about, text in BLOCKS if each == kind]
    assert found, f"the page has no example of {kind!r} any more"
    return found


def vector(path: str) -> bytes:
    (found,) = VECTORS.glob(path)
    return found.read_bytes()


def joined(text: str) -> bytes:
    """The page breaks what is one line."""
    return text.replace("\n", "").encode()


def test_metadata_and_documents_are_shown_to_the_byte() -> None:
    for path, text in blocks("bytes"):
        assert joined(text) == vector(path).rstrip(b"\n"), path


def test_the_canonical_form_is_what_the_shown_key_has_signed() -> None:
    ((path, text),) = blocks("canonical")
    timestamp = Metadata.from_bytes(vector(path))
    assert joined(text) == timestamp.signed_bytes
    assert f"these {len(timestamp.signed_bytes)} bytes" in PAGE
    assert f"`{sha256(timestamp.signed_bytes)}`" in PAGE
    root = Metadata[Root].from_bytes(vector("phone/root.json")).signed
    root.verify_delegate("timestamp", timestamp.signed_bytes, timestamp.signatures)


@pytest.mark.parametrize("about", ["each byte one more", "halves exchanged"])
def test_a_shown_patch_makes_the_file_that_the_page_says(about: str, tmp_path: Path) -> None:
    wanted = {"each byte one more": bytes(range(1, 201)), "halves exchanged": OLD[100:] + OLD[:100]}
    text = dict(blocks("patch"))[about]
    digits = "".join(line.partition("  ")[0] for line in text.splitlines())
    old, patch, result = (tmp_path / name for name in ("old", "patch", "result"))
    old.write_bytes(OLD)
    patch.write_bytes(bytes.fromhex(digits))
    patches.apply(old, patch, result, 200)
    assert result.read_bytes() == wanted[about]


def test_the_cohort_formula_gives_the_shown_numbers() -> None:
    rows = re.findall(r"^\| `(phone-\d+)` \| `([0-9a-f]{8})` \| (\d+) \| (in|out) \| (in|out) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for device_id, first_bits, number, at_5, at_50 in rows:
        assert sha256(f"{device_id}:4f2c".encode()).startswith(first_bits)
        assert int(first_bits, 16) % 10_000 == int(number)
        shown = [at_5 == "in", at_50 == "in"]
        assert [update_channel.in_cohort(device_id, "4f2c", percent) for percent in (5, 50)] == shown


def test_the_roles_hold_as_long_as_the_page_says() -> None:
    for role in UpdateRole:
        (row,) = re.findall(rf"^\| {role} \|.*\| (\d+) days \| (\d+) days left \|", PAGE, re.MULTILINE)
        assert tuple(map(int, row)) == (LIFETIME[role].days, RENEW_BELOW[role].days)
    assert ", ".join(f"`{path}`" for path in CHANNELS_PATHS) in PAGE


def test_every_reason_of_a_refusal_is_explained() -> None:
    table = PAGE[PAGE.index("| reason |") : PAGE.index("## Field reports")]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", " ".join(rows))) == set(RefusalReason)


def test_the_shown_field_report_is_one() -> None:
    ((_, text),) = blocks("field report")
    report = FieldReport.model_validate_json(text)
    assert {use.arm for use in report.releases} == {Arm.CANDIDATE, Arm.AWAITED}
    assert all(f"`{arm}`" in PAGE for arm in Arm)


def test_the_shown_sizes_are_those_of_the_example() -> None:
    rows = re.findall(r"^\| `(metadata/.*?\.json)` \| (\d+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    assert {path: int(size) for path, size in rows} == {
        path: len(vector(f"good-patch/visit-1/{path}")) for path, _ in rows
    }


def test_caches_are_told_by_everybody_what_the_page_says() -> None:
    shown = re.findall(r"^\| [^|]* \| `(no-cache|public[^`]*)`[^|]* \|", PAGE, re.MULTILINE)
    assert set(shown) == {"no-cache", "public, max-age=31536000, immutable"}
    sources = (
        stored_files.__file__,
        ROOT / "backend" / "api" / "updates.py",
        ROOT / "deploy" / "updates-nginx.conf",
    )
    for source in sources:
        assert all(f'"{each}"' in Path(source).read_text() for each in shown), source


@pytest.mark.parametrize("page", ["updates.md", "published-format.md", "moving-from-firebase-ml.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", (ROOT / "docs" / page).read_text())
    for path, anchor in links:
        target = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / page
        assert target.exists(), path
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if anchor else []
        anchors = {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, anchor


def test_examples_are_json_where_they_say_so() -> None:
    for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        json.loads(text)


def test_a_model_from_elsewhere_is_published_as_the_page_about_moving_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "moving-from-firebase-ml.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (pointer,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    shown: dict[str, Any] = {}
    exec(textwrap.dedent("   " + code.lstrip()), shown)  # noqa: S102  # It is our own page.
    for version in (1, 2):
        release = tmp_path / "flowers" / "releases" / str(version)
        release.mkdir(parents=True)
        (release / "model.tflite").write_bytes(tiny_model.model_bytes(version))
        shown["write_manifest"](release, version, TRASHNET.ids, dict.fromkeys(TRASHNET.ids, 0.9), 60)
    channels = tmp_path / "flowers" / "channels"
    channels.mkdir()
    (channels / "stable.json").write_text(textwrap.dedent(pointer))
    signing_keys.init(tmp_path / "keys")
    store, keys = LocalStore(tmp_path / "updates", mkdir=True), signing_keys.load(tmp_path / "keys")
    assert publishing_folder.publish(tmp_path / "flowers", store, keys).available == {1, 2}
    published = repository.verify(store, keys.trusted_root).channels["stable"]
    assert published.versions == {1, 2}
    open_tested(tmp_path / "flowers" / "releases" / "2")  # As a phone does before the swap.
