"""The tree of RFC 6962: published vectors, then every proof of every small tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.audit import verifier
from tieout.audit.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in (*ENTRIES, "606162636465666768696a6b6c6d6e6f")]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
MANY = [leaf_hash(bytes([number])) for number in range(64)]


@pytest.mark.parametrize(("size", "expected"), ROOTS.items())
def test_roots_are_the_published_ones(size: int, expected: str) -> None:
    assert root(LEAVES[:size]).hex() == expected


def test_proofs_are_the_published_ones() -> None:
    assert [step.hex() for step in inclusion_proof(LEAVES, 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [step.hex() for step in consistency_proof(LEAVES, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_leaf_of_every_tree_up_to_33_is_proved_and_nothing_else() -> None:
    for size in range(1, 34):
        leaves = MANY[:size]
        whole = root(leaves)
        for index, leaf in enumerate(leaves):
            proof = inclusion_proof(leaves, index)
            assert verify_inclusion(leaf, index, size=size, proof=proof, expected=whole)
            other = (index + 1) % 34
            if other != index:
                assert not verify_inclusion(leaf, other, size=size, proof=proof, expected=whole)


def test_every_growth_up_to_64_is_proved() -> None:
    for new_size in range(65):
        leaves = MANY[:new_size]
        for old_size in range(new_size + 1):
            proof = consistency_proof(leaves, old_size)
            old_root, new_root = root(leaves[:old_size]), root(leaves)
            assert verify_consistency(
                old_size, new_size, proof=proof, old_root=old_root, new_root=new_root
            )


@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 7), st.integers(0, 255))
def test_a_changed_proof_proves_nothing(left: int, right: int, at: int, bit: int) -> None:
    old_size, new_size = sorted((left, right))
    leaves = MANY[:new_size]
    proof = consistency_proof(leaves, old_size)
    roots = {"old_root": root(leaves[:old_size]), "new_root": root(leaves)}
    if proof:
        broken = list(proof)
        spot = at % len(broken)
        broken[spot] = _flipped(broken[spot], bit)
        assert not verify_consistency(old_size, new_size, proof=broken, **roots)
        assert not verify_consistency(old_size, new_size, proof=proof[:-1], **roots)
    assert not verify_consistency(old_size, new_size, proof=[*proof, bytes(32)], **roots)


def test_sizes_that_cannot_be_are_refused() -> None:
    whole = root(LEAVES)
    for index in (-1, 8):
        with pytest.raises(IndexError, match="Expected a leaf from 0 to 7"):
            inclusion_proof(LEAVES, index)
        assert not verify_inclusion(LEAVES[0], index, size=8, proof=[], expected=whole)
    assert not verify_inclusion(LEAVES[0], 0, size=1, proof=[whole], expected=whole)
    with pytest.raises(IndexError, match="Expected an old size from 0 to 8"):
        consistency_proof(LEAVES, 9)
    assert not verify_consistency(9, 8, proof=[], old_root=whole, new_root=whole)
    assert not verify_consistency(0, 8, proof=[], old_root=whole, new_root=whole)
    assert not verify_consistency(3, 8, proof=[], old_root=whole, new_root=whole)


@given(st.lists(st.binary(max_size=3), max_size=40))
def test_the_verifiers_own_tree_is_the_same(entries: list[bytes]) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    assert verifier._root(leaves) == root(leaves)


def _flipped(digest: bytes, bit: int) -> bytes:
    return (int.from_bytes(digest, "big") ^ (1 << bit)).to_bytes(32, "big")
