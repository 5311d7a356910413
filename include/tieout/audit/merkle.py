"""The Merkle tree of RFC 6962: root, inclusion and consistency proofs over hashes of leaves.

Leaf = SHA-256(0x00 || bytes), node = SHA-256(0x01 || left || right), split at the largest power
of two below n, the empty tree is SHA-256 of nothing. All hashes are 32 raw bytes.
"""

import hashlib
from collections.abc import Sequence


def leaf_hash(content: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, in time linear to their number."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        # An odd one moves up as it is: that is the same tree as the recursive split.
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf, from the leaf upwards.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"Expected a leaf from 0 to {len(leaves) - 1}, found {index}.")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def verify_inclusion(
    leaf: bytes, index: int, *, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Whether the path leads from the leaf at `index` of a tree of `size` to the expected root."""
    if not 0 <= index < size:
        return False
    node, last, digest = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node % 2 or node == last:
            digest = node_hash(step, digest)
            while node % 2 == 0:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        node, last = node >> 1, last >> 1
    return last == 0 and digest == expected


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """What shows that the first `old_size` leaves are still the beginning of the tree.

    Raises:
        IndexError: `old_size` is not from 0 to the number of leaves.
    """
    if not 0 <= old_size <= len(leaves):
        raise IndexError(f"Expected an old size from 0 to {len(leaves)}, found {old_size}.")
    if old_size in (0, len(leaves)):
        return []
    return _subproof(leaves, old_size, whole=True)


def verify_consistency(
    old_size: int, new_size: int, *, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Whether the proof shows that a tree of `old_size` grew into the one of `new_size`."""
    if not 0 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == root([])
    node, last = old_size - 1, new_size - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    path = list(proof) if node else [old_root, *proof]
    if not path:
        return False
    return _walk(path, node, last) == (old_root, new_root)


def _walk(path: Sequence[bytes], node: int, last: int) -> tuple[bytes, bytes] | None:
    """Old and new root that the path leads to; None when its length does not fit."""
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return None
        if node % 2 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while node and node % 2 == 0:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _subproof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, whole=whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, whole=False), root(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two below `size` (size >= 2)."""
    return 1 << ((size - 1).bit_length() - 1)
