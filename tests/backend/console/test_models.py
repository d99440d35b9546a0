"""Models as engineers see them: from a run to a release, with two approvals, and back with one click."""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.runs import configurations
from backend.settings import Settings
from backend.tables import JobKind, Role, RolloutState
from tests.backend import staff_world
from tests.backend.console import models_world
from tests.backend.console.conftest import Visit
from tests.backend.console.models_world import AFTER, WORSE
from tests.tiny_model import release_folder
from tests.waiting import PATIENCE_SECONDS
from tests.workers.processes import use_stand_in_trainer
from tests.workers.world import add_gold
from training import recipe
from training.dataset import SeenPhotos
from workers import retrain

SignIn = Callable[..., Visit]
PAYLOAD = "<img src=x onerror='window.hurt=1'>\"'{{7*7}}"


@pytest.fixture
def settings(migrated_database_url: str, tmp_path: Path) -> Settings:
    """A city in which two people approve."""
    folder = release_folder(tmp_path / "bundled" / "1")
    SeenPhotos(train=(), validation=(), holdout=()).write(folder / "dataset.json")
    return Settings(
        data_dir=tmp_path / "var", database_url=migrated_database_url, bundled_release=folder, approvals_needed=2
    )


@pytest.fixture
def eve(sign_in: SignIn) -> Visit:
    return sign_in("eve", Role.ENGINEER)


@pytest.fixture
def under_way(parts: Parts) -> int:
    with transaction(parts.engine) as session:
        return models_world.under_way(session, parts)


def hold_back_a_run(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let no run end before it has been seen under way: a page looks every 3 seconds, a busy one later."""
    seen, look = threading.Event(), retrain._Watch.look

    def look_and_wait(watch: retrain._Watch) -> None:
        look(watch)
        if watch.written is not None:
            seen.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(retrain._Watch, "look", look_and_wait)
    return seen


def test_a_model_is_trained_approved_by_two_people_and_rolled_out(
    eve: Visit, sign_in: SignIn, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_stand_in_trainer(monkeypatch)
    seen = hold_back_a_run(monkeypatch)
    place = models_world.workplace(parts)
    add_gold(place)
    page = eve.open("/console/models")
    page.get_by_role("link", name="Train a model").click()
    page.select_option("#recipe", "tiny")
    page.get_by_label("From scratch, on all photos").check()
    page.select_option("#weights", "random")
    page.fill("#epochs", "60")
    eve.look("model-run-new")
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("It waits until its data set is frozen.")).to_be_visible()
    with models_world.at_work(place, JobKind.FREEZE, JobKind.RETRAIN):
        expect(page.get_by_text(re.compile("epoch [1-9].* of 60"))).to_be_visible(timeout=60_000)
        seen.set()
    expect(page.locator("h1 .badge")).to_have_text("passed the gate", timeout=60_000)
    page.get_by_role("link", name="To release 1").click()
    page.fill("#plan", "10:24, 100")
    page.get_by_label("only on networks without a meter").check()
    page.fill("#approve-reason", PAYLOAD)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("1 more person has to approve it.")).to_be_visible()
    expect(page.get_by_text(PAYLOAD).first).to_be_visible()
    assert page.get_by_role("button", name="Approve").count() == 0, "her second approval would count nothing"
    eve.look("release-approved-once")

    bob = sign_in("bob", Role.ENGINEER)
    bob.open("/console/models")
    expect(bob.page.get_by_text("1 of 2 approvals")).to_be_visible()
    bob.page.get_by_role("link", name="Look and decide").click()
    bob.page.fill("#plan", "100, 5")
    bob.page.get_by_role("button", name="Approve").click()
    expect(bob.page.get_by_role("alert")).to_contain_text("This is no plan.")
    bob.page.fill("#plan", "10:24, 100")
    bob.page.get_by_role("button", name="Approve").click()
    expect(bob.page.get_by_text("Your approval counts.")).to_be_visible()
    models_world.work_off(place, JobKind.PUBLISH)
    bob.page.get_by_role("link", name="On stable, 10%").click()
    expect(bob.page.locator("h1 .badge")).to_have_text("under way")
    expect(bob.page.get_by_text(re.compile("Next: 100%, not before"))).to_be_visible()
    assert models_world.rollout_row(parts, 1).conditions["unmetered_only"] is False, "the last approval decides"
    assert eve.page.evaluate("window.hurt") is None


def test_one_click_halts_and_the_reason_may_come_later(eve: Visit, parts: Parts, under_way: int) -> None:
    page = eve.open("/console/models")
    eve.look("models")
    page.get_by_role("button", name="Halt release 2 now").click()
    expect(page.get_by_text("Halted. Phones go back at their next check.")).to_be_visible()
    assert models_world.rollout_row(parts, under_way).state == RolloutState.HALTED
    expect(page.get_by_text("Nobody has said yet.")).to_be_visible()
    page.fill("#why", PAYLOAD)
    page.get_by_role("button", name="Keep the reason").click()
    expect(page.get_by_text(PAYLOAD).first).to_be_visible()
    eve.look("rollout-halted")
    page.fill("#resume-reason", "it was the light")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("h1 .badge")).to_have_text("under way")
    assert page.evaluate("window.hurt") is None
    assert models_world.rollout_row(parts, under_way).reason == "it was the light"


@pytest.mark.parametrize("locale", ["en", "vi", "zh"])
def test_a_rollout_shows_its_curves_in_each_language(sign_in: SignIn, under_way: int, locale: str) -> None:
    scheme = "dark" if locale == "vi" else "light"
    visitor = sign_in("eve", Role.ENGINEER, locale=locale, color_scheme=scheme)
    page = visitor.open(f"/console/models/rollouts/{under_way}")
    expect(page.locator("figure.plot polyline")).to_have_count(4)
    expect(page.locator("figure.plot polygon")).to_have_count(2)
    visitor.look(f"rollout-{locale}-{scheme}")
    visitor.open("/console/models/releases/2")
    visitor.look(f"release-{locale}-{scheme}")
    if scheme == "dark":
        visitor.open("/console/models")
        visitor.look("models-vi-dark")


def test_the_verdict_is_told_in_plain_words(sign_in: SignIn, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        models_world.bundled(session)
        passed = models_world.judged_run(session, parts, AFTER)
        blocked = models_world.judged_run(session, parts, WORSE)
    eve = sign_in("eve", Role.ENGINEER)
    page = eve.open(f"/console/models/runs/{passed}")
    for text in ("Better at Plastic by 5 of 82.", "Worse at Metal by 2 of 82.", "As good as before at: Cardboard"):
        expect(page.get_by_text(text)).to_be_visible()
    eve.look("run-passed")
    page.get_by_text("Log of its steps").click()
    assert "window.hurt = 1" in page.locator("pre.log").inner_text()
    page = eve.open(f"/console/models/runs/{blocked}")
    expect(page.get_by_text("Metal is found less often than before, and chance does not explain it")).to_be_visible()
    expect(page.get_by_text("It finds 26.8% of what is Trash; at least 50.0% is asked for.")).to_be_visible()
    page = eve.open(f"/console/models/runs/{passed}/report")
    expect(page.get_by_role("heading", name="Report")).to_be_visible()
    assert page.evaluate("window.hurt") is None
    page = sign_in("lan", Role.ENGINEER, locale="vi").open(f"/console/models/runs/{passed}")
    expect(page.get_by_text(re.compile("5/82|5 trên 82|5 trong 82"))).to_be_visible()


def test_a_recipe_is_changed_saved_restored_and_trained_without_script(sign_in: SignIn, parts: Parts) -> None:
    eve = sign_in("eve", Role.ENGINEER, java_script_enabled=False)
    page = eve.open("/console/models/recipes/edit?recipe=tiny")
    page.fill("[name='momentum']", "0.5")
    page.fill("[name='configuration']", PAYLOAD)
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be trained yet")
    expect(page.locator("[id='momentum-help']")).to_contain_text("only sgd takes one")
    page.fill("[name='momentum']", "0")
    page.fill("[name='batch_size']", "8")
    page.get_by_role("button", name="Add a stage").click()
    page.fill("[name='stages.1.learning_rate']", "0.001")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator("h1")).to_contain_text(PAYLOAD)
    expect(page.locator(".facts dt code")).to_have_count(2)
    assert set(page.locator(".facts dt code").all_inner_texts()) == {"batch_size", "stages"}
    page.get_by_role("link", name="Change it").click()
    page.fill("[name='batch_size']", "4")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator("h1")).to_contain_text("version 2")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.locator("h1")).to_contain_text("version 3")
    page.get_by_role("link", name="Train with it").click()
    page.select_option("#weights", "random")
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator("h1 .badge")).to_have_text("waits")
    expect(page.get_by_text("Changed from the recipe of that name")).to_be_visible()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator("h1 .badge")).to_have_text("cancelled")
    page.get_by_role("button", name="Let it go on").click()
    expect(page.locator("h1 .badge")).to_have_text("waits")


def test_recipes_and_their_form_are_good_to_look_at(eve: Visit, parts: Parts) -> None:
    tiny = recipe.load("tiny")
    with transaction(parts.engine) as session:
        ada = staff_world.person(session)
        for batch_size in (4, 8):
            configurations.save(session, ada, "small", "tiny", tiny.with_changes(batch_size=batch_size))
    eve.open("/console/models/recipes")
    eve.look("recipes")
    eve.page.get_by_role("link", name="small").click()
    expect(eve.page.locator("h1")).to_contain_text("small")
    eve.look("configuration")
    eve.open("/console/models/recipes/edit?recipe=wastenet")
    eve.look("recipe-form")


def test_a_channel_goes_back_and_returns_to_the_bundled_release(eve: Visit, under_way: int) -> None:
    page = eve.open("/console/models/channels/stable")
    page.fill("#bundled-reason", PAYLOAD)
    page.get_by_role("button", name="Return everybody").click()
    expect(page.get_by_text("Everybody has returned to the model of the app.")).to_be_visible()
    eve.look("channel")
    page.fill("#end-reason", "mended")
    page.get_by_role("button", name="Let everybody run the current release again").click()
    expect(page.get_by_text("Phones obey at their next check.")).to_be_visible()
    assert page.evaluate("window.hurt") is None


def test_nothing_changes_by_looking(client: httpx.Client, parts: Parts, under_way: int) -> None:
    with transaction(parts.engine) as session:
        staff_world.person(session, "eve", Role.ENGINEER)
    client.post("/console/sign-in", data={"name": "eve", "password": staff_world.PASSWORD})
    for act in ("halt", "pause", "resume", "widen"):
        assert client.get(f"/console/models/rollouts/{under_way}/{act}").status_code == 405
        assert client.post(f"/console/models/rollouts/{under_way}/{act}").status_code == 403
    assert models_world.rollout_row(parts, under_way).state == RolloutState.RUNNING
