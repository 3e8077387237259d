"""The commands as people and scripts call them: real processes, exit codes, what goes to stdout and what to stderr."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import program
import pytest

PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def tuner(*words: str, cwd: Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return program.run(*words, cwd=cwd, stdin=stdin, given={**PLAIN, **environment})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `tuner train digits` was run for three epochs."""
    folder = tmp_path_factory.mktemp("trained")
    done = tuner("train", "digits", "training.epochs=3", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_train_leaves_a_whole_run_folder(trained: Path) -> None:
    run = trained / "runs" / "digits-1"
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.yaml",
        "source.yaml",
        "origins.json",
        "run.json",
        "metrics.csv",
        "timing.csv",
        "status.json",
        "curves.png",
        "best.safetensors",
        "checkpoints",
        "log.txt",
        "lock",
    }
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    metrics = ["loss", "accuracy", "balanced_accuracy", "f1", "auc", "average_precision"]
    measured = [f"{part}_{metric}" for part in ("train", "val") for metric in metrics]
    assert list(rows[0]) == ["epoch", "step", "lr", "batch_loss", *measured, "grad_norm"]
    assert all(all(row.values()) for row in rows)
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["epoch"]) == ("finished", 0, 3)
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["epoch-0002", "epoch-0003"]


def test_the_same_command_answers_without_training(trained: Path) -> None:
    done = tuner("train", "digits", "training.epochs=3", cwd=trained)
    assert done.returncode == 0
    assert done.stdout.split() == ["runs/digits-1"]
    assert "--again" in done.stderr
    assert [path.name for path in (trained / "runs").iterdir()] == ["digits-1"]


def test_the_next_command_can_be_typed(trained: Path) -> None:
    status = json.loads((trained / "runs/digits-1/status.json").read_text())
    first, *words = shlex.split(status["next"])
    assert first == "tuner"
    done = tuner(*words, cwd=trained)
    assert done.returncode == 0
    assert "accuracy" in done.stdout


def test_the_last_line_of_train_is_the_next_command(tmp_path: Path) -> None:
    done = tuner("train", "digits", "training.epochs=1", "--run", "a b", cwd=tmp_path)
    assert done.returncode == 2
    assert "a b" in done.stderr
    done = tuner("train", "digits", "training.epochs=1", "--runs-dir", "my runs", cwd=tmp_path)
    assert done.returncode == 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("next")
    first, *words = shlex.split(last.removeprefix("next"))
    assert (first, tuner(*words, cwd=tmp_path).returncode) == ("tuner", 0)


def test_again_gives_the_same_bytes_in_a_new_folder(trained: Path) -> None:
    done = tuner("train", "digits", "training.epochs=3", "--again", "-q", cwd=trained)
    assert done.returncode == 0
    new, old = trained / done.stdout.strip(), trained / "runs/digits-1"
    assert new != old
    checkpoint = [
        f"checkpoints/epoch-0003/{name}"
        for name in ("model.safetensors", "optimizer.safetensors", "state.json", "manifest.json")
    ]
    for name in ["metrics.csv", "best.safetensors", "config.yaml", *checkpoint]:
        assert (new / name).read_bytes() == (old / name).read_bytes(), name


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    done = tuner("train", "digits", "training.epochs=2", "--json", cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["start", "epoch", "epoch", "end"]
    assert done.stderr == ""
    assert events[-1]["state"] == "finished"
    quiet = tuner("train", "digits", "training.epochs=2", "--json", "-q", cwd=tmp_path)
    assert [json.loads(line)["event"] for line in quiet.stdout.splitlines()] == ["end"]


def test_a_config_from_stdin(tmp_path: Path) -> None:
    done = tuner("train", "-", "-q", cwd=tmp_path, stdin="data: iris\ntraining: {epochs: 2}\n")
    assert (done.returncode, done.stdout.strip()) == (0, "runs/stdin-1")


def test_show_tells_the_result(trained: Path) -> None:
    done = tuner("show", "digits-1", cwd=trained)
    assert done.returncode == 0
    assert "test" in done.stdout
    assert "finished" in done.stdout
    data = json.loads(tuner("show", "@1", "--json", cwd=trained).stdout)
    assert data["state"] == "finished"
    rows = tuner("show", "digits-1", "metrics", cwd=trained)
    assert rows.stdout == (trained / "runs/digits-1/metrics.csv").read_text()


def test_curves_writes_png_and_svg(trained: Path) -> None:
    done = tuner("curves", "digits-1", "-o", "c.svg", cwd=trained)
    assert done.returncode == 0
    assert "<svg" in (trained / "c.svg").read_text()
    assert "train" in done.stdout
    wrong = tuner("curves", "digits-1", "-o", "c.gif", cwd=trained)
    assert wrong.returncode == 2
    nothing = tuner("curves", "digits-1", "--metric", "acuracy", cwd=trained)
    assert nothing.returncode == 2
    assert "accuracy" in nothing.stderr


def test_check_verifies_a_run(trained: Path) -> None:
    assert tuner("check", "runs/digits-1", cwd=trained).returncode == 0
    again = tuner("train", "digits", "training.epochs=2", "-q", cwd=trained).stdout.strip()
    tensor = trained / again / "checkpoints/epoch-0002/model.safetensors"
    tensor.write_bytes(tensor.read_bytes()[:-1] + b"\xff")
    done = tuner("check", again, cwd=trained)
    assert done.returncode == 4
    assert "model.safetensors" in done.stderr


def test_the_trained_module_in_python(trained: Path) -> None:
    code = (
        "import tuner, torch; torch.manual_seed(0); m = tuner.load('runs/digits-1'); "
        "print(m.module.training, tuple(m.module(torch.zeros(2, 1, 8, 8)).shape))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=trained, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False (2, 10)"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("train", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("train", "digts"), 2, "digits"),
        (("train", "digits", "optimizer.lr=-1"), 2, "optimizer.lr"),
        (("train", "digits", "--lr", "0.1"), 2, "optimizer.lr=VALUE"),
        (("train", "digits", "--learning-rate", "0.1"), 2, "optimizer.lr=VALUE"),
        (("train", "digits", "training.device=cuda:99"), 5, "cuda:99"),
        (("train", "mnist-mlp", "data.root=nowhere"), 4, "tuner download mnist"),
        (("train", "digits", "--again", "--run", "x"), 2, "--again"),
        (("show", "nothing"), 4, "nothing"),
        (("show", "digits-1", "metrix"), 2, "metrics"),
        (("frobnicate",), 2, "frobnicate"),
        (("trian", "digits"), 2, "train"),
    ],
)
def test_what_goes_wrong_has_its_exit_code(trained: Path, words: tuple[str, ...], code: int, said: str) -> None:
    before = sorted(trained.rglob("*"))
    done = tuner(*words, cwd=trained)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(trained.rglob("*")) == before


def test_another_config_under_a_name_is_refused(trained: Path) -> None:
    assert tuner("train", "digits", "training.epochs=1", "--run", "named", "-q", cwd=trained).returncode == 0
    done = tuner("train", "digits", "training.epochs=1", "optimizer.lr=0.5", "--run", "named", cwd=trained)
    assert done.returncode == 4
    assert "optimizer.lr: 0.001 there, 0.5 here" in done.stderr


def test_divergence_is_exit_3_and_names_the_step(tmp_path: Path) -> None:
    words = (
        "train",
        "digits",
        "optimizer=sgd",
        "optimizer.lr=1e6",
        "loss=mse",
        "loss.outputs=raw",
        "training.epochs=2",
    )
    done = tuner(*words, cwd=tmp_path)
    assert done.returncode == 3
    assert "not finite in epoch 1, step" in done.stderr
    again = tuner(*words, cwd=tmp_path)
    assert again.returncode == 3


def test_errors_as_json(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("model: {dropout: 1.5}\n")
    done = tuner("check", "c.yaml", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (2, False)
    (error,) = found["errors"]
    assert set(error) == {"file", "line", "column", "key", "given", "message", "allowed", "suggestion"}
    assert (error["file"], error["line"], error["column"], error["key"]) == ("c.yaml", 1, 18, "model.dropout")
    end = tuner("train", "c.yaml", "--json", cwd=tmp_path)
    assert json.loads(end.stdout)["event"] == "error"


def test_ctrl_c_while_the_program_is_being_loaded(tmp_path: Path) -> None:
    code = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["tuner", "list"]
from tuner.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("words", [("list", "activations"), ("show", "digits-1"), ("runs",), ("explain", "adam")])
def test_a_pipe_without_a_reader_is_no_answer(trained: Path, words: tuple[str, ...]) -> None:
    """It ends as other programs do, and not with the exit code of a "no"."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tuner", *words]
    done = subprocess.run(command, cwd=trained, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_reader_that_goes_away_is_no_error(trained: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m tuner check digits --resolved | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=trained, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "name: digits\n"


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `$T` is tuner."""
    kept = {key: value for key, value in os.environ.items() if key not in ("TUNER_RUNS", "PYTHONUNBUFFERED")}
    return subprocess.run(
        ["bash", "-c", command.replace("$T", f"{shlex.quote(sys.executable)} -m tuner")],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**kept, **PLAIN},
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("$T train digits training.epochs=3 >&-", 0),
        ("$T train digits training.epochs=3 >&- 2>&- <&-", 0),
        ("$T train digits training.epochs=3 2>/dev/full", 0),
        ("$T train nowhere.yaml 2>&-", 2),
        ("$T train nowhere.yaml 2>/dev/full", 2),
        ("$T show digits-1 >&-", 0),
        ("$T show digits-1 >/dev/full", 5),
        ("$T list activations >/dev/full", 5),
        ("$T train digits training.epochs=3 -q >/dev/full", 5),
        ("$T train digits training.epochs=3 --seeds 2 -q >/dev/full", 5),
    ],
)
def test_closed_and_full_streams(trained: Path, command: str, code: int) -> None:
    done = shell(command, trained)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize("words", ["-q", "--json", "--seeds 1, -q"])
def test_what_stdout_has_no_room_for_is_told_when_the_work_is_done(tmp_path: Path, words: str) -> None:
    done = shell(f"$T train digits training.epochs=2 {words} >/dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (5, "error: cannot write to standard output: No space left on device\n")
    (status,) = (tmp_path / "runs").rglob("status.json")
    assert json.loads(status.read_text())["state"] == "finished"
    done = shell(f"set -o pipefail; $T train digits training.epochs=2 {words} | true", tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), "a reader that has gone is none"


def test_training_goes_on_without_streams(tmp_path: Path) -> None:
    done = shell("$T train digits training.epochs=2 >&- 2>&- <&-", tmp_path)
    assert done.returncode == 0
    assert json.loads((tmp_path / "runs/digits-1/status.json").read_text())["state"] == "finished"


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    done = shell("mkdir gone; cd gone; rmdir ../gone; $T train digits", tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "working directory" in done.stderr


def test_more_memory_than_there_is(tmp_path: Path) -> None:
    done = tuner("train", "digits", "model={name: cnn, channels: [1000000, 1000000]}", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert "out of memory" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_run_folder_as_config_is_that_very_run(trained: Path) -> None:
    done = tuner("train", "runs/digits-1", "-q", cwd=trained)
    assert (done.returncode, done.stdout.strip()) == (0, "runs/digits-1")


@pytest.mark.parametrize("name", ["best.safetensors", "metrics.csv", "config.yaml"])
def test_check_finds_damage_beside_the_checkpoints(trained: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(trained / "runs/digits-1", tmp_path / "runs/copy")
    path = tmp_path / "runs/copy" / name
    path.write_bytes(path.read_bytes().replace(b"0.0", b"0.1") if name == "config.yaml" else path.read_bytes()[:-80])
    done = tuner("check", "copy", cwd=tmp_path)
    assert done.returncode == 4, done.stdout
    assert name in done.stderr


def test_a_config_that_lost_lines_is_damage_and_no_bug(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "runs/digits-1", tmp_path / "runs/copy")
    path = tmp_path / "runs/copy/config.yaml"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    done = tuner("show", "copy", cwd=tmp_path)
    assert done.returncode == 4
    assert "config.yaml" in done.stderr


def test_one_metric_is_drawn_and_the_runs_picture_left_alone(trained: Path) -> None:
    picture = trained / "runs/digits-1/curves.png"
    before = picture.read_bytes()
    done = tuner("curves", "digits-1", "--metric", "val_accuracy", cwd=trained)
    assert done.returncode == 0
    assert "no finite values" not in done.stdout
    assert picture.read_bytes() == before


def test_parts_of_a_run_as_json(trained: Path) -> None:
    rows = json.loads(tuner("show", "digits-1", "metrics", "--json", cwd=trained).stdout)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    times, log, files = (
        json.loads(tuner("show", "digits-1", part, "--json", cwd=trained).stdout) for part in ("timing", "log", "files")
    )
    assert [(row["epoch"], row["seconds"] > 0) for row in times] == [(1, True), (2, True), (3, True)]
    assert log == (trained / "runs/digits-1/log.txt").read_text().splitlines()
    assert "runs/digits-1/checkpoints/epoch-0003/state.json" in files
    quiet = tuner("show", "digits-1", "metrics", "-q", cwd=trained)
    assert quiet.stdout.startswith("epoch,step")


def test_loss_that_overflows_after_the_last_step_is_divergence(tmp_path: Path) -> None:
    words = ("data=iris", "training.epochs=1", "optimizer={name: sgd, lr: 1e38}")
    done = tuner("train", "digits", *words, cwd=tmp_path)
    assert done.returncode == 3, done.stderr


TORCH_FREE = [
    ("--help",),
    ("train", "--help"),
    ("check", "digits"),
    ("check", "digits", "--resolved", "--origin"),
    ("list",),
    ("list", "optimizers"),
    ("explain", "dropout"),
    ("show", "digits-1"),
    ("schema",),
    ("curves", "digits-1", "-q"),
    *(
        (*words, form)
        for words in (("show", "digits-1"), ("list",), ("runs",), ("check", "digits-1"), ("explain", "relu"))
        for form in ("-q", "--json")
    ),
    ("diff", "digits-1", "digits", "--json"),
    ("train", "digits", "training.epochs=3"),
    ("train", "digits", "training.epochs=x"),
]


@pytest.mark.parametrize("words", TORCH_FREE, ids=" ".join)
def test_commands_without_tensors_do_not_import_torch(trained: Path, words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom tuner.cli import main\nsys.argv[0] = 'tuner'\n"
        "try: main()\nexcept SystemExit: pass\nfinally:\n"
        " print('loaded:', *sorted({'torch', 'torchvision', 'sklearn', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=trained, capture_output=True, text=True, env={**os.environ, **PLAIN}
    )
    for_eyes = words[0] in ("list", "explain", "show", "runs", "check", "diff") and not {"-q", "--json"} & {*words}
    assert done.stderr.splitlines()[-1] == f"loaded:{' rich' * for_eyes}"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("check digits optimizer=sdg", "sgd"),
        ("train digits --require val_acuracy>=1", "val_accuracy"),
        ("runs state=finshed", "finished"),
        ("runs val_accuracy=>0.9", "val_accuracy>=0.9"),
        ("runs lr>>0.9", "lr>0.9"),
        ("show digits-1 metrcs", "metrics"),
        ("curves digits-1 --metric val_acuracy", "val_accuracy"),
        ("curves digits-1 --x tiem", "time"),
        ("early-stop digits-1 --monitor val_los", "val_loss"),
        ("compare digits-1 digits-1 --fail-on wrose", "worse"),
        ("diff digits-1 digits-1 --only confg", "config"),
    ],
)
def test_a_name_that_is_refused_comes_with_the_nearest(trained: Path, words: str, meant: str) -> None:
    done = tuner(*words.split(), cwd=trained)
    assert done.returncode == 2
    assert f"id you mean {meant}?" in done.stderr
