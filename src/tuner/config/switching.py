"""What becomes of settings made for one choice when another is chosen: they fall away, or stay, and it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.choice import Choice
from tuner.document.nodes import Place, shown, to_plain
from tuner.document.writing import flow

if TYPE_CHECKING:
    from tuner.config.reader import Entries, Reader


def switched(
    reader: Reader, member: type[Choice], settings: Entries, set_for: dict[str, type[Choice]], place: Place, path: str
) -> Entries:
    """The settings from lower layers that the new choice also has; the others are named in notes."""
    why = f"{path} is now {member.name} ({place})"
    lacking = {key: given for key, given in settings.items() if key not in member.fields}
    fall_away(reader, lacking, why, path)
    others = {
        key: given
        for key, given in settings.items()
        if key not in lacking
        and member.fields[key].shared.meaning != set_for.get(key, member).fields[key].shared.meaning
    }
    fall_away(reader, others, f"{why}, where {' and '.join(others)} would mean something else", path)
    return {key: given for key, given in settings.items() if key not in lacking and key not in others}


def note_stayed(
    reader: Reader, member: type[Choice], settings: Entries, set_for: dict[str, type[Choice]], path: str
) -> None:
    """Notes settings that stay though they were tuned for another choice, where this one's defaults are others."""
    for key, given in settings.items():
        before, (place, node), default = set_for.get(key, member), given[-1], member.fields[key].default
        if before is member or not member.fields[key].shared.tuned or to_plain(node) == default:
            continue
        why = f"{before.name} and stays under {member.name}, whose default is {flow(default)}"
        reader.stayed[f"{path}.{key}"] = why
        reader.notes.append(f"{path}.{key}: {shown(node)} ({place}) was set for {why}")


def fall_away(reader: Reader, settings: Entries, why: str, path: str) -> None:
    """Notes settings that no longer count, with where they were set."""
    for key, given in settings.items():
        reader.dropped[f"{path}.{key}"] = f"{given[-1][0]}; fell away: {why}"
    gone = [f"{path}.{key} ({given[-1][0]})" for key, given in settings.items()]
    if gone:
        reader.notes.append(f"{', '.join(gone)} {'falls' if len(gone) == 1 else 'fall'} away: {why}")
