"""Answers that come late: to the review page, after something else was decided or a claim has expired; to any form.

Each test holds the answer back, so that it comes late every time and not only on a busy machine.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Response, expect
from sqlalchemy import Engine
from sqlmodel import select

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.intake import photo_store
from backend.reviewing.review_queue import MOST_CLAIMS
from backend.tables import PhotoId, Role, TrainingRun
from tests import pictures
from tests.backend.console.conftest import Visit
from tests.backend.console.review_page import (
    BEGAN,
    READY,
    LateAnswer,
    begin,
    clear,
    shown,
    stop_clock,
    wait_for_reviews,
)
from tests.waiting import PATIENCE_SECONDS

SignIn = Callable[..., Visit]
Photos = Callable[[int], list[str]]
WENT_BACK = "These photos went back to the queue."
WATCH_EMPTY = """() => {
  const empty = document.querySelector('#empty');
  window.wasSaidEmpty = false;
  new MutationObserver(() => { window.wasSaidEmpty ||= !empty.hidden; }).observe(empty, { attributes: true });
}"""

CLICK_TWICE = """(button) => {
  const wereRefused = [];
  document.addEventListener('submit', (event) => wereRefused.push(event.defaultPrevented));
  button.click();
  button.click();
  return wereRefused;
}"""


@pytest.fixture
def reviewer(sign_in: SignIn) -> Visit:
    """Whose clock stands still."""
    visitor = sign_in()
    stop_clock(visitor.page)
    return visitor


def leave_until(page: Page, minutes: float) -> None:
    """As where the computer sleeps meanwhile: no timer fires before it wakes, and then five seconds' worth."""
    page.clock.set_system_time(BEGAN + timedelta(minutes=minutes))
    page.clock.run_for(5000)


def let_expire(page: Page) -> None:
    leave_until(page, 11)
    expect(page.locator("#told")).to_have_text(WENT_BACK)


def test_what_is_decided_while_more_photos_are_asked_for_does_not_come_again(sign_in: SignIn, photos: Photos) -> None:
    photos(1)
    visitor = sign_in()
    before_the_verdict = LateAnswer(visitor.page, "**/review/batch")
    page = begin(visitor)
    page.wait_for_selector(READY)
    before_the_verdict.wait_until_given()
    clear(page, 1)
    expect(page.locator("#told")).to_contain_text("Kept as")
    before_the_verdict.let_go()
    expect(page.locator("#empty")).to_be_visible()
    assert page.locator(".item").count() == 0


def test_what_is_decided_and_not_sent_yet_does_not_come_again_with_photos_that_went_back(
    reviewer: Visit, photos: Photos, engine: Engine
) -> None:
    photos(2)
    page = begin(reviewer)
    page.wait_for_selector(".item[data-ready] >> nth=1", state="attached")
    page.route("**/verdict", lambda route: route.abort())
    (decided,) = clear(page, 1)
    let_expire(page)
    page.keyboard.press("t")
    page.wait_for_selector(READY)
    assert page.locator(f".item[data-photo='{decided}']").count() == 0
    page.unroute("**/verdict")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    assert wait_for_reviews(page, engine, 1)[0].photo_id == decided


def test_nobody_is_told_that_nothing_waits_while_the_server_gives_no_more_before_it_has_heard(
    sign_in: SignIn, photos: Photos, engine: Engine
) -> None:
    photos(MOST_CLAIMS + 1)
    page = begin(sign_in())
    page.evaluate(WATCH_EMPTY)
    page.route("**/verdict", lambda route: route.abort())

    def is_asked_with_all_decided(answer: Response) -> bool:
        count = MOST_CLAIMS + 6
        return answer.url.endswith("/batch") and answer.request.post_data == f"count={count}"

    with page.expect_response(is_asked_with_all_decided, timeout=PATIENCE_SECONDS * 1000):
        clear(page, MOST_CLAIMS)
    page.unroute("**/verdict")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_selector(READY)
    assert page.evaluate("window.wasSaidEmpty") is False
    clear(page, 1)
    expect(page.locator("#empty")).to_be_visible()
    wait_for_reviews(page, engine, MOST_CLAIMS + 1)


def test_photos_that_were_kept_too_late_come_again(reviewer: Visit, photos: Photos) -> None:
    photos(1)
    with reviewer.page.expect_response("**/review/batch"):
        page = begin(reviewer)
    page.wait_for_selector(READY)
    leave_until(page, 9)
    expect(page.locator("#expiring")).to_be_visible()
    kept = LateAnswer(page, "**/review/renew")
    page.keyboard.press("t")
    kept.wait_until_given()
    let_expire(page)
    kept.let_go()
    expect(page.locator(READY)).to_be_visible()


def test_photos_that_come_when_their_claim_has_expired_already_go_back_at_once(reviewer: Visit, photos: Photos) -> None:
    photos(2)
    more = LateAnswer(reviewer.page, "**/review/batch")
    page = begin(reviewer)
    more.wait_until_given()
    let_expire(page)
    more.let_go()
    page.wait_for_selector(READY)
    page.clock.run_for(5000)
    expect(page.locator(".item")).to_have_count(0)
    page.keyboard.press("t")
    expect(page.locator(READY)).to_be_visible()


def test_what_is_taken_back_after_a_while_without_photos_stays(reviewer: Visit, photos: Photos, engine: Engine) -> None:
    photos(1)
    with reviewer.page.expect_response("**/review/batch"):
        page = begin(reviewer)
    page.route("**/review/batch", lambda route: route.abort())  # From now on nothing is held anew by it.
    clear(page, 1)
    expect(page.locator("#told")).to_contain_text("Kept as")
    page.clock.set_system_time(BEGAN + timedelta(minutes=11))
    taken_back = LateAnswer(page, "**/undo")
    page.keyboard.press("z")
    taken_back.wait_until_given()
    page.clock.run_for(5000)
    assert page.locator(READY).count() == 1
    taken_back.let_go()
    expect(page.locator("#told")).to_have_text("Taken back.")
    clear(page, 1)
    wait_for_reviews(page, engine, 3)


def test_undo_takes_back_what_an_earlier_page_left_to_be_sent(sign_in: SignIn, photos: Photos, engine: Engine) -> None:
    photos(3)
    visitor = sign_in()
    page = begin(visitor)
    clear(page, 1)
    wait_for_reviews(page, engine, 1)
    page.route("**/verdict", lambda route: route.abort())
    (newest,) = clear(page, 1)
    expect(page.locator("#pending")).to_contain_text("No connection")
    begin(visitor)  # This page is made before the verdict is sent, and names the one before it.
    page.unroute("**/verdict")
    wait_for_reviews(page, engine, 2)
    expect(page.locator("#told")).to_contain_text("Kept as")
    with page.expect_navigation():
        page.keyboard.press("z")
    assert shown(page) == newest


def test_where_the_model_looked_lies_on_the_photo_as_it_was_turned_meanwhile(
    sign_in: SignIn, photos: Photos, parts: Parts
) -> None:
    (photo_id,) = photos(1)
    photo_store.put_overlay(parts.storage, PhotoId(photo_id), pictures.jpeg("trash"))
    visitor = sign_in()
    overlay = LateAnswer(visitor.page, "**/overlay")
    page = begin(visitor)
    page.wait_for_selector(READY)
    overlay.wait_until_given()
    page.keyboard.press("t")
    overlay.let_go()
    expect(page.locator("[data-do=overlay]")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator(".overlay")).to_be_visible()
    turned = page.locator(".photo").get_attribute("style")
    assert turned is not None
    assert "rotate(90deg)" in turned
    assert page.locator(".overlay").get_attribute("style") == turned


def test_a_form_that_is_on_its_way_is_not_sent_twice(sign_in: SignIn, engine: Engine) -> None:
    page = sign_in("eve", Role.ENGINEER).open("/console/models/runs/new")
    page.select_option("#weights", "random")
    were_refused = page.get_by_role("button", name="Start the run").evaluate(CLICK_TWICE)
    assert were_refused == [False, True]
    expect(page.get_by_text("It waits until its data set is frozen.")).to_be_visible()
    with transaction(engine) as session:
        assert len(session.exec(select(TrainingRun.id)).all()) == 1
