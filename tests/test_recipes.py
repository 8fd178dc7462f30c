from types import ModuleType

import pytest

import train_lstm
import transfer
from signs.training import presets

SCRIPTS = {"train_lstm": train_lstm, "transfer": transfer}


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_a_recipe_it_is_the_write_ups(script: str):
    module: ModuleType = SCRIPTS[script]
    plain = module.parse_arguments([])
    assert plain == module.parse_arguments(["--recipe", "writeup"])
    assert presets.RECIPES[script]["writeup"] == {}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_recipe_sets_what_it_names_and_nothing_else(script: str):
    module: ModuleType = SCRIPTS[script]
    plain = vars(module.parse_arguments([]))
    best = vars(module.parse_arguments(["--recipe=best"]))
    recipe = presets.RECIPES[script]["best"]
    changed = {
        name: value
        for name, value in best.items()
        if name not in plain or value != plain[name]
    }
    assert changed == {"recipe": "best", **recipe}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_flags_that_stand_for_a_recipe_give_the_same(script: str):
    """What --help says of it is true, and every name is a flag."""
    module: ModuleType = SCRIPTS[script]
    best = module.parse_arguments(["--recipe", "best"])
    words = presets.in_words(script).split("best: ")[1]
    by_flags = module.parse_arguments(words.split(";")[0].split())
    by_flags.recipe = "best"
    assert by_flags == best


def test_a_flag_wins_over_the_recipe():
    arguments = ["--units", "8", "--recipe", "best", "--input", "raw"]
    args = train_lstm.parse_arguments(arguments)
    assert (args.units, args.input) == (8, "raw")
    assert train_lstm.parse_arguments(["--recipe", "best"]).units != 8
    args = transfer.parse_arguments(["--recipe", "best", "--lr", "0.5"])
    assert args.lr == 0.5


def test_a_switch_of_a_recipe_can_be_switched_off():
    on = presets.RECIPES["train_lstm"]["best"]
    switches = [name for name, value in on.items() if value is True]
    flags = ["--no-" + name.replace("_", "-") for name in switches]
    args = train_lstm.parse_arguments(["--recipe", "best", *flags])
    assert not any(getattr(args, name) for name in switches)


def test_no_such_recipe(capsys):
    with pytest.raises(SystemExit):
        train_lstm.parse_arguments(["--recipe", "other"])
    assert "invalid choice: 'other'" in capsys.readouterr().err
