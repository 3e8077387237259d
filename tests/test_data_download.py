"""Downloads from a server on this machine: what arrives is checked, unpacked and put into place, or refused by name."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tuner.data.download import SIZE_LIMIT, Progress, fetch, fetch_archives
from tuner.data.idx import MNIST
from tuner.data.source import Archive
from tuner.errors import NotFoundError, TunerError, UsageError

BODY = bytes(range(256)) * 8192  # two chunks


def download(name: str, root: Path | None = None, base: str = "") -> Path:
    """As `fetch`, without a word on the way; from `base` alone, where it is given."""
    with pytest.MonkeyPatch.context() as patch:
        if base:
            patch.setattr(MNIST, "archives", tuple(replace(each, mirrors=(base,)) for each in MNIST.archives))
        steps = fetch(name, root)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                folder: Path = stop.value
                return folder


class Server(ThreadingHTTPServer):
    """Serves `files`; those named in `cut` stop after half of what was promised, `lengths` promises other lengths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.lengths: dict[str, int | None] = {}
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self.server.asked.append(self.path)
        if self.path.startswith("/broken/"):
            self.send_error(503)
            return
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        length = self.server.lengths.get(name, len(body))
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if name in self.server.cut else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the server calls
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started = Server()
    thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield started
    started.shutdown()
    thread.join()
    started.server_close()


def archive(file: str, content: bytes, unpacks: dict[str, int], mirrors: tuple[str, ...] = ()) -> Archive:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Archive(file, md5, mirrors, "", tuple(unpacks.items()))


def tar(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as made:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return target.getvalue()


def fetched(root: Path, server: Server, *archives: Archive) -> list[Progress]:
    return list(fetch_archives(tuple(replace(each, mirrors=(server.base,)) for each in archives), root))


def everything_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_a_plain_file_arrives_with_its_progress(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"] = BODY
    steps = fetched(tmp_path / "new", server, archive("a.mat", BODY, {"a.mat": len(BODY)}))
    assert (tmp_path / "new" / "a.mat").read_bytes() == BODY
    assert steps[0] == Progress("a.mat", 0, len(BODY)) and steps[-1] == Progress("a.mat", len(BODY), len(BODY))
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert everything_under(tmp_path) == ["new/a.mat"]


def test_what_is_there_is_not_fetched_again(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"] = BODY
    wanted = archive("a.mat", BODY, {"a.mat": len(BODY)})
    fetched(tmp_path, server, wanted)
    assert fetched(tmp_path, server, wanted) == [] and len(server.asked) == 1
    (tmp_path / "a.mat").write_bytes(BODY[:-1])
    fetched(tmp_path, server, wanted)
    assert (tmp_path / "a.mat").read_bytes() == BODY and len(server.asked) == 2


def test_a_gzipped_file_is_unpacked(tmp_path: Path, server: Server) -> None:
    server.files["a.gz"] = gzip.compress(BODY)
    fetched(tmp_path, server, archive("a.gz", server.files["a.gz"], {"X/raw/a": len(BODY)}))
    assert everything_under(tmp_path) == ["X/raw/a"] and (tmp_path / "X/raw/a").read_bytes() == BODY


def test_of_a_tar_only_the_named_files_are_unpacked(tmp_path: Path, server: Server) -> None:
    server.files["a.tar.gz"] = tar(("d/readme.html", b"hello"), ("d/one.bin", b"one"), ("d/two.bin", b"three"))
    fetched(tmp_path, server, archive("a.tar.gz", server.files["a.tar.gz"], {"d/one.bin": 3, "d/two.bin": 5}))
    assert everything_under(tmp_path) == ["d/one.bin", "d/two.bin"]
    assert (tmp_path / "d/two.bin").read_bytes() == b"three"


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("../evil.bin", "'../evil.bin', which could write outside"),
        ("/tmp/evil.bin", "'/tmp/evil.bin', which could write outside"),  # noqa: S108 - must not be written
        ("d/../../evil.bin", "which could write outside"),
        (link("d/one.bin", tarfile.SYMTYPE), "which could write outside"),
        (link("d/one.bin", tarfile.LNKTYPE), "which could write outside"),
        (link("d/one.bin", tarfile.FIFOTYPE), "which could write outside"),
    ],
)
def test_a_tar_that_could_write_elsewhere_is_refused(
    tmp_path: Path, server: Server, member: str | tarfile.TarInfo, said: str
) -> None:
    server.files["a.tar.gz"] = tar((member, b""), ("d/one.bin", b"one"))
    root = tmp_path / "root"
    with pytest.raises(NotFoundError) as caught:
        fetched(root, server, archive("a.tar.gz", server.files["a.tar.gz"], {"d/one.bin": 3}))
    assert "a.tar.gz is refused" in caught.value.message and said in caught.value.message
    assert everything_under(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.tar.gz", tar(("d/other.bin", b"one")), "it lacks d/one.bin"),
        ("a.tar.gz", tar(("d/one.bin", b"four")), "d/one.bin in it is not 3 bytes long"),
        ("a.tar.gz", b"no archive", "not a gzip file"),
        ("a.tar.gz", tar(("d/one.bin", BODY))[:600], "refused"),
        ("a.gz", gzip.compress(b"four", mtime=0), "d/one.bin in it is not 3 bytes long"),
        ("a.gz", gzip.compress(BODY)[:-4000], "refused"),
        ("a.gz", b"no archive", "Not a gzipped file"),
        ("a.mat", b"four", "d/one.bin in it is not 3 bytes long"),
    ],
)
def test_an_archive_that_holds_something_else_is_refused(
    tmp_path: Path, server: Server, file: str, content: bytes, said: str
) -> None:
    server.files[file] = content
    with pytest.raises(NotFoundError) as caught:
        fetched(tmp_path, server, archive(file, content, {"d/one.bin": 3}))
    assert f"{file} is refused" in caught.value.message and said in caught.value.message
    assert everything_under(tmp_path) == []


def refusal(root: Path, server: Server, wanted: Archive) -> TunerError:
    with pytest.raises(NotFoundError) as caught:
        fetched(root, server, wanted)
    assert everything_under(root) == []
    assert wanted.md5 in caught.value.fix and "put it into" in caught.value.fix and str(root) in caught.value.fix
    return caught.value


def test_another_checksum_is_refused(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"] = b"something else"
    said = refusal(tmp_path, server, archive("a.mat", BODY, {"a.mat": len(BODY)})).message
    assert "its MD5 is" in said and "not the published" in said


def test_a_body_that_breaks_off_is_refused(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"] = BODY
    server.cut.add("a.mat")
    said = refusal(tmp_path, server, archive("a.mat", BODY, {"a.mat": len(BODY)})).message
    assert "broke off" in said and "1,048,576 of 2,097,152 bytes" in said


def test_a_body_without_a_length_is_held_to_its_checksum(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"], server.lengths["a.mat"] = BODY, None
    steps = fetched(tmp_path, server, archive("a.mat", BODY, {"a.mat": len(BODY)}))
    assert steps[-1] == Progress("a.mat", len(BODY), None)
    server.cut.add("a.mat")
    (tmp_path / "a.mat").unlink()
    assert "its MD5 is" in refusal(tmp_path, server, archive("a.mat", BODY, {"a.mat": len(BODY)})).message


def test_a_body_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"], server.lengths["a.mat"] = b"", SIZE_LIMIT + 1
    assert "more than" in refusal(tmp_path, server, archive("a.mat", BODY, {"a.mat": len(BODY)})).message


def test_a_servers_error_is_told(tmp_path: Path, server: Server) -> None:
    wanted = archive("absent.mat", BODY, {"a.mat": len(BODY)})
    assert "the server answers 404" in refusal(tmp_path, server, wanted).message


def test_mirrors_are_tried_in_turn(tmp_path: Path, server: Server) -> None:
    server.files["a.mat"] = BODY
    mirrors = (f"{server.base}broken/", f"{server.base}good/")
    wanted = archive("a.mat", BODY, {"a.mat": len(BODY)}, mirrors)
    list(fetch_archives((wanted,), tmp_path))
    assert server.asked == ["/broken/a.mat", "/good/a.mat"]
    assert (tmp_path / "a.mat").read_bytes() == BODY


def test_without_a_network_the_reason_and_the_way_by_hand_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(NotFoundError) as caught:
            download("mnist", tmp_path, base)
    assert f"{base}/train-images-idx3-ubyte.gz: Connection refused" in caught.value.message
    assert f"put it into {tmp_path}/MNIST/raw" in caught.value.fix


def test_an_archive_put_there_by_hand_is_used(tmp_path: Path, server: Server) -> None:
    content = tar(("d/one.bin", b"one"))
    (tmp_path / "a.tar.gz").write_bytes(content)
    assert fetched(tmp_path, server, archive("a.tar.gz", content, {"d/one.bin": 3})) == [] and server.asked == []
    assert (tmp_path / "d/one.bin").read_bytes() == b"one"


def test_a_damaged_archive_put_there_by_hand_is_passed_over(tmp_path: Path, server: Server) -> None:
    server.files["a.tar.gz"] = tar(("d/one.bin", b"one"))
    (tmp_path / "a.tar.gz").write_bytes(BODY)
    fetched(tmp_path, server, archive("a.tar.gz", server.files["a.tar.gz"], {"d/one.bin": 3}))
    assert (tmp_path / "d/one.bin").read_bytes() == b"one"


def test_a_damaged_archive_put_there_by_hand_is_named_where_no_mirror_helps(tmp_path: Path, server: Server) -> None:
    (tmp_path / "a.mat").write_bytes(b"four")
    with pytest.raises(NotFoundError, match=rf"{tmp_path}/a.mat: its MD5 is [0-9a-f]+; http.* answers 404"):
        fetched(tmp_path, server, archive("a.mat", BODY, {"a.mat": len(BODY)}))


def test_only_http_is_spoken(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not an http address"):
        download("mnist", tmp_path, f"file://{tmp_path}")


def test_a_folder_that_cannot_be_made_names_what_is_in_the_way(tmp_path: Path, server: Server) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotFoundError, match="file"):
        fetched(tmp_path / "file" / "below", server, archive("a.mat", BODY, {"a.mat": len(BODY)}))


def test_names_that_cannot_be_downloaded() -> None:
    with pytest.raises(UsageError) as caught:
        download("minst")
    assert caught.value.fix == "Did you mean mnist?"
    with pytest.raises(UsageError, match="There are cifar10, cifar100"):
        download("zzzzzz")
    with pytest.raises(UsageError, match="digits needs no download"):
        download("digits")


@pytest.mark.data
def test_a_data_set_that_is_there_is_checked_without_a_network() -> None:
    import os

    if not os.environ.get("TUNER_DATA"):
        pytest.skip("TUNER_DATA is not set: it names the folder that holds MNIST")
    assert download("MNIST", base="http://127.0.0.1:9") == Path(os.environ["TUNER_DATA"])
