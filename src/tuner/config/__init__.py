"""The config language: text in, a checked `Config` out.

What compares configs is here at once. The rest is imported when it is first asked for: it makes the classes of every
choice, which takes longer than all else that a command like `tuner diff` does with run folders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tuner.config.comparison import ABSENT, STAYED, Setting, brief, meaning, meaning_hash, name_of, side_by_side

if TYPE_CHECKING:
    from tuner.config.load import load
    from tuner.config.loaded import Loaded
    from tuner.config.settings import Checkpoint, Config, EarlyStopping, Training

__all__ = [
    "ABSENT",
    "STAYED",
    "Checkpoint",
    "Config",
    "EarlyStopping",
    "Loaded",
    "Setting",
    "Training",
    "brief",
    "load",
    "meaning",
    "meaning_hash",
    "name_of",
    "side_by_side",
]

LATER = ("load", "loaded", "settings")


def __getattr__(name: str) -> Any:
    """A name of `__all__` that is not here yet: with the first one they all come."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    modules = [vars(import_module(f"{__name__}.{part}")) for part in LATER]
    for each in __all__:
        known = [module[each] for module in modules if each in module]
        globals().update({each: known[-1]} if known else {})
    return globals()[name]
