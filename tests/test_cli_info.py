"""`tuner list`, `explain`, `copy`, `download`, `schema` and `doctor`, as someone at a terminal meets them."""

from __future__ import annotations

import io
import json
import os
import pty
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.answer import Text
from tuner.asks.doctor import MISSING, numbers, package, packages
from tuner.asks.explain import ask
from tuner.asks.list import first_comment
from tuner.bounds import plural
from tuner.cli.commands import Commands, app
from tuner.cli.fetching import where
from tuner.config.schema import json_schema
from tuner.data.download import Progress
from tuner.errors import UsageError
from tuner.explain.language import listed
from tuner.render.terminal import Look, paragraphs
from tuner.shipped import configs

Said = Callable[..., str]


def tuner(
    *arguments: str, cwd: Path | None = None, given: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The real command."""
    return program.run(*arguments, cwd=cwd or ".", given=given)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command in this process and returns what it wrote to stdout."""

    def run(*arguments: str) -> str:
        assert app(list(arguments), standalone_mode=False) in (None, 0)
        return capsys.readouterr().out

    return run


def test_answers_without_torch_and_numpy(tmp_path: Path) -> None:
    commands = [
        ["list"],
        ["list", "data"],
        ["list", "configs"],
        ["explain", "dropout", "adam", "3"],
        ["schema"],
        ["copy", "digits", str(tmp_path)],
    ]
    code = (
        f"import sys\nfrom tuner.cli import main\nfor arguments in {commands}:\n"
        "    sys.argv = ['tuner', *arguments]\n"
        "    try:\n        main()\n    except SystemExit as ended:\n        assert not ended.code, ended.code\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'matplotlib', 'scipy', 'torchvision'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---- list ------------------------------------------------------------------------------------------------------------


def test_list_shows_every_kind_and_every_name(said: Said) -> None:
    lines = said("list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["configs", "recipes", *map(plural, listed())]
    for kind, line in zip(listed().values(), lines[3:], strict=True):
        assert line.split(maxsplit=1)[1] == ", ".join(kind.members)
    assert json.loads(said("list", "--json"))["optimizers"] == list(listed()["optimizer"].members)
    assert said("list", "-q").split() == ["configs", "recipes", *map(plural, listed())]


@pytest.mark.parametrize("kind", listed())
def test_list_of_a_kind(kind: str, said: Said) -> None:
    members = listed()[kind].members
    assert said("list", kind, "-q").split() == list(members)
    assert said("list", plural(kind).title(), "-q").split() == list(members)
    table = said("list", kind).split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table[1:]] == list(members)
    told = json.loads(said("list", kind, "--json"))
    assert told["kind"] == kind
    for choice, member in zip(told["choices"], members.values(), strict=True):
        assert (choice["name"], choice["aliases"]) == (member.name, list(member.aliases))
        assert [setting["key"] for setting in choice["settings"]] == list(member.fields)
        assert all(setting["help"] and setting["allowed"] for setting in choice["settings"])


def test_list_shows_settings_with_their_defaults_and_shared_ones_once(said: Said) -> None:
    table = said("list", "optimizers")
    assert "momentum: 0.0, nesterov: false" in table
    assert table.count("weight_decay: 0.0") == 1
    assert "layers: (required)" in said("list", "models")


def test_list_of_configs_says_what_each_is(said: Said, tmp_path: Path) -> None:
    table = said("list", "configs").splitlines()
    assert [line.split()[0] for line in table[1:]] == list(configs())
    assert all(len(line.split()) > 2 for line in table[1:])
    told = json.loads(said("list", "config", "--json"))["configs"]
    assert [Path(config["path"]) for config in told] == list(configs().values())
    (tmp_path / "c.yaml").write_text("# yaml-language-server: $schema=x\n#\n# for people\nseed: 1\n")
    assert first_comment(tmp_path / "c.yaml") == "for people"


def test_list_of_nothing_known_names_the_nearest() -> None:
    done = tuner("list", "optimisers")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean optimizers?" in done.stderr
    assert "one of configs, recipes, data" in tuner("list", "qqq").stderr


# ---- explain ---------------------------------------------------------------------------------------------------------


def test_explain_a_choice() -> None:
    done = tuner("explain", "leaky_relu")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "leaky_relu (activation)",
        "Formula: ",
        "Choose it when: ",
        "Source: ",
        "Also called: lrelu",
        "slope    a number in [0, 1)  0.01",
        "slope: 0.01",
        "tuner train CONFIG model.activation=leaky_relu",
    ):
        assert part in done.stdout


def test_explain_takes_several_words_as_one_name_or_as_many(said: Said) -> None:
    assert said("explain", "Loss", "function") == said("explain", "LOSS_FUNCTION").replace(
        "LOSS_FUNCTION", "Loss function"
    )
    assert said("explain", "adam", "sgd") == said("explain", "adam") + "\n" + said("explain", "sgd")


def test_explain_as_json(said: Said) -> None:
    (one,) = json.loads(said("explain", "dropout", "--json"))
    assert one["name"] == "dropout"
    assert [meaning["what"] for meaning in one["meanings"]] == ["technique", "layer", "setting", "recipe"]
    (adam,) = json.loads(said("explain", "adam", "--json"))
    table = adam["meanings"][0]["table"]
    assert {row["setting"]: row["default"] for row in table}["lr"] == "0.001"


def test_explain_of_nothing_known_is_a_usage_error() -> None:
    done = tuner("explain", "dorpout")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean" in done.stderr
    assert "dropout" in done.stderr.lower()


def test_explain_is_written_where_the_encoding_lacks_letters() -> None:
    assert tuner("explain", "其他", given={"PYTHONIOENCODING": "latin-1"}).returncode == 0
    done = tuner("explain", "不知道", given={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 2
    assert "nothing is called \\u4e0d\\u77e5\\u9053" in done.stderr


def test_explain_fits_a_narrow_terminal() -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "72", "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tuner", "explain", "momentum", "adam"], stdout=follower, env=environment
    ):
        os.close(follower)
        text = b"".join(iter(lambda: chunk(leader), b"")).decode()
    os.close(leader)
    shown = [line for line in text.splitlines() if "tuner train CONFIG" not in line]
    assert len(shown) > 30
    assert max(map(len, shown)) <= 72
    assert "\x1b" not in text


def chunk(descriptor: int) -> bytes:
    """The next bytes of a terminal, none once its other side is closed."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""


def test_text_is_broken_at_words_and_keeps_its_paragraphs() -> None:
    text = "what it is, in\nmany words\n\nFormula: a * b\nSource: someone, somewhere\n  in one   piece"
    assert "\n".join(paragraphs(text, 200)) == text
    assert paragraphs(text, 20) == text.replace("in\nmany", "in many").split("\n")
    out = io.StringIO()
    lines = Look(out)
    lines.console.width = 20
    lines.width = 20
    shown = "what it is, in many\nwords\n\nFormula: a * b\nSource: someone,\nsomewhere\n  in one   piece\n"
    assert "".join(lines.lines(Text(text))) == shown


def test_a_meaning_without_settings_has_no_empty_parts() -> None:
    (block,) = ask(["0"], {}).blocks
    assert isinstance(block, Text) and "\n\n" not in block.text


# ---- copy ------------------------------------------------------------------------------------------------------------


def test_copy_writes_the_config_as_it_is_and_prints_where(tmp_path: Path) -> None:
    done = tuner("copy", "digits", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "digits.yaml\n", "")
    shipped = configs()["digits"].read_text().splitlines()
    kept = [line for line in shipped if not line.startswith("# yaml-language-server:")]  # schema.json is not copied
    assert (tmp_path / "digits.yaml").read_text().splitlines() == kept
    again = tuner("copy", "digits", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--force" in again.stderr


def test_copy_to_a_file_or_a_folder(tmp_path: Path, said: Said) -> None:
    assert said("copy", "digits.yaml", str(tmp_path)).strip() == str(tmp_path / "digits.yaml")
    assert said("copy", "digits", str(tmp_path / "my.yaml")).strip() == str(tmp_path / "my.yaml")
    assert said("copy", "digits", f"{tmp_path}/new/").strip() == str(tmp_path / "new" / "digits.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.yaml", "my.yaml", "new"]


def test_copy_replaces_only_when_told(tmp_path: Path, said: Said) -> None:
    target = tmp_path / "my.yaml"
    target.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        said("copy", "digits", str(target))
    assert target.read_text() == "mine"
    said("copy", "digits", str(target), "--force")
    assert target.read_text().startswith("# Digits")


def test_copy_does_not_write_through_a_link(tmp_path: Path, said: Said) -> None:
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere.yaml")
    with pytest.raises(UsageError, match="there already"):
        said("copy", "digits", str(tmp_path / "link.yaml"))
    assert not (tmp_path / "nowhere.yaml").exists()


@pytest.mark.parametrize("arguments", [["digist"], ["../digits"], ["digits", "missing/my.yaml"]])
def test_copy_refuses_what_it_cannot_do(
    arguments: list[str], tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        said("copy", *arguments)
    assert caught.value.fix
    assert list(tmp_path.iterdir()) == []


# ---- download --------------------------------------------------------------------------------------------------------


def test_download_of_what_is_there_says_so_and_prints_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for file, shape in (
        ("train-images-idx3", (60_000, 28, 28)),
        ("train-labels-idx1", (60_000,)),
        ("t10k-images-idx3", (10_000, 28, 28)),
        ("t10k-labels-idx1", (10_000,)),
    ):
        path = folder / f"{file}-ubyte"
        path.write_bytes(struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape))
        size = path.stat().st_size + (784 if len(shape) == 3 else 1) * shape[0]
        os.truncate(path, size)
    done = tuner("download", "mnist", "--root", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}\n")
    assert "nothing to download" in done.stderr
    assert tuner("download", "mnist", "--root", str(tmp_path), "-q").stderr == ""


@pytest.fixture
def wrong_server() -> Iterator[str]:
    """A proxy that answers every request for http with other bytes than were asked for, and refuses https."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"wrong")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_download_says_what_it_fetches_and_refuses_what_is_wrong(wrong_server: str, tmp_path: Path) -> None:
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), wrong_server)
    done = tuner(
        "download", "fashion_mnist", "--root", str(tmp_path), given={**proxies, "no_proxy": "", "NO_PROXY": ""}
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("downloading train-images-idx3-ubyte.gz\nerror: ")
    assert "MD5" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_download_of_what_needs_none_or_is_unknown() -> None:
    assert "needs no download" in tuner("download", "digits").stderr
    unknown = tuner("download", "mnits")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "Did you mean mnist?" in unknown.stderr


def test_the_bar_shows_bytes_with_and_without_a_known_end() -> None:
    assert where(Progress("x", 5_000_000, 10_000_000)) == (0.5, "5.0 MB of 10.0 MB")
    assert where(Progress("x", 5_000_000, None)) == (None, "5.0 MB")


# ---- schema ----------------------------------------------------------------------------------------------------------


def test_schema_on_stdout_or_in_a_file(tmp_path: Path, said: Said) -> None:
    assert json.loads(said("schema")) == json_schema()
    assert said("schema", "-o", str(tmp_path / "s.json")).strip() == str(tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == json_schema()


# ---- doctor ----------------------------------------------------------------------------------------------------------


def test_doctor_finds_all_good_here(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    done = tuner("doctor", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "all good"
    first = {line.split()[0] for line in lines[1:-2]}
    assert {"python", "tuner", "torch", "numpy", "configs", "cpu", "cores", "gpu", "data", "runs", "terminal"} <= first
    assert not list((tmp_path / "data").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_doctor_says_what_is_missing_and_exits_with_5(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = tuner("doctor", "--runs-dir", str(tmp_path / "file" / "runs"))
    assert done.returncode == 5
    last = done.stdout.splitlines()[-1]
    assert last.startswith("missing: runs")
    assert "--runs-dir" in last
    told = json.loads(tuner("doctor", "--json", "--runs-dir", str(tmp_path / "file")).stdout)
    assert told["ok"] is False
    assert [finding["what"] for finding in told["findings"] if finding["state"] == MISSING] == ["runs"]


def test_doctor_names_the_data_that_is_there(tmp_path: Path) -> None:
    from tuner.data.files import files_of
    from tuner.data.idx import KMNIST

    for name in files_of(KMNIST):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    done = tuner("doctor", given={"TUNER_DATA": str(tmp_path)})
    assert f"{tmp_path}: kmnist\n" in done.stdout


def test_doctor_tells_why_there_is_no_gpu() -> None:
    (found,) = (
        finding
        for finding in json.loads(tuner("doctor", "--json", given={"CUDA_VISIBLE_DEVICES": ""}).stdout)["findings"]
        if finding["what"] == "gpu"
    )
    assert found["found"].startswith("none: ")
    assert "CPU" in found["found"]


def test_doctor_compares_with_torch() -> None:
    done = tuner("doctor", "--torch", "--json")
    told = {finding["what"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0
    assert all(told[f"torch {what}"]["state"] == "good" for what in ("version", "cpu", "gpu", "threads"))
    assert told["import torch"]["found"].endswith(" s")


def test_a_package_that_is_missing_or_too_old() -> None:
    assert package("no-such-package>=1", {}).state == MISSING
    assert package("numpy>=99", {}).fix == "pip install 'numpy>=99'"
    assert package("numpy<1,>=0.1", {}).state == MISSING
    assert package("torch>=2.10", {"torch": "2.10.0+cu128"}).state == "good"
    assert package("torch>=2.10", {"torch": "2.9.1"}).state == MISSING
    assert package("torch>=2.10", {"torch": "none"}).found == "not installed"


def test_every_requirement_is_looked_at() -> None:
    names = {finding.what.lower() for finding in packages()}
    assert {"python", "tuner", "torch", "numpy", "typer", "pyyaml", "safetensors", "scikit-learn"} <= names
    assert "pytest" not in names


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("2.10.0+cu128", (2, 10)),
        ("1", (1,)),
        ("3.11.0rc1", (3, 11)),
        ("10.0", (10,)),
        ("dev", ()),
        ("2.0.10", (2, 0, 10)),
    ],
)
def test_numbers_of_a_version(version: str, parts: tuple[int, ...]) -> None:
    assert numbers(version) == parts


def test_every_command_takes_quiet_and_json() -> None:
    table = Commands(name="tuner")
    commands: dict[str, Any] = {name: table.get_command(None, name) for name in table.list_commands(None)}
    commands |= commands.pop("recipe").commands
    assert len(commands) > 15
    for name, command in commands.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"-q", "--quiet", "--json"} <= options, name


def test_explain_in_one_line_and_where_copies_went_as_json(tmp_path: Path) -> None:
    assert tuner("explain", "-q", "dropout", "leaky_relu").stdout.count("\n") >= 2
    done = tuner("copy", "wine", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) == {"path": "wine.yaml"}
    assert tuner("copy", "momentum", "mine", "-q", cwd=tmp_path).stdout == "mine\n"
    again = tuner("copy", "momentum", "mine", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "mine is there already" in again.stderr
    assert json.loads(tuner("schema", "-o", "s.json", "--json", cwd=tmp_path).stdout) == {"path": "s.json"}
    assert tuner("doctor", "-q", cwd=tmp_path).stdout.count("\n") == 1
