"""The studies that docs/ shows can be made from nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store import folders

import sample
from signs.core import arguments
from signs.data import clips_table, signers
from signs.data.clips_table import Dataset
from signs.data.layouts import detect
from signs.models import landmark_layout as layout
from studies import letters, real_people


def test_made_up_hands_are_a_data_set_of_landmarks(tmp_path: Path):
    def make(folder: str, seed: int) -> Dataset:
        flags = ["--data", str(tmp_path / folder), "--trained-on", "1"]
        assert letters.main([*flags, "--seed", str(seed)]) == 0
        return Dataset(tmp_path / folder / "letters")

    dataset = make("a", 0)
    table = clips_table.read_clips(dataset)
    assert len(table) == 6 * letters.CLIPS
    people = table.groupby("split")["signer"].nunique().to_dict()
    assert people == {"train": 1, "val": 1, "test": letters.JUDGED}
    classes = clips_table.read_classes(dataset)
    assert "".join(classes["label"]) == letters.LETTERS
    path = dataset.feature("landmarks") / f"{table['clip'][0]}.npy"
    found = np.load(path)
    assert found.shape == (20, layout.LANDMARK_DIM)
    hands, body = layout.split(found)
    assert np.isnan(hands[:, 0]).all() and np.isnan(body).all()
    right = hands[:, 1].reshape(20, -1)
    gaps = np.isnan(right).any(axis=1)
    assert np.isnan(right[gaps]).all() and 0 <= gaps.sum() < 10
    again, other = make("b", 0), make("c", 1)
    same, changed = (
        np.load(x.feature("landmarks") / path.relative_to(path.parents[1]))
        for x in (again, other)
    )
    np.testing.assert_array_equal(found, same)
    assert not np.allclose(found, changed, equal_nan=True)


@pytest.mark.slow  # all steps, and some thirty trainings
def test_one_command_makes_all_figures_on_people(
    tmp_path: Path, capfd, monkeypatch
):
    recipes = tmp_path / "recipes.csv"
    recipes.write_text(
        "name,train,transfer\nscratch,,\nrecommended,,--epochs 1\n"
    )
    monkeypatch.setattr(real_people, "TRANSFERS", str(recipes))
    flags = "--gestures 4 --performers 6 --clips 72 --words 2 --quiet".split()
    assert arguments.run(sample.main, [*flags, *folders(tmp_path)]) == 0
    source = Dataset(tmp_path / "data" / "sample-chalearn")
    rows, _, _ = detect.read_layout(source.video)
    rows = signers.add_signers(rows, source.signers)
    table = source.video / "few.csv"
    rows = rows.rename(columns={"video": "path"})
    rows[["path", "label", "signer"]].to_csv(table, index=False)
    command = [
        *(str(table), "--weights", "random", "--clips-a-class", "2"),
        *("--also", "--units 4 --layers 1 --epochs 1"),
        *folders(tmp_path),
    ]
    assert arguments.run(real_people.main, command) == 0, capfd.readouterr()
    log = tmp_path / "log"
    study = pd.read_csv(log / "study-people-few" / "summary.csv")
    assert study["clips"].tolist() == [len(rows)] and study["by"][0] == "signer"
    transfer = log / "study-people-few-transfer/people-few-transfer.csv"
    assert set(pd.read_csv(transfer)["people"]) == {6}
    said = capfd.readouterr().out
    assert "all of it: " in said and said.count("$ python") == 5
    command[0] = str(tmp_path / "none.csv")
    assert arguments.run(real_people.main, command) == 2
    assert "stopped, as this failed" in capfd.readouterr().err
