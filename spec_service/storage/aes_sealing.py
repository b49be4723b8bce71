"""Seals checkpoints with AES-256-GCM, each blob for its own place: what is moved to another row cannot be opened there.

Random nonces of 96 bits are safe for about 2^32 blobs a key (NIST SP 800-38D, 8.3), which a busy server reaches. So a
blob is not sealed with the configured key itself, but with one derived from it for the blob's thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spec_service.errors import DataUnusable
from spec_service.storage.sealing import CheckpointUnreadable, Place

KEY_BYTES = 32
_NONCE_BYTES = 12


class AesSealer:
    """Seals with the first key, opens with all of them; raises `ValueError` without keys."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = {_name_of(key): key for key in keys}
        if not self._keys:
            raise ValueError("no key")
        self.key_id: str | None = next(iter(self._keys))

    def can_open(self, key_id: str | None) -> bool:
        """Tell whether the key is configured."""
        return key_id in self._keys

    def seal(self, place: Place, content: bytes) -> bytes:
        """Return a nonce and the ciphertext with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(self.key_id, place).encrypt(nonce, content, _text(place))

    def open(self, key_id: str | None, place: Place, content: bytes) -> bytes:
        """Return what was sealed for this place; raises `CheckpointUnreadable`."""
        if key_id is None:
            raise CheckpointUnreadable(
                "a checkpoint is not encrypted, although a key is configured: one that this server wrote would be"
            )
        if key_id not in self._keys:
            known = ", ".join(self._keys)
            raise CheckpointUnreadable(
                f"a checkpoint is encrypted with key {key_id}, configured: {known}: add it to SPECLOOM_CHECKPOINT_KEY"
            )
        nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        try:
            return self._cipher(key_id, place).decrypt(nonce, sealed, _text(place))
        except (InvalidTag, ValueError):
            raise CheckpointUnreadable(
                "a checkpoint was changed, or moved here from another place: restore a backup"
            ) from None

    def _cipher(self, key_id: str | None, place: Place) -> AESGCM:
        thread = place[1].encode("utf-8", "surrogatepass")
        return AESGCM(hmac.digest(self._keys[key_id or ""], b"specloom checkpoint of " + thread, "sha256"))


def read_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of a setting: base64 of 32 bytes each, parted by commas or white space.

    Raises `DataUnusable` with a message that holds nothing of them.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise DataUnusable("the checkpoint key is empty")
    return tuple(_key(number, word) for number, word in enumerate(words, start=1))


def _key(number: int, word: str) -> bytes:
    try:
        key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise DataUnusable(f"checkpoint key {number} is not base64 of {KEY_BYTES} bytes")
    return key


def _name_of(key: bytes) -> str:
    return hashlib.sha256(b"specloom name of key " + key).hexdigest()[:12]


def _text(place: Place) -> bytes:
    return json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
