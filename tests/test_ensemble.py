"""Several networks as one model: it answers what they answer on average."""

from pathlib import Path

import numpy as np
import pytest
from store import folders, write_dataset

import evaluate
import train_lstm
import transfer
from signs.core import arguments
from signs.inference import export
from signs.models import classifier
from signs.training import run_record

SMALL = (
    "--recipe writeup --layers 1 --units 8 --epochs 2 --batch 16 --quiet"
).split()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ensemble")
    for name in ("d", "other"):
        write_dataset(root / "data", name, ["a", "b", "c"], 45)
    args = ["d", *SMALL, "--ensemble", "2", *folders(root)]
    assert arguments.run(train_lstm.main, args) == 0
    return root


def newest(root: Path) -> tuple[Path, dict]:
    return run_record.find_model(None, root / "model")


def test_it_answers_the_mean_of_its_members(root: Path):
    path, record = newest(root)
    names = record["ensemble"]
    assert len(names) == 2 and record["run"] not in names
    seeds = [
        run_record.read_record(root / "log" / f"{name}.json")["arguments"][
            "seed"
        ]
        for name in names
    ]
    assert seeds == [0, 1]
    clips = np.random.default_rng(0).normal(size=(5, 20, 8)).astype("float32")
    members = [
        classifier.load_classifier(root / "model" / f"{name}-best.keras")
        for name in names
    ]
    answers = [model.predict_on_batch(clips) for model in members]
    assert not np.allclose(answers[0], answers[1], atol=1e-4)
    mean = classifier.load_classifier(path, (20, 8)).predict_on_batch(clips)
    np.testing.assert_allclose(mean, np.mean(answers, axis=0), atol=1e-6)
    plain = {**record, "session_mean": False}
    one = export.alone(classifier.load_classifier(path), plain)
    found = one.predict_on_batch(clips[:1])
    np.testing.assert_allclose(found, mean[:1], atol=1e-5)


def test_it_is_judged_like_any_other_and_knows_its_clips(root: Path, capsys):
    command = ["d", "--split", "val", *folders(root)]
    assert arguments.run(evaluate.main, command) == 2
    assert "--anyway" in capsys.readouterr().err
    assert arguments.run(evaluate.main, [*command, "--anyway"]) == 0
    path, _ = newest(root)
    stem = path.stem.removesuffix("-best")
    assert (root / "log" / f"{stem}-evaluation-val.html").exists()


def test_a_transfer_starts_from_one_network(root: Path, capsys):
    path, record = newest(root)
    small = "--epochs 1 --quiet".split()
    command = ["other", *small, *folders(root)]
    named = [*command, "--model", record["run"]]
    assert arguments.run(transfer.main, named) == 2
    assert f"--model {record['ensemble'][0]}" in capsys.readouterr().err
    assert arguments.run(transfer.main, command) == 0
    found = run_record.find_model(None, root / "model", "transfer")[1]
    assert found["source"] in record["ensemble"]


def test_one_run_goes_on_at_a_time(root: Path, capsys):
    _, record = newest(root)
    more = ["--resume", record["ensemble"][0], "--ensemble", "2"]
    assert arguments.run(train_lstm.main, ["d", *more, *folders(root)]) == 2
    assert "leave out --ensemble" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--resume", "--refit"])
def test_the_mean_itself_cannot_go_on(root: Path, capsys, flag: str):
    _, record = newest(root)
    command = ["d", flag, record["run"], *folders(root)]
    assert arguments.run(train_lstm.main, command) == 2
    assert f"--resume {record['ensemble'][0]}" in capsys.readouterr().err


def test_its_figure_is_of_clips_that_no_network_learned(root: Path, capsys):
    loud = [flag for flag in SMALL if flag != "--quiet"]
    command = ["d", *loud, "--ensemble", "2", *folders(root)]
    more = ["--epochs", "1", "--inner-val", "--refit"]
    assert arguments.run(train_lstm.main, [*command, *more]) == 0
    said = capsys.readouterr().out.partition("mean of 2 networks")[2]
    assert said and "accuracy" not in said
    path, record = newest(root)
    again = run_record.read_model_record(
        path.with_name(f"{record['ensemble'][0]}-best.keras")
    )
    clips = record["run"].rpartition("-")[2]
    assert clips == again["run"].rpartition("-")[2]
