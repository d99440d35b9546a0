"""The pages of people and of the permanent history, as administrators and auditors see them."""

import csv
import io
import json
import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine
from sqlmodel import col, select

from backend.console import safety
from backend.console.people import audit
from backend.database import transaction
from backend.records import audit_chain, audit_log
from backend.tables import AuditEvent, Role, Staff, StaffSession
from tests.backend import staff_world
from tests.backend.console.conftest import Visit
from tests.backend.test_audit_log import meddle

XSS = '<img src=x onerror="document.title=1">'


def staff_row(engine: Engine, name: str) -> Staff:
    with transaction(engine) as session:
        return session.exec(select(Staff).where(Staff.name == name)).one()


def test_somebody_is_added_gets_a_link_and_chooses_a_password(
    sign_in: Callable[..., Visit], visit: Callable[..., Visit], engine: Engine
) -> None:
    with transaction(engine) as session:
        staff_world.photo(session, place="Northside")
    boss = sign_in("boss", Role.ADMINISTRATOR)
    page = boss.page
    page.get_by_role("link", name="People").click()
    page.fill("#name", "Linh")
    page.select_option("#role", "guide_editor")
    page.fill("#areas", "Northside\n\nOld Town")
    expect(page.get_by_text("Known so far: Northside")).to_be_visible()
    page.get_by_role("button", name="Add").click()
    link = page.inner_text(".once")
    boss.look("password-link")
    row = staff_row(engine, "Linh")
    assert (row.role, row.areas, row.password_hash) == (Role.GUIDE_EDITOR, ["Northside", "Old Town"], "!")

    linh = visit(locale="zh-CN")
    linh.open(link.removeprefix(linh.address))
    linh.look("choose-password")
    linh.page.fill("#password", "short")
    linh.page.click("main button")
    expect(linh.page.get_by_text("密码须为12至200个字符。")).to_be_visible()
    linh.page.fill("#password", staff_world.PASSWORD)
    linh.page.click("main button")
    linh.page.wait_for_url("**/console/sign-in")
    linh.page.fill("#name", "Linh")
    linh.page.fill("#password", staff_world.PASSWORD)
    linh.page.click("main button")
    linh.page.wait_for_url("**/console")
    assert linh.page.locator("nav a").all_inner_texts() == ["指引"]
    assert linh.page.goto(link).status == 401  # type: ignore[union-attr]  # It answers.


def test_an_administrator_changes_shuts_out_and_lets_in_again(
    sign_in: Callable[..., Visit], client: httpx.Client, engine: Engine
) -> None:
    with transaction(engine) as session:
        staff_world.person(session, "ada")
    boss = sign_in("boss", Role.ADMINISTRATOR)
    page = boss.page
    page.on("dialog", lambda dialog: dialog.accept())
    client.post("/console/sign-in", data={"name": "ada", "password": staff_world.PASSWORD})
    boss.open("/console/people")
    boss.look("people")
    page.get_by_role("link", name="ada").click()
    boss.look("person")
    page.emulate_media(color_scheme="dark")
    boss.look("person-dark")
    page.select_option("#role", "auditor")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("Changed. Open sessions have ended.")).to_be_visible()
    assert client.get("/console").status_code == 303
    assert staff_row(engine, "ada").role == Role.AUDITOR
    page.get_by_role("button", name="Shut out").click()
    expect(page.get_by_text("This person may sign in no more.")).to_be_visible()
    refused = client.post("/console/sign-in", data={"name": "ada", "password": staff_world.PASSWORD})
    assert refused.status_code == 401
    page.get_by_role("button", name="Let in again").click()
    expect(page.get_by_text("This person may sign in again.")).to_be_visible()
    client.post("/console/sign-in", data={"name": "ada", "password": staff_world.PASSWORD})
    page.reload()
    page.get_by_role("button", name="End all sessions").click()
    expect(page.get_by_text("All sessions have ended.")).to_be_visible()
    assert client.get("/console").status_code == 303
    page.get_by_role("button", name="Reset second factor").click()
    expect(page.get_by_text("Second factor and passkeys are removed.")).to_be_visible()
    page.get_by_role("button", name="New password by link").click()
    expect(page.locator("h1")).to_have_text("Link for ada")


def test_all_areas_are_given_by_name_and_never_by_an_empty_field(
    sign_in: Callable[..., Visit], client: httpx.Client, engine: Engine
) -> None:
    boss = sign_in("boss", Role.ADMINISTRATOR)
    page = boss.open("/console/people")
    page.fill("#name", "Linh")
    page.fill("#areas", " \n ")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_have_text("Name at least one area, or choose everywhere.")
    with transaction(engine) as session:
        ada = staff_world.person(session, "ada", areas=["Northside"])
    boss.open(f"/console/people/{ada.id}")
    expect(page.get_by_label("only in these areas")).to_be_checked()
    page.fill("#areas", "")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("alert")).to_have_text("Name at least one area, or choose everywhere.")
    assert staff_row(engine, "ada").areas == ["Northside"]
    page.get_by_label("everywhere").check()
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("Changed.")).to_be_visible()
    assert staff_row(engine, "ada").areas is None
    expect(page.get_by_label("everywhere")).to_be_checked()


def test_a_program_that_says_nothing_of_areas_is_refused(client: httpx.Client, engine: Engine) -> None:
    with transaction(engine) as session:
        staff_world.person(session, "boss", Role.ADMINISTRATOR)
        ada = staff_world.person(session, "ada", areas=["Northside"])
    client.post("/console/sign-in", data={"name": "boss", "password": staff_world.PASSWORD})
    secret = {"csrf": safety.secret_of(client.cookies["wastelens"])}
    for path, form in (("", {"name": "Linh", "role": "reviewer"}), (f"/{ada.id}/change", {"role": "reviewer"})):
        assert client.post(f"/console/people{path}", data=secret | form).status_code == 422
    assert staff_row(engine, "ada").areas == ["Northside"]


def test_the_last_administrator_is_told_why_not(sign_in: Callable[..., Visit], engine: Engine) -> None:
    boss = sign_in("boss", Role.ADMINISTRATOR, locale="vi")
    page = boss.open(f"/console/people/{staff_row(engine, 'boss').id}")
    page.select_option("#role", "reviewer")
    page.get_by_role("button", name="Thay đổi").click()
    expect(page.get_by_role("alert")).to_contain_text("Quản trị viên cuối cùng")
    assert staff_row(engine, "boss").role == Role.ADMINISTRATOR


def test_whatever_is_typed_stays_text(sign_in: Callable[..., Visit], engine: Engine) -> None:
    boss = sign_in("boss", Role.ADMINISTRATOR)
    page = boss.open("/console/people")
    page.fill("#name", XSS)
    page.fill("#areas", XSS)
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".once")).to_be_visible()
    for path in ("/console/people", f"/console/people/{staff_row(engine, XSS).id}", "/console/audit",
                 f"/console/audit?actor={XSS}&action={XSS}&subject={XSS}"):  # fmt: skip
        page = boss.open(path)
        assert page.locator("main img").count() == 0
        assert XSS in page.inner_text("main") or XSS in page.input_value("#actor")


def test_the_history_is_searched_and_its_chain_proven(
    sign_in: Callable[..., Visit], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(engine) as session:
        for number in range(60):
            audit_log.record(session, "ada", "review.agree", f"photo/{number}", label="glass", gold=None)
        audit_log.record(session, "bob", "release.approved", "release/3", reason="better on glass")
    auditor = sign_in("uyen", Role.AUDITOR)
    page = auditor.open("/console/audit")
    auditor.look("history")
    page.emulate_media(color_scheme="dark")
    auditor.look("history-dark")
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr")).to_have_count(13)  # 60, the release, and two of signing in.
    page.fill("#actor", "bob")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("better on glass")).to_be_visible()
    page.fill("#since", "2099-01-01")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    page.get_by_role("link", name="Prove that it is whole").click()
    expect(page.get_by_text("63 events, each chained")).to_be_visible()
    auditor.look("history-whole")
    monkeypatch.setattr(audit_chain, "_AT_ONCE", 20)
    monkeypatch.setattr(audit, "_PROVEN_AT_ONCE", 40)
    page.reload()
    expect(page.get_by_text("40 events, each chained")).to_be_visible()
    page.get_by_role("link", name="Go on from here").click()
    expect(page.get_by_text("23 events, each chained")).to_be_visible()
    expect(page.get_by_text("Up to number 40, whatever an earlier look has proven still counts.")).to_be_visible()
    auditor.look("history-whole-from-40")
    auditor.open("/console/audit/chain")
    meddle(engine, "UPDATE audit_events SET actor = 'bob' WHERE id = 7")
    page.reload()
    expect(page.get_by_text("Event number 7 was changed.")).to_be_visible()
    auditor.look("history-broken")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_history_is_exported_and_the_export_is_in_it(
    sign_in: Callable[..., Visit], engine: Engine, kind: str
) -> None:
    with transaction(engine) as session:
        for number in range(1100):
            audit_log.record(session, "ada", "review.agree", f"photo/{number}", label="玻璃")
        audit_log.record(session, "=1+1", "review.agree", "photo/x")
    auditor = sign_in("uyen", Role.AUDITOR)
    page = auditor.open("/console/audit?action=review.")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("CSV" if kind == "csv" else "JSON")).click()
    content = download.value.path().read_text()
    rows = list(csv.DictReader(io.StringIO(content))) if kind == "csv" else list(map(json.loads, content.splitlines()))
    assert len(rows) == 1101
    assert rows[0]["subject"] == "photo/0"
    assert rows[-1]["actor"] == ("'=1+1" if kind == "csv" else "=1+1")
    assert "玻璃" in content
    with transaction(engine) as session:
        last = session.exec(select(AuditEvent).order_by(col(AuditEvent.id).desc()).limit(1)).one()
    assert (last.actor, last.action, last.detail) == (
        "uyen",
        "audit.exported",
        {"kind": kind, "search": "action=review."},
    )


@pytest.mark.parametrize("day", ["since=0001-01-01", "until=9999-12-31", "until=yesterday"])
def test_days_that_no_database_has_are_refused(client: httpx.Client, engine: Engine, day: str) -> None:
    with transaction(engine) as session:
        staff_world.person(session, "uyen", Role.AUDITOR)
    client.post("/console/sign-in", data={"name": "uyen", "password": staff_world.PASSWORD})
    assert client.get(f"/console/audit?{day}").status_code == 422


def test_sessions_of_somebody_else_cannot_be_ended_from_ones_account(
    client: httpx.Client, engine: Engine, sign_in: Callable[..., Visit]
) -> None:
    sign_in("boss", Role.ADMINISTRATOR)
    ada = sign_in("ada")
    with transaction(engine) as session:
        boss = session.exec(select(StaffSession).where(StaffSession.staff_id == staff_row(engine, "boss").id)).one()
    secret = ada.page.get_attribute("[name=csrf]", "value")
    answer = ada.context.request.post(
        f"{ada.address}/console/account/sessions/{boss.token_sha256[:24]}/revoke", form={"csrf": secret or ""}
    )
    assert answer.status == 404
