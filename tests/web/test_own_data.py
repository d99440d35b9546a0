"""What residents do with what is theirs: delete it, take consent back, have it as a file, and be forgotten."""

import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web import kept_photos, resident
from tests.web.conftest import Visitor


@pytest.fixture
def page(visit: Callable[..., Visitor]) -> Page:
    """A phone with photos in every state; its city knows nothing of them."""
    visitor = visit()
    opened = visitor.open()
    resident.looked(opened)
    kept_photos.keep(opened)
    return visitor.open("mine")


def _open(page: Page, state: str) -> None:
    page.locator(f"a[href$='{kept_photos.identity(state)}']").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("My photos")


def test_what_is_only_here_is_deleted_when_its_owner_has_confirmed_it(page: Page) -> None:
    _open(page, "only_here")
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert _kept(page, "only_here") is not None
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My photos")
    assert _kept(page, "only_here") is None


def test_consent_taken_back_says_which_models_have_learned_already(page: Page) -> None:
    _open(page, "learned")
    expect(page.get_by_text("Your correction is in model 7")).to_be_visible()
    page.get_by_label("The model may learn from it").uncheck()
    expect(page.get_by_text("Learned already: model 7. Later ones will not.")).to_be_visible()
    row = _kept(page, "learned")
    assert row is not None
    assert (row["choice"]["allowsTraining"], row["choice"]["allowsReview"]) == (False, True)


def test_a_decision_is_new_until_its_photo_was_looked_at(page: Page) -> None:
    line = page.locator(f"a[href$='{kept_photos.identity('decided_otherwise')}']")
    expect(line).to_contain_text("New")
    line.click()
    expect(page.get_by_text("Somebody checked it and decided: Metal")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    expect(line).to_be_visible()
    expect(line).not_to_contain_text("New")


def test_everything_can_be_taken_along_as_one_file(page: Page) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Your data").click()
    page.get_by_role("button", name="Take my data along").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the file").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        told = json.loads(archive.read("wastelens.json"))
        pictures = [name for name in archive.namelist() if name.endswith(".jpg")]
    assert kept_photos.identity("unsure") in json.dumps(told)
    assert pictures


def test_a_forgotten_phone_is_as_at_the_first_visit(page: Page) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Your data").click()
    page.get_by_role("button", name="Forget this phone").click()
    page.get_by_role("button", name="Forget everything").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    assert resident.documents(page, "photos") == []
    assert resident.document(page, "settings")["sends"] is False


def _kept(page: Page, state: str) -> dict[str, Any] | None:
    found = [row for row in resident.documents(page, "photos") if row["id"] == kept_photos.identity(state)]
    return found[0] if found else None
