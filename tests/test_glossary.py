"""`explain` knows every word that tuner prints, and suggests for what it does not know only what is near.

The words are read off the golden outputs: a new column, label, key or state has to be explained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.asks.list import no_kind
from tuner.cli.commands import COMMANDS
from tuner.errors import UsageError
from tuner.explain import explain, meanings
from tuner.explain import names as names_explained
from tuner.explain.language import near

CASES = Path(__file__).parent / "cases"
GOLDEN = [file for kind in ("output", "compare", "early_stop") for file in sorted((CASES / kind).iterdir())]
FIELD = (
    "dead relu|dying relu|dead units|vanishing gradient|vanishing gradients|exploding gradient|gradient clipping|"
    "hyperparameter|hyperparameters|underfitting|overfitting|generalization gap|learning rate|warm-up|warmup|epoch|"
    "batch|mini-batch|iteration|weight decay|regularization|regularizer|early stopping|patience|monitor|momentum|"
    "dropout|batch normalization|initialization|gradient|backpropagation|convergence|divergence|saturation|"
    "local minimum|neuron|unit|hidden layer|layer|bias|weights|logits|one-hot|nan|sample|feature|target|class|train|"
    "validation|test|reproducibility|seed|loss|accuracy|checkpoint|annealing"
)
PRINTED = (
    "group|run|member|verdict|better|worse|equivalent|undecided|fingerprint|identity|trend|best|last|seeds|interval|p|"
    "sign-flip|sign-flip test|Holm|resume|goes on|diverged|crashed|stopped|finished|running|damaged|baseline|pairs|"
    "origin|override|reference|trained before|exit code|set in|up is better"
)

FAR = (
    "transformer|attention|bert|gpt|lora|gan|diffusion|tokenizer|kubernetes|banana|quantization|pruning|beam|"
    "reinforcement|kernel trick|random forest|xgboost|docker|learner|mixup|wandb|tensorboard|hydra|lightning|glorious|"
    "qqqq|x|ab|глубина|注意力"
)
"""Words of things that tuner does not have."""


# ---- every word that is printed --------------------------------------------------------------------------------------


def words_of(text: str) -> Iterator[str]:
    """The column headings, labels and JSON keys of an output."""
    lines = text.splitlines()
    for place, (before, line) in enumerate(zip(["", *lines], lines, strict=False)):
        if line.startswith("{"):
            yield from keys(json.JSONDecoder().raw_decode("\n".join(lines[place:]))[0])
        elif line.startswith((" ", "}", "]")) and "{" in lines:
            continue  # of the JSON above
        elif line.startswith("| ") and before.strip() == "":
            yield from words(line.strip("| ").split(" | "))
        elif not line.startswith(("$", "Usage")):
            cells = re.split(r" {2,}", line.strip())
            begins = not before.strip() or before.startswith(("$", "---", "runs/"))
            yield from words(cells if begins and len(cells) > 2 else [])
            label = re.match(r" *([a-z][A-Za-z_-]*(?: [a-z]+)?)(?:: |:$| {2,}\S)", line.lstrip("# "))
            yield from words([label[1]] if label else [])


def keys(value: Any) -> Iterator[str]:
    """The keys of maps, but for numbers and names of runs."""
    if isinstance(value, dict):
        yield from (key for key in value if re.fullmatch(r"[a-z_.]+", key))
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from keys(item)


def words(cells: list[str]) -> Iterator[str]:
    """What of the cells are words: "interval" of "95 % interval"; names of runs and values have digits or signs."""
    for cell in cells:
        word = re.sub(r"^95 % |\([^)]*\)|`", "", cell).strip()
        if re.fullmatch(r"[A-Za-z]+(?:[ _-][A-Za-z]+)*", word):
            yield word


NOT_WORDS = {
    "compare": {"base", "against base", "few", "decay", "never"},  # groups of the test
    "output": {"small", "age", "color"},  # a config, and columns, of the test
}


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_word_that_is_printed_is_explained(file: Path) -> None:
    found = dict.fromkeys(words_of(file.read_text()))
    unknown = [word for word in found if not meanings(word) and word not in COMMANDS]
    assert set(unknown) <= NOT_WORDS.get(file.parent.name, set())


def test_the_words_are_found() -> None:
    """What the test above asks for is what there is to ask for."""
    found = {word for file in GOLDEN for word in words_of(file.read_text())}
    assert found >= {
        "state",
        "trend",
        "mean",
        "sd",
        "interval",
        "p",
        "verdict",
        "changed",
        "end",
        "best",
        "next",
        "test",
    }
    assert found >= {"worse by", "FLOPs a sample", "identity", "config_hash", "pairs_needed", "early-stop", "val_loss"}


def test_states_verdicts_and_identity_are_explained() -> None:
    from dataclasses import fields

    from tuner.asks.compare.words import VERDICTS
    from tuner.runs.files import DAMAGED, STATES
    from tuner.runs.identity import Identity

    for word in (*STATES, DAMAGED, *VERDICTS, *(field.name for field in fields(Identity))):
        assert [meaning for meaning in explain(word) if meaning.what == "word of tuner" or "setting" in meaning.what], (
            word
        )


@pytest.mark.parametrize("word", [*FIELD.split("|"), *PRINTED.split("|")])
def test_the_words_of_the_field_and_of_tuner_are_explained(word: str) -> None:
    assert explain(word)


def test_a_definition_is_short_and_names_what_exists(tmp_path: Path) -> None:
    from tuner.explain.language import settings
    from tuner.explain.texts import glossary

    paths = {setting.path for setting in settings()}
    commands = {word for word in words_of((CASES / "output/help.txt").read_text()) if word != "tuner"}
    said = [name.casefold() for word in glossary() for name in (word.title, *word.also)]
    assert len(said) == len(set(said)), "a word stands twice"
    for word in glossary():
        lines = [line for line in word.text.splitlines() if line[0] != " "]  # what is further in is a table
        assert 1 <= len(lines) <= 4 and max(map(len, lines)) <= 120, word.title
        assert lines[-1].endswith((".", ":")), word.title
        assert set(re.findall(r"`tuner ([\w-]+)", word.text)) - {"COMMAND", "--help"} <= commands, word.title
        named = re.findall(
            r"\b(?:data|model|loss|optimizer|scheduler|training|early_stopping|checkpoint)\.\w+", word.text
        )
        assert set(named) - {"loss.backward"} <= paths, word.title


# ---- what is near ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("dorpout", "dropout"),
        ("drpout", "dropout"),
        ("adamm", "adam"),
        ("leaky_reluu", "leaky_relu"),
        ("val_acuracy", "val_accuracy"),
        ("optimizer.lrr", "optimizer.lr"),
        ("undecidd", "undecided"),
        ("fingerprnt", "fingerprint"),
        ("vanishing gradeint", "vanishing gradient"),
        ("hyperparamter", "hyperparameter"),
        ("early_stoping", "early_stopping"),
        ("cross entropie", "cross_entropy"),
        ("label_smoothin", "label_smoothing"),
        ("gradient_cl", "gradient_clip"),
        ("weight_d", "weight_decay"),
        ("divergd", "diverged"),
    ],
)
def test_a_slip_of_the_fingers_finds_its_name(typo: str, meant: str) -> None:
    assert re.sub(r"\W|_", "", meant) in [re.sub(r"\W|_", "", name.lower()) for name in near(typo, names_explained())]


@pytest.mark.parametrize("word", FAR.split("|"))
def test_for_what_is_not_there_nothing_far_fetched_is_suggested(word: str) -> None:
    with pytest.raises(UsageError) as error:
        explain(word)
    assert "did you mean" not in error.value.fix
    assert near(word, names_explained()) == []
    assert "did you mean" not in no_kind(word).fix


def test_a_command_is_explained_by_its_help() -> None:
    done = program.run("explain", "compare", "undecided", given={"COLUMNS": "100"})
    assert done.returncode == 0
    assert "tuner compare (command)\nCompare groups of runs, paired by seed.\n`tuner compare --help`" in done.stdout
    assert "undecided (word of tuner)\n" in done.stdout
