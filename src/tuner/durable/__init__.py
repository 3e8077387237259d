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
    put_link,
    read_folder,
    remove_folder,
    sweep_leftovers,
    verify_folder,
)
from tuner.durable.journal import JOURNAL_LIMIT, Journal
from tuner.durable.names import NAME_PATTERN, is_run_name, normal, run_name
from tuner.durable.reading import (
    JSON_LIMIT,
    Checksum,
    checksum,
    files_below,
    in_the_way,
    is_at,
    is_plain_name,
    json_bytes,
    list_folder,
    parse_json,
    read_bytes,
    read_json,
    shown,
    unreadable,
)
from tuner.durable.writing import make_folder, sync_folder, write_file, write_files, writing

__all__ = [
    "FOLDER_LIMIT",
    "JOURNAL_LIMIT",
    "JSON_LIMIT",
    "LEFTOVERS",
    "MANIFEST",
    "NAME_PATTERN",
    "Checksum",
    "Journal",
    "checksum",
    "commit_folder",
    "files_below",
    "in_the_way",
    "is_at",
    "is_plain_name",
    "is_run_name",
    "json_bytes",
    "list_folder",
    "make_folder",
    "normal",
    "parse_json",
    "put_link",
    "read_bytes",
    "read_folder",
    "read_json",
    "remove_folder",
    "run_name",
    "shown",
    "sweep_leftovers",
    "sync_folder",
    "unreadable",
    "verify_folder",
    "write_file",
    "write_files",
    "writing",
]
