import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import write_video
from store import folders
from trained import copy_models, trained

import export
import predict
from signs.core import arguments
from signs.core.backend import keras
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.features import backbones, feature_store
from signs.training import run_record


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trained(tmp_path_factory)


def run_predict(root: Path, *args: object) -> int:
    return arguments.run(predict.main, [*map(str, args), *folders(root)])


def change_record(models: Path, **changes: object) -> Path:
    """Changes what the record of the only model says; gives its path."""
    path = next(models.glob("*.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changes}), encoding="utf-8")
    return path


def test_as_the_pipeline_so_the_prediction(root: Path, capsys):
    """frame.py + feature.py + the model, and predict.py alone, agree."""
    dataset = Dataset(root / "data" / "sample-chalearn")
    path, record = run_record.find_model(None, root / "model")
    model = keras.saving.load_model(path)
    expected = {}
    for row in clips_table.read_clips(dataset).to_dict("records"):
        stored = np.load(
            feature_store.feature_path(dataset, "mobilenet-0.25", row["clip"])
        )
        video = str(dataset.video / row["video"])
        expected[video] = model.predict_on_batch(stored[None])[0]
    clips = len(record["classes"])

    args = [dataset.video, "--json", "--top", clips]
    assert run_predict(root, *args) == 0

    lines = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    found = {line["clip"]: line for line in lines}
    assert list(found) == sorted(expected)
    labels = [row["label"] for row in record["classes"]]
    for video, line in found.items():
        shares = {row["label"]: row["probability"] for row in line["top"]}
        got = [shares[label] for label in labels]
        np.testing.assert_allclose(got, expected[video], atol=1e-3)
        assert line["label"] == labels[int(np.argmax(expected[video]))]
        assert line["probability"] == max(got)


def test_a_table_to_read_and_one_to_keep(root: Path, tmp_path: Path, capsys):
    models = copy_models(root, tmp_path / "model")
    _, record = run_record.find_model(None, models)
    names = ["Tür", "Auf Wiedersehen", "null"]
    for row, name in zip(record["classes"], names, strict=True):
        row["name"] = name
    change_record(models, classes=record["classes"])
    video = Dataset(root / "data" / "sample-chalearn").video
    folder = video / "IsoGD_phase_2"
    csv = tmp_path / "out" / "answers.csv"
    assert (
        run_predict(
            tmp_path, folder, "--engine", "keras", "--csv", csv, "--top", 2
        )
        == 0
    )
    output = capsys.readouterr().out.splitlines()
    kept = pd.read_csv(csv, keep_default_na=False)
    assert list(kept.columns) == [
        "clip",
        *("label_1", "name_1", "probability_1"),
        *("label_2", "name_2", "probability_2"),
    ]
    videos = sorted(map(str, folder.rglob("*.avi")))
    assert list(kept["clip"]) == videos
    assert set(kept["name_1"]) <= set(names)
    assert (kept["probability_1"] >= kept["probability_2"]).all()
    rows = [line for line in output if ".avi" in line]
    for line, row in zip(rows, kept.to_dict("records"), strict=True):
        share = f"{row['probability_1']:.1%} {row['name_1']}"
        assert line.startswith(row["clip"]) and share in line
    assert f"table {csv}" in output


@pytest.mark.slow  # converts in eight bits
def test_a_model_of_eight_bits_is_given_such_features(
    root: Path, tmp_path: Path, capsys
):
    models = copy_models(root, tmp_path / "model")
    _, record = run_record.find_model(None, models)
    made = {**record["features"], "engine": "litert-int8"}
    change_record(models, features=made)
    video = write_video(tmp_path / "clip.avi", frames=5)
    assert run_predict(tmp_path, video) == 0
    assert len(list(models.glob("cnn/*-int8.tflite"))) == 1
    capsys.readouterr()
    assert run_predict(tmp_path, video, "--engine", "keras") == 2
    assert "use --engine litert-int8" in capsys.readouterr().err
    flags = [str(tmp_path / "x.tflite"), *folders(tmp_path)]
    assert arguments.run(export.main, flags) == 2
    assert "trained on features of eight bits" in capsys.readouterr().err


def test_what_is_hardly_likely_is_unknown(root: Path, tmp_path: Path, capsys):
    video = write_video(tmp_path / "clip.avi", frames=5)
    csv = tmp_path / "out.csv"
    common = [video, "--engine", "keras", "--top", 2]
    assert run_predict(root, *common, "--json", "--threshold", ".9999") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["label"], line["name"]) == ("unknown", "unknown")
    assert line["top"][0]["label"] != "unknown"
    assert line["session_mean"] is None
    assert run_predict(root, *common, "--threshold", ".9999", "--csv", csv) == 0
    output = capsys.readouterr().out.splitlines()
    assert output[1].split()[:2] == ["clip", "sign"]
    assert output[2].split()[1] == "unknown"
    kept = pd.read_csv(csv)
    assert list(kept.columns)[:4] == ["clip", "label", "name", "label_1"]
    assert kept["name"][0] == "unknown"


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (["--camera", "x.avi", "--headless"], "python live.py x.avi instead"),
        (["--segments", "x.avi"], "python find_signs.py VIDEO ... instead"),
        (["--export", "x.tflite"], "python export.py x.tflite instead"),
    ],
)
def test_flags_of_older_versions_name_the_new_script(
    root: Path, tmp_path: Path, capsys, flags, note
):
    write_video(tmp_path / "x.avi", frames=5)
    flags = [x.replace("x.", f"{tmp_path}/x.") for x in flags]
    assert run_predict(root, *flags, "--dry-run") == 0
    output = capsys.readouterr()
    assert note.replace("x.", f"{tmp_path}/x.") in output.err
    assert "would " in output.out + output.err
    for script in ("live", "find_signs", "export"):
        assert (script in note) == (f"{script}.py" in output.err)


def test_a_bad_video_does_not_stop_the_rest(root: Path, tmp_path: Path, capsys):
    good = write_video(tmp_path / "a" / "good.avi", frames=5)
    bad = tmp_path / "a" / "Bäd.mp4"
    bad.write_bytes(b"no video")
    (tmp_path / "a" / "notes.txt").write_text("no video either")
    common = ["--model-dir", root / "model", "--log", tmp_path / "log"]
    args = [tmp_path / "a", "--json", *common]
    assert arguments.run(predict.main, [*map(str, args)]) == 1
    output = capsys.readouterr()
    lines = {x["clip"]: x for x in map(json.loads, output.out.splitlines())}
    assert set(lines) == {str(good), str(bad)}
    assert "no frame can be decoded" in lines[str(bad)]["error"]
    assert lines[str(good)]["probability"] > 0
    failed = tmp_path / "log" / "predict-failed.csv"
    assert "Bäd.mp4" in failed.read_text(encoding="utf-8")
    assert str(failed) in output.err

    assert arguments.run(predict.main, [*map(str, [bad, *common])]) == 2
    assert "no video could be recognised" in capsys.readouterr().err
    missing = tmp_path / "missing.mp4"
    args = [good, missing, "--quiet", *common]
    assert arguments.run(predict.main, [*map(str, args)]) == 1
    output = capsys.readouterr()
    assert "the video is missing" in output.err
    assert "good.avi" in output.out  # what was asked for is never quiet
    assert arguments.run(predict.main, [*map(str, [good, *common])]) == 0
    assert not failed.exists()


def test_nothing_to_recognise(root: Path, tmp_path: Path, capsys):
    assert run_predict(root, tmp_path) == 2
    assert f"there is no video in {tmp_path}" in capsys.readouterr().err
    assert run_predict(tmp_path, "a.mp4") == 2
    assert "python train_lstm.py" in capsys.readouterr().err
    assert run_predict(root, "a.mp4", "--csv", tmp_path) == 2  # and at once
    assert f"--csv {tmp_path} is a folder" in capsys.readouterr().err


def test_without_a_name_the_newest_run_of_either_kind_is_used(
    root: Path, tmp_path: Path, capsys
):
    models = copy_models(root, tmp_path / "model")
    old = next(models.glob("*-best.keras"))
    name = "29991231-235959-transfer-9in3"
    old.rename(models / f"{name}-best.keras")
    next(models.glob("*.json")).rename(models / f"{name}.json")
    copy_models(root, tmp_path / "other")
    for path in (tmp_path / "other").iterdir():
        path.rename(models / path.name)
    assert run_predict(tmp_path, "x.mp4", "--dry-run") == 0
    assert name in capsys.readouterr().out
    older = old.name.removesuffix("-best.keras")
    assert run_predict(tmp_path, "x.mp4", "--dry-run", "--model", older) == 0
    assert old.name in capsys.readouterr().out


def test_the_weights_file_of_the_cnn_is_asked_for(
    root: Path, tmp_path: Path, capsys
):
    keras.utils.set_random_seed(5)
    file = tmp_path / "hands.weights.h5"
    keras.applications.MobileNet(
        alpha=0.25,
        weights=None,
        include_top=False,
        pooling="avg",
        input_shape=(224, 224, 3),
    ).save_weights(file)
    network = backbones.load("mobilenet-0.25", str(file))
    models = copy_models(root, tmp_path / "model")
    _, record = run_record.find_model(None, models)
    described = {**record["features"], **network.describe()}
    change_record(models, features=described)
    video = write_video(tmp_path / "clip.avi", frames=3)
    args = [video, "--engine", "keras"]

    assert run_predict(tmp_path, *args) == 2
    error = capsys.readouterr().err
    assert "--weights PATH/hands.weights.h5" in error

    missing = tmp_path / "none.h5"
    assert run_predict(tmp_path, *args, "--weights", missing) == 2
    assert "none.h5 is no file" in capsys.readouterr().err

    change_record(models, features={**described, "weights_hash": "0" * 16})
    assert run_predict(tmp_path, *args, "--weights", file) == 2
    assert "are others" in capsys.readouterr().err

    change_record(models, features=described)
    assert run_predict(tmp_path, *args, "--weights", file) == 0
    assert "clip.avi" in capsys.readouterr().out


def test_a_record_of_another_model_is_refused(
    root: Path, tmp_path: Path, capsys
):
    models = copy_models(root, tmp_path / "model")
    _, record = run_record.find_model(None, models)
    change_record(models, classes=record["classes"][:2])
    video = write_video(tmp_path / "clip.avi", frames=3)
    assert run_predict(tmp_path, video, "--engine", "keras") == 2
    assert "do not belong together" in capsys.readouterr().err
    change_record(models, classes=record["classes"], frames=19)
    assert run_predict(tmp_path, video, "--engine", "keras") == 2
    assert "not the model that its record" in capsys.readouterr().err
    change_record(models, frames=record["frames"])
    (models / f"{record['run']}-best.keras").write_bytes(b"damaged")
    assert run_predict(tmp_path, video, "--engine", "keras") == 2
    assert "cannot be loaded" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["a.mp4", "--camera", "0"],
        ["--camera", "0", "--export", "a.onnx"],
        ["--segments", "--camera", "0"],
        ["--segments"],
        ["a.mp4", "--threshold", "1.5"],
    ],
)
def test_arguments_that_do_not_go_together(args, capsys):
    with pytest.raises(SystemExit) as stop:
        predict.main(args)
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err
