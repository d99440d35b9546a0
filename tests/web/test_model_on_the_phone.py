"""The model in the browser: it answers without a network, and with what the browser has left of it."""

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests import pictures
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor

Visit = Callable[..., Visitor]

GLASS = pictures.jpeg("glass", 1)
WITHOUT_NETWORK = "It has to be loaded once, and there is no network now."


_NO_STORAGE = """IDBFactory.prototype.open = () => {
  throw new DOMException("as the test wants it", "SecurityError");
};
"""


def _visited(visit: Visit) -> Visitor:
    """Somebody who has seen the welcome, and whose model is here."""
    visitor = visit()
    resident.welcome(visitor.open())
    resident.ask(visitor.page, pictures.jpeg("paper", 2))
    return visitor


def _cleared(visitor: Visitor, kinds: str) -> Page:
    """Close the app, and let a browser that is short of room clear what it has kept; return a tab without the app."""
    visitor.page.close()
    page = visitor.context.new_page()
    session = visitor.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": visitor.city.url, "storageTypes": kinds})
    return page


def test_after_one_visit_the_first_photo_is_answered_without_a_network(visit: Visit, city: City) -> None:
    visitor = visit()
    resident.welcome(visitor.open())
    resident.can_go_offline(visitor.page)
    expect(visitor.page.get_by_text("Loading the model")).to_be_hidden()
    resident.looked(visitor.page)
    visitor.page.close()
    visitor.context.set_offline(True)
    city.stop()
    page = visitor.another_tab()
    said = resident.ask(page, GLASS)
    assert (said.label, said.release) == ("glass", 1)


def test_what_is_no_photo_is_said_to_be_none_and_the_next_one_is_answered(visit: Visit) -> None:
    page = _visited(visit).page
    page.get_by_role("link", name="Camera").click()
    resident.choose(page, b"no photo at all")
    expect(page.locator(".stage-problem")).to_be_visible()
    assert resident.ask(page, GLASS).label == "glass"


def test_where_the_browser_has_cleared_the_files_the_model_comes_again(visit: Visit, city: City) -> None:
    page = _cleared(_visited(visit), "file_systems,cache_storage")
    page.goto(f"{city.url}/app/")
    assert resident.ask(page, GLASS).label == "glass"
    assert len(resident.files(page, "models")) == 2


def test_where_the_browser_has_cleared_everything_the_app_begins_again(visit: Visit, city: City) -> None:
    page = _cleared(_visited(visit), "all")
    page.goto(f"{city.url}/app/")
    resident.welcome(page)
    assert resident.ask(page, GLASS).label == "glass"


def test_cleared_and_offline_the_app_says_what_it_needs_and_goes_on_with_a_network(visit: Visit, city: City) -> None:
    visitor = _visited(visit)
    resident.can_go_offline(visitor.page)
    page = _cleared(visitor, "file_systems")
    visitor.context.set_offline(True)
    page.goto(f"{city.url}/app/")
    expect(page.get_by_text(WITHOUT_NETWORK).first).to_be_visible(timeout=60_000)
    visitor.context.set_offline(False)
    expect(page.get_by_text(WITHOUT_NETWORK)).to_have_count(0, timeout=60_000)
    assert resident.ask(page, GLASS).label == "glass"


def test_where_nothing_more_can_be_kept_the_model_answers_all_the_same(visit: Visit, city: City) -> None:
    page = _cleared(_visited(visit), "file_systems")
    page.goto(f"{city.url}/app/icons/icon.svg")
    used = page.evaluate("navigator.storage.estimate().then(({usage}) => usage)")
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": city.url, "quotaSize": used})
    page.goto(f"{city.url}/app/")
    resident.choose(page, GLASS)
    expect(page.get_by_role("heading", name="Glass").first).to_be_visible(timeout=60_000)


def test_where_the_browser_gives_no_storage_the_app_says_what_it_needs(visit: Visit) -> None:
    visitor = visit(service_workers="block")
    visitor.context.add_init_script(_NO_STORAGE)
    visitor.context.route("**/assets/phone.worker-*.js", _without_storage)
    page = visitor.open()
    expect(page.get_by_role("complementary")).to_contain_text("This browser lets the app keep nothing")
    expect(page.get_by_text("Allow this site to store data, or use another browser.")).to_be_visible()


def _without_storage(route: Route) -> None:
    """Scripts of the page do not reach its workers."""
    script = route.fetch()
    route.fulfill(response=script, body=_NO_STORAGE + script.text())


def test_two_tabs_answer_at_the_same_time(visit: Visit) -> None:
    visitor = _visited(visit)
    other = visitor.another_tab()
    assert (resident.ask(visitor.page, GLASS).label, resident.ask(other, GLASS).label) == ("glass", "glass")
    assert resident.document(other, "loadAttempts") == []
