"""`tuner` as a process of its own at a tenth of the cost of `python -m tuner`: it is forked from a process that has
imported torch and the commands.

It has one core, so that one worker trains the members of a group, which is to import torch once.

Streams, signals, exit code, working directory and environment are its own. What is done while Python and its libraries
start is done already: where that is in question (what a command imports, closed or full streams, terminals), a test
starts a process from the beginning.
"""

from __future__ import annotations

import atexit
import functools
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

LOADED = ("asks", "cli", "members", "notebook", "recipe", "render", "train", "verifying")
"""Parts of tuner that are imported, and torch with them. Not polars: its threads do not survive a fork."""
AT_START = ("ATEN", "GOMP", "LANG", "LC_", "LD_", "MALLOC", "MKL", "MPL", "OMP", "OPENBLAS", "PYTHON", "PYTORCH", "TZ")
"""How the names of variables begin that are read at the start, or by an import."""
ENVIRONMENT = {**os.environ}
"""That of the process it is forked from: no test has changed anything yet."""


def run(
    *words: str,
    cwd: Path | str = ".",
    stdin: str = "",
    timeout: int = 120,
    given: Mapping[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """`tuner` with these words, with the variables `given` beside this process's own; None is to be without one.

    Where one is read before `tuner` begins, it is started from the beginning. Raises TimeoutExpired after `timeout`
    seconds.
    """
    env = {name: value for name, value in {**os.environ, **(given or {})}.items() if value is not None}
    changed = {name for name in {*env, *ENVIRONMENT} if env.get(name) != ENVIRONMENT.get(name)}
    command = [sys.executable, "-m", "tuner", *words]
    if any(name.startswith(AT_START) for name in changed):
        return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, env=env, timeout=timeout)
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        asked = [words, str(Path(cwd).resolve()), env, [str(each) for each in streams], timeout]
        server = _server()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(f"{json.dumps(asked)}\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        if code == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, code, *(each.read_text() for each in streams[1:]))


@functools.cache
def _server() -> subprocess.Popen[str]:
    command, here = [sys.executable, __file__], Path(__file__).parent
    pipe = subprocess.PIPE
    started = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=here, env=ENVIRONMENT)
    atexit.register(started.communicate)
    return started


def _serve() -> None:
    """Answers each line of stdin with the exit code of the process that it asks for; a signal's is negative."""
    from tuner.process import begin

    begin()
    for module in walk_packages(import_module("tuner").__path__, "tuner."):
        if module.name.split(".")[1] in LOADED:
            import_module(module.name)
    import_module("matplotlib.backends.backend_agg")
    if hasattr(os, "sched_setaffinity"):
        cores, worker = sorted(os.sched_getaffinity(0)), os.environ.get("PYTEST_XDIST_WORKER", "gw0")
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
    fork = multiprocessing.get_context("fork")
    while line := sys.stdin.readline():
        process = fork.Process(target=_become, args=json.loads(line))
        process.start()
        process.join()
        print(process.exitcode, flush=True)


def _become(words: list[str], cwd: str, env: dict[str, str], streams: list[str], timeout: int) -> None:
    """From here on `python -m tuner`."""
    signal.alarm(timeout)
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - multiprocessing has closed it
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0], sys.argv[1:] = cwd, words
    runpy.run_module("tuner", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
