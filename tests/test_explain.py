"""`explain`: every name of the language, of a run's files and of the article has an answer, and every example loads."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tuner
from tuner.answer import Table
from tuner.asks.explain import ask, first_sentence
from tuner.bounds import plural
from tuner.choice import Choice, key_paths
from tuner.config import advice
from tuner.config.load import load
from tuner.config.settings import Config
from tuner.errors import EXIT_CODES, UsageError
from tuner.explain import explain, meanings, names
from tuner.explain.language import find_kind, kinds, near, settings
from tuner.explain.texts import Meaning, Topic, claims, topics
from tuner.quantities import LAYER
from tuner.render.terminal import Look
from tuner.runs.values import FORMS, parse_metric
from tuner.shipped import folder

HEADINGS = (
    "Loss function|Square Error|Cross Entropy|Mini-batch|mini_batch|Activation function|Rectified Linear Unit (ReLU)|"
    "ReLU|Leaky ReLU|Parametric ReLU|Adaptive Learning Rate|Adagrad|Adam|Momentum|动量|SGD|sgd + momentum(动量)|"
    "Overfitting|Early stopping|Weight decay|Dropout|CNN|为什么用CNN|减少了参数?|Initialization|uniform|"
    "glorot_uniform|高斯初始化|svd|Xavier initialization|Batch_Normalization|batch normalization|"
    "归一化后有什么好处呢?|其他|other|shuffle|预处理|preprocessing|normalization|Deep Learning 总结|不满意的模型|"
    "既然有了深度学习,那是不是以后很多类别的工作都会被取代?"
)
MEMBERS: list[type[Choice]] = [member for kind in kinds().values() for member in kind.members.values()]
PATHS = sorted({setting.path for setting in settings()})
TOPICS = topics()


@cache
def answers() -> dict[str, list[Meaning]]:
    """What each name there is means."""
    return {name: meanings(name) for name in set(names())}


def titles(name: str) -> list[str]:
    return [f"{meaning.title} ({meaning.what})" for meaning in explain(name)]


def only(name: str) -> Meaning:
    """The one thing that a name means."""
    (meaning,) = explain(name)
    return meaning


def of(name: str, what: str) -> Meaning:
    """What a name means as a choice of a kind, a setting, ..."""
    (found,) = (meaning for meaning in explain(name) if meaning.what == what)
    return found


@pytest.fixture(autouse=True)
def folder_with_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that examples of people's own data name."""
    rows = [f"{i},{i * i % 7},{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "my.csv").write_text("\n".join(["a,b,y", *rows]))
    np.savez(tmp_path / "my.npz", x=np.eye(30), y=np.arange(30) % 2)
    monkeypatch.chdir(tmp_path)


def loaded(folder: Path, text: str, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    """The resolved config of a text."""
    (folder / "c.yaml").write_text(text)
    return load(str(folder / "c.yaml"), overrides).resolved


# ---- every name has an answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("heading", HEADINGS.split("|"))
def test_every_heading_of_the_article_answers(heading: str) -> None:
    assert all(meaning.text for meaning in explain(heading))


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: f"{member.kind}.{member.name}")
class TestEveryChoice:
    def test_answers_to_its_name_and_its_kind(self, member: type[Choice]) -> None:
        told = of(f"{member.kind}.{member.name}", member.kind)
        assert told in explain(member.name)
        assert (told.title, told.what) == (member.name, member.kind)
        assert "Choose it when:" in told.text
        assert [row[0] for row in told.rows] == list(member.fields)

    def test_answers_to_its_aliases(self, member: type[Choice]) -> None:
        for alias in member.aliases:
            assert member.name in {meaning.title for meaning in explain(alias) if meaning.what == member.kind}

    def test_its_example_and_its_overrides_say_the_same(self, member: type[Choice], tmp_path: Path) -> None:
        told = of(f"{member.kind}.{member.name}", member.kind)
        given = loaded(tmp_path, told.yaml)
        assert member.name in str(given)
        assert loaded(tmp_path, "{}", tuple(shlex.split(" ".join(told.overrides)))) == given


@pytest.mark.parametrize("path", PATHS)
def test_every_setting_answers_and_its_example_loads(path: str, tmp_path: Path) -> None:
    (told,) = (meaning for meaning in explain(path) if meaning.what == "setting")
    assert told.title == path
    assert told.text
    given = loaded(tmp_path, told.yaml)
    assert loaded(tmp_path, "{}", tuple(shlex.split(" ".join(told.overrides)))) == given


def test_every_key_path_of_the_language_is_a_setting() -> None:
    assert set(key_paths(Config)) <= set(PATHS)


def test_a_settings_last_word_leads_to_all_its_places() -> None:
    assert titles("gradient_clip") == ["training.gradient_clip (setting)"]
    assert titles("slope")[0].startswith("model.activation.slope, model.output.activation.slope")
    assert titles("noise") == ["noise (augmentation)", "data.noise (setting)"]
    assert [row[0] for row in of("noise", "setting").rows] == ["blobs", "circles, moons"]


@pytest.mark.parametrize("word", advice.OTHER_TOOLS)
def test_every_word_of_other_tools_answers(word: str) -> None:
    target = advice.OTHER_TOOLS[word]
    assert any(target in meaning.title for meaning in explain(word)) or target in "".join(m.text for m in explain(word))


@pytest.mark.parametrize(
    ("kind", "word"), [(kind, word) for kind, known in advice.OTHER_NAMES.items() for word in known]
)
def test_every_name_of_other_tools_answers(kind: str, word: str) -> None:
    assert kind in kinds()
    assert meanings(word)


def test_every_column_of_a_run_answers(tmp_path: Path) -> None:
    for text in ("data: digits", "{data: diabetes, loss: mse}"):
        (tmp_path / "c.yaml").write_text(text)
        measured = load(str(tmp_path / "c.yaml")).metrics
        for column in ("epoch", "step", "lr", "batch_loss", *measured, "grad_norm", "seconds", "samples_per_second"):
            assert of(column, "measured by a run").text
    assert "higher" in only("val_accuracy").text
    assert "lower" in only("test_mae").text
    assert "Formula" in only("r2").text


@pytest.mark.parametrize("number", LAYER)
def test_every_number_of_a_layer_answers(number: str) -> None:
    assert "layer_stats.jsonl" in of(number, "measured by a run").text
    assert of(f"{number}(hidden.0)@0", "measured by a run").text == of(number, "measured by a run").text


@pytest.mark.parametrize("form", FORMS.split(", "))
def test_every_form_of_a_metric_answers(form: str) -> None:
    assert parse_metric(form)
    assert of(form, "measured by a run").text


@pytest.mark.parametrize("form", ["activation_std(", "val_loss@", "val_loss@x", "test_loss@7", "parameters@last"])
def test_what_is_no_form_of_a_metric_does_not(form: str) -> None:
    assert not [meaning for meaning in meanings(form) if meaning.what == "measured by a run"]


@pytest.mark.parametrize("choice", [m for m in MEMBERS if m.kind != "data"], ids=lambda m: f"{m.kind}.{m.name}")
def test_every_choice_names_a_recipe(choice: type[Choice]) -> None:
    """Its own, or the one on its kind; a data set proves nothing."""
    texts = [meaning.text for meaning in explain(choice.name) if meaning.what == choice.kind]
    assert texts
    assert all(re.search(r"^Recipe(?: on its kind)?: [a-z-]+ \(", text, re.MULTILINE) for text in texts)


def test_a_damaged_recipe_hides_no_other(tmp_path: Path) -> None:
    """In a copy of the installed package."""
    package = tmp_path / "tuner"
    shutil.copytree(Path(tuner.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for kind in ("configs", "recipes"):
        shutil.copytree(folder(kind), package / kind)
    (package / "recipes/batch-norm/claim.yaml").write_text("{")
    command = [sys.executable, "-m", "tuner", "explain", "dropout", "batch_norm"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True
    )
    assert "Recipe: dropout " in done.stdout
    assert "Recipe: batch-norm " not in done.stdout


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_answers(code: int) -> None:
    told = only(str(code))
    assert told.title == f"exit {code}"
    assert EXIT_CODES[code][1] in told.text
    assert explain(f"exit code {code}") == [told]


def test_other_signals_are_exit_codes_and_other_numbers_are_not() -> None:
    assert "SIGKILL" in only("137").text
    assert meanings("99") == []
    assert meanings("255") == []


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_answers_with_its_members(kind: str) -> None:
    for name in (kind, plural(kind).upper()):
        assert [row[0] for row in of(name, "kind of choice").rows] == list(kinds()[kind].members)
    assert find_kind(kind) is kinds()[kind]


# ---- techniques ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.title)
class TestEveryTopic:
    def test_its_example_loads_and_touches_its_settings(self, topic: Topic, tmp_path: Path) -> None:
        given = loaded(tmp_path, topic.example)
        default = loaded(tmp_path, "{}")
        assert given != default or topic.title == "Loss function"
        assert any(key.partition(".")[0] in topic.example for key in topic.keys)

    def test_its_settings_are_there(self, topic: Topic) -> None:
        assert set(topic.keys) <= set(PATHS)

    def test_says_what_it_is_and_what_to_look_at(self, topic: Topic) -> None:
        lines = topic.text.splitlines()
        assert 5 <= len(lines) <= 14
        assert max(map(len, lines)) <= 120
        assert "ook at" in topic.text
        assert "train" in topic.text

    def test_names_commands_and_settings_that_exist(self, topic: Topic) -> None:
        for command in re.findall(r"`tuner ([\w-]+)", topic.text):
            assert command in ("train", "check", "show", "curves", "list", "explain", "lr-find")
        for key in re.findall(r"\b(?:data|model|loss|optimizer|scheduler|training)\.\w+", topic.text):
            assert key in PATHS


def test_topics_have_names_of_their_own() -> None:
    said = [word.casefold() for topic in TOPICS for word in (topic.title, *topic.also)]
    assert len(said) == len(set(said))


# ---- names that mean several things, or nothing ----------------------------------------------------------------------


def test_a_name_that_means_several_things_tells_all() -> None:
    assert titles("dropout") == [
        "Dropout (technique)",
        "dropout (layer)",
        "model.dropout (setting)",
        "dropout (recipe)",
    ]
    assert titles("lr") == ["optimizer.lr (setting)", "lr (measured by a run)"]


@pytest.mark.parametrize(
    "name", ["LeakyReLU", "leaky-relu", "LEAKY RELU", "activation.leaky_relu", "Activations.lrelu"]
)
def test_spelling_does_not_matter(name: str) -> None:
    assert explain(name) == explain("leaky_relu")


def test_a_setting_that_differs_between_choices_shows_each() -> None:
    rows = of("optimizer.lr", "setting").rows
    assert {name: row[2] for row in rows for name in row[0].split(", ")} == {
        name: str(member().lr) for name, member in kinds()["optimizer"].members.items()
    }


def test_settings_that_do_not_count_say_so() -> None:
    assert "does not count" in only("training.threads").text
    assert "does not count" in only("checkpoint.keep").text
    assert "does not count" not in only("training.epochs").text


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("dorpout", "dropout"),
        ("earlystoping", "early"),
        ("adamm", "adam"),
        ("optimizer.lrr", "optimizer.lr"),
        ("val_acuracy", "val_accuracy"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(typo: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(typo)
    assert meant in caught.value.fix.lower()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["", "?!", "@@@", "\x00", "qqqqqqqqqqqq", "optimizer.x.y", ".", "7" * 500])
def test_what_is_no_name_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        explain(name)


def test_words_in_no_known_script_get_no_wrong_suggestion() -> None:
    assert near("глубина", names()) == []


def test_every_suggestion_answers() -> None:
    assert all(answers().values())
    assert all(meanings(name) for name in near("wieght", names()))


@pytest.mark.parametrize("width", [50, 80])
def test_a_recipe_is_no_raw_markdown(width: int) -> None:
    answer = ask(["batch-norm"], {})
    look = Look(io.StringIO(), width, color=False)
    shown = "".join(line for block in answer.blocks for line in look.lines(block))
    assert re.search(r"^Claim\nBatch norm makes", shown, re.MULTILINE) and "## " not in shown and "|" not in shown
    (table,) = [block for block in answer.blocks if isinstance(block, Table) and block.title == "Result"]
    assert [column.head for column in table.columns][::7] == ["claim", "holds"]
    assert table.rows[0][:3] == ["norm against baseline", "epochs(train_accuracy>=0.8) (down is better)", "10"]
    assert table.side(2) == "r"


def test_one_line_is_a_whole_sentence() -> None:
    titles = {str(claim["title"]) for claim in claims().values()}
    for meaning in {meaning for answer in answers().values() for meaning in answer}:
        line = first_sentence(meaning.text)
        assert line.endswith((".", ":")) or line in titles, line
        assert "\n" not in line
