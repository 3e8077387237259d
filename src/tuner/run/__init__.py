"""The run folder: made, found, locked and read. It is all that training and everything else share.

Readers take no lock, write nothing, and accept any beginning of a journal. A folder without run.json is not a run.
"""

from __future__ import annotations

from tuner.run.creating import check_name, create, create_held, now, write_status
from tuner.run.folder import (
    ENDED,
    FORMAT,
    GROUP,
    NAME_LIMIT,
    STATES,
    Run,
    folders_in,
    glance,
    headline,
    is_group,
    is_run,
    members,
    natural,
    read,
    runs_in,
)
from tuner.run.identity import Identity
from tuner.run.lock import Lock, describe_holder, held, holder, making
from tuner.run.metrics import LayerRow, Row, format_header, format_row, parse_rows
from tuner.run.references import instead_of_config, newest, resolve, resolve_run, results_in

__all__ = [
    "ENDED",
    "FORMAT",
    "GROUP",
    "NAME_LIMIT",
    "STATES",
    "Identity",
    "LayerRow",
    "Lock",
    "Row",
    "Run",
    "check_name",
    "create",
    "create_held",
    "describe_holder",
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
    "members",
    "natural",
    "newest",
    "now",
    "parse_rows",
    "read",
    "resolve",
    "resolve_run",
    "results_in",
    "runs_in",
    "write_status",
]
