"""What `sweep_members.py` sets beside a sweep, each in a process of its own: Optuna and Ray Tune with one objective.

python tests/bench/sweep_peers.py optuna|ray --members N --folder DIR [--core K]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from sweep_members import CONFIG, EPOCHS, SETTINGS, rates

from tuner import machine

KEPT: list[Any] = []
"""What the members before have read."""


def objective(lr: float) -> float:
    """The validation accuracy of a member, as someone writes it who knows torch well."""
    import torch  # which Ray's own processes do not need
    from peers_torch import accuracy_of, adam, network, parts, take_step
    from peers_work import Work

    torch.set_num_threads(1)
    if not KEPT:
        work = Work(CONFIG, SETTINGS)
        KEPT.extend([work, [part.tensors for part in parts(work)]])
    work, [(x, y), held] = KEPT
    work.lr = lr
    model = network(work)
    optimizer, accuracy = adam(model, work), 0.0
    for _ in range(EPOCHS):
        model.train()
        for rows in torch.split(torch.randperm(len(x)), work.batch_size):
            take_step(model, optimizer, x[rows], y[rows], work.clip)
        accuracy = max(accuracy, accuracy_of(model, *held))
    return accuracy


def with_optuna(members: int, folder: Path, core: int) -> None:
    """One of as many processes as there are cores."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = JournalStorage(JournalFileBackend(str(folder / "journal")))
    study = optuna.create_study(storage=storage, study_name="bench", direction="maximize", load_if_exists=True)
    own = rates(members)[core :: machine.cores()]
    for lr in own:
        study.enqueue_trial({"lr": lr})
    study.optimize(lambda trial: objective(trial.suggest_float("lr", 1e-5, 1)), len(own))


def with_ray(members: int, folder: Path) -> None:
    """Ray's own processes train."""
    import ray
    from ray import tune

    class Trial(tune.Trainable):
        """As a class, so that its process can be used again."""

        def setup(self, config: dict[str, Any]) -> None:
            self.lr = config["lr"]

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.lr = new_config["lr"]
            return True

        def step(self) -> dict[str, Any]:
            return {"accuracy": objective(self.lr), "done": True}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Ray asks for it before it uses the process again."""

    ray.init(num_cpus=machine.cores(), include_dashboard=False, log_to_driver=False,
             runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}})  # fmt: skip
    tuner = tune.Tuner(Trial, param_space={"lr": tune.grid_search(rates(members))},
                       tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=machine.cores()),
                       run_config=tune.RunConfig(storage_path=str(folder), verbose=0))  # fmt: skip
    results = tuner.fit()
    assert len(results) == members and not results.errors
    ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("function", choices=["optuna", "ray"])
    parser.add_argument("--members", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--core", type=int, default=0)
    asked = parser.parse_args()
    if asked.function == "optuna":
        with_optuna(asked.members, asked.folder, asked.core)
    else:
        with_ray(asked.members, asked.folder)


if __name__ == "__main__":
    main()
