"""Layers: a layer plans itself (shape in, shape out, parameters, operations) and builds itself.

A new layer is one new file here: a class derived from `tuner.options.layers.base.Layer`. It is found by being here.
"""

from __future__ import annotations

from tuner.choice import import_all

import_all(__name__, __path__)
