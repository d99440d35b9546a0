"""More cases of the test vectors: the guide of a city, which comes beside the release and holds none up."""

from datetime import timedelta

from mobile_models.guide import Bin, Guide, GuideLabel, LabelSetName, Rule, Symbol
from mobile_models.updates import guide_file
from tests.vectors.updates import city
from tests.vectors.updates.cases import SOON, Visit, case, runs
from tests.vectors.updates.city import Draft, Files, draft

CITY = "hanoi"


def guide(version: int, of: str = CITY) -> Guide:
    """A small guide in two languages."""
    yellow = Bin(id="yellow", colour="#ffcc00", symbol=Symbol.CAN, names={"en": "Yellow bin", "vi": "Thùng vàng"})
    rules = (Rule(bin="yellow", preparation={"en": "Rinse it."}),)
    return Guide(
        city=of,
        version=version,
        names={"en": of.title()},
        languages=("en", "vi"),
        label_set=LabelSetName.of(city.label_set(city.LABELS)),
        bins=(yellow,),
        labels=(GuideLabel(id="metal", names={"en": "Metal", "vi": "Kim loại"}, rules=rules),),
    )


def _with_guide(content: bytes, version: int = 2) -> Draft:
    made = draft(version=version)
    made.add(made.channels, guide_file.target_path(CITY), content)
    return made


def _follows(files: Files, kept: int | None, download: str = "whole", hours: int = 0) -> Visit:
    """A phone of the city looks, and then answers with the guide of version `kept`."""
    return Visit(files, {"phone-1": runs(2, download, guide=kept)}, SOON + timedelta(hours=hours), CITY)


def _first_visit() -> Visit:
    return _follows(_with_guide(guide(1).to_bytes()).sign(), 1)


@case
def good_guide() -> list[Visit]:
    """A guide beside the release, and then a newer one without a new release."""
    newer = _with_guide(guide(2).to_bytes(), version=3)
    return [_first_visit(), _follows(newer.sign(), 2, "none", hours=1)]


@case
def tampered_guide() -> list[Visit]:
    """The newer guide sends metal elsewhere, which nobody has signed: the one of before stays."""
    files = _with_guide(guide(2).to_bytes(), version=3).sign()
    (path,) = (path for path in files if path.startswith("targets/guides/"))
    files[path] = files[path].replace(b"Rinse it.", b"Burn it. ")
    return [_first_visit(), _follows(files, 1, "none", hours=1)]


@case
def missing_guide() -> list[Visit]:
    """The guide was signed, and is not there: the release is taken all the same."""
    files = _with_guide(guide(1).to_bytes()).sign()
    return [_follows({path: content for path, content in files.items() if "/guides/" not in path}, None)]


@case
def guide_of_another_city() -> list[Visit]:
    """Under the name of this city the guide of another one was signed."""
    return [_follows(_with_guide(guide(1, of="hue").to_bytes()).sign(), None)]


@case
def guide_for_a_later_app() -> list[Visit]:
    """The newer guide has a field that this version of the app does not know: the one of before stays."""
    content = city.with_member(guide(2).to_bytes(), "later_invention", 1)
    return [_first_visit(), _follows(_with_guide(content, version=3).sign(), 1, "none", hours=1)]


@case
def guide_taken_back() -> list[Visit]:
    """The city publishes no guide any more: phones keep the one that they have."""
    return [_first_visit(), _follows(draft(version=3).sign(), 1, "none", hours=1)]
