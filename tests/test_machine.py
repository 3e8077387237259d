"""What the machine says about itself agrees with what torch and git say."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tuner import machine

ASK_TORCH = """
import json, os, sys, torch
for asked in sys.argv[1:]:
    if not os.fork():
        os.environ["ATEN_CPU_CAPABILITY"] = asked
        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        print(json.dumps([torch.backends.cpu.get_cpu_capability(), torch.__version__, gpus]), flush=True)
        os._exit(0)
    os.wait()
"""
ASK_MACHINE = """
import json, sys
from tuner import machine
print(json.dumps([machine.cpu_capability(), machine.versions()["torch"], machine.gpu_models()]))
assert not {"torch", "numpy"} & set(sys.modules)
"""


def answers(program: str, *arguments: str, **variables: str) -> list[object]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_capability_version_and_gpus_are_what_torch_says() -> None:
    values = ("", "default", "avx2", "nonsense")
    here = [answers(ASK_MACHINE, ATEN_CPU_CAPABILITY=value)[0] for value in values]
    assert here == answers(ASK_TORCH, *values)


@pytest.mark.parametrize(
    ("flags", "capability"),
    [
        ("fma avx2 avx512f avx512vl avx512bw avx512dq", "AVX512"),
        ("fma avx2 avx512f avx512vl avx512bw", "AVX2"),
        ("avx2", "DEFAULT"),
        ("", "DEFAULT"),
    ],
)
def test_the_flags_of_a_processor_decide_its_capability(
    flags: str, capability: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_facts", lambda: {"flags": flags})
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    assert machine.cpu_capability() == capability


GPUS = [("NVIDIA A", "GPU-aa11"), ("NVIDIA B", "GPU-aa22"), ("NVIDIA B MIG 1g", "MIG-bb33")]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("0", ["NVIDIA A"]),
        ("1,0", ["NVIDIA B", "NVIDIA A"]),
        (" 1 , 0 ", ["NVIDIA B", "NVIDIA A"]),
        ("0,-1,1", ["NVIDIA A"]),
        ("7", []),
        ("-1", []),
        ("", []),
        ("NoDevFiles", []),
        ("0,0", []),
        ("GPU-aa2", ["NVIDIA B"]),
        ("GPU-aa", []),
        ("GPU-aa11,GPU-aa22", ["NVIDIA A", "NVIDIA B"]),
        ("MIG-bb33", ["NVIDIA B MIG 1g"]),
    ],
)
def test_cuda_visible_devices_leaves_what_it_names(asked: str, names: list[str]) -> None:
    assert machine.visible(GPUS, asked) == names


def test_the_machine_has_a_name_and_the_cores_this_process_may_use() -> None:
    assert machine.cpu_model().strip()
    assert machine.cores() == len(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert machine.cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_every_version_is_known() -> None:
    found = machine.versions()
    assert set(found) == {"python", "torch", "tuner", "numpy"}
    assert all(version[0].isdigit() for version in found.values())


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *settings, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_is_what_git_says(tmp_path: Path) -> None:
    repository, worktree = tmp_path / "repository", tmp_path / "worktree"
    repository.mkdir()
    git(repository, "init")
    assert machine.git_commit(repository) is None
    git(repository, "commit", "--allow-empty", "-m", "one")
    inner = repository / "a" / "b"
    inner.mkdir(parents=True)
    assert machine.git_commit(inner) == git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "-b", "side", str(worktree))
    git(worktree, "commit", "--allow-empty", "-m", "two")
    assert machine.git_commit(worktree) == git(worktree, "rev-parse", "HEAD") != machine.git_commit(inner)
    git(repository, "pack-refs", "--all")
    assert machine.git_commit(inner) == git(repository, "rev-parse", "HEAD")
    assert machine.git_commit(worktree) == git(worktree, "rev-parse", "HEAD")
    git(repository, "checkout", "--detach")
    assert machine.git_commit(inner) == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    "head", ["", "ref: ", "ref: ../../secret", "ref: refs/../../secret", "zz", "\0", "ref: refs/heads/\0"]
)
def test_a_damaged_repository_has_no_commit(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    (tmp_path / "secret").write_text("0" * 40)
    assert machine.git_commit(tmp_path) is None


def test_without_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert machine.git_commit(tmp_path) is None
