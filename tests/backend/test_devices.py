import httpx
import pytest
from sqlmodel import Session, select

from backend import devices
from backend.errors import NotSignedIn, TooMany
from backend.rate_limit import MOST_KEYS, RateLimit, customer
from backend.tables import Device


def test_a_token_is_told_once_and_only_its_digest_is_kept(session: Session) -> None:
    registration = devices.register(session)
    row = session.exec(select(Device)).one()
    assert row.id == registration.device_id
    assert row.token_sha256 == devices.token_digest(registration.token)
    assert registration.token not in str(row.model_dump())
    assert len(registration.token) >= 43, "256 random bits"


def test_a_device_is_recognised_by_its_token_alone(session: Session) -> None:
    first, second = devices.register(session), devices.register(session)
    assert devices.recognise(session, second.token) == second.device_id != first.device_id
    for unknown in ("", "made-up", first.token + "x", devices.token_digest(first.token)):
        with pytest.raises(NotSignedIn):
            devices.recognise(session, unknown)


def test_registering_asks_for_nothing_and_tells_an_id_and_a_token(client: httpx.Client) -> None:
    answer = client.post("/v1/devices")
    assert (answer.status_code, set(answer.json())) == (201, {"device_id", "token"})


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_limit_holds_in_any_window_and_for_each_key() -> None:
    clock = Clock()
    limit = RateLimit(2, 60, clock)
    limit.check("anna")
    clock.seconds += 50
    limit.check("anna")
    with pytest.raises(TooMany):
        limit.check("anna")
    limit.check("bert")
    clock.seconds += 10
    limit.check("anna")
    with pytest.raises(TooMany):
        limit.check("anna")


def test_who_changes_addresses_within_a_network_of_ipv6_is_one_and_the_same() -> None:
    limit = RateLimit(1, 60, Clock(), key_of=customer)
    for first, same, other in (
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("", "", "unix"),
    ):
        limit.check(first)
        with pytest.raises(TooMany):
            limit.check(same)
        limit.check(other)


def test_a_limit_takes_no_more_memory_however_many_ask() -> None:
    limit = RateLimit(1, 60, Clock())
    for number in range(MOST_KEYS + 10):
        limit.check(str(number))
    assert len(limit._times) == MOST_KEYS
    limit.check("0")
