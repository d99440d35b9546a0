"""A key that stands for one in hardware: it signs with a PIN, and its private half is never given out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Key, SecretsHandler, Signature, Signer

from mobile_models.updates.keys import signing_keys

SCHEME = "testhsm"
PIN = "1234"


class PinIncorrect(Exception):
    """As of PKCS#11, without a word."""


class HardwareSigner(Signer):
    """Like securesystemslib's for hardware, it believes the public key that it is told and asks at each signature."""

    def __init__(self, token: CryptoSigner, public_key: Key, ask: SecretsHandler) -> None:
        self._token, self._public_key, self._ask = token, public_key, ask

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> "HardwareSigner":
        if secrets_handler is None:
            raise ValueError("a PIN is needed")
        token = Path(priv_key_uri.removeprefix(f"{SCHEME}:"))
        return cls(signing_keys.load_signer(token), public_key, secrets_handler)

    def sign(self, payload: bytes) -> Signature:
        if self._ask("pin") != PIN:
            raise PinIncorrect
        return Signature(self._public_key.keyid, self._token.sign(payload).signature)

    @property
    def public_key(self) -> Key:
        return self._public_key


@contextmanager
def plugged_in() -> Iterator[None]:
    SIGNER_FOR_URI_SCHEME[SCHEME] = HardwareSigner
    try:
        yield
    finally:
        del SIGNER_FOR_URI_SCHEME[SCHEME]
