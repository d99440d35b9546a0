"""Pages of models, asked for without a browser: what is waited for, what has changed meanwhile, what is refused."""

from collections.abc import Callable

import httpx
import pytest

from backend.api.dependencies import Parts
from backend.console import safety
from backend.database import now, transaction
from backend.releasing import channels, releases
from backend.tables import Release, ReleaseState, Role, RolloutState
from tests.backend import staff_world
from tests.backend.console import models_world

Post = Callable[..., httpx.Response]


@pytest.fixture
def page(client: httpx.Client, parts: Parts) -> httpx.Client:
    """Eve's browser, in which no script runs."""
    with transaction(parts.engine) as session:
        staff_world.person(session, "eve", Role.ENGINEER)
    client.post("/console/sign-in", data={"name": "eve", "password": staff_world.PASSWORD})
    return client


@pytest.fixture
def post(page: httpx.Client) -> Post:
    def act(path: str, **fields: object) -> httpx.Response:
        secret = safety.secret_of(page.cookies["wastelens"])
        return page.post(f"/console/models/{path}", data={"csrf": secret} | fields)

    return act


@pytest.fixture
def under_way(parts: Parts) -> int:
    with transaction(parts.engine) as session:
        return models_world.under_way(session, parts)


def test_signatures_that_are_waited_for_come_with_their_command(page: httpx.Client, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        models_world.bundled(session)
        models_world.judged_run(session, parts)
        session.get_one(Release, 2).state = ReleaseState.AWAITING_SIGNATURES
    shown = page.get("/console/models/releases/2").text
    assert "wastelens releases sign 2 --key" in shown
    assert "Nobody has signed yet." in shown


def test_labels_of_a_data_set_are_called_by_their_names(page: httpx.Client, under_way: int) -> None:
    shown = page.get("/console/models/releases/2", headers={"Accept-Language": "vi"}).text
    assert shown.count('<th scope="row">Kim loại</th>') >= 2, "in the report and in the data set"
    assert '<th scope="row">metal</th>' not in shown


def test_a_watched_rollout_is_loaded_again_once_it_has_changed(page: httpx.Client, post: Post, under_way: int) -> None:
    live = f"/console/models/rollouts/{under_way}/live?state=running"
    assert "HX-Refresh" not in page.get(live).headers
    assert post(f"rollouts/{under_way}/pause", reason="a holiday").status_code == 303
    assert page.get(live).headers["HX-Refresh"] == "true"


def test_what_cannot_be_done_is_said_on_the_page(post: Post, parts: Parts, under_way: int) -> None:
    assert "It is as wide already." in post(f"rollouts/{under_way}/widen", percent=10).text
    assert post(f"rollouts/{under_way}/widen", percent=50, reason="going well").status_code == 303
    assert models_world.rollout_row(parts, under_way).rollout_percent == 50
    post(f"rollouts/{under_way}/halt")
    refused = post(f"rollouts/{under_way}/halt")
    assert refused.status_code == 409
    assert "It has changed meanwhile" in refused.text


def test_a_withdrawn_release_never_comes_back(post: Post, parts: Parts, under_way: int) -> None:
    assert post("releases/2/withdraw", reason="glass goes wrong").status_code == 303
    assert models_world.rollout_row(parts, under_way).state == RolloutState.WITHDRAWN
    assert post("releases/2/roll-out", plan="5, 100", reason="again").status_code == 409


def test_a_channel_goes_back_to_a_release_that_everybody_ran(post: Post, parts: Parts, under_way: int) -> None:
    post(f"rollouts/{under_way}/widen", percent=100)
    assert models_world.rollout_row(parts, under_way).state == RolloutState.COMPLETED
    assert post("channels/stable/go-back", version=1, reason="glass goes wrong").status_code == 303
    with transaction(parts.engine) as session:
        assert channels.find(session, "stable").current_version is None, "the bundled one"
        assert releases.find(session, 2).state == ReleaseState.PUBLISHED
    assert "This release is newer than what is current." in post("channels/stable/go-back", version=2, reason="no").text


def test_a_run_that_cannot_be_asked_for_keeps_what_was_chosen(post: Post, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        session.add(staff_world.DatasetSnapshotRow(requested_by="eve", frozen_at=now()))
    refused = post("runs", recipe="tiny", mode="from_scratch", weights="/etc/passwd", seed=7, snapshot="1")
    assert refused.status_code == 400
    assert "weights must be one of" in refused.text
    assert 'value="7"' in refused.text


@pytest.mark.parametrize("path", ["../../../../etc/passwd", "checkpoints/last.keras", "release/%2e%2e/output.log"])
def test_only_what_a_run_has_left_can_be_fetched(page: httpx.Client, parts: Parts, path: str) -> None:
    with transaction(parts.engine) as session:
        models_world.bundled(session)
        run_id = models_world.judged_run(session, parts)
    assert page.get(f"/console/models/runs/{run_id}/files/{path}").status_code == 404
    log = page.get(f"/console/models/runs/{run_id}/files/output.log")
    assert log.headers["content-type"] == "application/octet-stream"
    assert log.headers["content-disposition"] == 'attachment; filename="output.log"'


def test_the_report_of_a_run_may_do_nothing(page: httpx.Client, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        models_world.bundled(session)
        run_id = models_world.judged_run(session, parts)
    policy = page.get(f"/console/models/runs/{run_id}/report").headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
