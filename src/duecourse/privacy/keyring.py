"""The keys of an installation: one file, `keys.json`, readable by its owner alone.

- *sealing keys*, each with an id: the primary one seals, all of them open. `rotate` adds a new primary.
- *index key*: finds a sealed value without opening it. It never changes by itself: every index would change.
- *digest key*: proves which text was sent to somebody who may not read it.

Losing the file loses what is sealed; there is no copy in the database.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from duecourse.domain.problems import DuecourseError, Problem

KEY_BYTES = 32
FORMAT = "duecourse-keys-1"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Immutable: rotation makes a new one. Its repr shows no key."""

    primary: int
    """Id of the key that seals now."""
    sealing: Mapping[int, bytes] = field(repr=False)
    """id (1..2^32-1) -> 32 bytes."""
    index_key: bytes = field(repr=False)
    digest_key: bytes = field(repr=False)
    _ciphers: dict[int, AESGCM] = field(default_factory=dict, init=False, repr=False, compare=False)
    _index_keys: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.primary not in self.sealing:
            raise ValueError("the primary key is not among the sealing keys")
        if any(not 0 < key_id < 2**32 for key_id in self.sealing):
            raise ValueError("a key id is outside 1..2^32-1")
        if any(len(key) != KEY_BYTES for key in (*self.sealing.values(), self.index_key, self.digest_key)):
            raise ValueError(f"a key is not {KEY_BYTES} bytes long")

    @classmethod
    def new(cls) -> Keyring:
        """Fresh keys, for an installation that has sealed nothing yet."""
        first = _new_id({})
        return cls(
            first,
            {first: secrets.token_bytes(KEY_BYTES)},
            secrets.token_bytes(KEY_BYTES),
            secrets.token_bytes(KEY_BYTES),
        )

    def rotate(self) -> Keyring:
        """The same ring with a new primary. What older keys sealed still opens; index and digest stay."""
        fresh = _new_id(self.sealing)
        return replace(self, primary=fresh, sealing={**self.sealing, fresh: secrets.token_bytes(KEY_BYTES)})

    def cipher(self, key_id: int) -> AESGCM:
        """The AEAD of one sealing key. Raises K004 when the ring does not hold it."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            key = self.sealing.get(key_id)
            if key is None:
                raise DuecourseError(
                    Problem(
                        "K004",
                        "key ring",
                        f"a value was sealed with key {key_id:08x}, which is not in the ring. "
                        "Restore the keys.json that belongs to this database.",
                        "The value was not opened.",
                    )
                )
            cipher = self._ciphers[key_id] = AESGCM(key)
        return cipher

    def index(self, purpose: str, normal: str) -> bytes:
        """Keyed blind index: HMAC-SHA-256, 32 bytes, under a key of its own for each purpose.

        normal: already in the one form its kind of value has, see duecourse.privacy.blind_index.
        """
        key = self._index_keys.get(purpose)
        if key is None:
            derive = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"duecourse index {purpose}".encode())
            key = self._index_keys[purpose] = derive.derive(self.index_key)
        return hmac.digest(key, normal.encode(), "sha256")

    def digest(self, text: str) -> bytes:
        """Keyed digest of an exact text: HMAC-SHA-256, 32 bytes. Nobody without the key can try texts."""
        return hmac.digest(self.digest_key, text.encode(), "sha256")

    def save(self, path: Path) -> None:
        """Write the ring, whole or not at all, readable by its owner only.

        Raises K006 when the file there holds keys that this ring lacks: what they sealed would be lost.
        """
        with _folder_locked(path.parent):
            if path.exists() and not self._replaces(Keyring.load(path)):
                raise DuecourseError(
                    Problem(
                        "K006",
                        str(path),
                        "holds keys that the new key ring lacks; overwriting it would lose what they sealed. "
                        "Move it away first if it belongs to another installation.",
                        "The key ring was not written.",
                    )
                )
            _write_private(path, json.dumps(self._to_json(), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Read a ring. Raises K001 missing, K002 open to others or not ours, K003 not a key ring."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _fault("K001", path, "there is no key ring here; `duecourse init` makes one") from None
        except OSError as error:
            raise _fault("K002", path, f"the key ring cannot be read ({error.strerror})") from None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & 0o077:
                mode = f"{status.st_mode & 0o777:03o}"
                raise _fault("K002", path, f"the key ring is open to other users (mode {mode}); chmod 600 it")
            if os.geteuid() not in (0, status.st_uid):
                raise _fault("K002", path, f"the key ring belongs to user id {status.st_uid}, not to you")
            try:
                return cls._from_json(json.load(file))
            except (ValueError, TypeError, KeyError, AttributeError):
                # The cause is left out: its words may quote the file.
                raise _fault("K003", path, f"this is not a key ring of the format {FORMAT}") from None

    def _replaces(self, other: Keyring) -> bool:
        kept = all(self.sealing.get(key_id) == key for key_id, key in other.sealing.items())
        return kept and self.index_key == other.index_key and self.digest_key == other.digest_key

    def _to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "primary": f"{self.primary:08x}",
            "sealing": {f"{key_id:08x}": _to_text(key) for key_id, key in self.sealing.items()},
            "index": _to_text(self.index_key),
            "digest": _to_text(self.digest_key),
        }

    @classmethod
    def _from_json(cls, found: Any) -> Keyring:
        if found["format"] != FORMAT:
            raise ValueError
        return cls(
            int(found["primary"], 16),
            {int(key_id, 16): _to_key(key) for key_id, key in found["sealing"].items()},
            _to_key(found["index"]),
            _to_key(found["digest"]),
        )


def new_keyring(path: Path) -> Keyring:
    """Make a ring and its file. Raises K006 when one is there already."""
    fresh = Keyring.new()
    fresh.save(path)
    return fresh


def rotate(path: Path) -> Keyring:
    """Give the ring in a file a new primary key. Sealed values then want `reseal`, at leisure.

    Rotate before 2^32 values were sealed under one key, the bound of random 96-bit nonces (NIST SP 800-38D,
    8.3): once a year suffices for ten million a day.
    """
    fresh = Keyring.load(path).rotate()
    fresh.save(path)
    return fresh


def _new_id(taken: Mapping[int, bytes]) -> int:
    """Random, so that a key of another installation is recognised as unknown instead of failing to open."""
    while (key_id := secrets.randbelow(2**32 - 1) + 1) in taken:
        pass
    return key_id


def _to_text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _to_key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None


def _fault(code: str, path: Path, message: str) -> DuecourseError:
    return DuecourseError(Problem(code, str(path), f"{message}.", "Nothing was opened or sealed."))


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Against a second process that rotates the same ring."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_private(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
