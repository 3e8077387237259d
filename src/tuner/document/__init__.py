"""YAML text -> nodes that know where they stand; nodes -> plain values; plain values -> YAML text.

Scalars follow the core schema of YAML 1.2. Anchors, aliases, merge keys, tags, directives and repeated keys are
refused, and size, depth and number of nodes are bounded, so that no file can surprise or exhaust its reader.
"""

from tuner.document.argument import parse_value
from tuner.document.files import MAX_BYTES, decode, folder_of, is_handed_over, located, plain, read_bytes
from tuner.document.nodes import Items, Map, Node, Place, Plain, Scalar, shown, to_plain
from tuner.document.parsing import MAX_DEPTH, MAX_NODES, parse
from tuner.document.scalars import MAX_DIGITS, core_value
from tuner.document.writing import flow, to_yaml, word

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_NODES",
    "Items",
    "Map",
    "Node",
    "Place",
    "Plain",
    "Scalar",
    "core_value",
    "decode",
    "flow",
    "folder_of",
    "is_handed_over",
    "located",
    "parse",
    "parse_value",
    "plain",
    "read_bytes",
    "shown",
    "to_plain",
    "to_yaml",
    "word",
]
