"""Who lives in a simulated city, what they do, and what their networks do to them."""

from collections import Counter

import httpx
import pytest

from phone.fleet import people, residents
from phone.fleet.networks import BadLine, Traffic
from phone.fleet.people import HABITS, MODELS, NETWORKS, Mischief, Network
from tests.phone.fleet.small_city import PERFECT


def test_the_same_seed_gives_the_same_city_and_a_larger_one_begins_alike() -> None:
    small, large, other = people.people(50, 1, "0.1"), people.people(90, 1, "0.1"), people.people(50, 2, "0.1")
    assert small == large[:50]
    assert small != other


def test_the_city_has_the_shares_that_are_stated() -> None:
    city = people.people(4000, 1, "0.1")
    for kinds, found in (
        (MODELS, Counter(each.model.name for each in city)),
        (HABITS, Counter(each.habit.name for each in city)),
    ):
        assert sum(kind.share for kind in kinds) == pytest.approx(1)
        for kind in kinds:
            assert found[kind.name] / 4000 == pytest.approx(kind.share, abs=0.03)
    assert sum(network.share for network in NETWORKS) == pytest.approx(1)
    assert {each.mischief for each in city} == {None, *Mischief}


def test_everybody_is_online_as_often_as_their_habit_says() -> None:
    for someone in people.people(60, 3, "0.1"):
        days = sum(someone.is_online(day) for day in range(28))
        assert days == 28 // someone.habit.online_every_days


def test_wrong_answers_are_corrected_far_more_often_than_right_ones() -> None:
    dice = people.chance(1, "test")
    right = [residents.live(dice, 10, {"glass": 1.0}) for _ in range(400)]
    wrong = [residents.live(dice, 10, {"glass": 0.0}) for _ in range(400)]
    assert sum(day.corrected for day in right) / 4000 == pytest.approx(residents.RIGHT_IS_CORRECTED, abs=0.008)
    assert sum(day.corrected for day in wrong) / 4000 == pytest.approx(residents.WRONG_IS_CORRECTED, abs=0.03)
    assert sum(day.accepted for day in wrong) == 0


def test_photos_of_a_day_have_the_mean_that_is_stated() -> None:
    dice = people.chance(1, "photos")
    drawn = [residents.photos(dice, 2.0) for _ in range(4000)]
    assert sum(drawn) / 4000 == pytest.approx(2.0, abs=0.1)
    assert max(drawn) <= residents.MOST_PHOTOS_A_DAY


def line(network: Network, content: bytes, traffic: Traffic) -> httpx.Client:
    way = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
    return httpx.Client(transport=BadLine(way, network, people.chance(1, "line"), traffic))


def test_a_lossy_network_loses_requests_and_counts_what_it_would_have_cost() -> None:
    traffic = Traffic()
    client = line(Network("bad", 1, 0.5, 0.5, 0.0, 1), b"hello", traffic)
    outcomes = Counter(_outcome(client) for _ in range(200))
    assert outcomes["ConnectTimeout"] == traffic.lost
    assert 70 < traffic.lost < 130
    assert traffic.received_bytes == 5 * outcomes["hello"]
    assert traffic.waited_seconds > 200 * 0.25


def test_a_cut_ends_long_answers_within_and_leaves_short_ones_whole() -> None:
    traffic = Traffic()
    network = Network("cut", 1, 0, 0, 1.0, 1)
    assert _outcome(line(network, b"short", traffic)) == "short"
    assert _outcome(line(network, b"x" * 100_000, traffic)) == "ReadError"
    assert traffic.cut == 1
    assert traffic.received_bytes < 100_000


def test_a_perfect_network_passes_everything_on() -> None:
    assert _outcome(line(PERFECT, b"x" * 100_000, Traffic())) == "x" * 100_000


def _outcome(client: httpx.Client) -> str:
    try:
        return client.get("http://city.example/").text
    except httpx.HTTPError as error:
        return type(error).__name__
