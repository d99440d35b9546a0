"""Looks are shared between phones, and each gets what it would have found alone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from mobile_models.document import sha256
from mobile_models.updates.following.updater import RefusalReason
from phone.fleet.shared_looks import Looked, Looker, Memory
from tests import updates
from tests.phone.fleet.small_city import SmallCity
from tests.updates import desired

NOW = datetime.now(UTC)
MODELS = (sha256(updates.files(1)[1]),)


@pytest.fixture
def way() -> Iterator[httpx.BaseTransport]:
    with httpx.HTTPTransport() as straight:
        yield straight


class Counted(httpx.BaseTransport):
    def __init__(self, way: httpx.BaseTransport) -> None:
        self._way = way
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        return self._way.handle_request(request)


class BreaksAtSnapshot(httpx.BaseTransport):
    def __init__(self, way: httpx.BaseTransport) -> None:
        self._way = way

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "snapshot" in request.url.path:
            raise httpx.ReadTimeout("lost", request=request)
        return self._way.handle_request(request)


def version(looked: Looked) -> int | None:
    return None if looked.offer is None else looked.offer.manifest.version


def reason(looked: Looked) -> str:
    """Without the minute of the server's clock, which may turn between two looks."""
    return re.sub(r"server's [-\d]+ [:\d]+", "server's clock", str(looked.refused))


def test_shared_looks_are_those_that_each_phone_would_have_made_alone(
    city: SmallCity, way: httpx.BaseTransport
) -> None:
    """Phones of both cohorts, fresh ones and some that remember, right clocks and wrong ones, through five states."""
    looks, clocks = city.world.looks, (NOW, NOW + timedelta(days=900))
    remembered: dict[tuple[str, datetime], Memory] = {}
    states = [
        desired(1, current=1),
        desired(1, 2, current=1, candidate=2, percent=30),
        desired(1, 2, current=1, candidate=2, percent=60),
        desired(1, 2, current=1),
        desired(1, 2, 3, current=2, candidate=3, percent=50),
    ]
    for number, state in enumerate(states):
        city.publish(state)
        for phone in range(9):
            for clock in clocks:
                own = f"phone-{phone}", clock
                if number < phone % 3:
                    continue  # It has not been bought yet.
                looker = Looker(remembered.get(own, Memory()), own[0], clock, MODELS)
                shared, alone = looks.look(way, looker), looks.look_alone(way, looker)
                assert shared.memory.digest == alone.memory.digest
                assert (version(shared), reason(shared)) == (version(alone), reason(alone))
                remembered[own] = shared.memory
    assert looks.looks - looks.verified > 40, "half of the looks are shared"


def test_each_phone_asks_the_server_itself(city: SmallCity, way: httpx.BaseTransport) -> None:
    city.publish(desired(1, 2, current=2))
    looks, first, second = city.world.looks, Counted(way), Counted(way)
    looks.look(first, Looker(Memory(), "phone-1", NOW, MODELS))
    looks.look(second, Looker(Memory(), "phone-2", NOW, MODELS))
    assert len(first.asked) == 7
    assert second.asked == first.asked
    assert (looks.looks, looks.verified) == (2, 1)


def test_an_answer_that_nobody_has_seen_before_is_verified(city: SmallCity, way: httpx.BaseTransport) -> None:
    city.publish(desired(1, 2, current=2))
    looks, looker = city.world.looks, Looker(Memory(), "phone-1", NOW, MODELS)
    looks.look(way, looker)
    city.server.tamper = lambda path, content: content[:-9] + b"!" + content[-8:] if "targets.json" in path else content
    refused = looks.look(way, looker).refused
    assert refused is not None
    assert refused.reason == RefusalReason.TAMPERED_METADATA
    assert looks.verified == 2


def test_a_fault_on_the_way_is_this_phone_s_alone(city: SmallCity, way: httpx.BaseTransport) -> None:
    city.publish(desired(1, 2, current=2))
    looks, looker = city.world.looks, Looker(Memory(), "phone-1", NOW, MODELS)
    looks.look(way, looker)

    lost = looks.look(BreaksAtSnapshot(way), looker)
    assert lost.refused is not None
    assert lost.refused.reason == RefusalReason.UNREACHABLE
    again = looks.look(way, Looker(lost.memory, "phone-1", NOW, MODELS))
    assert version(again) == 2
    assert version(looks.look(way, looker)) == 2
