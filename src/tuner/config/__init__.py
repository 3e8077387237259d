"""The config language: text in, a checked `Config` out."""

from tuner.config.checks import metrics_of, plan_of, target_of, units_of
from tuner.config.load import Loaded, load, meaning, meaning_hash
from tuner.config.settings import Checkpoint, Config, EarlyStopping, Training, dump

__all__ = [
    "Checkpoint",
    "Config",
    "EarlyStopping",
    "Loaded",
    "Training",
    "dump",
    "load",
    "meaning",
    "meaning_hash",
    "metrics_of",
    "plan_of",
    "target_of",
    "units_of",
]
