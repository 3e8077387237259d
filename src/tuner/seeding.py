"""Every random number of a run is a function of a seed and of what it is for; the global generators are never read."""

from __future__ import annotations

import hashlib


def derive(seed: int, *purpose: str | int) -> int:
    """A seed of 63 bits for `purpose`, e.g. ``derive(seed, "order", epoch)``: independent for different purposes."""
    text = "\x1f".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
