"""Ids and edit keys."""

import base64

from app.sessions import keys


def test_ids_and_keys_have_the_random_bits_they_promise_and_never_repeat():
    assert len(base64.urlsafe_b64decode(keys.new_id() + "==")) * 8 == 128
    assert len(base64.urlsafe_b64decode(keys.new_key() + "=")) * 8 == 256
    assert len({keys.new_id() for _ in range(1000)} | {keys.new_key() for _ in range(1000)}) == 2000


def test_only_the_key_itself_fits_its_hash():
    key = keys.new_key()
    stored = keys.key_hash(key)
    assert keys.fits(key, stored)
    assert not any(keys.fits(wrong, stored) for wrong in (None, "", key[:-1], key + "A", key.swapcase(), "\udcff"))
    assert key.encode() not in stored


def test_what_is_no_id_is_told_apart():
    assert keys.is_id(keys.new_id())
    assert not any(keys.is_id(text) for text in ("", "a" * 21, "a" * 23, "a" * 21 + "/", "a" * 22 + "\n", "ä" * 22))
