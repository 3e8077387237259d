"""The run folder: made, found, locked and read. It is all that training and everything else share.

Readers take no lock, write nothing, and accept any beginning of a journal. A folder without run.json is not a run.
"""

from __future__ import annotations

from tuner.run.commands import calmer_command, next_command, reference
from tuner.run.creating import check_name, create, create_held, now, write_status
from tuner.run.files import (
    BEST,
    CONFIG,
    ENDED,
    LAYERS,
    METRICS,
    ORIGINS,
    STATES,
    TIMING,
    WRITTEN_ONCE,
    apart,
    best_weights,
    check_files,
    checkpoints,
)
from tuner.run.folder import (
    FORMAT,
    GROUP,
    Run,
    folder_called,
    folders_in,
    glance,
    headline,
    is_group,
    is_run,
    may_be_there,
    members,
    natural,
    read,
    runs_in,
)
from tuner.run.identity import Identity
from tuner.run.lock import Lock, describe_holder, held, holder, making
from tuner.run.metrics import LayerRow, Row, format_header, format_row, parse_rows
from tuner.run.references import (
    instead_of_config,
    newest,
    number_of,
    resolve,
    resolve_run,
    results_in,
    unreadable_one,
)

__all__ = [
    "BEST",
    "CONFIG",
    "ENDED",
    "FORMAT",
    "GROUP",
    "LAYERS",
    "METRICS",
    "ORIGINS",
    "STATES",
    "TIMING",
    "WRITTEN_ONCE",
    "Identity",
    "LayerRow",
    "Lock",
    "Row",
    "Run",
    "apart",
    "best_weights",
    "calmer_command",
    "check_files",
    "check_name",
    "checkpoints",
    "create",
    "create_held",
    "describe_holder",
    "folder_called",
    "folders_in",
    "format_header",
    "format_row",
    "glance",
    "headline",
    "held",
    "holder",
    "instead_of_config",
    "is_group",
    "is_run",
    "making",
    "may_be_there",
    "members",
    "natural",
    "newest",
    "next_command",
    "now",
    "number_of",
    "parse_rows",
    "read",
    "reference",
    "resolve",
    "resolve_run",
    "results_in",
    "runs_in",
    "unreadable_one",
    "write_status",
]
