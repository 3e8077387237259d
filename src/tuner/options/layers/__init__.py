"""Layers: each plans itself and builds itself. A new one is one new file here, found by being in this folder."""

from __future__ import annotations

from tuner.choice import import_all

import_all(__name__, __path__)
