"""Seeds made from names, so that no result depends on the order in which things happen."""

import hashlib


def seed_of(*names: str | int) -> int:
    """A seed in [0, 2**63) that the names alone decide; any other names give an unrelated one.

    The names' text is hashed (BLAKE2b) with their types and lengths, so `("a", "bc")` differs from `("ab", "c")`, and
    `1` from `"1"`.
    """
    digest = hashlib.blake2b(repr(names).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
