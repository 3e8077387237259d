"""YAML text -> nodes that know where they stand; nodes -> plain values; plain values -> YAML text.

Scalars follow the core schema of YAML 1.2. Anchors, aliases, merge keys, tags, directives and repeated keys are
refused, and size, depth and number of nodes are bounded, so that no file can surprise or exhaust its reader.
"""
