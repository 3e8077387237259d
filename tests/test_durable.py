"""Every write leaves the old state or the new one: killed at each call, failing at each call, cut at each byte."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.durable import reading as durable_reading
from tuner.durable import writing as durable_writing
from tuner.durable.journal import Journal
from tuner.errors import NotFoundError, ResourceError, TunerError

CALLS = ("open", "write", "fsync", "close", "replace", "rename", "mkdir", "unlink", "rmdir", "ftruncate")
OLD = {"model.bin": b"old weights", "state.json": b'{"epoch": 1}'}
NEW = {"model.bin": b"new weights" * 1000, "state.json": b'{"epoch": 2}', "extra.bin": b""}


@contextmanager
def calls(act: Callable[[int, str, Callable[[], Any]], Any]) -> Iterator[None]:
    """Within it each call of the system goes through `act(its number, its name, the real call)`."""
    real = {name: vars(os)[name] for name in CALLS}
    count = 0

    def through(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            return act(count, name, lambda: real[name](*args, **kwargs))

        return call

    for name in CALLS:
        setattr(os, name, through(name))
    try:
        yield
    finally:
        for name in CALLS:
            setattr(os, name, real[name])


def in_child(work: Callable[[], object]) -> int:
    """Runs `work` in a process of its own; its exit code: 0, or 9 where `work` died."""
    process = os.fork()
    if not process:
        code = 70
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def every_death(work: Callable[[], object]) -> Iterator[None]:
    """`work` dies before, then after its first call, its second, ... until it lives; yields after each death."""
    for after in (False, True):
        number, code = 1, 9
        while code == 9:

            def act(count: int, name: str, call: Callable[[], Any], at: int = number, late: bool = after) -> Any:
                if count == at and not late:
                    os._exit(9)
                result = call()
                if count == at:
                    os._exit(9)
                return result

            def dying() -> None:
                with calls(act):
                    work()

            code = in_child(dying)
            assert code in (0, 9)
            yield
            number += 1
        assert number > 3


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# ---- one file


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    durable_writing.write_file(tmp_path / "a.txt", b"one")
    durable_writing.write_file(tmp_path / "a.txt", b"two")
    assert (tmp_path / "a.txt").read_bytes() == b"two"
    assert names(tmp_path) == {"a.txt"}


def test_a_file_is_flushed_before_its_rename_and_its_folder_after(tmp_path: Path) -> None:
    seen: list[str] = []

    def record(_: int, name: str, call: Callable[[], Any]) -> Any:
        seen.append(name)
        return call()

    with calls(record):
        durable_writing.write_file(tmp_path / "a.txt", b"one")
    assert [name for name in seen if name in ("write", "fsync", "replace")] == ["write", "fsync", "replace", "fsync"]


def test_killed_at_any_call_a_file_is_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    durable_writing.write_file(path, b"old")
    found = set()
    for _ in every_death(lambda: durable_writing.write_file(path, b"new" * 10)):
        found.add(path.read_bytes())
        durable_writing.write_file(path, b"old")
        durable_writing.sweep_leftovers(tmp_path)
        assert names(tmp_path) == {"a.txt"}
    assert found == {b"old", b"new" * 10}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS, errno.EACCES])
def test_a_failing_call_leaves_a_good_file_and_says_what_to_do(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.txt"
    at, failed = 1, True
    while failed:
        durable_writing.write_file(path, b"old")

        def fail(count: int, name: str, call: Callable[[], Any], at: int = at) -> Any:
            if count == at and name != "close":
                raise OSError(number, os.strerror(number))
            return call()

        failed = False
        try:
            with calls(fail):
                durable_writing.write_file(path, b"new")
        except ResourceError as error:
            failed = True
            assert str(path) in error.message and os.strerror(number) in error.message and error.fix
        assert path.read_bytes() in (b"old", b"new")
        assert names(tmp_path) == {"a.txt"}
        failed = failed or at < 8
        at += 1
    assert path.read_bytes() == b"new"


def test_a_limit_on_file_sizes_stops_a_write_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    durable_writing.write_file(path, b"old")

    def write_much() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(ResourceError, match="File too large"):
            durable_writing.write_file(path, b"x" * 5000)

    assert in_child(write_much) == 0
    assert path.read_bytes() == b"old" and names(tmp_path) == {"a.txt"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """By the first that is missing: putting it back is no cure for one that never was."""
    with pytest.raises(NotFoundError, match=r"gone/inner/a.txt: there is no folder \S+/gone\n"):
        durable_writing.write_file(tmp_path / "gone" / "inner" / "a.txt", b"")


def test_make_folder_makes_what_is_missing_above(tmp_path: Path) -> None:
    durable_writing.make_folder(tmp_path / "a" / "b")
    durable_writing.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: durable_writing.make_folder(tmp_path / "file"), "file is not a folder"),
        (lambda: durable_writing.make_folder(tmp_path / "file" / "a" / "b"), "file is not a folder"),
        (lambda: durable_writing.make_folder(tmp_path / "dangling"), "dangling is a link that leads to no folder"),
        (lambda: durable_writing.make_folder(tmp_path / "loop" / "a"), "loop is a link that leads to no folder"),
        (lambda: durable_writing.write_file(tmp_path / "file" / "a", b""), "file is not a folder"),
        (lambda: durable_writing.write_file(tmp_path / "folder", b""), "folder is a folder, and a file belongs there"),
        (
            lambda: durable_writing.write_files(tmp_path, {"a": b"", "folder": b""}),
            "folder is a folder, and a file belongs",
        ),
        (lambda: durable_writing.commit_folder(tmp_path / "file", "a", NEW), "file is not a folder"),
        (lambda: Journal(tmp_path / "folder"), "folder is a folder, and a file belongs there"),
        (lambda: Journal(tmp_path / "dangling"), "dangling is a link, and links are not followed"),
    ]
    for act, said in cases:
        with pytest.raises(NotFoundError) as refused:
            act()
        assert f"{tmp_path}/{said}" in refused.value.message
        assert "Move it away" in refused.value.fix
    assert names(tmp_path) - {"a"} == {"file", "folder", "dangling", "loop"}


# ---- folders


def test_a_commit_makes_its_parent_and_nothing_above(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="checkpoints"):
        durable_writing.commit_folder(tmp_path / "run" / "checkpoints", "a", NEW)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_read_as_it_was_committed(tmp_path: Path) -> None:
    path = durable_writing.commit_folder(tmp_path / "checkpoints", "epoch-0001", NEW)
    assert path == tmp_path / "checkpoints" / "epoch-0001"
    assert durable_writing.read_folder(path) == NEW
    durable_writing.verify_folder(path)
    assert names(path) == {*NEW, durable_writing.MANIFEST} and names(path.parent) == {"epoch-0001"}


def test_the_same_files_give_the_same_manifest(tmp_path: Path) -> None:
    one = durable_writing.commit_folder(tmp_path, "a", NEW)
    two = durable_writing.commit_folder(tmp_path, "b", dict(reversed(NEW.items())))
    assert (one / durable_writing.MANIFEST).read_bytes() == (two / durable_writing.MANIFEST).read_bytes()


def test_a_commit_flushes_each_file_once_its_folder_and_the_one_above(tmp_path: Path) -> None:
    flushes = 0

    def count(_: int, name: str, call: Callable[[], Any]) -> Any:
        nonlocal flushes
        flushes += name == "fsync"
        return call()

    with calls(count):
        durable_writing.commit_folder(tmp_path, "a", NEW)
    assert flushes == len(NEW) + 1 + 2


def test_killed_at_any_call_a_first_commit_is_absent_or_whole(tmp_path: Path) -> None:
    found = set()
    for _ in every_death(lambda: durable_writing.commit_folder(tmp_path, "a", NEW)):
        durable_writing.sweep_leftovers(tmp_path)
        assert names(tmp_path) <= {"a"}
        found.add((tmp_path / "a").exists())
        if (tmp_path / "a").exists():
            assert durable_writing.read_folder(tmp_path / "a") == NEW
            durable_writing.remove_folder(tmp_path / "a")
    assert found == {True, False}


def test_killed_at_any_call_a_replaced_folder_is_old_or_new_after_the_sweep(tmp_path: Path) -> None:
    durable_writing.commit_folder(tmp_path, "a", OLD)
    found = []
    for _ in every_death(lambda: durable_writing.commit_folder(tmp_path, "a", NEW)):
        durable_writing.sweep_leftovers(tmp_path)
        assert names(tmp_path) == {"a"}
        found.append(durable_writing.read_folder(tmp_path / "a"))
        durable_writing.commit_folder(tmp_path, "a", OLD)
    assert OLD in found and NEW in found and all(files in (OLD, NEW) for files in found)


def test_failing_at_any_call_a_replaced_folder_is_old_or_new(tmp_path: Path) -> None:
    durable_writing.commit_folder(tmp_path, "a", OLD)
    failures = 0
    for at in range(1, 60):

        def fail(count: int, name: str, call: Callable[[], Any], at: int = at) -> Any:
            if count == at and name != "close":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call()

        try:
            with calls(fail):
                durable_writing.commit_folder(tmp_path, "a", NEW)
        except TunerError:
            failures += 1
        durable_writing.sweep_leftovers(tmp_path)
        assert durable_writing.read_folder(tmp_path / "a") in (OLD, NEW)
        durable_writing.commit_folder(tmp_path, "a", OLD)
    assert failures > 10


def test_a_disk_that_changes_what_was_written_is_noticed_before_the_old_folder_goes(tmp_path: Path) -> None:
    durable_writing.commit_folder(tmp_path, "a", OLD)

    def decay(_: int, name: str, call: Callable[[], Any]) -> Any:
        result = call()
        for path in tmp_path.glob(".tmp-*/model.bin") if name == "fsync" else ():
            path.write_bytes(NEW["model.bin"][:-1] + b"?")
        return result

    with calls(decay), pytest.raises(ResourceError, match="reads back differently"):
        durable_writing.commit_folder(tmp_path, "a", NEW)
    assert names(tmp_path) == {"a"} and durable_writing.read_folder(tmp_path / "a") == OLD


def test_a_full_disk_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    durable_writing.commit_folder(tmp_path, "a", OLD)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with pytest.raises(ResourceError, match="File too large"):
            durable_writing.commit_folder(tmp_path, "a", NEW)

    assert in_child(fill) == 0
    assert names(tmp_path) == {"a"} and durable_writing.read_folder(tmp_path / "a") == OLD


def test_killed_at_any_call_a_removed_folder_is_whole_or_gone(tmp_path: Path) -> None:
    durable_writing.commit_folder(tmp_path, "a", OLD)
    found = set()
    for _ in every_death(lambda: durable_writing.remove_folder(tmp_path / "a")):
        found.add((tmp_path / "a").exists())
        if (tmp_path / "a").exists():
            assert durable_writing.read_folder(tmp_path / "a") == OLD
        durable_writing.sweep_leftovers(tmp_path)
        durable_writing.commit_folder(tmp_path, "a", OLD)
        assert names(tmp_path) == {"a"}
    assert found == {True, False}


def test_every_truncation_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    files = {"model.bin": bytes(range(40)), "state.json": b'{"epoch": 2}'}
    path = durable_writing.commit_folder(tmp_path, "a", files)
    for name in names(path):
        whole = (path / name).read_bytes()
        damaged = [whole[:length] for length in range(len(whole))]
        damaged += [whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :] for at in range(len(whole))]
        for content in [*damaged, whole + b"\0"]:
            (path / name).write_bytes(content)
            try:
                found = durable_writing.read_folder(path)
            except NotFoundError as error:
                assert str(path) in error.message
                assert "damaged" in error.message or "missing" in error.message
            else:  # white space of the manifest does not matter
                assert name == durable_writing.MANIFEST and found == files
        (path / name).write_bytes(whole)
    assert durable_writing.read_folder(path) == files


ENTRY = {"bytes": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b'{"files": []}',
        b'{"files": {}}',
        b'{"files": {"a": 1}}',
        b"[" * 100_000,
        b'{"files": {}, "files": {}}',
        b'{"files": NaN}',
        b'{"files": 1e999}',
        b"\xff\xfe",
        b" " * (durable_reading.JSON_LIMIT + 1),
        *(
            json.dumps({"files": {name: ENTRY}}).encode()
            for name in ("../a", "/etc/passwd", "a/b", "", ".", "a\n", "n" * 65)
        ),
        *(json.dumps({"files": {"a": ENTRY | {"bytes": size}}}).encode() for size in (-1, 1.0, True, None, 10**30)),
        json.dumps({"files": {"a": ENTRY | {"sha256": 5}}}).encode(),
        json.dumps({"files": {durable_writing.MANIFEST: ENTRY}}).encode(),
    ],
)
def test_a_hostile_manifest_is_refused(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / durable_writing.MANIFEST).write_bytes(manifest)
    with pytest.raises(NotFoundError):
        durable_writing.read_folder(tmp_path)


def test_links_pipes_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = durable_writing.commit_folder(tmp_path, "a", OLD)
    (tmp_path / "elsewhere").write_bytes(OLD["model.bin"])
    (path / "model.bin").unlink()
    with pytest.raises(NotFoundError, match=r"model.bin is missing"):
        durable_writing.read_folder(path)
    (path / "model.bin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError, match=r"model.bin.*link"):
        durable_writing.read_folder(path)
    (path / "model.bin").unlink()
    os.mkfifo(path / "model.bin")
    with pytest.raises(NotFoundError, match="not a regular file"):
        durable_writing.read_folder(path)
    (tmp_path / "b").symlink_to(durable_writing.commit_folder(tmp_path, "a", OLD))
    with pytest.raises(NotFoundError, match="is a link, not a folder"):
        durable_writing.read_folder(tmp_path / "b")


def test_a_folder_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = durable_writing.commit_folder(tmp_path, "a", OLD)
    monkeypatch.setattr(durable_writing, "FOLDER_LIMIT", 10)
    with pytest.raises(NotFoundError, match="too large"):
        durable_writing.read_folder(path)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "-x", "a\0", "n" * 65, durable_writing.MANIFEST])
def test_only_plain_names_are_committed(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a plain file name"):
        durable_writing.commit_folder(tmp_path, "a", {name: b""})


def test_a_sweep_takes_only_leftovers_and_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "precious").write_bytes(b"")
    run = tmp_path / "run"
    durable_writing.commit_folder(run, "a", OLD)
    (run / ".tmp-1").mkdir()
    (run / ".tmp-1" / "link").symlink_to(kept)
    (run / ".trash-2").symlink_to(kept)
    (run / ".tmp-3").write_bytes(b"")
    durable_writing.sweep_leftovers(run)
    assert names(run) == {"a"} and names(kept) == {"precious"}
    durable_writing.sweep_leftovers(tmp_path / "absent")


# ---- journals

LINES = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20), max_size=8)


@given(lines=LINES, data=st.data())
def test_a_journal_cut_anywhere_goes_on_from_its_last_whole_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "metrics.csv"
    with Journal(path, "epoch,loss") as journal:
        for line in lines:
            journal.append(line)
        whole = path.read_bytes()
        assert journal.length == len(whole)
        assert journal.checksum[1] == hashlib.sha256(whole).hexdigest()
    assert whole == "".join(f"{line}\n" for line in ["epoch,loss", *lines]).encode()
    torn = whole[: data.draw(st.integers(0, len(whole)))]
    path.write_bytes(torn)
    with Journal(path, "epoch,loss") as journal:
        kept = torn[: torn.rfind(b"\n") + 1] or b"epoch,loss\n"
        assert path.read_bytes() == kept
        journal.append("next")
        journal.sync()
        assert journal.checksum[1] == hashlib.sha256(kept + b"next\n").hexdigest()
    assert path.read_bytes() == kept + b"next\n"


def test_a_journal_is_cut_back_to_the_length_a_checkpoint_names(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    with Journal(path, "epoch,loss") as journal:
        journal.append("1,0.5")
        length, known = journal.length, journal.checksum
        journal.append("2,0.4")
        for wrong in (-1, 3, length - 1, length + 1, journal.length + 1, 0):
            with pytest.raises(NotFoundError, match=r"metrics.csv"):
                journal.cut(wrong)
        journal.cut(length)
        assert journal.checksum == known
        journal.append("2,0.3")
    assert path.read_text() == "epoch,loss\n1,0.5\n2,0.3\n"


def test_a_journal_without_a_header_can_be_cut_to_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "stats.jsonl") as journal:
        journal.append("{}")
        journal.cut(0)
        assert (tmp_path / "stats.jsonl").read_bytes() == b"" and journal.length == 0


def test_a_journal_with_another_header_a_link_or_a_pipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,accuracy\n1,1\n")
    with pytest.raises(NotFoundError, match=r"metrics.csv"):
        Journal(path, "epoch,loss")
    assert path.read_text() == "epoch,accuracy\n1,1\n"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(NotFoundError, match="link"):
        Journal(tmp_path / "link", "epoch,accuracy")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotFoundError, match="not a regular file"):
        Journal(tmp_path / "pipe")


def test_a_line_that_does_not_fit_leaves_no_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with Journal(path, "epoch,loss") as journal:
            with pytest.raises(ResourceError, match="File too large"):
                journal.append("x" * 200)
            assert path.read_bytes() == b"epoch,loss\n"
            journal.append("1,0.5")

    assert in_child(fill) == 0
    assert path.read_bytes() == b"epoch,loss\n1,0.5\n"


def test_after_a_failed_flush_nothing_more_is_written(tmp_path: Path) -> None:
    def fail(_: int, name: str, call: Callable[[], Any]) -> Any:
        if name == "fsync":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return call()

    with Journal(tmp_path / "metrics.csv", "epoch,loss") as journal:
        with calls(fail), pytest.raises(ResourceError):
            journal.sync()
        for again in (journal.sync, lambda: journal.append("1,0.5"), lambda: journal.cut(11)):
            with pytest.raises(ResourceError, match=r"metrics.csv"):
                again()
    assert (tmp_path / "metrics.csv").read_bytes() == b"epoch,loss\n"


def test_a_sync_flushes_the_name_of_the_journal_too(tmp_path: Path) -> None:
    flushed: list[Path] = []

    def record(_: int, name: str, call: Callable[[], Any]) -> Any:
        if name == "fsync":
            flushed.append(tmp_path)
        return call()

    with Journal(tmp_path / "metrics.csv", "epoch") as journal, calls(record):
        journal.sync()
        journal.sync()
    assert len(flushed) == 3


@pytest.mark.parametrize("how", ["deleted", "replaced", "folder moved", "folder made anew"])
def test_a_journal_whose_file_went_away_says_so_and_brings_nothing_back(tmp_path: Path, how: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with Journal(run / "metrics.csv", "epoch") as journal:
        journal.sync()
        if how.startswith("folder"):
            run.rename(tmp_path / "moved")
        else:
            (run / "metrics.csv").unlink()
        if how == "folder made anew":
            run.mkdir()
        if how in ("replaced", "folder made anew"):
            (run / "metrics.csv").write_text("epoch\n")
        journal.append("1")
        before = sorted(tmp_path.rglob("*"))
        named = "the run folder .*run is gone" if how == "folder moved" else r"metrics\.csv is gone"
        for act in (journal.sync, journal.check_place):
            with pytest.raises(ResourceError, match=named) as refused:
                act()
            assert "Put it back" in refused.value.fix
        assert sorted(tmp_path.rglob("*")) == before
        if how == "folder moved":
            (tmp_path / "moved").rename(run)
            journal.sync()
            assert (run / "metrics.csv").read_text() == "epoch\n1\n"


def test_a_line_break_inside_a_line_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "a") as journal, pytest.raises(ValueError, match="line break"):
        journal.append("a\nb")


# ---- reading

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(), PLAIN, max_size=4))
def test_json_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_bytes(durable_reading.json_bytes(value))
    assert durable_reading.read_json(path) == value
    assert list(durable_reading.read_json(path)) == list(value)


def test_json_keeps_odd_text_and_writes_null_for_what_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(durable_reading.json_bytes({"name": "\udcff é", "row": {"loss": math.nan}, "list": (math.inf, 1)}))
    assert durable_reading.read_json(path) == {"name": "\udcff é", "row": {"loss": None}, "list": [None, 1]}


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '{"a": 1e999}', '{"a": NaN}', "[]", "", '{"a": %s}' % ("9" * 5000)]
)
def test_json_that_is_not_plain_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(NotFoundError, match=r"a\.json is damaged"):
        durable_reading.read_json(tmp_path / "a.json")


def test_names_are_shown_escaped() -> None:
    assert durable_reading.shown("a\x1b[31m\n\udcff\u202eé") == "a\\x1b[31m\\n\\udcff\\u202eé"


def test_a_path_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "a\0b", tmp_path / ("n" * 300), tmp_path):
        with pytest.raises(NotFoundError):
            durable_reading.read_bytes(path, 10)
