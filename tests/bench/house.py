"""The size and shape of the package, counted: what a person has to read, and how its parts hang together.

python tests/bench/house.py [FOLDER ...]      src/tuner, unless others are named: one column each
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FILES = ("run.json", "status.json", "config.yaml", "source.yaml", "origins.json", "metrics.csv", "timing.csv",
         "layer_stats.jsonl", "best.safetensors", "log.txt", "group.json", "state.json")  # fmt: skip
PARTS = ("train_", "val_", "test_")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Graph = dict[str, set[str]]


def modules(folder: Path) -> dict[str, ast.Module]:
    """Dotted name below the package, "" for the package itself -> what the file holds."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = ast.parse(file.read_text())
    return found


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def imports(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import but those for type checkers, and whether it stands inside a function."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    inside = {id(inner) for function in functions(tree) for inner in ast.walk(function)}
    for node in ast.walk(tree):
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in skipped and not is_future:
            yield node, id(node) in inside


def graph(trees: dict[str, ast.Module], also_inside: bool) -> Graph:
    """Module -> the modules of the package that it imports."""
    found: Graph = {}
    for name, tree in trees.items():
        targets: set[str] = set()
        for node, inside in imports(tree):
            if inside and not also_inside:
                continue
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tuner":
                above = (node.module or "").removeprefix("tuner").removeprefix(".")
                inner = {f"{above}.{alias.name}".removeprefix(".") for alias in node.names}
                targets |= {each for each in inner if each in trees} or {above}
                targets |= {above} if any(each not in trees for each in inner) else set()
        found[name] = targets & set(trees) - {name, ""}
    return found


def circles(links: Graph) -> list[set[str]]:
    """The largest sets of modules of which each leads to every other."""
    reached = {name: reachable(links, name) for name in links}
    sets = {frozenset(other for other in reached[name] if name in reached[other]) for name in links}
    return [set(each) for each in sets if len(each) > 1]


def reachable(links: Graph, name: str) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        for other in links[left.pop()] - found:
            found.add(other)
            left.append(other)
    return found


def depth(links: Graph) -> int:
    """How many modules the longest chain of imports holds; a circle counts once."""
    home = {name: min({name, *circle}) for circle in circles(links) for name in circle}
    merged: Graph = {}
    for name, targets in links.items():
        merged.setdefault(home.get(name, name), set()).update(home.get(other, other) for other in targets)

    @cache
    def below(name: str) -> int:
        return 1 + max((below(other) for other in merged[name] - {name}), default=0)

    return max(map(below, merged))


def mentions(trees: dict[str, ast.Module]) -> Counter[str]:
    """How often each name is used, other than where it is defined or imported."""
    found: Counter[str] = Counter()
    for tree in trees.values():
        for node in ast.walk(tree):
            found[node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""] += 1
    return found


def takes_apart(tree: ast.Module) -> int:
    """How often a column's name (``val_loss``) is taken apart, or its part asked for, as text."""
    found = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            texts = {each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)}
            cuts = node.func.attr in ("partition", "rpartition", "split", "rsplit") and texts == {"_"}
            asks = node.func.attr in ("removeprefix", "startswith") and bool(texts & set(PARTS))
            found += cuts or asks
    return found


def counted(folder: Path) -> dict[str, str]:
    trees = modules(folder)
    sizes = [len(file.read_text().splitlines()) for file in folder.rglob("*.py")]
    each = [function for tree in trees.values() for function in functions(tree)]
    lengths = sorted((one.end_lineno or 0) - one.lineno + 1 for one in each)
    takes = sorted(len(one.args.args) + len(one.args.kwonlyargs) + len(one.args.posonlyargs) for one in each)
    used = mentions(trees)
    lazy = sum(inside for tree in trees.values() for _, inside in imports(tree))
    apart = [takes_apart(tree) for tree in trees.values()]
    names = Counter(
        node.value for tree in trees.values() for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in FILES
    )  # fmt: skip
    return {
        "files, lines": f"{len(sizes)}, {sum(sizes):,}",
        "lines of a file: median, p90, most": spread(sorted(sizes)),
        "functions": f"{len(each):,}",
        "lines of a function: median, p90, most": spread(lengths),
        "parameters: median, p90, most": spread(takes),
        "functions named once elsewhere": str(sum(used[one.name] == 1 for one in each)),
        "imports inside functions": str(lazy),
        "import depth: at the top, all": f"{depth(graph(trees, False))}, {depth(graph(trees, True))}",
        "circles: at the top, all": f"{len(circles(graph(trees, False)))}, {len(circles(graph(trees, True)))}",
        "column names taken apart: times, files": f"{sum(apart)}, {sum(map(bool, apart))}",
        **{f"{name} written": str(names[name]) for name in FILES},
    }


def spread(values: list[int]) -> str:
    return f"{statistics.median(values):g}, {values[len(values) * 9 // 10]}, {values[-1]}"


def main() -> None:
    folders = [Path(word) for word in sys.argv[1:]] or [Path(__file__).parents[2] / "src" / "tuner"]
    columns = [counted(folder) for folder in folders]
    for label in columns[0]:
        print(label.ljust(42) + "".join(column[label].rjust(18) for column in columns))


if __name__ == "__main__":
    main()
