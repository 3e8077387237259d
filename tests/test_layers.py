"""Imports run downwards only, and the heavy libraries are imported where the design says, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import house
import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tuner"

RANKS: dict[str, int] = {}
for _rank, _names in enumerate(
    [
        "errors seeding bounds process paths quantities",
        "choice durable machine stopping chart figures",
        "answer products",
        "crash",
        "options document packages",
        "data plan monitor",
        "config",
        "events runs",
        "shipped",
        "rules reach",
        "diagnosis",
        "explain opening refit",
        "measured network",
        "state",
        "loop",
        "layer_stats",
        "train trained",
        "predicting probing",
        "members",
        "sweep",
        "asks",
        "recipe notebook verifying",
        "render",
        "cli",
        "__main__",
    ]
):
    RANKS |= dict.fromkeys(_names.split(), _rank)

MODULE_LEVEL_ONLY_IN: dict[str, set[str]] = {
    "torch": {"measured", "network", "loop", "layer_stats", "state", "predicting", "probing", "train", "trained"},
    "matplotlib": {"render"},
    "rich": {"render"},
    "polars": {"data"},
    "torchvision": set(),
    "sklearn": set(),
    "optuna": {"sweep"},
    "scipy": set(),
}


def step_of(path: Path) -> str:
    """The step a file belongs to: its name, or its folder's."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        if node.module == "tuner":
            return [f"tuner.{alias.name}" for alias in node.names]
        return [node.module]
    return []


def is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(tree: ast.Module, functions: bool) -> Iterator[ast.stmt]:
    """The import statements that run at import (and, with `functions`, those inside functions), not those for types."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        if isinstance(node, ast.stmt) and is_for_types(node):
            continue
        if not functions and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        pending.extend(ast.iter_child_nodes(node))


def upward_imports(source: Path = SOURCE) -> list[str]:
    """Every import of a tuner module that stands at the same height or above."""
    found = []
    for path in sorted(source.rglob("*.py")):
        step = path.relative_to(source).parts[0].removesuffix(".py")
        for node in statements(ast.parse(path.read_text()), functions=True):
            for name in imported(node):
                parts = name.split(".")
                if parts[0] != "tuner" or len(parts) < 2 or parts[1] == step or step == "__init__":
                    continue
                if RANKS[parts[1]] >= RANKS[step]:
                    found.append(f"{path.relative_to(source)}:{node.lineno} imports {name}")
    return found


def heavy_imports() -> list[str]:
    """Every module-level import of a heavy library outside the files that may have it."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in statements(ast.parse(path.read_text()), functions=False):
            for name in imported(node):
                library = name.split(".")[0]
                if library in MODULE_LEVEL_ONLY_IN and step_of(path) not in MODULE_LEVEL_ONLY_IN[library]:
                    found.append(f"{path.relative_to(SOURCE)}:{node.lineno} imports {name}")
    return found


def test_every_file_has_its_place() -> None:
    steps = {step_of(path) for path in SOURCE.rglob("*.py")} - {"__init__"}
    assert steps == set(RANKS) & steps, f"not in the layers: {sorted(steps - set(RANKS))}"


def test_imports_run_downwards_only() -> None:
    assert upward_imports() == []


def test_heavy_libraries_are_imported_late() -> None:
    assert heavy_imports() == []


def test_an_upward_import_is_caught(tmp_path: Path) -> None:
    (tmp_path / "durable.py").write_text("from tuner.train import train\n")
    assert upward_imports(tmp_path) == ["durable.py:1 imports tuner.train"]


MOST = {"lines of a file": 350, "lines of a function": 43, "parameters": 11, "statements inside one another": 4}
"""What a file and a function may have: what is there today, so that growth is a decision."""

MOST_IMPORTS_INSIDE_FUNCTIONS, DEEPEST_IMPORT_AT_THE_TOP, DEEPEST_IMPORT = 62, 15, 15


def nested(node: ast.AST) -> int:
    """How many statements stand inside one another; an ``elif`` is its ``if``."""
    below = 0
    for field, value in ast.iter_fields(node):
        for inner in [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]:
            is_elif = isinstance(node, ast.If) and field == "orelse" and len(value) == 1 and isinstance(inner, ast.If)
            below = max(below, nested(inner) - is_elif)
    return below + isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.Match)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    sizes = {"lines of a file": [("the file", text.count("\n"))]}
    for node in house.functions(ast.parse(text)):
        parameters = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
        counts = (node.end_lineno or 0) - node.lineno + 1, len(parameters), nested(node)
        for what, count in zip(list(MOST)[1:], counts, strict=True):
            sizes.setdefault(what, []).append((node.name, count))
    assert [(what, each) for what, found in sizes.items() for each in found if each[1] > MOST[what]] == []


def test_the_house_hangs_together_loosely() -> None:
    trees = house.modules(SOURCE)
    at_the_top, everywhere = house.graph(trees, False), house.graph(trees, True)
    assert house.circles(everywhere) == []
    assert house.depth(at_the_top) <= DEEPEST_IMPORT_AT_THE_TOP
    assert house.depth(everywhere) <= DEEPEST_IMPORT
    inside = [name for name, tree in trees.items() for _, is_inside in house.imports(tree) if is_inside]
    assert len(inside) <= MOST_IMPORTS_INSIDE_FUNCTIONS
    assert sum(house.takes_apart(tree) for tree in trees.values()) == 1, "column() of options/metrics does it"


def test_statements_inside_one_another_are_counted() -> None:
    text = "for a in b:\n    if a:\n        pass\n    elif b:\n        with c:\n            pass\n"
    assert nested(ast.parse(text)) == 3
