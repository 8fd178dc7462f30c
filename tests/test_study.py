"""Recipes are compared on the same folds, and no training is done twice."""

import argparse
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from small_study import TABLE, argv, write_data

import study as script
from signs.core import arguments
from signs.core.backend import keras
from signs.evaluation import statistics
from signs.study import plot
from signs.study import results as results_file


def run(root: Path, *more: str) -> int:
    return arguments.run(script.main, argv(root, *more))


def out_of(root: Path) -> Path:
    return root / "log" / "study-small-recipes"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a finished study; tests copy it."""
    root = tmp_path_factory.mktemp("study")
    write_data(root)
    assert run(root) == 0
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def todo(root: Path, capsys: pytest.CaptureFixture, *more: str) -> int:
    """How many trainings a study would do."""
    capsys.readouterr()
    assert run(root, "--dry-run", *more) == 0
    found = re.search(r"(\d+) trainings? to do", capsys.readouterr().out)
    assert found
    return int(found[1])


def test_a_study_is_complete(finished: Path) -> None:
    out = out_of(finished)
    results = pd.read_csv(out / "results.csv")
    assert list(results) == results_file.COLUMNS
    assert sorted(zip(results["recipe"], results["fold"], strict=True)) == [
        *[("moved", 1), ("moved", 2), ("scratch", 1), ("scratch", 2)]
    ]
    assert set(results["by"]) == {"signer"}
    assert (results["train_clips"] == 8).all()
    assert (results["test_clips"] == 8).all()
    # Of 8 clips, so it is a multiple of 1/8, and the mean of 5 one of 1/40.
    for column, steps in (("accuracy_last", 8), ("accuracy", 40)):
        assert results[column].between(0, 1).all()
        whole = results[column] * steps
        assert whole.to_numpy() == pytest.approx(whole.round(), abs=1e-3)
    assert results["best_epoch"].between(1, 6).all()
    of_folds = pd.read_csv(out / "folds.csv")
    assert of_folds["signer-1"].value_counts().to_dict() == {1: 8, 2: 8}
    assert (of_folds.groupby("signer")["signer-1"].nunique() == 1).all()


def test_a_summary_compares_with_the_baseline(finished: Path) -> None:
    out = out_of(finished)
    results = pd.read_csv(out / "results.csv")
    summary = pd.read_csv(out / "summary.csv").set_index("recipe")
    assert list(summary.index) == ["scratch", "moved"]
    mean = results.groupby("recipe")["accuracy"].mean()
    assert summary["accuracy"].to_dict() == pytest.approx(
        mean.to_dict(), abs=1e-3
    )
    assert summary.loc["moved", "difference"] == pytest.approx(
        mean["moved"] - mean["scratch"], abs=1e-3
    )
    assert (summary["clips"] == 16).all()
    picture = cv2.imread(str(out / "summary.png"))
    assert picture is not None and picture.shape[1] > 1000


def test_the_source_is_kept_as_a_model_to_use(finished: Path) -> None:
    folder = out_of(finished) / "source"
    (model,) = folder.glob("*-best.keras")
    loaded = keras.saving.load_model(model, safe_mode=True)
    assert loaded.output_shape == (None, 3)
    assert loaded.get_layer("lstm_1").forward_layer.units == 4
    record = folder / model.name.replace("-best.keras", ".json")
    assert '"input": "standardized"' in record.read_text(encoding="utf-8")


def test_a_second_run_does_nothing(root: Path, capsys) -> None:
    before = (out_of(root) / "results.csv").read_bytes()
    assert run(root, "--baseline", "moved") == 0
    text = capsys.readouterr().out
    assert "nothing to do" in text
    assert "against moved" in text
    assert (out_of(root) / "results.csv").read_bytes() == before


def test_only_what_is_missing_or_changed_is_to_do(root: Path, capsys) -> None:
    path = root / "recipes.csv"
    assert todo(root, capsys) == 0
    assert todo(root, capsys, "--repeats", "3") == 8
    assert todo(root, capsys, "--by", "signer,random") == 4
    assert todo(root, capsys, "--clips-a-class", "2,all") == 4
    assert todo(root, capsys, "--overwrite") == 4
    assert todo(root, capsys, "--source-seeds", "2", "--repeats", "2") == 4
    path.write_text(TABLE.replace("--lr 0.02", "--lr 0.03"), encoding="utf-8")
    assert todo(root, capsys) == 2  # both folds of one recipe
    same = TABLE.replace("--lr 0.02", "--lr  2e-2 --freeze none")
    path.write_text(same.replace("tuned", "TUNED"), encoding="utf-8")
    assert todo(root, capsys) == 0  # the same in other words
    assert (out_of(root) / "results.csv").exists()


def test_a_line_that_was_cut_is_done_again(root: Path, capsys) -> None:
    path = out_of(root) / "results.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert todo(root, capsys) == 1
    assert path.read_bytes() == whole[:-9]  # a dry run writes nothing
    assert run(root) == 0
    assert "1 line cut or damaged" in capsys.readouterr().err
    new, old = (
        results_file.read(x).drop(columns="seconds")
        for x in (out_of(root), write(root / "old", whole).parent)
    )
    # The same seeds give the same networks.
    pd.testing.assert_frame_equal(new, old, rtol=1e-3)


def write(folder: Path, results: bytes) -> Path:
    folder.mkdir()
    path = folder / "results.csv"
    path.write_bytes(results)
    return path


@pytest.mark.slow  # each process imports TensorFlow
def test_jobs_work_side_by_side(root: Path) -> None:
    before = results_file.read(out_of(root))
    more = ["--jobs", "2", "--clips-a-class", "2"]
    (root / "recipes.csv").write_text(
        "\n".join(TABLE.splitlines()[:2]), encoding="utf-8"
    )
    assert run(root, *more) == 0
    after = results_file.read(out_of(root))
    new = after[after["clips_a_class"] == "2"]
    assert len(after) == len(before) + 2
    assert (new["train_clips"] == 4).all()
    assert (new["test_clips"] == 8).all()


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("odd,--layer 0,,", "row odd: argument --layers: 0 is less than 1"),
        ("odd,--nothing 1,,", "row odd: unrecognized arguments: --nothing 1"),
        ("odd,,--freeze some,", "row odd: argument --freeze: invalid choice"),
        ("odd,other,,", "row odd: unrecognized arguments: other"),
        ("odd,--seed 3,,", "row odd: --seed cannot differ"),
        ("odd,--tensorboard,,", "row odd: --tensorboard cannot differ"),
        ("odd,--patience 3,,", "row odd: --patience cannot differ"),
        ("odd,--help,,", "row odd: --help is no recipe"),
        ("odd,--units 'x,,", "row odd: No closing quotation"),
        ("scratch,,,", "the name 'scratch' is there twice"),
        (",,,", "the name '' is there twice"),
    ],
)
def test_a_wrong_row_is_named(
    tmp_path: Path, capsys, row: str, complaint: str
) -> None:
    write_data(tmp_path)
    path = tmp_path / "recipes.csv"
    path.write_text(TABLE + row + "\n", encoding="utf-8")
    assert run(tmp_path) == 2
    text = capsys.readouterr().err
    assert complaint in text
    assert text.startswith("error: ") and text.count("\n") == 1
    assert not out_of(tmp_path).exists()


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--table", "nowhere.csv"], "there is no table nowhere.csv"),
        (["--baseline", "best"], "has only scratch, moved"),
        (["--source", "nowhere"], "make them with: python feature.py nowhere"),
        (["--folds", "5"], "use --folds 4"),
        (["--seed", "1", "--out", "OUT"], "of another study: seed 0 and 1"),
    ],
)
def test_what_cannot_be_had_is_refused(
    root: Path, capsys, more: list[str], complaint: str
) -> None:
    if "OUT" in more:
        more = [str(out_of(root)) if x == "OUT" else x for x in more]
    else:
        more = [*more, "--out", str(root / "new")]
    assert run(root, *more) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.slow  # trains several sources
def test_a_source_that_diverges_costs_its_recipe_alone(
    root: Path, capsys
) -> None:
    path = root / "recipes.csv"
    wild = "wild,--units 3 --input raw --no-session-mean --lr 1e38,--lr 1,\n"
    path.write_text(
        TABLE
        + wild
        + TABLE.splitlines()[1]
        .replace("scratch,", "more,")
        .replace("0.05", "0.06")
        + "\n",
        encoding="utf-8",
    )
    assert run(root) == 1
    failed = pd.read_csv(out_of(root) / "failed.csv")
    reasons = failed[failed["clip"].str.startswith("wild")]["reason"]
    assert len(reasons) == 2 and reasons.str.contains("no number").all()
    found = results_file.read(out_of(root))
    assert set(found["recipe"]) == {"scratch", "moved", "more"}
    assert "failed.csv lists them" in capsys.readouterr().err


@pytest.mark.parametrize("numbers", [["all"], ["5", "10", "all"]])
def test_pictures_show_all_recipes(tmp_path: Path, numbers: list[str]) -> None:
    random = np.random.default_rng(0)
    rows = [
        [f"recipe {recipe}", way, clips, 1, fold, random.random()]
        for recipe in range(12)
        for way in ("signer", "random")
        for clips in numbers
        for fold in range(3)
    ]
    columns = ["recipe", "by", "clips_a_class", "repeat", "fold", "accuracy"]
    results = pd.DataFrame(rows, columns=columns).assign(
        **dict.fromkeys(statistics.MEANS, 0.5), train_clips=80, test_clips=20
    )
    summary = statistics.summarise(results, "recipe 0")
    path = tmp_path / "summary.png"
    plot.draw(path, summary, "a study", 21, "recipe 0")
    picture = cv2.imread(str(path))
    assert picture is not None and picture.shape[0] > 600
    # Both ways, or the lines of the recipes, are drawn in their colours.
    for colour in (plot.BLUE, plot.VERMILION):
        value = [int(colour[place : place + 2], 16) for place in (5, 3, 1)]
        assert np.equal(picture, value).all(axis=2).any()


def test_help_is_short_of_imports() -> None:
    args = script.parse_arguments(["--table", "some/mine.csv"])
    assert args.out == Path("log/study-ledasila-mine")
    assert args.by == ["auto"] and args.clips_a_class == ["all"]
    assert isinstance(args, argparse.Namespace)
