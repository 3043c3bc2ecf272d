"""Session ids and edit keys: who may look is who has the link, who may change is who holds the key."""

import base64
import hashlib
import hmac
import re
import secrets

ID_BYTES = 16
KEY_BYTES = 32
ID = re.compile(r"[A-Za-z0-9_-]{22}")


def new_id() -> str:
    """128 random bits, 22 URL-safe characters."""
    return secrets.token_urlsafe(ID_BYTES)


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id, so that only such ever reach the database."""
    return ID.fullmatch(text) is not None


def new_key() -> str:
    """256 random bits, 43 URL-safe characters."""
    return secrets.token_urlsafe(KEY_BYTES)


def derived(owner: str, session_id: str) -> str:
    """The edit key of a session that a browser with this secret starts: one secret opens them all, no key another."""
    digest = hmac.digest(owner.encode("utf-8", "surrogatepass"), session_id.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def key_hash(key: str) -> bytes:
    """What is stored of a key. A fast hash is enough: nobody guesses 256 random bits, so nothing has to slow them."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def fits(key: str | None, stored: bytes) -> bool:
    """Whether `key` is the one behind the stored hash, in a time that does not depend on how much of it is right."""
    return key is not None and hmac.compare_digest(key_hash(key), stored)
