"""The page on which one photo after the other is reviewed, as its reader uses it; and answers that come late."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import APIResponse, Page, Route
from sqlalchemy import Engine
from sqlmodel import col, select

from backend.database import transaction
from backend.tables import Review
from tests import waiting
from tests.backend.console.conftest import Visit

READY = ".item:not([hidden])[data-ready]"
"""A photo that can be decided: keys that come earlier mean nothing."""
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stop_clock(page: Page) -> None:
    """At `BEGAN`: it goes on only when a test says so, however busy the machine is."""
    page.clock.install(time=BEGAN - timedelta(hours=1))  # It goes on until it is stopped, and never back.
    page.clock.pause_at(BEGAN)


def begin(visitor: Visit) -> Page:
    visitor.open("/console/review")
    visitor.page.click("button.large")
    visitor.page.wait_for_url("**/console/review/photos/*")
    return visitor.page


def shown(page: Page) -> str:
    found = page.get_attribute(".item:not([hidden])", "data-photo")
    assert found is not None
    return found


def clear(page: Page, count: int) -> list[str]:
    """Accept each photo with Enter; return their ids."""
    cleared = []
    for _ in range(count):
        page.wait_for_selector(READY)
        cleared.append(shown(page))
        page.keyboard.press("Enter")
    return cleared


def reviews(engine: Engine) -> list[Review]:
    with transaction(engine) as session:
        return list(session.exec(select(Review).order_by(col(Review.id))).all())


def wait_for_reviews(page: Page, engine: Engine, count: int) -> list[Review]:
    """The page goes on meanwhile, also where a test answers for the server."""

    def are_there() -> bool:
        page.wait_for_timeout(20)
        return len(reviews(engine)) >= count

    waiting.wait_until(are_there)
    found = reviews(engine)
    assert len(found) == count
    return found


class LateAnswer:
    """The server's answer to the next request that fits: given when it was asked for, it comes when it is let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page = page
        self._given: list[tuple[Route, APIResponse]] = []
        page.route(pattern, lambda route: self._given.append((route, route.fetch())), times=1)

    def wait_until_given(self) -> None:
        waiting.wait_until(self._is_given)

    def let_go(self) -> None:
        ((route, answer),) = self._given
        route.fulfill(response=answer)

    def _is_given(self) -> bool:
        self._page.wait_for_timeout(20)
        return bool(self._given)
