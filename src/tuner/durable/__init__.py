"""Every write to disk goes through here, so that a crash at any call leaves the old state or the new one.

A file or folder is built under a temporary name beside its place, flushed, renamed, and its folder flushed; a journal
only grows, by whole lines. What is read is never trusted: sizes are bounded, links not followed, names plain.
"""
