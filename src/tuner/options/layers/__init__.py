"""Layers, one file each: a layer plans itself (shape in, shape out, parameters, operations) and builds itself.

A new layer is one new file here: a class derived from `tuner.options.layers.base.Layer`. It is found by being here.
"""

from __future__ import annotations

import importlib
import pkgutil

FIRST = ("conv", "pool", "dense", "dropout")
"""The order in which layers are told; those of other files follow."""

for _name in dict.fromkeys([*FIRST, *(module.name for module in pkgutil.iter_modules(__path__))]):
    importlib.import_module(f"{__name__}.{_name}")
