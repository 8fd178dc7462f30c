"""The trainings of a study: their recipes and keys, and what each one does."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import META_HERE, settings_of, write_data

import study as script
from signs.core.backend import keras
from signs.data import clips_table, folds
from signs.study import plan, runner, trial
from signs.training import feature_dataset, training_data
from signs.training import run as training_run
from signs.training.feature_dataset import FeatureDataset


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
