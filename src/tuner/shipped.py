"""Files that come with tuner: configs and recipes. Found from a checkout, an editable install and a wheel alike."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tuner.choice import nearest
from tuner.document.files import read_bytes
from tuner.errors import ConfigError, Fault, NotFoundError, ResourceError, UsageError
from tuner.paths import expanded
from tuner.runs.files import CONFIG

CLAIM = "claim.yaml"
MODELINE = "# yaml-language-server: $schema="


def folder(kind: str) -> Path:
    """The folder of shipped files of a kind (``configs``, ``recipes``). Raises NotFoundError where it is missing. A
    wheel carries it inside the package; a checkout, and an editable install of one, has it at its top."""
    package = Path(__file__).resolve().parent
    for candidate in (package / kind, package.parents[1] / kind):
        if candidate.is_dir():
            return candidate
    raise NotFoundError(f"this installation of tuner has no {kind}", fix="install tuner again")


def configs() -> dict[str, Path]:
    """name -> file of the shipped configs."""
    return {path.stem: path for path in sorted(folder("configs").glob("*.yaml"))}


def recipes() -> dict[str, Path]:
    """name -> folder of the shipped recipes."""
    return {path.parent.name: path.parent for path in sorted(folder("recipes").glob(f"*/{CLAIM}"))}


def title_of(recipe: Path) -> str:
    """What a recipe shows, in a line. Raises NotFoundError."""
    from tuner.document.files import plain

    return str(plain(recipe / CLAIM).get("title", ""))


def own_text(config: Path) -> str:
    """A shipped config's text for a copy elsewhere: the schema stays where it is."""
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(MODELINE))


def check_target(target: Path, fix: str, own: str = "") -> None:
    """Raises UsageError where a new file cannot be put at `target`; `fix` is what to do about one that is there. One
    that begins with `own` was written by the same command, which may write it again."""
    with suppress(OSError, ConfigError):
        if own and read_bytes(target).startswith(own.encode()):
            return
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", fix=f"mkdir -p {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise ResourceError(f"{target.parent} cannot be written", fix="Choose a file in another folder.")
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} is there already", fix=fix)


def find_config(reference: str) -> str:
    """The file that CONFIG on a command line means: a path, a run folder (its config), or a shipped config's name,
    without a suffix: with one it is a file, and a missing file must not train another config. ``-`` (standard input)
    stays as it is. Raises ConfigError naming the nearest ones."""
    if reference == "-":
        return reference
    reference = expanded(reference)
    path = Path(reference)
    try:
        if (path / CONFIG).is_file():
            return str(path / CONFIG)
        is_folder = path.is_dir()
        if path.exists() and not is_folder:
            return reference
    except (OSError, ValueError) as error:
        why = "not a path" if isinstance(error, ValueError) or error.strerror is None else error.strerror
        raise ConfigError([Fault(f"cannot read {reference!r}: {why}", given=reference)]) from None
    known = configs()
    if reference in known:
        return str(known[reference])
    files = sorted(Path.cwd().glob("*.y*ml")) + sorted(Path.cwd().glob("configs/*.y*ml"))
    own = [str(file.relative_to(Path.cwd())) for file in files if file.is_file()]
    suggestion = nearest(reference, own) or nearest(path.stem, known)
    message = f"there is no config {reference}"
    if is_folder:
        message = f"{reference} is a folder, but not of a run"
    elif path.is_symlink():
        message = f"{reference} is a link to what is not there"
    allowed = f"a YAML file, a run folder, - for standard input, or one of {', '.join(known)}"
    raise ConfigError([Fault(message, given=reference, suggestion=suggestion, allowed=allowed)])
