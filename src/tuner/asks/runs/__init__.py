"""Which runs are there, and what came of them?"""

from __future__ import annotations

from pathlib import Path

from tuner.answer import Answer, Block, Note
from tuner.asks.runs.listing import Listing, Query, list_runs, table_of
from tuner.durable.reading import shown
from tuner.figures import plural
from tuner.runs.folder import is_run


def ask(runs_dir: Path, query: Query, form: str = "") -> Answer:
    """The runs and groups in `runs_dir` that the query asks for; of thousands only what the `form` shows is found out.

    Raises UsageError, NotFoundError.
    """
    listing = list_runs(runs_dir, query)
    blocks: list[Block] = [] if listing.found else [Note(_nothing(runs_dir, listing))]
    if listing.found and form not in ("quiet", "json"):
        blocks = [table_of(listing)]
    data = {"runs": [listing.data(entry) for entry in listing.found]} if form == "json" else None
    blocks += [*map(Note, listing.told()), *(Note(text, problem=True) for text in listing.problems)]
    return Answer(blocks, data, "".join(f"{path}\n" for path in listing.paths()))


def _nothing(runs_dir: Path, listing: Listing) -> str:
    """Why there is nothing to list."""
    count = len(listing.everything)
    if is_run(runs_dir):
        return f"{shown(runs_dir)} is itself a run: tuner show {shown(runs_dir)}"
    if not count:
        return f"no runs in {shown(runs_dir)} yet: tuner train digits makes one; --runs-dir says where else to look"
    if not listing.filters:
        return f"none of {plural(count, 'run')} asked for"
    asked = shown(" ".join(map(str, listing.filters)))
    there = {each.column.name: each.choices(listing.everything)[:8] for each in listing.filters}
    known = "".join(f"; {name}: {', '.join(map(shown, texts))}" for name, texts in there.items() if texts)
    return f"none of {plural(count, 'run')} fulfils {asked}{known}"
