"""evaluate.py: judged once, on clips never seen."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judged import QUICK, record_of, run, train, write_data
from store import folders

import train_lstm
import transfer
from signs.core import arguments
from signs.core.backend import keras
from signs.data import clips_table
from signs.data.clips_table import Dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set of ten signers, and a model of it."""
    root = tmp_path_factory.mktemp("evaluate")
    write_data(root)
    command = ["mine", *QUICK, "--session-mean", *folders(root), "--quiet"]
    assert arguments.run(train_lstm.main, command) == 0
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_a_model_is_judged_on_people_it_has_never_seen(root: Path) -> None:
    assert run(root, "mine") == 0
    record = record_of(root, "test")
    assert record["clips"] == 48
    assert record["signers"] == 4
    assert record["interval"] == {"resamples": "signers", "units": 4}
    assert record["cautions"] == []
    assert list(record["figures"]) == ["session", "single"]
    accuracy = record["figures"]["session"]["accuracy"]
    assert accuracy["low"] < accuracy["value"] <= accuracy["high"]
    assert accuracy["value"] > record["baselines"]["chance"]["value"]
    nearest = record["baselines"]["nearest_class_mean"]
    assert nearest["value"] > 0.8
    assert nearest["gain"]["value"] == pytest.approx(
        accuracy["value"] - nearest["value"], abs=1e-5
    )
    table = pd.read_csv(
        next((root / "log").glob("*-evaluation-test.csv")),
        keep_default_na=False,
    )
    assert len(table) == 48
    right = table["predicted"] == table["label"]
    assert right.mean() == pytest.approx(accuracy["value"], abs=1e-5)
    assert ((table["rank"] == 1) == right).all()
    single = record["figures"]["single"]["accuracy"]["value"]
    assert (table["single_predicted"] == table["label"]).mean() == (
        pytest.approx(single, abs=1e-5)
    )


def test_a_page_needs_nothing_else(root: Path) -> None:
    assert run(root, "mine") == 0
    page = next((root / "log").glob("*-evaluation-test.html"))
    text = page.read_text(encoding="utf-8")
    addresses: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list) -> None:
            assert tag not in ("script", "link", "iframe")
            addresses.extend(v for k, v in attrs if k in ("src", "href"))

    Reader().feed(text)
    assert len(addresses) == 3
    assert all(x.startswith("data:image/png;base64,") for x in addresses)
    assert "http" not in text
    assert "<b>Haus</b>" not in text
    for fact in ("mine: ", "4 signers", "python evaluate.py mine", "48 clips"):
        assert fact in text


def test_judging_again_is_told_from_judging_anew(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(root, "mine") == 0
    page = next((root / "log").glob("*-evaluation-test.html"))
    before = page.read_bytes()
    capsys.readouterr()
    assert run(root, "mine") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert page.read_bytes() == before
    record = next((root / "model").glob("*.json"))
    text = record.read_text()
    record.write_text(text.replace('"name": "drei"', '"name": "THREE"'))
    assert run(root, "mine") == 0
    assert "THREE" in page.read_text()
    record.write_text(text)
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    clips.loc[clips["split"] == "test", "label"] = "drei"
    clips_table.write_table(dataset.clips, clips)
    assert run(root, "mine") == 0
    assert page.read_bytes() != before


def test_nothing_is_written_in_a_dry_run(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(root, "mine", "--dry-run") == 0
    assert "48 test clips of mine" in capsys.readouterr().out
    assert not list((root / "log").glob("*evaluation*"))


def test_clips_that_chose_the_epoch_are_refused_or_labelled(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(root, "mine", "--split", "val") == 2
    error = capsys.readouterr().err
    assert "chosen by 24 of these 24 validation clips" in error
    assert "--anyway" in error
    assert run(root, "mine", "--split", "val", "--anyway") == 0
    record = record_of(root, "val")
    assert "Not a test" in record["cautions"][0]
    assert record["cautions"][0] in capsys.readouterr().err
    page = next((root / "log").glob("*-evaluation-val.html"))
    assert "Not a test" in page.read_text(encoding="utf-8")


def test_training_clips_are_known_under_another_name(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    """A video of the training was copied into another data set's test."""
    mine, theirs = (Dataset(root / "data" / x) for x in ("mine", "theirs"))
    known, new = (
        clips[clips["split"] == split]["video"].iloc[0]
        for clips, split in (
            (clips_table.read_clips(mine), "train"),
            (clips_table.read_clips(theirs), "test"),
        )
    )
    model = ["--model", next((root / "model").glob("*-best.keras")).name[:-11]]
    assert run(root, "theirs", *model) == 0
    shutil.copy(mine.video / known, theirs.video / new)
    assert run(root, "theirs", *model) == 2
    assert "was trained on 1 of these 48 test clips" in capsys.readouterr().err
    assert run(root, "theirs", *model, "--anyway") == 0
    assert "trained on 1" in record_of(root, "theirs-test")["cautions"][0]


def test_clips_of_the_table_that_became_test_clips_are_known(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    train = clips["split"] == "train"
    clips.loc[train, "split"] = "test"
    clips_table.write_table(dataset.clips, clips)
    shutil.rmtree(dataset.video)
    assert run(root, "mine") == 2
    assert f"trained on {train.sum()} of these" in capsys.readouterr().err


def test_signers_of_the_training_are_named(root: Path) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    clips["signer"] = clips["signer"].replace("test0", "train0")
    clips_table.write_table(dataset.clips, clips)
    assert run(root, "mine") == 0
    (caution,) = record_of(root, "test")["cautions"]
    assert "1 signer of these clips is in the training clips" in caution


def test_without_signers_the_interval_is_of_clips_and_says_so(
    root: Path,
) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    clips_table.write_table(dataset.clips, clips.assign(signer=""))
    assert run(root, "mine") == 0
    record = record_of(root, "test")
    assert record["interval"]["resamples"] == "clips"
    assert "signers" in record["cautions"][0]


def test_classes_that_the_model_does_not_know_are_named(root: Path) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    chosen = clips[clips["split"] == "test"].index[:3]
    clips.loc[chosen, "label"] = "unheard of"
    clips_table.write_table(dataset.clips, clips)
    assert run(root, "mine") == 0
    record = record_of(root, "test")
    assert record["clips"] == 45
    assert "3 clips of 1 class" in record["cautions"][0]
    assert "unheard of" in record["cautions"][0]


def test_clips_without_features_are_named(root: Path) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    lost = clips["clip"][clips["split"] == "test"].iloc[0]
    (dataset.feature("mobilenet-0.25") / f"{lost}.npy").unlink()
    assert run(root, "mine") == 1
    assert record_of(root, "test")["clips"] == 47
    failed = next((root / "log").glob("*-evaluation-test-failed.csv"))
    assert lost in failed.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "args, message",
    [
        (["nothing"], "no model in .* was trained on nothing"),
        (["mine", "--videos", "x"], "either DATASET or --videos"),
        (["theirs", "--model", "nothing"], "there is no model"),
    ],
)
def test_what_cannot_be_judged_is_said(
    root: Path, capsys: pytest.CaptureFixture, args: list[str], message: str
) -> None:
    try:
        assert run(root, *args) == 2
    except SystemExit as stop:
        assert stop.code == 2
    error = capsys.readouterr().err
    assert pytest.importorskip("re").search(message, error), error


def test_a_split_without_clips_is_refused(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    clips["split"] = clips["split"].replace("test", "")
    clips_table.write_table(dataset.clips, clips)
    assert run(root, "mine") == 2
    assert "no clip of mine is in the split test" in capsys.readouterr().err


def test_a_transferred_model_knows_the_clips_of_its_source(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    command = ["theirs", "--epochs", "1", "--refit", *folders(root), "--quiet"]
    assert arguments.run(transfer.main, command) == 0
    assert run(root, "theirs") == 0
    model = record_of(root, "test")["run"]
    assert "-transfer-" in model
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    swap = {"test": "train", "train": "test"}
    clips["split"] = clips["split"].replace(swap)
    clips_table.write_table(dataset.clips, clips)
    capsys.readouterr()
    assert run(root, "mine", "--model", model) == 2
    assert "trained on 48 of these 48" in capsys.readouterr().err


def test_a_training_need_not_look_at_the_clips_of_val(root: Path) -> None:
    """Nor at those of test: then both are clips never seen."""
    dataset = Dataset(root / "data" / "mine")
    name, used = train(root, "mine", *QUICK, "--inner-val")
    chosen = used[used["use"] == "val"]
    assert 0 < len(chosen) < len(used) == 48
    assert used["signer"].str.startswith("train").all()
    assert not set(chosen["signer"]) & set(
        used["signer"][used["use"] == "train"]
    )
    assert run(root, "mine", "--split", "val") == 0
    assert run(root, "mine", "--split", "test") == 0
    assert record_of(root, "val")["run"] == name
    again, same = train(root, "mine", *QUICK, "--inner-val", "--epochs", "1")
    assert again != name
    pd.testing.assert_frame_equal(same, used)
    # Without the features of other clips, nothing changes.
    clips = clips_table.read_clips(dataset)
    for clip in clips["clip"][clips["split"] != "train"]:
        (dataset.feature("mobilenet-0.25") / f"{clip}.npy").unlink()
    _, same = train(root, "mine", *QUICK, "--inner-val", "--epochs", "1")
    pd.testing.assert_frame_equal(same, used)


def test_without_signers_the_epoch_is_chosen_by_a_part_of_the_clips(
    root: Path,
) -> None:
    dataset = Dataset(root / "data" / "mine")
    clips = clips_table.read_clips(dataset)
    clips_table.write_table(dataset.clips, clips.assign(signer=""))
    _, used = train(root, "mine", *QUICK, "--inner-val")
    assert (used["use"] == "val").sum() == pytest.approx(10, abs=2)


def test_a_run_is_repeated_on_train_and_val(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    before = {path.stem for path in (root / "log").glob("*.json")}
    refit, used = train(root, "mine", *QUICK, "--inner-val", "--refit")
    first, last = sorted(
        {path.stem for path in (root / "log").glob("*.json")} - before
    )
    assert last == refit
    assert len(used) == 72
    assert set(used["use"]) == {"train"}
    record = json.loads((root / "log" / f"{refit}.json").read_text())
    losses = pd.read_csv(root / "log" / f"{first}.csv")["val_loss"]
    assert record["arguments"]["refit"] == first
    assert record["arguments"]["units"] == 8
    assert record["arguments"]["epochs"] == losses.argmin() + 1
    assert record["final"]["epochs"] == losses.argmin() + 1
    best, last = (
        keras.saving.load_model(root / "model" / f"{refit}-{which}.keras")
        for which in ("best", "last")
    )
    for one, other in zip(best.weights, last.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert run(root, "mine", "--split", "test") == 0
    assert record_of(root, "test")["run"] == refit
    assert first in record_of(root, "test")["facts"]["model"]
    assert run(root, "mine", "--split", "val") == 2
    assert "trained on 24 of these" in capsys.readouterr().err


def test_what_cannot_be_repeated_is_refused(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    def refuse(*args: str) -> str:
        assert arguments.run(train_lstm.main, [*args, *folders(root)]) == 2
        return capsys.readouterr().err

    assert "nothing.json" in refuse("--refit", "nothing")
    dataset = Dataset(root / "data" / "theirs")
    clips = clips_table.read_clips(dataset)
    clips["split"] = clips["split"].replace("val", "")
    clips_table.write_table(dataset.clips, clips)
    assert "--inner-val" in refuse("theirs", *QUICK, "--refit")
    first = next((root / "log").glob("*.json")).stem
    assert "--lr 0.5 instead of" in refuse("--lr", "0.5", "--refit", first)
    again, _ = train(root, "--refit", first)
    assert "without validation clips" in refuse("--refit", again)
