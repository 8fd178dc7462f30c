"""Recipes are compared on the same folds, and no training is done twice."""

import argparse
import dataclasses
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from store import META, folders, write_dataset

import study as script
from signs.core import arguments
from signs.core.backend import keras
from signs.data import clips_table, folds
from signs.data.clips_table import Dataset
from signs.evaluation import statistics
from signs.study import plan, plot, runner, trial
from signs.study import results as results_file
from signs.training import feature_dataset, training_data
from signs.training import run as training_run
from signs.training.feature_dataset import FeatureDataset

SHAPE = {"frames": 2, "length": 4}
META_HERE = {**META, **SHAPE}
TABLE = """name,train,transfer,note
scratch,--recipe writeup --layers 1 --lr 0.05,,from nothing
moved,--layers 1 --lr 0.05 --input standardized,--lr 0.02,"tuned, all of it"
"""
COMMON = [
    *("small", "--source", "large", "--folds", "2", "--repeats", "1"),
    *("--also", "--units 4 --batch 8 --epochs 6"),
]


def write_data(root: Path) -> Dataset:
    """A source of 3 classes, and a target of 2 with 4 signers."""
    write_dataset(root / "data", "large", ["x", "y", "z"], 30, META_HERE)
    small = write_dataset(root / "data", "small", ["a", "b"], 16, META_HERE)
    clips = clips_table.read_clips(small)
    clips["signer"] = [f"P{number // 2 % 4}" for number in range(len(clips))]
    clips_table.write_table(small.clips, clips)
    (root / "recipes.csv").write_text(TABLE, encoding="utf-8")
    return small


def argv(root: Path, *more: str) -> list[str]:
    path = str(root / "recipes.csv")
    return [*COMMON, "--table", path, *folders(root), *more]


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


def test_ready_made_tables_can_be_parsed() -> None:
    folder = Path(script.__file__).parent / "studies"
    paths = sorted(folder.glob("*.csv"))
    assert paths
    study = settings_of(folder)
    for path in paths:
        recipes = plan.read_recipes(path, "--units 8 --epochs 2", "small")
        for recipe in recipes:
            assert recipe.train.units == 8
            if "--epochs" not in path.read_text():
                assert recipe.settings.epochs == 2
            assert recipe.note
        assert len({recipe.key(study) for recipe in recipes}) == len(recipes)


def settings_of(root: Path, *more: str) -> plan.StudySettings:
    args = script.parse_arguments(argv(root, *more))
    return script.settings_of(args, str(META["cnn"]))


def test_a_key_names_all_settings(tmp_path: Path) -> None:
    """Whatever differs, a default of a later version included."""
    study = settings_of(tmp_path)
    recipe = plan.make_recipe("--units 4", "--lr 1", "small", "")
    keys = {recipe.key(study)}
    for train in (
        dataclasses.replace(recipe.train, dropout=0.1),
        dataclasses.replace(recipe.train, bidirectional=False),
    ):
        keys.add(dataclasses.replace(recipe, train=train).key(study))
    assert recipe.transfer is not None
    transfer = dataclasses.replace(recipe.transfer, freeze="all")
    keys.add(dataclasses.replace(recipe, transfer=transfer).key(study))
    keys.add(recipe.key(dataclasses.replace(study, source="other")))
    assert len(keys) == 5
    in_other_words = "--units=4 --recipe recommended"
    same = plan.make_recipe(in_other_words, "--lr 1.0", "small", "")
    assert same.key(study) in keys


def make_trial(root: Path, flags: str) -> trial.Trial:
    """A trial on the target: 8 clips to train on, 8 to test on."""
    dataset = write_data(root)
    recipe = plan.make_recipe(f"--recipe writeup {flags}", "", "small", "")
    classes = clips_table.read_classes(dataset)
    clips = clips_table.read_clips(dataset)
    found = feature_dataset.find_clips(dataset, clips, classes, META_HERE, None)
    store = root / "store.npy"
    clips["content"] = runner.pack(found.features, store, "float32")
    target = trial.Target(
        *(dataset, META_HERE, classes, list(found.clips)),
        *(list(found.signers), found.labels, store),
    )
    columns = folds.make(clips, "signer", 2, 1, 0)
    place = plan.Place("signer", "all", 1, 2)
    return plan.trial_of(recipe, place, settings_of(root), target, columns)


def test_what_preprocesses_is_fitted_inside_the_fold(tmp_path: Path) -> None:
    one = make_trial(tmp_path, "--units 2 --input standardized")
    data = trial.data_of(one)
    model = training_run.build(one.settings, data)
    store = np.load(one.target.store)
    mean = np.asarray(model.get_layer("standardize").mean).ravel()
    assert mean == pytest.approx(store[one.train].mean(axis=(0, 1)), abs=1e-5)
    assert not np.allclose(mean, store.mean(axis=(0, 1)), atol=1e-3)
    assert data.val.read([0])[0] == pytest.approx(store[one.test[0]])


@pytest.mark.slow  # two trainings
def test_a_recycled_model_learns_as_a_new_one_does(tmp_path: Path) -> None:
    one = make_trial(tmp_path, "--units 3 --layers 1 --epochs 2 --batch 4")
    other = dataclasses.replace(one, train=one.test, test=one.train)
    runs = [trial.run_trial(x) for x in (one, other, one, other)]
    for figures in runs:
        del figures["seconds"]
    assert runs[:2] == runs[2:]
    assert runs[0]["val_loss"] != runs[1]["val_loss"]
    changed = dataclasses.replace(one.settings, learning_rate=0.5)
    data = training_data.prepare(changed, trial.data_of(one))
    new = training_run.build(changed, data)
    assert trial.compiled(changed, new) is new
    assert float(new.optimizer.learning_rate) == 0.5


def test_a_trial_that_diverges_leaves_the_next_one_alone(
    tmp_path: Path,
) -> None:
    one = make_trial(tmp_path, "--units 3 --layers 1 --epochs 2 --batch 4")
    healthy = trial.run_trial(one)
    store = np.load(one.target.store)
    broken = tmp_path / "broken.npy"
    np.save(broken, np.full_like(store, np.nan))
    target = dataclasses.replace(one.target, store=broken)
    sick = trial.run_trial(dataclasses.replace(one, target=target))
    assert np.isnan(sick["val_loss"]) and sick["accuracy"] <= 1
    again = trial.run_trial(one)
    del healthy["seconds"], again["seconds"]
    assert again == healthy


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


def test_recipes_share_seeds_and_clips_of_a_place(tmp_path: Path) -> None:
    study = settings_of(tmp_path, "--repeats", "3", "--source-seeds", "2")
    one, other, third = (
        plan.make_recipe(flags, "--lr 1", "small", "")
        for flags in ("--units 3", "--units  3", "--units 5")
    )

    def name(recipe: plan.Recipe, repeat: int) -> str:
        source = plan.source_of(recipe, repeat, study)
        assert source is not None
        return source.name

    assert name(one, 1) == name(one, 3) == name(other, 1)
    assert len({name(one, 1), name(one, 2), name(third, 1)}) == 3


def test_a_diverged_training_has_figures() -> None:
    history = pd.DataFrame(
        {"val_loss": [2.0, np.nan], "val_accuracy": [0.5, 0.25]}
    )
    inputs = keras.Input((1, 2))
    outputs = keras.layers.Flatten()(inputs * np.nan)
    names = ["x"] * 4
    features = np.zeros((4, 1, 2), "float32")
    test = FeatureDataset(names, names, np.zeros(4, int), 2, features)
    found = trial.figures_of(history, keras.Model(inputs, outputs), test)
    assert found["best_epoch"] == 1
    assert found["accuracy"] == 0.375


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
