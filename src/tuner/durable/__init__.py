"""Every write to disk goes through here, so that a crash at any call leaves the old state or the new one.

The rules: a file is built under a temporary name in its own folder, flushed, renamed, and its folder flushed. A folder
of files is built the same way and counts from one rename on. A journal only grows, by whole lines. What is read is
checked against a manifest of sha256s and never trusted: sizes are bounded, links are not followed, names are plain.
"""
