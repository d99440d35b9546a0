"""Hashes of passwords that take no time: almost every test signs somebody in.

Guarantees: only what a new hash costs is changed, and a hash says itself what it costs to look at. The product's own
cost is tested in tests/backend/test_sign_ins.py.
"""

from collections.abc import Iterator

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.people import passwords


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),)))
        yield
