"""`tuner check` of any file within the bound takes little memory: at most 60 MB more than of a trivial config."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tuner.document.files import MAX_BYTES

MOST = 60 * 1024
"""KiB above what a trivial config takes."""

PROGRAM = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))  # rather an error than a machine brought down
sys.argv = ["tuner", "check", sys.argv[1]]
from tuner.cli import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(code, peak, file=sys.stderr)
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc/self/status")


def full(head: str, part: str, tail: str = "") -> str:
    """As many of a part as the bound lets in."""
    return head + part * ((MAX_BYTES - len((head + tail).encode())) // len(part.encode())) + tail


def numbered(head: str, part: str, count: int, tail: str = "") -> str:
    return head + "".join(part.format(number) for number in range(count)) + tail


SHAPES = {
    "tags on a line": full("tags: [", "abcdefghij, ", "]\n"),
    "tags beyond the basic plane": "tags: [" + "abcdefg😀, " * 49_900 + "]\n",
    "tags on lines of their own": numbered("tags:\n", "- Ж😀word{0}\n", 45_000),
    "weights that are no numbers": numbered("loss: {class_weights: [", "x{0}, ", 10_000, "]}\n"),
    "augmentations that are not there": "data: {augment: [" + "flipp, " * 20_000 + "]}\n",
    "unknown keys on a line": numbered("{", "key_number{0}: 1, ", 24_900, "}\n"),
    "one key over and over": "{" + "lr: 1, " * 24_900 + "}\n",
    "one long key over and over": "{" + ("😀" * 120 + ": 1, ") * 2_000 + "}\n",
    "one very long key": "? " + "k" * (MAX_BYTES - 10) + "\n: 1\n",
    "deep maps": full("tags: [", "{a: " * 30 + "1" + "}" * 30 + ", ", "]\n"),
    "a text of many words": full("name: ", "Ж ", "\n"),
    "a quoted text of many words": full('name: "', "多 ", '"\n'),
    "a block of many lines": full("name: |\n", " 多\n"),
    "empty lines": "\n" * MAX_BYTES,
    "a long path": full("extends: ", "a/", "\n"),
    **{f"nothing but {part!r}": full("", part) for part in ("[", "- ", '"', "\t")},
}


def measured(folder: Path, text: str) -> tuple[int, int, str]:
    """The exit code of `tuner check`, its peak memory in KiB, and what it said."""
    folder.mkdir()
    assert len(text.encode()) <= MAX_BYTES
    (folder / "c.yaml").write_text(text)
    command = [sys.executable, "-c", PROGRAM, "c.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    said, _, last = done.stderr.rstrip().rpartition("\n")
    code, peak = map(int, last.split())
    return code, peak, said


def test_memory_is_bounded_whatever_a_config_holds(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        texts = {"trivial": "{}", **SHAPES}
        folders = [tmp_path / str(number) for number in range(len(texts))]
        found = dict(zip(texts, pool.map(measured, folders, texts.values()), strict=True))
    _, usual, _ = found.pop("trivial")
    assert {name: code for name, (code, _, said) in found.items() if code not in (0, 2) or len(said) > 100_000} == {}
    assert {name: peak - usual for name, (_, peak, _) in found.items() if peak - usual > MOST} == {}
