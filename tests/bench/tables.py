"""How good tables are learned: the config that `tuner init` writes beside a plain mlp, forests, boosting, RealMLP, ...

    TUNER_DATA=... python tests/bench/tables.py [--splits 10] [--files penguins ...] [--methods WORD ...]
                                                [--config NAME=FILE ...] [--keep results.jsonl]

Ten tables as people find them, ten splits each (`data.split_seed` 0 to 9, `seed` with it). All methods have the same
rows in the same parts: what needs a validation part (tuner, RealMLP) chooses its epoch on it, what needs none trains on
it, too. An error is 1 - accuracy, pooled over the splits with half a sample added, or the RMSE, its mean square pooled.
A ratio of two methods is the geometric mean over the tables; its interval is by bootstrap over the splits, paired.
`pip install -e '.[bench]'` installs pytabkit for RealMLP; where it is missing, that is said. What was measured is kept
in the file named by `--keep`, so that the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import yaml

TARGETS = {
    "penguins": "species",
    "mpg": "mpg",
    "abalone": "rings",
    "housing": "medv",
    "winequality-white": "quality",
    "phoneme": "column_6",
    "ionosphere": "column_35",
    "german": "column_21",
    "auto-imports": "column_26",
    "taxis": "payment",
}
READY, PLAIN, NETWORK, FOREST, REALMLP = "tuner table", "tuner mlp", "scikit-learn MLP", "random forest", "RealMLP-TD-S"
DRAWS = 2_000


@dataclass(frozen=True)
class Parts:
    """One split of a table: `x` are its rows as tuner encodes them without embeddings, `raw` as they are stored."""

    x: Any
    raw: Any
    y: Any
    columns: tuple[Any, ...]
    classes: tuple[str, ...]
    train: Any
    validation: Any
    test: Any
    seed: int


def parts_of(config: dict[str, Any]) -> Parts:
    from tuner.config.load import load
    from tuner.data.encoding import encode, fitted
    from tuner.data.splits import choose
    from tuner.document.writing import to_yaml

    dataset = load("bench", given=to_yaml(config).encode()).dataset
    raw = dataset.read()
    chosen = choose(dataset, raw)
    known = dataset.description
    columns = fitted([replace(column, embedding=0) for column in known.columns], raw.x[chosen.train])
    x = encode(columns, raw.x)
    return Parts(x, raw.x, raw.y, columns, known.classes, chosen.train, chosen.validation, chosen.test, config["seed"])


def majority(parts: Parts) -> Any:
    y = parts.y[np.concatenate([parts.train, parts.validation])]
    guess = np.bincount(y).argmax() if parts.classes else y.mean()
    return np.full(len(parts.test), guess)


def of_sklearn(make: Callable[[Parts], Any], scaled: bool) -> Callable[[Parts], Any]:
    """Fitted on the training and the validation part."""

    def predicted(parts: Parts) -> Any:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make(parts)
        model = make_pipeline(StandardScaler(), model) if scaled else model
        rows = np.concatenate([parts.train, parts.validation])
        return model.fit(parts.x[rows], parts.y[rows]).predict(parts.x[parts.test])

    return predicted


def forest(parts: Parts) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    return (RandomForestClassifier if parts.classes else RandomForestRegressor)(random_state=parts.seed)


def boosting(parts: Parts) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if parts.classes else HistGradientBoostingRegressor
    return kind(random_state=parts.seed)


def linear(parts: Parts) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return LogisticRegression(max_iter=2000) if parts.classes else Ridge()


def network(parts: Parts) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return (MLPClassifier if parts.classes else MLPRegressor)(random_state=parts.seed)


def realmlp(parts: Parts) -> Any:
    """Its own preprocessing, of numbers without gaps (it takes none) and of categories as such."""
    import pandas as pd
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    told: dict[str, Any] = {}
    for at, column in enumerate(parts.columns):
        values = parts.raw[:, at]
        if column.kind in ("number", "date"):
            known = np.isnan(parts.raw[parts.train, at])
            fill = float(np.median(parts.raw[parts.train, at][~known])) if not known.all() else 0.0
            told[column.name] = np.where(np.isnan(values), fill, values)
        else:
            told[column.name] = pd.Categorical(np.nan_to_num(values, nan=-9).astype(int).astype(str))
    frame = pd.DataFrame(told)
    kind = RealMLP_TD_S_Classifier if parts.classes else RealMLP_TD_S_Regressor
    model = kind(random_state=parts.seed, n_threads=1, device="cpu", verbosity=0)
    rows, held = parts.train, parts.validation
    model.fit(frame.iloc[rows], parts.y[rows], frame.iloc[held], parts.y[held])
    return model.predict(frame.iloc[parts.test])


def with_tuner(config: dict[str, Any], parts: Parts) -> Any:
    import tuner
    from tuner.predicting import answers

    config = {**config, "training": {**config.get("training", {}), "threads": 1}}  # others have one core each, too
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:  # noqa: S108
        run = tuner.train(config, runs_dir=folder)
        model = tuner.load(run.path)
        found, _ = answers([model], parts.raw[parts.test])
    return np.array([model.classes.index(name) for name in found]) if model.classes else found


METHODS: dict[str, Callable[[Parts], Any]] = {
    "majority": majority,
    "linear": of_sklearn(linear, True),
    FOREST: of_sklearn(forest, False),
    "boosting": of_sklearn(boosting, False),
    NETWORK: of_sklearn(network, True),
    REALMLP: realmlp,
}


def written(name: str) -> dict[str, Any]:
    """The config that `tuner init` writes for a table."""
    from tuner.asks.init import ask

    text = ask(Path(os.environ["TUNER_DATA"]) / "tabular" / f"{name}.csv", TARGETS[name], "auto", Path("-")).result
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def job(name: str, split: int, method: str, asked: dict[str, Any] | None) -> dict[str, Any]:
    """One method on one split of one table: its squared errors or wrong answers, summed. `asked` are other settings
    than those that init writes, as its template has them."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    config = written(name)
    is_numbers = config["loss"] == "mse"
    data = {**config["data"], "split_seed": split}
    parts = parts_of({"seed": split, "data": data, "loss": config["loss"]})
    own = {**config, "data": data}
    if method == PLAIN:
        kept = {key: value for key, value in data.items() if key not in ("normalize", "validation", "test")}
        own = {"data": kept, "loss": "mse" if is_numbers else "cross_entropy"}
    elif asked:
        told = asked.get("numbers" if is_numbers else "classes", asked)
        own |= {key: {**own[key], **value} if isinstance(value, dict) else value for key, value in told.items()}
    began = time.perf_counter()
    found = METHODS[method](parts) if method in METHODS else with_tuner({**own, "seed": split}, parts)
    seconds = time.perf_counter() - began
    truth = parts.y[parts.test]
    wrong = float((found != truth).sum()) if parts.classes else float(((found - truth) ** 2).sum())
    return {"file": name, "split": split, "method": method, "wrong": wrong, "of": len(truth),
            "classes": bool(parts.classes), "seconds": seconds}  # fmt: skip


def error_of(rows: list[dict[str, Any]]) -> float:
    """Pooled over splits."""
    wrong, of = sum(row["wrong"] for row in rows), sum(row["of"] for row in rows)
    return (wrong + 0.5) / of if rows[0]["classes"] else math.sqrt(wrong / of)


def ratio(kept: dict[tuple[str, str], dict[int, dict[str, Any]]], files: list[str], one: str, other: str,
          draw: np.random.Generator | None) -> float:  # fmt: skip
    """Geometric mean over the tables of the errors of `one` by those of `other`; of a draw of the splits, or of all."""
    logs = []
    for file in files:
        splits = sorted(set(kept[file, one]) & set(kept[file, other]))
        chosen = splits if draw is None else draw.choice(splits, len(splits)).tolist()
        logs.append(math.log(error_of([kept[file, one][at] for at in chosen])
                             / error_of([kept[file, other][at] for at in chosen])))  # fmt: skip
    return math.exp(sum(logs) / len(logs))


def table_lines(kept: dict[tuple[str, str], dict[int, dict[str, Any]]], files: list[str], methods: list[str]
                ) -> Iterator[str]:  # fmt: skip
    yield "| table | " + " | ".join(methods) + " |"
    yield "|---" * (len(methods) + 1) + "|"
    for file in files:
        found = [
            error_of(list(kept[file, method].values())) if kept.get((file, method)) else math.nan for method in methods
        ]
        yield f"| {file} | " + " | ".join(f"{each:.4g}" for each in found) + " |"
    seconds = [sum(row["seconds"] for file in files for row in kept.get((file, each), {}).values()) for each in methods]
    yield "| seconds in all | " + " | ".join(f"{each:.0f}" for each in seconds) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--files", nargs="+", default=list(TARGETS))
    parser.add_argument("--methods", nargs="*", help="only those whose name has such a word")
    parser.add_argument("--config", nargs="*", default=[], metavar="NAME=FILE", help="tuner with these settings, too")
    parser.add_argument("--keep", type=Path, default=Path("tables.jsonl"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    configs: dict[str, dict[str, Any] | None] = {READY: None, PLAIN: None}
    for told in asked.config:
        name, _, file = told.partition("=")
        configs[name] = yaml.safe_load(Path(file).read_text())
    methods = [*METHODS, *configs]
    if find_spec("pytabkit") is None:
        print("pytabkit is not installed: without RealMLP", file=sys.stderr)
        methods.remove(REALMLP)
    if asked.methods is not None:
        methods = [name for name in methods if any(word in name for word in asked.methods)]
    kept: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for line in asked.keep.read_text().splitlines() if asked.keep.exists() else []:
        row = json.loads(line)
        kept.setdefault((row["file"], row["method"]), {})[row["split"]] = row
    todo = [(file, split, method, configs.get(method)) for split in range(asked.splits) for file in asked.files
            for method in methods if split not in kept.get((file, method), {})]  # fmt: skip
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool, asked.keep.open("a") as out:
        for done in as_completed([pool.submit(job, *each) for each in todo]):
            row = done.result()
            out.write(json.dumps(row) + "\n")
            out.flush()
            kept.setdefault((row["file"], row["method"]), {})[row["split"]] = row
    print("\n".join(table_lines(kept, asked.files, methods)))
    for one in configs:
        for other in methods:
            there = [file for file in asked.files if kept.get((file, one)) and kept.get((file, other))]
            if one != other and there and one in methods:
                rng = np.random.default_rng(0)
                drawn = sorted(ratio(kept, there, one, other, rng) for _ in range(DRAWS))
                low, high = drawn[DRAWS // 40], drawn[-DRAWS // 40]
                whole = ratio(kept, there, one, other, None)
                print(f"{one} / {other}: {whole:.3f} [{low:.3f}, {high:.3f}] over {len(there)} tables")


if __name__ == "__main__":
    main()
