"""Trees and paths against the reference vectors of Certificate Transparency, and the RFC's recursion word by word."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratumd.record import inclusion_path, leaf_hash, root_of_path, tree_hash

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

trees = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def split(n: int) -> int:
    """Return the largest power of two below `n`."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def hashes(leaves: list[bytes]) -> list[bytes]:
    return [leaf_hash(each) for each in leaves]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_reference_vectors(size: int) -> None:
    assert tree_hash(hashes(LEAVES[:size])).hex() == ROOTS[size] == naive_root(LEAVES[:size]).hex()


@given(trees, st.data())
def test_root_and_path_are_those_of_the_recursion_and_the_path_leads_to_the_root(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(hashes(leaves), index)
    assert path == naive_path(index, leaves)
    assert root_of_path(leaf_hash(leaves[index]), index, len(leaves), path) == naive_root(leaves)
    assert tree_hash(hashes(leaves)) == naive_root(leaves)


@given(trees, st.data())
def test_a_path_holds_for_no_other_leaf_place_size_or_length(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, leaf = naive_root(leaves), leaf_hash(leaves[index])
    path = inclusion_path(hashes(leaves), index)
    assert root_of_path(leaf_hash(leaves[index] + b"!"), index, len(leaves), path) != root
    assert root_of_path(leaf, index, len(leaves), [*path, leaf]) != root
    for at in range(len(path)):
        assert root_of_path(leaf, index, len(leaves), path[:at] + path[at + 1 :]) != root
        flipped = bytes([path[at][0] ^ 1]) + path[at][1:]
        assert root_of_path(leaf, index, len(leaves), [*path[:at], flipped, *path[at + 1 :]]) != root
    for other in {*range(-1, len(leaves) + 1)} - {index}:
        same = 0 <= other < len(leaves) and inclusion_path(hashes(leaves), other) == path
        assert same or root_of_path(leaf, other, len(leaves), path) != root


@given(trees)
def test_a_node_does_not_pass_for_a_leaf(leaves: list[bytes]) -> None:
    """The attack that the leading byte forbids: two hashes as the content of one leaf."""
    both = hashes([*leaves, b"x"])
    assert leaf_hash(both[-2] + both[-1]) != tree_hash(both[-2:])
