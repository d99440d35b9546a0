"""Signers: a private key in a file, in an HSM or in a cloud's key service.

Guarantees: all sign with ECDSA P-256, the one curve that every phone and browser verifies. A key is named by a file or
by a URI of securesystemslib (`hsm:`, `awskms:`, `gcpkms:`, `azurekms:`, `hv:`, `file2:` ...). What lies behind a URI
must prove that it is a key of ours before it signs anything: it signs a sentence that is no metadata. A PIN is asked
for once and tried once: hardware locks itself after a few wrong ones.
"""

import functools
import getpass
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.exceptions import KeyMismatchError, UnsupportedLibraryError, UnverifiedSignatureError
from securesystemslib.signer import (
    ECDSA_SHA2_NISTP256,
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    SecretsHandler,
    Signature,
    Signer,
    SSlibKey,
)

_PROOF = b"This signature proves which key lies behind a URI. It is no metadata of an update repository.\n"


class KeyProblem(Exception):
    """Keys are missing or unreadable; the message says what to do."""


def load(reference: str, known: Iterable[Key], secrets: SecretsHandler | None = None) -> Signer:
    """Open a key that is named by a file or by a URI; that of a URI must be one of `known`.

    Raise `KeyProblem` if it cannot be had. `secrets` is asked for a PIN or passphrase by its name.
    """
    scheme, colon, _ = reference.partition(":")
    if colon and scheme in SIGNER_FOR_URI_SCHEME:
        return load_uri(reference, known, secrets)
    if colon and not Path(reference).exists():
        schemes = ", ".join(sorted(SIGNER_FOR_URI_SCHEME))
        raise KeyProblem(f"{reference} is neither a file nor the URI of a key; known are {schemes}")
    return load_file(Path(reference))


def load_file(file: Path) -> CryptoSigner:
    """Load one private key. Raise `KeyProblem` if the file holds none of ours."""
    try:
        return _of_our_curve(CryptoSigner(load_pem_private_key(file.read_bytes(), None)), str(file))
    except OSError as error:
        raise KeyProblem(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise KeyProblem(f"{file} is no private key without a passphrase: {error}") from error


def load_uri(uri: str, known: Iterable[Key], secrets: SecretsHandler | None = None) -> Signer:
    """Open the key behind `uri`. Raise `KeyProblem` if it cannot be reached or is none of `known`."""
    keys, asked_once = list(known), None if secrets is None else functools.cache(secrets)
    proof = _proof(uri, keys, asked_once)
    for key in keys:
        if proof is not None and _has_signed(key, proof):
            return _open(uri, key, asked_once)
    raise KeyProblem(f"the key behind {uri} is none of those that the metadata names; is it the right one?")


def load_public(file: Path) -> SSlibKey:
    """Read the public half of a key. Raise `KeyProblem` unless it is one of ECDSA P-256."""
    try:
        key = SSlibKey.from_crypto(load_pem_public_key(file.read_bytes()))
    except OSError as error:
        raise KeyProblem(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyProblem(f"{file} is no public key: {error}") from error
    if key.scheme != ECDSA_SHA2_NISTP256:
        raise KeyProblem(f"{file} is a key of {key.scheme}; use ECDSA P-256, which every phone can verify")
    return key


def public_pem(key: Key) -> bytes:
    """Return the public half as it is kept in files."""
    content: str = key.to_dict()["keyval"]["public"]
    return content.encode()


def ask_at_the_terminal(name: str) -> str:
    """Ask a person for a PIN or passphrase."""
    return getpass.getpass(f"{name}: ")


def _proof(uri: str, known: Sequence[Key], secrets: SecretsHandler | None) -> Signature | None:
    """Services believe whatever public key they are told, so let the key sign something that may be seen by all.

    Files look at what they are told: None if it is none of `known`.
    """
    for key in known:
        try:
            return _signature(_open(uri, key, secrets), uri)
        except KeyMismatchError:
            continue
    return None


def _has_signed(key: Key, proof: Signature) -> bool:
    try:
        key.verify_signature(Signature(key.keyid, proof.signature), _PROOF)
    except UnverifiedSignatureError:
        return False
    return True


def _open(uri: str, key: Key, secrets: SecretsHandler | None) -> Signer:
    try:
        return Signer.from_priv_key_uri(uri, key, secrets)
    except KeyMismatchError:
        raise
    except UnsupportedLibraryError as error:
        raise KeyProblem(f"{uri} needs a library that is not installed: {error}") from error
    except Exception as error:  # Each service has errors of its own, and documents none.
        raise KeyProblem(f"{uri} cannot be opened: {_in_words(error)}") from error


def _signature(signer: Signer, uri: str) -> Signature:
    try:
        return signer.sign(_PROOF)
    except Exception as error:  # As above.
        raise KeyProblem(f"the key behind {uri} does not sign: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    """Those of PKCS#11 have a name and no text."""
    return str(error) or type(error).__name__


def _of_our_curve(signer: CryptoSigner, name: str) -> CryptoSigner:
    if signer.public_key.scheme != ECDSA_SHA2_NISTP256:
        raise KeyProblem(
            f"{name} is a key of {signer.public_key.scheme}; use ECDSA P-256, which every phone can verify"
        )
    return signer
