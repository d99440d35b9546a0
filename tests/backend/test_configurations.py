"""Configurations of recipes: only what differs is kept, and nothing that is saved ever changes."""

import pytest
from sqlmodel import Session

from backend.errors import Conflict, DomainError
from backend.people.staff import Person
from backend.records import audit_log
from backend.runs import configurations
from backend.tables import Role
from tests.backend.staff_world import person
from training import recipe
from training.recipe import RecipeError

TINY = recipe.load("tiny")


@pytest.fixture
def eve(session: Session) -> Person:
    return person(session, "eve", Role.ENGINEER)


def test_only_what_differs_is_kept_and_gives_the_same_recipe(session: Session, eve: Person) -> None:
    changed = TINY.with_changes(batch_size=4, augmentation={**TINY.augmentation.model_dump(), "noise": 3})
    row = configurations.save(session, eve, "  night \n runs ", "tiny", changed, "quiet")
    assert (row.name, row.version, row.changes) == ("night runs", 1, {"batch_size": 4, "augmentation.noise": 3.0})
    assert configurations.recipe_of(row) == changed
    assert row.digest == changed.digest
    assert audit_log.history(session, f"configuration/{row.id}")[0].actor == "eve"


def test_an_older_version_is_restored_as_the_newest(session: Session, eve: Person) -> None:
    first = configurations.save(session, eve, "ours", "tiny", TINY.with_changes(batch_size=4))
    second = configurations.save(session, eve, "ours", "tiny", TINY.with_changes(batch_size=8))
    assert first.id is not None
    restored = configurations.restore(session, eve, first.id)
    assert [(row.version, row.changes) for row in configurations.versions(session, "ours")] == [
        (3, {"batch_size": 4}),
        (2, {"batch_size": 8}),
        (1, {"batch_size": 4}),
    ]
    assert configurations.newest(session) == [restored]
    assert second.changes == {"batch_size": 8}
    with pytest.raises(Conflict, match="newest version already"):
        configurations.restore(session, eve, restored.id or 0)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_configuration_has_a_name(session: Session, eve: Person, name: str) -> None:
    with pytest.raises(DomainError, match="1 to 60"):
        configurations.save(session, eve, name, "tiny", TINY)


def test_what_names_no_field_is_no_difference() -> None:
    with pytest.raises(RecipeError, match="no such field"):
        configurations.with_differences(TINY, {"head.wings": 2})
    with pytest.raises(RecipeError, match="batch_size"):
        configurations.with_differences(TINY, {"batch_size": 0})


def test_a_configuration_whose_recipe_is_gone_says_so(session: Session, eve: Person) -> None:
    row = configurations.save(session, eve, "ours", "tiny", TINY)
    row.base = "gone"
    with pytest.raises(DomainError, match="There is no recipe 'gone'"):
        configurations.recipe_of(row)
