"""The staff's side over HTTP."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from sqlmodel import select, update

from backend import desired_updates, publisher
from backend.api.dependencies import Parts
from backend.database import now, transaction
from backend.settings import Settings
from backend.tables import AuditEvent, Photo, PhotoState, Release, ReleaseState, Role
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from tests import tiny_model, updates
from tests.backend.staff_world import PASSWORD, gold, person, proposed
from tests.backend.world import Resident, running


@dataclass(frozen=True)
class Member:
    """Somebody of the staff who has signed in."""

    client: httpx.Client
    token: str

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, headers={"Authorization": f"Bearer {self.token}"}, **options)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.ask("POST", path, json=body)


def sign_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return client.post("/v1/staff/sign-in", json={"name": name, "password": password})


def member(client: httpx.Client, parts: Parts, name: str, role: Role) -> Member:
    with transaction(parts.engine) as session:
        person(session, name, role)
    answer = sign_in(client, name)
    assert answer.status_code == 200, answer.text
    assert answer.json()["role"] == role
    return Member(client, answer.json()["token"])


@pytest.fixture
def reviewer(client: httpx.Client, parts: Parts) -> Member:
    return member(client, parts, "ada", Role.REVIEWER)


@pytest.fixture
def engineer(client: httpx.Client, parts: Parts) -> Member:
    return member(client, parts, "eve", Role.ENGINEER)


@pytest.fixture
def administrator(client: httpx.Client, parts: Parts) -> Member:
    return member(client, parts, "boss", Role.ADMINISTRATOR)


def inspect_all(parts: Parts) -> None:
    """What the inspector does to a photo, as far as reviewers are concerned."""
    with transaction(parts.engine) as session:
        session.connection().execute(update(Photo).values(state=PhotoState.INSPECTED))


def test_one_address_cannot_try_name_after_name(settings: Settings) -> None:
    with running(settings.model_copy(update={"sign_ins_per_address_per_minute": 3})) as (client, parts):
        answers = [sign_in(client, f"name {number}").status_code for number in range(4)]
        assert answers == [401, 401, 401, 429]
        with transaction(parts.engine) as session:
            assert len(session.exec(select(AuditEvent)).all()) == 3, "what is refused leaves no trace to fill the disk"


def test_failed_sign_ins_are_counted_although_they_are_refused(client: httpx.Client, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        person(session, "ada")
        session.add_all(
            AuditEvent(actor="ada", action="staff.sign_in_attempted", subject="sign-in/ada") for _ in range(9)
        )
    assert sign_in(client, "ada", "wrong").json()["code"] == "wrong_password"
    answer = sign_in(client, "ada")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")


def test_signing_out_ends_the_session(reviewer: Member) -> None:
    assert reviewer.ask("GET", "/v1/staff/me").json()["name"] == "ada"
    assert reviewer.ask("POST", "/v1/staff/sign-out").status_code == 204
    assert reviewer.ask("GET", "/v1/staff/me").status_code == 401


def test_a_password_is_changed_by_who_knows_it(client: httpx.Client, reviewer: Member) -> None:
    new = "another long password"
    assert reviewer.post("/v1/staff/me/password", current="wrong", new=new).status_code == 401
    assert reviewer.post("/v1/staff/me/password", current=PASSWORD, new=new).status_code == 204
    assert reviewer.ask("GET", "/v1/staff/me").status_code == 401
    assert sign_in(client, "ada", new).status_code == 200


# Which role each call needs is asked in `test_routes_and_roles`.


def test_a_devices_token_is_no_pass_for_the_staffs_side(resident: Resident) -> None:
    assert resident.ask("GET", "/v1/review/queue").status_code == 401


def test_an_administrator_adds_people_and_lets_them_in_no_more(client: httpx.Client, administrator: Member) -> None:
    added = administrator.post("/v1/staff", name="bob", role="reviewer", password=PASSWORD)
    assert added.status_code == 201
    assert sign_in(client, "bob").status_code == 200
    assert administrator.post("/v1/staff", name="bob", role="reviewer", password=PASSWORD).status_code == 409
    assert administrator.ask("POST", f"/v1/staff/{added.json()['id']}/disable").status_code == 204
    assert sign_in(client, "bob").status_code == 401
    assert [each["name"] for each in administrator.ask("GET", "/v1/staff").json()["staff"]] == ["boss", "bob"]


def test_somebody_is_added_for_some_areas_and_an_empty_list_opens_nothing(administrator: Member) -> None:
    who = {"name": "linh", "role": "reviewer", "password": PASSWORD}
    assert administrator.post("/v1/staff", **who, areas=[]).json()["code"] == "no_areas"
    assert administrator.post("/v1/staff", **who, areas=["Northside"]).status_code == 201
    assert administrator.post("/v1/staff", **(who | {"name": "mai"})).status_code == 201
    found = {each["name"]: each["areas"] for each in administrator.ask("GET", "/v1/staff").json()["staff"]}
    assert (found["linh"], found["mai"]) == (["Northside"], None)


def test_a_submission_is_reviewed_and_its_sender_sees_the_gold_label(
    release: Path, resident: Resident, reviewer: Member, parts: Parts
) -> None:
    photo_id = resident.submit(correction="glass").json()["id"]
    assert reviewer.ask("GET", "/v1/review/queue").json()["waiting"] == 0
    inspect_all(parts)
    queue = reviewer.ask("GET", "/v1/review/queue").json()
    assert (queue["waiting"], queue["next"][0]["photo_id"], queue["next"][0]["expires_at"]) == (1, photo_id, None)
    [item] = reviewer.post("/v1/review/claims", count=5).json()["items"]
    assert (item["shown_label"], item["correction"], item["predictions"][0]["label"]) == ("glass", "glass", "metal")
    picture = reviewer.ask("GET", item["photo_url"])
    assert (picture.headers["content-type"], picture.content[:2]) == ("image/jpeg", b"\xff\xd8")
    path = f"/v1/review/photos/{photo_id}/verdict"
    for _ in range(2):
        answer = reviewer.post(path, verdict="agree", label="glass")
        assert answer.json() == {
            "photo_id": photo_id, "gold_label": "glass", "rejected": False, "rejected_as": None,
            "needs_second_opinion": False, "in_random_share": False, "check": None,
        }  # fmt: skip
    assert resident.ask("GET", f"/v1/submissions/{photo_id}").json()["gold_label"] == "glass"


def test_a_verdict_is_taken_back_a_photo_skipped_and_a_claim_renewed(
    release: Path, resident: Resident, reviewer: Member, parts: Parts
) -> None:
    photo_id = resident.submit().json()["id"]
    inspect_all(parts)
    path = f"/v1/review/photos/{photo_id}"
    [item] = reviewer.post("/v1/review/claims").json()["items"]
    assert reviewer.post("/v1/review/claims/renew").json()["expires_at"] > item["expires_at"]
    rejected = reviewer.post(f"{path}/verdict", verdict="reject", reason="person").json()
    assert (rejected["rejected"], rejected["rejected_as"]) == (True, "reject")
    assert reviewer.post(f"{path}/undo").json() == {"held": True}
    assert reviewer.post(f"{path}/verdict", verdict="bad_photo", reason="person").json()["code"] == "bad_verdict"
    assert reviewer.ask("POST", f"{path}/skip").status_code == 204
    assert reviewer.post("/v1/review/claims").json()["items"] == []


def test_a_verdict_without_a_claim_is_a_conflict(
    release: Path, resident: Resident, reviewer: Member, parts: Parts
) -> None:
    photo_id = resident.submit().json()["id"]
    inspect_all(parts)
    answer = reviewer.post(f"/v1/review/photos/{photo_id}/verdict", verdict="relabel", label="glass")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_claimed")


def test_a_photo_whose_sender_keeps_staff_out_is_shown_to_nobody(
    release: Path, resident: Resident, reviewer: Member, parts: Parts
) -> None:
    photo_id = resident.submit(allow_review=False).json()["id"]
    inspect_all(parts)
    assert reviewer.post("/v1/review/claims", count=5).json()["items"] == []
    answer = reviewer.ask("GET", f"/v1/review/photos/{photo_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_reviewable")
    assert reviewer.post(f"/v1/review/photos/{photo_id}/claim").status_code == 409


def test_a_run_is_asked_for_watched_and_cancelled(engineer: Member, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        gold(session, "glass")
    body = {"recipe": "tiny", "weights": "random", "epochs": 2, "changes": {"batch_size": 8}}
    answer = engineer.post("/v1/training-runs", **body)
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert (run["state"], run["recipe"]["batch_size"], run["recipe"]["stages"][-1]["epochs"]) == ("requested", 8, 2)
    assert engineer.ask("GET", f"/v1/dataset-snapshots/{run['snapshot_id']}").json()["state"] == "requested"
    assert engineer.ask("GET", f"/v1/training-runs/{run['id']}").json() == run
    assert engineer.post(f"/v1/training-runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert [each["id"] for each in engineer.ask("GET", "/v1/training-runs").json()["training_runs"]] == [run["id"]]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"recipe": "alchemy"}, "bad_recipe"),
        ({"recipe": "tiny", "weights": "random", "changes": {"batch_size": 0}}, "bad_recipe"),
        ({"recipe": "tiny", "weights": "random", "changes": {"magic": 1}}, "bad_recipe"),
        ({"recipe": "tiny", "weights": "imagenet"}, "bad_weights"),
        ({"recipe": "tiny", "weights": "random", "mode": "fine_tune"}, "no_champion"),
        ({"recipe": "tiny", "weights": "random", "snapshot_id": 99}, "not_found"),
    ],
)
def test_a_run_that_cannot_be_is_refused_and_leaves_nothing(engineer: Member, body: dict[str, Any], code: str) -> None:
    answer = engineer.post("/v1/training-runs", **body)
    assert answer.json()["code"] == code
    assert engineer.ask("GET", "/v1/training-runs").json()["training_runs"] == []
    assert engineer.ask("GET", "/v1/dataset-snapshots").json()["dataset_snapshots"] == []


def test_a_runs_report_is_read_and_nothing_beside_it(engineer: Member, parts: Parts) -> None:
    run = engineer.post("/v1/training-runs", recipe="tiny", weights="random").json()
    obstore.put(parts.storage, f"artefacts/runs/{run['id']}/release/MODEL_CARD.md", b"# A card")
    obstore.put(parts.storage, "photos/secret.jpg", b"a face")
    report = f"/v1/training-runs/{run['id']}/report"
    assert engineer.ask("GET", report).json() == {"files": ["release/MODEL_CARD.md"]}
    card = engineer.ask("GET", f"{report}/release/MODEL_CARD.md")
    assert (card.text, card.headers["content-type"]) == ("# A card", "text/markdown; charset=utf-8")
    for path in ("../../../photos/secret.jpg", "..%2F..%2F..%2Fphotos%2Fsecret.jpg", "nothing"):
        answer = engineer.ask("GET", f"{report}/{path}")  # The first one asks /v1/photos for a photo of that name.
        assert answer.status_code in (404, 422)


def test_a_release_is_approved_signed_by_two_and_seen_with_its_history(
    engineer: Member, parts: Parts, release: Path, tmp_path: Path
) -> None:
    signing_keys.init(tmp_path / "keys", targets_keys=2, targets_threshold=2)
    keys = signing_keys.load(tmp_path / "keys" / "online")
    with transaction(parts.engine) as session:
        assert proposed(session, parts.settings).version == 2
    assert engineer.post("/v1/releases/2/approve", rollout_percent=5, reason="better").json()["state"] == "approved"
    assert engineer.ask("GET", "/v1/releases/2/staged").json()["code"] == "nothing_staged"
    staged = _publish(parts, keys, None)
    assert engineer.ask("GET", "/v1/releases/2/staged").content == staged
    for key in (updates.ANNA, updates.BERT):
        signature = repository.sign_staged(staged, signing_keys.load_signer(tmp_path / "keys" / key))
        assert engineer.post("/v1/releases/2/signatures", **vars(signature)).status_code == 202
    stranger = signing_keys.load_signer(tmp_path / "keys" / "root-1.pem")
    refused = engineer.post("/v1/releases/2/signatures", **vars(repository.sign_staged(staged, stranger)))
    assert (refused.status_code, refused.json()["code"]) == (400, "signature_refused")
    _publish(parts, keys, staged)
    answer = engineer.ask("GET", "/v1/releases/2").json()
    assert (answer["state"], len(answer["signed_by"])) == (ReleaseState.PUBLISHED, 2)
    assert [event["action"] for event in answer["history"]][-1] == "release.published"
    assert engineer.post("/v1/releases/2/halt", reason="").status_code == 422
    halted = engineer.post("/v1/releases/2/halt", reason="glass goes wrong").json()
    assert [rollout["state"] for rollout in halted["rollouts"]] == ["halted"]
    assert [(each["name"], each["reason"]) for each in halted["approved_by"]] == [("eve", "better")]


def _publish(parts: Parts, keys: signing_keys.KeyRing, staged: bytes | None) -> bytes:
    """What the publish worker does with release 2, without the worker."""
    with transaction(parts.engine) as session:
        wanted = next(each for each in desired_updates.read(session).releases if each.version == 2)
        model = tiny_model.model_bytes(2)
        document = tiny_model.manifest(model, 2).to_bytes()
        desired = repository.DesiredRelease(2, document, lambda: model, staged, wanted.signatures)
        outcome = repository.reconcile(parts.updates, keys, repository.DesiredState((desired,), {}))
        desired_updates.settle(session, outcome, now())
    if 2 in outcome.awaiting:
        obstore.put(parts.storage, publisher.staged_key(2), outcome.awaiting[2].staged)
        return outcome.awaiting[2].staged
    return b""


def test_unknown_things_are_not_found(engineer: Member) -> None:
    nobody = "00000000-0000-0000-0000-000000000001"
    for path in ("releases/77", "dataset-snapshots/77", f"training-runs/{nobody}"):
        answer = engineer.ask("GET", f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert engineer.ask("GET", "/v1/releases").json()["releases"] == []


def test_a_blocked_release_stays_blocked_over_http(engineer: Member, parts: Parts) -> None:
    with transaction(parts.engine) as session:
        release = proposed(session, parts.settings)
        release.blessing = release.blessing | {"verdict": "blocked"}
        session.add(release)
    assert engineer.post("/v1/releases/1/approve", rollout_percent=5).json()["code"] == "blocked"
    with transaction(parts.engine) as session:
        assert session.exec(select(Release.state)).all() == [ReleaseState.PROPOSED]
