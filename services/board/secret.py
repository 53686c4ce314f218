"""Random secrets that are shown once and stored as their sha256; passwords as argon2id."""

from __future__ import annotations

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD = 12
UNUSABLE = "!"
"""Stored where a person can never log in by password."""
_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


class PasswordTooShort(ValueError):
    """A password has at least 12 characters."""


def new_secret() -> str:
    """256 random bits, fit for a header and an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a random secret; enough, because it cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_of(secret: str) -> str:
    """The token a session's forms carry: known to whoever holds the cookie, of no use to make one."""
    return hashlib.sha256(b"halo csrf " + secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    """argon2id with the library's current parameters. PasswordTooShort below 12 characters."""
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(f"a password has at least {SHORTEST_PASSWORD} characters, this one {len(password)}")
    return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """True when it is the person's; an unknown login (None) costs as much time as a known one."""
    try:
        return _hasher.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
