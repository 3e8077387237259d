"""Which samples are drawn: a function of a seed and of what they are for, the same in every version of numpy."""

from __future__ import annotations

import numpy as np

from tuner.data.source import Array, Fold
from tuner.seeding import derive


def random_bits(split_seed: int, purpose: str) -> np.random.PCG64:
    """The random bits for one step of the split.

    Raw bits only: numpy promises the same ones in every version, but not the same shuffles and draws made of them, and
    a sample must not change sides with an update.
    """
    return np.random.PCG64(derive(split_seed, purpose))


def shuffled_indices(count: int, bits: np.random.PCG64) -> Array:
    """0 .. count - 1 in random order."""
    return np.argsort(bits.random_raw(count), kind="stable")


def draw(
    pool: Array, y: Array, count: int | Fold, bits: np.random.PCG64, *, by_class: bool, groups: Array | None = None
) -> tuple[Array, Array]:
    """`count` of the samples in `pool` and the rest of it, both ascending; with classes, each gets its share.

    A smaller count with the same bits draws a part of the larger draw (within a class, or without classes). The folds
    are dealt out one sample after the other, class after class: they differ by one at most, overall and in each class.
    Samples of equal `groups` (N,) are drawn together, as of the class of the first: the shares are met as nearly as
    their sizes allow.
    """
    of = np.arange(len(pool))
    units, weights = pool, np.ones(len(pool), dtype=np.int64)
    if groups is not None:
        _, first, of, weights = np.unique(groups[pool], return_index=True, return_inverse=True, return_counts=True)
        units = pool[first]
    order = shuffled_indices(len(units), bits)
    if by_class:
        order = order[np.argsort(y[units[order]], kind="stable")]
    weights = weights[order]
    starts = np.cumsum(weights) - weights
    if isinstance(count, Fold):
        is_chosen = starts % count.of == count.index
    elif by_class:
        classes = y[units[order]]
        counts = np.bincount(classes, weights=weights).astype(np.int64)
        starts -= (np.cumsum(counts) - counts)[classes]
        is_chosen = 2 * starts + weights - 1 < 2 * shares(counts, count)[classes]
    else:
        is_chosen = 2 * starts + weights - 1 < 2 * count
    taken = np.zeros(len(units), dtype=bool)
    taken[order[is_chosen]] = True
    return pool[taken[of]], pool[~taken[of]]


def shares(counts: Array, total: int) -> Array:
    """`total` shared out in proportion to `counts` by largest remainder; on a tie the lower class is first.

    In whole numbers, so that no rounding of floats decides. No share is more than its count where total <= sum(counts).
    """
    whole = max(int(counts.sum()), 1)
    share = counts * total // whole
    left = total - int(share.sum())
    share[np.argsort(-(counts * total % whole), kind="stable")[:left]] += 1
    return share
