"""A key that stands for one in hardware: it signs with a PIN, and its private half is never given out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Key, SecretsHandler, Signature, Signer

from mobile_models.updates.keys import signing_keys

SCHEME = "testhsm"
PIN = "1234"


class HardwareSigner(Signer):
    """Like securesystemslib's signers for services, it believes the public key that it is told."""

    def __init__(self, token: CryptoSigner, public_key: Key, pin: str) -> None:
        self._token, self._public_key, self._pin = token, public_key, pin

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> "HardwareSigner":
        if secrets_handler is None:
            raise ValueError("a PIN is needed")
        token = Path(priv_key_uri.removeprefix(f"{SCHEME}:"))
        return cls(signing_keys.load_signer(token), public_key, secrets_handler("pin"))

    def sign(self, payload: bytes) -> Signature:
        if self._pin != PIN:
            raise PermissionError("wrong PIN")
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
