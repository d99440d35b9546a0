"""Reviewing in a browser: by keyboard, by two people, without a network, without script."""

import re
import time
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend import known_labels
from backend.api.dependencies import Parts
from backend.console import language, safety
from backend.console.reviewing import view
from backend.database import transaction
from backend.intake import photo_store
from backend.reviewing import review_items
from backend.settings import Settings
from backend.tables import Correction, GoldCheck, Job, JobKind, Photo, PhotoId, ReviewSkip, ReviewVerdict, Role
from tests import pictures, waiting
from tests.backend import staff_world
from tests.backend.console import review_world
from tests.backend.console.conftest import Visit
from tests.backend.console.review_page import READY, begin, clear, reviews, shown, stop_clock, wait_for_reviews
from tests.backend.world import running


def click(page: Page, selector: str) -> None:
    """Click on what leads to another page, and wait for that page."""
    with page.expect_navigation():
        page.click(selector)


def test_a_reviewer_clears_fifty_photos_by_keyboard(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    wanted = photos(50)
    page = begin(sign_in())
    cleared = clear(page, 50)
    said = wait_for_reviews(page, engine, 50)
    assert sorted(cleared) == sorted(wanted)
    assert [row.photo_id for row in said] == cleared
    assert {row.verdict for row in said} == {ReviewVerdict.AGREE}
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#pending")).to_be_hidden()


def test_each_key_gives_its_answer(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(9)
    page = begin(sign_in())
    for keys in ("2", "u", "n", "b", "m", "o", "r1", "r4"):
        page.wait_for_selector(READY)
        for key in keys:
            page.keyboard.press(key)
    said = [(row.verdict.value, row.label, row.reason) for row in wait_for_reviews(page, engine, 8)]
    assert [each[0] for each in said[1:]] == [
        "unsure",
        "not_waste",
        "bad_photo",
        "several_things",
        "second_opinion",
        "reject",
        "reject",
    ]
    assert said[0][1] == "glass"
    assert [each[2] for each in said[6:]] == ["person", "other"]
    page.wait_for_selector(READY)
    page.keyboard.press("s")
    expect(page.locator("#empty")).to_be_visible()
    assert len(reviews(engine)) == 8, "skipping is no opinion"


def test_two_reviewers_never_get_one_photo(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    wanted = photos(16)
    ada, bob = begin(sign_in("ada")), begin(sign_in("bob"))
    cleared: list[str] = []
    ends_at = time.monotonic() + waiting.PATIENCE_SECONDS
    while len(cleared) < 16 and time.monotonic() < ends_at:
        for page in (ada, bob):
            if page.locator(READY).count():
                cleared += clear(page, 1)
            page.wait_for_timeout(30)
    assert len(cleared) == len(set(cleared)) == 16
    assert sorted(row.photo_id for row in wait_for_reviews(ada, engine, 16)) == sorted(wanted)
    for page in (ada, bob):
        assert page.locator("#failed").inner_text() == ""


def test_what_was_said_is_taken_back_and_said_anew(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(4)
    page = begin(sign_in())
    first, second = clear(page, 2)
    wait_for_reviews(page, engine, 2)
    page.keyboard.press("z")
    assert shown(page) == second
    page.keyboard.press("Backspace")
    assert shown(page) == first
    wait_for_reviews(page, engine, 4)
    page.wait_for_selector(READY)
    page.keyboard.press("1")
    said = wait_for_reviews(page, engine, 5)
    assert [row.verdict.value for row in said[:4]] == ["agree", "agree", "undo", "undo"]
    assert said[4].label == "cardboard"
    with transaction(engine) as session:
        golden = {row.id: row.gold_label for row in session.exec(select(Photo))}
    assert golden[first] == "cardboard"
    assert golden[second] is None
    assert shown(page) == second


def test_some_seconds_without_a_network_lose_no_verdict(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(10)
    visitor = sign_in()
    page = begin(visitor)
    page.wait_for_selector(".item[data-ready] >> nth=4", state="attached")
    visitor.context.set_offline(True)
    cleared = clear(page, 4)
    expect(page.locator("#pending")).to_contain_text("No connection. Waiting to be sent: 4")
    assert reviews(engine) == []
    visitor.look("review-offline")
    visitor.context.set_offline(False)
    assert [row.photo_id for row in wait_for_reviews(page, engine, 4)] == cleared
    expect(page.locator("#pending")).to_be_hidden()


def test_what_was_taken_back_stays_so_where_the_answer_to_the_verdict_was_lost(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(2)
    page = begin(sign_in())

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/verdict", lose)
    (first,) = clear(page, 1)
    expect(page.locator("#pending")).to_contain_text("No connection")
    wait_for_reviews(page, engine, 1)
    page.keyboard.press("z")
    page.unroute_all(behavior="ignoreErrors")
    assert shown(page) == first
    assert [row.verdict.value for row in wait_for_reviews(page, engine, 2)] == ["agree", "undo"]
    page.wait_for_selector(READY)
    page.keyboard.press("2")
    assert wait_for_reviews(page, engine, 3)[2].label == "glass"
    expect(page.locator("#pending")).to_be_hidden()
    assert page.locator("#failed").inner_text() == ""


def test_what_cannot_be_seen_is_not_decided(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(2)
    page = sign_in().page
    page.route("**/image", lambda route: route.abort())
    begin(Visit(page.context, page, page.url.removesuffix("/console"), "ada"))
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    page.unroute("**/image")
    page.wait_for_selector(READY)
    assert reviews(engine) == []
    page.keyboard.press("Enter")
    wait_for_reviews(page, engine, 1)


def test_a_photo_whose_picture_is_gone_is_passed_over_and_does_not_come_again(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], parts: Parts, engine: Engine
) -> None:
    lost, there = photos(2)
    photo_store.delete(parts.storage, PhotoId(lost))
    visitor = sign_in()
    stop_clock(visitor.page)
    page = begin(visitor)

    def is_passed_over() -> bool:
        page.clock.run_for(1000)
        with transaction(engine) as session:
            return lost in session.exec(select(ReviewSkip.photo_id)).all()

    waiting.wait_until(is_passed_over)
    assert clear(page, 1) == [there]
    expect(page.locator("#empty")).to_be_visible()
    assert page.locator(".item").count() == 0


def test_a_photo_is_made_larger_and_smaller_and_turned_and_the_next_is_as_it_was_taken(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]]
) -> None:
    photos(2)
    page = begin(sign_in())
    page.wait_for_selector(".item[data-ready] >> nth=1", state="attached")
    picture = page.locator(".item:not([hidden]) .photo")
    for keys, shape in (("+", "scale(1.4) rotate(0deg)"), ("t", "rotate(90deg)"), ("-ttt", "scale(1) rotate(0deg)"),
                        ("+t", "rotate(90deg)")):  # fmt: skip
        for key in keys:
            page.keyboard.press(key)
        expect(picture).to_have_attribute("style", re.compile(re.escape(shape)))
    page.keyboard.press("Enter")
    expect(picture).to_have_attribute("style", re.compile(re.escape("scale(1) rotate(0deg)")))


def test_photos_come_again_once_a_server_that_could_not_answer_does(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(2)
    visitor = sign_in()
    visitor.page.route("**/review/batch", lambda route: route.fulfill(status=503))
    page = begin(visitor)
    clear(page, 1)
    wait_for_reviews(page, engine, 1)
    expect(page.locator("#waiting")).to_be_visible()
    page.unroute("**/review/batch")
    clear(page, 1)
    wait_for_reviews(page, engine, 2)


def test_what_the_server_refused_to_take_comes_again(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(1)
    page = begin(sign_in())
    page.route("**/verdict", lambda route: route.fulfill(status=409, json={"said": "no", "kind": "bad"}), times=1)
    clear(page, 1)
    expect(page.locator("#failed")).to_contain_text("no")
    clear(page, 1)
    wait_for_reviews(page, engine, 1)


def test_a_verdict_that_was_not_sent_outlives_a_reload(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(3)
    visitor = sign_in()
    page = begin(visitor)
    page.route("**/verdict", lambda route: route.abort())
    page.on("dialog", lambda dialog: dialog.accept())
    (first,) = clear(page, 1)
    expect(page.locator("#pending")).to_contain_text("No connection")
    page.unroute("**/verdict")
    page.reload()
    assert [row.photo_id for row in wait_for_reviews(page, engine, 1)] == [first]


def test_the_page_says_before_photos_go_to_others_and_any_key_keeps_them(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]]
) -> None:
    photos(2)
    visitor = sign_in()
    stop_clock(visitor.page)
    page = begin(visitor)
    page.wait_for_selector(".item[data-ready] >> nth=1", state="attached")
    page.clock.fast_forward("08:45")
    expect(page.locator("#expiring")).to_contain_text("these photos go to others")
    with page.expect_response("**/console/review/renew"):
        page.keyboard.press("t")
    expect(page.locator("#expiring")).to_be_hidden()
    page.clock.fast_forward("10:05")
    expect(page.locator("#told")).to_have_text("These photos went back to the queue.")
    assert page.locator(".item").count() == 0
    page.keyboard.press("t")
    expect(page.locator(".item:not([hidden])")).to_be_visible()


def test_who_holds_nothing_is_not_told_that_photos_go_to_others(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(1)
    visitor = sign_in()
    stop_clock(visitor.page)
    page = begin(visitor)
    clear(page, 1)
    wait_for_reviews(page, engine, 1)
    expect(page.locator("#empty")).to_be_visible()
    page.clock.fast_forward("08:45")
    page.clock.run_for(5000)
    expect(page.locator("#expiring")).to_be_hidden()
    page.clock.fast_forward("10:05")
    page.clock.run_for(5000)
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#told")).not_to_have_text("These photos went back to the queue.")


def test_without_script_each_answer_leads_to_the_next_photo(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], engine: Engine
) -> None:
    photos(3)
    visitor = sign_in(java_script_enabled=False)
    page = begin(visitor)
    first = shown(page)
    click(page, ".accept")
    second = shown(page)
    assert second != first
    assert "Kept as" in page.inner_text(".said")
    click(page, ".labels button >> nth=1")
    click(page, "#undo button")
    assert shown(page) == second
    page.click(".reject summary")
    click(page, ".reject button >> nth=2")
    click(page, "button.pass-by")
    assert page.url.endswith("/console/review")
    said = reviews(engine)
    assert [row.label for row in said][1:] == ["glass", None, None]
    assert [row.verdict.value for row in said[2:]] == ["undo", "reject"]
    assert said[3].reason == "offensive"


def test_a_check_is_told_afterwards_and_seen_on_the_queue_page(
    sign_in: Callable[..., Visit], parts: Parts, engine: Engine, settings: Settings
) -> None:
    with transaction(engine) as session:
        review_world.gold(session, parts.storage, "metal", 1, corrected_label=None)
    often = settings.model_copy(update={"review_check_fraction": 0.5})
    with running(often) as (client, _):
        visitor = replace(sign_in(), address=str(client.base_url).rstrip("/"))
        page = visitor.open("/console/review")
        while not page.url.count("/photos/"):  # A check comes by chance.
            click(page, "button.large")
        page.wait_for_selector(READY)
        page.keyboard.press("1")
        expect(page.locator("#told")).to_have_text("That was a check. It is Metal.")
        with transaction(engine) as session:
            assert not session.exec(select(GoldCheck)).one().is_right
        visitor.open("/console/review")
        assert "It is Metal." in page.inner_text("main")


@pytest.mark.parametrize(("locale", "heading"), [("en", "Review"), ("vi", "Duyệt ảnh"), ("zh-CN", "审核")])
def test_it_is_good_to_look_at(
    sign_in: Callable[..., Visit],
    photos: Callable[[int], list[str]],
    parts: Parts,
    engine: Engine,
    locale: str,
    heading: str,
) -> None:
    photos(6)
    with transaction(engine) as session:
        for seed, label in enumerate(review_world.LABELS * 2):
            review_world.gold(session, parts.storage, label, 100 + seed, allow_training=False)
    visitor = sign_in(locale=locale)
    visitor.open("/console/review")
    assert visitor.page.inner_text("h1") == heading
    visitor.look(f"review-queue-{locale[:2]}")
    page = begin(visitor)
    page.wait_for_selector(".item[data-ready] >> nth=4", state="attached")
    visitor.look(f"review-photo-{locale[:2]}")
    if locale == "en":
        page.emulate_media(color_scheme="dark")
        visitor.look("review-photo-dark")
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open]")
        visitor.look("review-keys")


def test_photos_that_look_alike_are_decided_together_each_for_itself(
    sign_in: Callable[..., Visit], parts: Parts, engine: Engine
) -> None:
    with transaction(engine) as session:
        for seed in range(7):
            review_world.waiting(session, parts.storage, "glass", seed)
        review_world.waiting(session, parts.storage, "metal", 1)
    visitor = sign_in()
    page = visitor.open("/console/review/alike")
    visitor.look("review-alike")
    click(page, "text=Look through")
    visitor.look("review-grid")
    assert page.locator(".grid-of-photos input:checked").count() == 7
    wrong = page.get_attribute(".grid-of-photos li:nth-child(3) input", "value")
    page.click(".grid-of-photos li:nth-child(3) label")
    click(page, "text=Decide the marked ones")
    assert "6 photos were decided." in page.inner_text(".said")
    said = reviews(engine)
    assert {(row.verdict.value, row.label) for row in said} == {("agree", "glass")}
    assert len({row.photo_id for row in said}) == 6
    assert wrong not in {row.photo_id for row in said}


def test_near_duplicates_are_given_back_whole(sign_in: Callable[..., Visit], parts: Parts, engine: Engine) -> None:
    with transaction(engine) as session:
        for seed in range(3):
            review_world.waiting(session, parts.storage, "paper", seed, group_id="one thing", predicted_label=None)
    page = sign_in().open("/console/review/alike")
    click(page, "text=Look through")
    click(page, "text=Give them all back")
    assert "Given back." in page.inner_text(".said")
    assert reviews(engine) == []
    click(page, "text=Look through")
    page.select_option("#choice", "not_waste")
    click(page, "text=Decide the marked ones")
    assert {row.verdict for row in reviews(engine)} == {ReviewVerdict.NOT_WASTE}


def test_where_the_model_looked_is_shown_once_a_worker_has_found_out(
    sign_in: Callable[..., Visit], photos: Callable[[int], list[str]], parts: Parts, engine: Engine
) -> None:
    looked_into, not_yet = photos(2)
    photo_store.put_overlay(parts.storage, PhotoId(looked_into), pictures.jpeg("trash"))
    visitor = sign_in()
    with visitor.page.expect_response(f"**/{not_yet}/overlay") as answered:
        page = begin(visitor)
    assert answered.value.status == 404
    page.wait_for_selector(".item[data-ready] >> nth=1", state="attached")
    for _ in range(2):
        page.wait_for_selector(READY)
        button = page.locator(".item:not([hidden]) [data-do=overlay]")
        if shown(page) == looked_into:
            expect(button).to_be_visible()
            page.keyboard.press("g")
            expect(button).to_have_attribute("aria-pressed", "true")
            expect(page.locator(".item:not([hidden]) .overlay")).to_be_visible()
            expect(page.locator(".item:not([hidden]) .photo")).to_be_hidden()
        else:
            expect(button).to_be_hidden()
        page.keyboard.press("Enter")
    wait_for_reviews(page, engine, 2)
    with transaction(engine) as session:
        asked = session.exec(select(Job.subject).where(Job.kind == JobKind.EXPLAIN)).all()
    assert set(asked) == {looked_into, not_yet}


@pytest.mark.parametrize(("code", "words"), [("en", "Dirty or wet"), ("vi", "Bẩn hoặc ướt"), ("zh", "脏污或潮湿")])
def test_reviewers_read_in_their_language_why_the_resident_corrected(
    session: Session, settings: Settings, code: str, words: str
) -> None:
    rita, row = staff_world.person(session, "rita"), staff_world.photo(session)
    session.add(Correction(photo_id=row.id, label="paper", reason="dirty_or_wet"))
    session.flush()
    held = review_items.items(session, [PhotoId(row.id)])
    labels = known_labels.label_set(session)
    (shown,) = view.views(session, settings, rita, language.language(code), held, None, labels)
    assert [each.why for each in shown.said] == ["", words], "the phone gave no reason"


def test_administrators_see_how_reliable_everybody_is(sign_in: Callable[..., Visit], parts: Parts) -> None:
    with transaction(parts.engine) as session:
        bob, phone = staff_world.person(session, "bob"), staff_world.device(session)
        for number in range(4):
            row = review_world.gold(session, parts.storage, "metal", number, device_id=phone)
            session.add(Correction(photo_id=row.id, label="glass"))
            session.add(
                GoldCheck(
                    photo_id=row.id,
                    staff_id=bob.id,
                    verdict=ReviewVerdict.RELABEL,
                    said="glass",
                    expected="metal",
                    is_right=number > 2,
                )
            )
    visitor = sign_in("root", Role.ADMINISTRATOR)
    page = visitor.open("/console/review/reliability")
    assert [row.split("\t")[0] for row in page.locator("tbody tr").all_inner_texts()] == ["bob", phone[:8]]
    assert page.locator(".badge.warn").count() == 2
    visitor.look("review-reliability")


def test_nobody_sees_what_they_do_not_hold_or_what_lies_elsewhere(
    client: httpx.Client, parts: Parts, engine: Engine
) -> None:
    with transaction(engine) as session:
        staff_world.person(session, areas=["Northside"])
        near, far = (
            review_world.waiting(session, parts.storage, seed=seed, place=place).id
            for seed, place in enumerate(("Northside", "Southside"))
        )
    assert client.post("/console/sign-in", data={"name": "ada", "password": staff_world.PASSWORD}).status_code == 303
    assert client.get(f"/console/review/photos/{near}").status_code == 409, "not held"
    for path in ("", "/image", "/small", "/overlay"):
        asked = {each: client.get(f"/console/review/photos/{each}{path}") for each in (far, review_world.unknown())}
        assert {answer.status_code for answer in asked.values()} == {404}
        assert len({answer.text.replace(each, "") for each, answer in asked.items()}) == 1, "beside what was asked for"
    secret = {"csrf": safety.secret_of(client.cookies["wastelens"])}
    for path in ("verdict", "undo", "skip"):
        answer = client.post(f"/console/review/photos/{far}/{path}", data=secret | {"choice": "agree:glass"})
        assert answer.status_code == 404
        assert client.post(f"/console/review/photos/{near}/{path}", data={"choice": "unsure"}).status_code == 403
    strange = client.post(f"/console/review/photos/{near}/verdict", data=secret | {"choice": "explode:now"})
    assert strange.status_code == 400
    assert reviews(engine) == []
