"""Ids are uuid5 as everybody's library makes them."""

from __future__ import annotations

import uuid

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import NAMESPACE, stable_id


@given(st.lists(st.text(), max_size=6))
def test_stable_id_is_uuid5_of_a_json_array(parts: list[str]) -> None:
    """The same as `uuid.uuid5` over the array without spaces, for any text."""
    assert stable_id(*parts) == str(uuid.uuid5(NAMESPACE, msgspec.json.encode(parts).decode()))
