"""Sealing: bytes come back for the place that they were sealed for, and for no other."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_service.errors import DataUnusable
from spec_service.storage.aes_sealing import AesSealer, read_keys
from spec_service.storage.sealing import CheckpointUnreadable, PlainSealer

OLD, NEW = bytes(32), bytes(range(32))
PLACE = ("checkpoint", "thread", "", "id")
places = st.lists(st.text(), min_size=2, max_size=6).map(tuple)


@given(places, st.binary(max_size=200))
def test_what_is_sealed_opens_at_its_place(place, content):
    sealer = AesSealer((NEW,))
    sealed = sealer.seal(place, content)
    assert sealer.open(sealer.key_id, place, sealed) == content
    assert len(sealed) == len(content) + 28


@given(places, places, st.binary(max_size=50))
def test_it_opens_nowhere_else(place, other, content):
    sealer = AesSealer((NEW,))
    if place == other:
        return
    with pytest.raises(CheckpointUnreadable, match="changed, or moved"):
        sealer.open(sealer.key_id, other, sealer.seal(place, content))


@given(st.binary(max_size=60))
def test_garbage_does_not_open(content):
    sealer = AesSealer((NEW,))
    with pytest.raises(CheckpointUnreadable):
        sealer.open(sealer.key_id, PLACE, content)


def test_the_same_bytes_are_sealed_differently_each_time():
    sealer = AesSealer((NEW,))
    assert sealer.seal(PLACE, b"x") != sealer.seal(PLACE, b"x")


def test_a_rotated_list_seals_with_the_first_and_opens_with_all():
    before, after = AesSealer((OLD,)), AesSealer((NEW, OLD))
    assert after.open(before.key_id, PLACE, before.seal(PLACE, b"old")) == b"old"
    assert after.key_id == AesSealer((NEW,)).key_id != before.key_id
    assert after.can_open(before.key_id)
    assert not before.can_open(after.key_id)


def test_another_key_is_named_and_not_shown():
    sealed = AesSealer((OLD,))
    with pytest.raises(CheckpointUnreadable, match=f"key {sealed.key_id}") as told:
        AesSealer((NEW,)).open(sealed.key_id, PLACE, sealed.seal(PLACE, b"x"))
    assert base64.b64encode(NEW).decode() not in str(told.value)
    assert NEW.hex() not in str(told.value)


def test_plain_bytes_are_refused_where_a_key_is_configured():
    with pytest.raises(CheckpointUnreadable, match="not encrypted"):
        AesSealer((NEW,)).open(None, PLACE, b"x")


def test_sealed_bytes_are_refused_where_no_key_is_configured():
    with pytest.raises(CheckpointUnreadable, match="no key is configured"):
        PlainSealer().open("abc", PLACE, b"x")
    assert PlainSealer().open(None, PLACE, PlainSealer().seal(PLACE, b"x")) == b"x"


def test_keys_are_read_from_base64_parted_by_commas_or_lines():
    words = [base64.b64encode(NEW).decode(), base64.urlsafe_b64encode(b"\xff" * 32).decode()]
    assert read_keys(f" {words[0]},{words[1]}\n") == (NEW, b"\xff" * 32)
    assert read_keys("\n".join(words)) == (NEW, b"\xff" * 32)


@pytest.mark.parametrize("text", ["", " , ", "secret", base64.b64encode(b"short").decode(), "ä" * 44])
def test_what_is_no_key_is_refused_without_being_shown(text):
    with pytest.raises(DataUnusable) as told:
        read_keys(text)
    assert text.strip(" ,") == "" or text not in str(told.value)
