"""The pages of guides, as guide editors see them."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from backend.database import transaction
from backend.guides import guidance
from backend.tables import Role
from mobile_models.guide import Guide
from tests.backend.console.conftest import Visit

EVIL = "<img src=x onerror=\"document.title='stolen'\">"
EXAMPLE = "/console/guidance/example"


@pytest.fixture
def gina(engine: Engine, sign_in: Callable[..., Visit]) -> Visit:
    """A guide editor in a city with the example's guide."""
    with transaction(engine) as session:
        guidance.load_example(session)
    return sign_in("gina", Role.GUIDE_EDITOR)


def newest(engine: Engine) -> Guide:
    with transaction(engine) as session:
        return guidance.guide_of(guidance.newest(session, "example"))


def test_a_guide_is_edited_with_the_phone_beside_it_and_published(gina: Visit, engine: Engine) -> None:
    page = gina.open("/console/guidance")
    expect(page.get_by_role("link", name="Guidance")).to_have_attribute("aria-current", "page")
    gina.look("guides")
    gina.open(EXAMPLE)
    gina.look("guide")
    page.get_by_role("region", name="Labels").get_by_role("link", name="Glass").click()
    gina.look("guide-label")
    page.locator("[name='rules.0.preparation.en']").fill("Wash it, please.")
    expect(page.locator("#screen")).to_contain_text("Wash it, please.")
    page.get_by_label("Language", exact=True).last.select_option("vi")
    expect(page.locator("#screen")).to_contain_text("Thùng xanh lá: thủy tinh")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_have_text("Saved as a draft.")
    page.get_by_role("link", name="Compare and publish").click()
    expect(page.locator("ins")).to_have_text("Wash it, please.")
    gina.look("guide-publish")
    page.get_by_label("Why").fill("clearer")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Phones have version 2")).to_be_visible()
    with transaction(engine) as session:
        published = Guide.model_validate_json(guidance.wanted(session)["example"])
    assert published.labels[1].rules[0].preparation["en"] == "Wash it, please."


def test_without_script_the_form_works_with_plain_buttons(gina: Visit, engine: Engine) -> None:
    """As where htmx fails to load: the preview has its button, and so have rules."""
    context = gina.context.browser.new_context(java_script_enabled=False, locale="vi")
    context.add_cookies(gina.context.cookies())
    page = context.new_page()
    page.goto(f"{gina.address}{EXAMPLE}/edit/items?id=mirror")
    page.locator("[value='add_rule']").click()
    expect(page.locator("fieldset legend", has_text="Quy định 2")).to_be_visible()
    page.locator("[name='rules.1.bin']").select_option("residual")
    page.locator("[name='rules.1.valid_from']").fill("2027-03-01")
    page.locator("[name='preview_day']").fill("2027-03-01")
    page.locator("[value='preview']").click()
    expect(page.locator("#screen")).to_contain_text("Thùng xám")
    assert newest(engine).version == 1
    page.locator("[value='save']").click()
    expect(page.get_by_role("status")).to_have_text("Đã lưu bản nháp.")
    mirror = next(each for each in newest(engine).items if each.id == "mirror")
    assert [(rule.bin, str(rule.valid_from)) for rule in mirror.rules] == [
        ("recycling_centre", "None"),
        ("residual", "2027-03-01"),
    ]
    context.close()


def test_who_saves_second_is_told_and_nothing_is_lost(gina: Visit, engine: Engine) -> None:
    first, second = gina.open(f"{EXAMPLE}/edit/items?id=mirror"), gina.context.new_page()
    second.goto(f"{gina.address}{EXAMPLE}/edit/items?id=mirror")
    second.locator("[name='names.en']").fill("Looking glass")
    second.get_by_role("button", name="Save draft").click()
    expect(second.get_by_role("status")).to_have_text("Saved as a draft.")
    first.locator("[name='rules.0.preparation.en']").fill("Cover it.")
    first.get_by_role("button", name="Save draft").click()
    expect(first.get_by_role("alert")).to_contain_text("Somebody has changed this meanwhile")
    expect(first.locator("ins")).to_have_text("Looking glass")
    expect(first.locator("[name='rules.0.preparation.en']")).to_have_value("Cover it.")
    gina.look("guide-conflict")
    assert newest(engine).version == 2
    first.locator("[name='names.en']").fill("Looking glass")
    first.get_by_role("button", name="Save draft").click()
    expect(first.get_by_role("status")).to_have_text("Saved as a draft.")
    mirror = next(each for each in newest(engine).items if each.id == "mirror")
    assert (mirror.names["en"], mirror.rules[0].preparation["en"]) == (("Looking glass",), "Cover it.")


def test_who_saves_what_somebody_took_out_is_told_and_can_put_it_back(gina: Visit, engine: Engine) -> None:
    first, second = gina.open(f"{EXAMPLE}/edit/items?id=mirror"), gina.context.new_page()
    second.goto(f"{gina.address}{EXAMPLE}/edit/items?id=mirror")
    second.once("dialog", lambda dialog: dialog.accept())
    second.get_by_role("button", name="Take out").click()
    expect(second.get_by_role("status")).to_be_visible()
    first.locator("[name='names.en']").fill("Looking glass")
    first.get_by_role("button", name="Save draft").click()
    expect(first.get_by_role("alert")).to_contain_text("Somebody has changed this meanwhile")
    expect(first.locator("[name='names.en']")).to_have_value("Looking glass")
    first.get_by_role("button", name="Save draft").click()
    expect(first.get_by_role("status")).to_have_text("Saved as a draft.")
    assert newest(engine).items[-1].names["en"] == ("Looking glass",)


def test_what_is_wrong_is_told_at_its_field_and_what_was_typed_stays(gina: Visit, engine: Engine) -> None:
    page = gina.open(f"{EXAMPLE}/edit/items")
    page.locator("[name='rules.0.preparation.vi']").fill("Rửa sạch")
    page.locator("[name='rules.0.valid_from']").fill("2027-03-01")
    page.locator("[name='rules.0.valid_until']").fill("2027-02-01")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved")
    expect(page.get_by_text("Give a name in one language at least.")).to_be_visible()
    expect(page.get_by_text("Choose one.")).to_be_visible()
    expect(page.locator("[name='rules.0.preparation.vi']")).to_have_value("Rửa sạch")
    gina.look("guide-wrong")
    assert newest(engine).version == 1


def test_markup_in_every_field_stays_text(gina: Visit, engine: Engine) -> None:
    page = gina.open(f"{EXAMPLE}/edit/bins")
    for code in ("en", "vi", "zh"):
        page.locator(f"[name='names.{code}']").fill(EVIL)
    expect(page.locator("#screen")).to_contain_text(EVIL)
    page.locator("[name='reason']").fill(EVIL)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_have_text("Saved as a draft.")
    page = gina.open(f"{EXAMPLE}/edit/items")
    for code in ("en", "vi", "zh"):
        page.locator(f"[name='names.{code}']").fill(EVIL)
        for about in ("preparation", "drop_off", "hazard"):
            page.locator(f"[name='rules.0.{about}.{code}']").fill(EVIL)
    page.locator("[name='rules.0.bin']").select_option(label=EVIL)
    expect(page.locator("#screen")).to_contain_text(EVIL)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("status")).to_have_text("Saved as a draft.")
    gina.open(f"{EXAMPLE}/publish")
    page.get_by_label("Why").fill(EVIL)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Phones have version 3")).to_be_visible()
    item = newest(engine).items[-1].id
    for path in ("", f"/edit/items?id={item}", "/versions", "/versions/2", "/publish", "/missing", "/settings"):
        expect(gina.open(EXAMPLE + path).locator("img[src='x']")).to_have_count(0)
        assert page.title() != "stolen"
    expect(gina.open(f"{EXAMPLE}/try?words=img+src").locator("#screen")).to_contain_text(EVIL)
    expect(gina.open(EXAMPLE).locator("#found")).to_contain_text(EVIL)


def test_an_older_version_is_brought_back_as_a_new_one(gina: Visit, engine: Engine) -> None:
    page = gina.open(f"{EXAMPLE}/edit/items?id=mirror")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take out").click()
    expect(page.get_by_role("status")).to_have_text("Taken out, as a draft.")
    gina.open(f"{EXAMPLE}/versions")
    gina.look("guide-versions")
    page.locator(".things a").last.click()
    page.get_by_label("Why").fill("it was right")
    gina.look("guide-version")
    page.get_by_role("button", name="Bring back as a draft").click()
    expect(page.get_by_text("Brought back as a draft.")).to_be_visible()
    assert newest(engine).version == 3
    assert "mirror" in [each.id for each in newest(engine).items]


@pytest.mark.parametrize("locale", ["en", "vi", "zh"])
def test_the_pages_in_three_languages_light_and_dark(
    engine: Engine, sign_in: Callable[..., Visit], locale: str
) -> None:
    with transaction(engine) as session:
        guidance.load_example(session)
    visitor = sign_in("gina", Role.GUIDE_EDITOR, locale=locale, color_scheme="dark" if locale == "vi" else "light")
    visitor.open(f"{EXAMPLE}/edit/items?id=christmas_tree")
    visitor.look(f"guide-item-{locale}")
    visitor.open(f"{EXAMPLE}/try?words=pin&language={locale}")
    visitor.look(f"guide-try-{locale}")


def test_another_city_begins_like_the_example(gina: Visit, engine: Engine) -> None:
    page = gina.open("/console/guidance")
    page.get_by_label("Name of the city").fill("Huế")
    page.get_by_label("Short name").fill("Huế!")
    page.get_by_label("Languages").fill("vi, fr")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("The short name has")
    page.get_by_label("Short name").fill("hue")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("h1")).to_have_text("Huế")
    expect(page.get_by_text("texts are missing")).to_be_visible()
    page.get_by_role("link", name="texts are missing").click()
    gina.look("guide-missing")
    page.get_by_role("link", name="← Huế").click()
    page.get_by_role("link", name="Name and languages").click()
    gina.look("guide-settings")
    page.get_by_label("Languages").fill("vi")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("complete")).to_be_visible()
    with transaction(engine) as session:
        assert guidance.published(session, "hue") is None


def test_looking_changes_nothing_and_strangers_are_sent_away(gina: Visit, client: httpx.Client, engine: Engine) -> None:
    for path in ("", "/edit/items?id=mirror", "/edit/labels?id=metal", "/publish", "/versions", "/try"):
        assert client.get(EXAMPLE + path).status_code == 303
        gina.open(EXAMPLE + path)
    assert newest(engine).version == 1


def test_what_there_is_not_is_told_as_such(gina: Visit) -> None:
    for path in ("/console/guidance/nowhere", f"{EXAMPLE}/edit/items?id=nothing", f"{EXAMPLE}/edit/labels?id=metals",
                 f"{EXAMPLE}/versions/99", f"{EXAMPLE}/edit/labels"):  # fmt: skip
        assert gina.page.goto(gina.address + path).status == 404  # type: ignore[union-attr]
