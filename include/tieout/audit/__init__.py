"""What was done, by whom, why: canonical bytes, Merkle tree, hash chain, checkpoints. Pure."""
