"""Every write to disk goes through here, so that a crash at any call leaves the old state or the new one.

The rules: a file is built under a temporary name in its own folder, flushed, renamed, and its folder flushed. A folder
of files is built the same way and counts from one rename on. A journal only grows, by whole lines. What is read is
checked against a manifest of sha256s and never trusted: sizes are bounded, links are not followed, names are plain.
"""

from __future__ import annotations

from tuner.durable.folders import (
    FOLDER_LIMIT,
    LEFTOVERS,
    MANIFEST,
    commit_folder,
    read_folder,
    remove_folder,
    sweep_leftovers,
    verify_folder,
)
from tuner.durable.journal import JOURNAL_LIMIT, Journal
from tuner.durable.names import NAME_PATTERN, is_run_name, normal, run_name
from tuner.durable.reading import JSON_LIMIT, is_plain_name, json_bytes, read_bytes, read_json, shown
from tuner.durable.writing import in_the_way, make_folder, sync_folder, write_file, write_files, writing

__all__ = [
    "FOLDER_LIMIT",
    "JOURNAL_LIMIT",
    "JSON_LIMIT",
    "LEFTOVERS",
    "MANIFEST",
    "NAME_PATTERN",
    "Journal",
    "commit_folder",
    "in_the_way",
    "is_plain_name",
    "is_run_name",
    "json_bytes",
    "make_folder",
    "normal",
    "read_bytes",
    "read_folder",
    "read_json",
    "remove_folder",
    "run_name",
    "shown",
    "sweep_leftovers",
    "sync_folder",
    "verify_folder",
    "write_file",
    "write_files",
    "writing",
]
