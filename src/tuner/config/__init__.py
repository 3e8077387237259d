"""The config language: text in, a checked `Config` out.

`load.load` reads a config; `comparison` says what two configs differ in and knows nothing of the language's classes.
"""
