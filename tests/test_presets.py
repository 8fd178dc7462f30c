import argparse
import dataclasses
from typing import Any

import pytest

import train_lstm
import transfer
from signs.training import presets
from signs.training.settings import (
    FitSettings,
    TrainingSettings,
    TransferSettings,
)

KINDS: list[tuple[Any, type[FitSettings], dict]] = [
    (train_lstm, TrainingSettings, presets.TRAINING),
    (transfer, TransferSettings, presets.TRANSFER),
]


@pytest.mark.parametrize(("script", "kind", "table"), KINDS)
def test_the_write_ups_settings_are_the_classes_own(script, kind, table):
    found = script.parse_arguments(["d", "--recipe", "writeup"]).settings
    assert found == kind(dataset="d")


def test_the_write_up_is_repeated_to_the_letter():
    settings = train_lstm.parse_arguments(["--recipe", "writeup"]).settings
    network = settings.layers, settings.units, settings.dropout, settings.dense
    assert network == (2, 1024, 0.5, ())
    assert (settings.input, settings.session_mean) == ("raw", False)
    assert (settings.learning_rate, settings.batch) == (1e-3, 256)
    moved = transfer.parse_arguments(["--recipe", "writeup"]).settings
    assert (moved.learning_rate, moved.batch) == (1e-4, 16)
    assert (moved.freeze, moved.head) == ("none", "random")


@pytest.mark.parametrize(("script", "kind", "table"), KINDS)
def test_a_preset_sets_what_it_names_and_nothing_else(script, kind, table):
    expected = {"recipe": presets.DEFAULT, **table[presets.DEFAULT]}
    found = script.parse_arguments(["d"]).settings
    assert found == kind(dataset="d", **expected)


@pytest.mark.parametrize(("script", "kind", "table"), KINDS)
def test_the_flags_that_stand_for_a_preset_give_the_same(script, kind, table):
    """What --help says of it is true, and every name is a flag."""
    words = presets.describe(kind, {"learning_rate": "lr"})
    flags = words.split("recommended: ")[1].split()
    by_flags = script.parse_arguments(["--recipe", "writeup", *flags]).settings
    preset = script.parse_arguments(["--recipe", "recommended"]).settings
    assert dataclasses.replace(by_flags, recipe="recommended") == preset


def test_a_flag_wins_over_the_preset():
    flags = ["--units", "8", "--recipe", "recommended", "--no-session-mean"]
    settings = train_lstm.parse_arguments(flags).settings
    assert (settings.units, settings.session_mean) == (8, False)
    assert settings.input == presets.TRAINING["recommended"]["input"]


def test_older_names_still_work(capsys):
    old = "--recipe best --center-recording --cnn mobilenet --units 4"
    new = "--recipe recommended --session-mean --features mobilenet --units 4"
    found = train_lstm.parse_arguments(old.split())
    assert found.settings == train_lstm.parse_arguments(new.split()).settings
    assert "--recipe best is called recommended" in capsys.readouterr().err
    for name, now in (("cold", "random"), ("probe", "linear_probe")):
        assert transfer.parse_arguments(["--head", name]).settings.head == now


def test_no_such_preset(capsys):
    with pytest.raises(SystemExit):
        train_lstm.parse_arguments(["--recipe", "other"])
    assert "invalid choice: 'other'" in capsys.readouterr().err


@pytest.mark.parametrize(("script", "kind", "table"), KINDS)
def test_settings_survive_their_record(script, kind, table):
    settings = script.parse_arguments(["d", "--epochs", "7"]).settings
    assert kind.from_mapping(settings.as_record()) == settings
    assert not isinstance(settings, argparse.Namespace)
    for name in settings.as_record():
        assert kind.__doc__ and (
            name in kind.__doc__ or name in str(FitSettings.__doc__)
        )
