"""Logs of many programs and many accidents, read into one kind of table."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.core.errors import UserError
from signs.core.messages import set_up_messages
from signs.evaluation import training_log

HEADER = "epoch,accuracy,loss,val_accuracy,val_loss\n"


@pytest.fixture
def write(tmp_path):
    def write_log(text: str, name: str = "run.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write_log


@pytest.fixture(autouse=True)
def messages():
    set_up_messages(quiet=False)


def test_columns_are_found_by_name_and_epochs_counted_from_1(write):
    table = training_log.read_log(
        write(
            "epoch,accuracy,learning_rate,loss,seconds,val_accuracy,val_loss\n"
            "0,0.5,0.001,1.5,9,0.4,1.75\n1,0.75,0.001,1.25,9,0.5,1.5\n"
        )
    )
    assert list(table.columns) == training_log.COLUMNS
    assert table.dtypes.tolist() == [np.int64] + [np.float64] * 4
    assert table.to_numpy().tolist() == [
        [1, 1.5, 0.5, 1.75, 0.4],
        [2, 1.25, 0.75, 1.5, 0.5],
    ]


@pytest.mark.parametrize(
    "name", ["acc", "categorical_accuracy", "sparse_categorical_accuracy"]
)
@pytest.mark.parametrize("ending", training_log.ENDINGS)
def test_older_names_of_the_accuracy(write, name, ending):
    path = write(
        f"epoch,{name},loss,top_k_{name},val_{name},val_loss,val_top_k_{name}\n"
        "0,0.5,1.5,0.9,0.4,1.75,0.8\n",
        f"2018{ending}",
    )
    row = training_log.read_log(path).iloc[0]
    assert row[["accuracy", "val_accuracy"]].tolist() == [0.5, 0.4]
    assert row[["loss", "val_loss"]].tolist() == [1.5, 1.75]


def test_accuracy_counts_before_its_variants(write):
    table = training_log.read_log(
        write("epoch,categorical_accuracy,accuracy,loss\n0,0.1,0.9,1\n")
    )
    assert table["accuracy"].tolist() == [0.9]


@pytest.mark.parametrize(
    "text",
    [
        "epoch;acc;loss;val_loss\n0;0.5;1.5;2\n1;0.75;1;2.5\n",
        "epoch;acc;loss;val_loss\n0;0,5;1,5;2,0\n1;0,75;1;2,5\n",
        "epoch\tacc\tloss\tval_loss\n0\t0.5\t1.5\t2\n1\t0.75\t1\t2.5\n",
        "\ufeffepoch,acc,loss,val_loss\r\n0,0.5,1.5,2\r\n1,0.75,1,2.5\r\n",
        "Epoch, acc, loss, val_loss\n\n0, 0.5, 1.5, 2\n\n1, 0.75, 1, 2.5\n",
        'epoch,acc,list,loss,val_loss\n0,.5,"[1, 2]",1.5,2\n1,.75,NA,1,2.5\n',
    ],
    ids=["semicolons", "commas in numbers", "tabs", "mark", "blanks", "list"],
)
def test_separators_and_spellings(write, text):
    table = training_log.read_log(write(text))
    assert table["accuracy"].tolist() == [0.5, 0.75]
    assert table["loss"].tolist() == [1.5, 1]
    assert table["val_loss"].tolist() == [2, 2.5]
    assert table["val_accuracy"].isna().all()


def test_validation_columns_may_be_na_or_missing(write):
    full = write(HEADER + "0,0.5,1.5,NA,NA\n1,0.5,1.5,nan,\n")
    short = write("epoch,accuracy,loss\n0,0.5,1.5\n1,0.5,1.5\n", "short.csv")
    pd.testing.assert_frame_equal(
        training_log.read_log(full), training_log.read_log(short)
    )
    table = training_log.read_log(short)
    assert table[["val_loss", "val_accuracy"]].isna().all(axis=None)
    line = training_log.validation_line(table)
    assert line == "Validation set: max accuracy n/a | min loss n/a"


def test_two_fits_in_one_file_are_counted_on(write):
    rows = "".join(f"{epoch},0.5,{epoch}.5,0.5,1\n" for epoch in range(3))
    table = training_log.read_log(write(HEADER + rows + HEADER + rows + rows))
    assert table["epoch"].tolist() == list(range(1, 10))
    assert table["loss"].tolist() == [0.5, 1.5, 2.5] * 3


def test_a_file_that_counts_from_1_stays_as_it_is(write):
    table = training_log.read_log(write("epoch,loss\n1,5\n2,4\n1,3\n2,2\n"))
    assert table["epoch"].tolist() == [1, 2, 3, 4]


def test_the_second_fit_may_have_other_columns(write):
    table = training_log.read_log(
        write("epoch,acc,loss\n0,0.5,2\nepoch,acc,loss,val_loss\n0,0.6,1,3\n")
    )
    assert table["loss"].tolist() == [2, 1]
    assert table["val_loss"].isna().tolist() == [True, False]


def test_of_an_epoch_that_was_repeated_the_later_row_counts(write):
    table = training_log.read_log(
        write("epoch,loss\n0,9\n1,8\n2,7\n3,6\n2,5\n3,4\n4,3\n4,2\n")
    )
    assert table["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert table["loss"].tolist() == [9, 8, 5, 4, 2]


@pytest.mark.parametrize(
    "end",
    [
        "2,0.7",
        "2,0.7,0.5,0.6,1.",
        "2,0.7,0.5,0.6,1.2e-",
        "2,0.7,0.5,0.6,",
        "\0",
    ],
)
def test_a_cut_last_line_is_dropped_with_a_warning(write, capsys, end):
    whole = "0,0.5,1.5,0.4,1.7523456\n1,0.6,1.25,0.5,1.525\n"
    table = training_log.read_log(write(HEADER + whole + end))
    assert table["epoch"].tolist() == [1, 2]
    assert "line 4 cut or damaged" in capsys.readouterr().err


def test_a_last_line_without_an_end_is_kept_if_it_is_whole(write, capsys):
    table = training_log.read_log(
        write(HEADER + "0,.5,1.5,.4,1.7\n1,.6,1.2,.74,0.806")
    )
    line = training_log.validation_line(table)
    assert line == "Validation set: max accuracy 0.74 | min loss 0.806"
    assert capsys.readouterr().err == ""


def test_a_damaged_line_in_the_middle_costs_only_itself(write, capsys):
    # A line that was cut, and continued by the first row after --resume.
    text = (
        HEADER + "0,.5,1,.4,1\n1,.6,0.2,0,.5,1,.4,1\n2,.7,1,.6,1\n3,x,1,1,1\n"
    )
    table = training_log.read_log(write(text))
    assert table["epoch"].tolist() == [1, 3]
    assert "lines 3, 5 cut or damaged" in capsys.readouterr().err


def test_losses_without_bounds_are_read(write):
    table = training_log.read_log(
        write("epoch,loss,val_loss\n0,inf,2\n1,nan,1e9\n")
    )
    assert table["loss"].tolist()[0] == math.inf
    assert table["val_loss"].tolist() == [2, 1e9]
    json.dumps(training_log.summary(table), allow_nan=False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (HEADER.encode(), "has no whole epoch"),
        (HEADER.encode() + b"0,0.", "has no whole epoch"),
        (b"clip,reason\na,damaged\n", "is not a training log"),
        (b"epoch,learning_rate\n0,1\n", "is not a training log"),
        (b"label,recall,clips\nja,0.5,9\n", "is not a training log"),
        (b"Found 12 GPUs; epoch 1, loss 2\n", "is not a training log"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "is not a training log"),
        (b"x" * 300_000, "is not a training log"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path, content, reason):
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=reason) as error:
        training_log.read_log(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="missing.*python train_lstm.py"):
        training_log.read_log(tmp_path / "no.csv")
    with pytest.raises(UserError, match="is a folder"):
        training_log.read_log(tmp_path)
    with pytest.raises(UserError, match="no folder"):
        training_log.find_logs(tmp_path / "no")


def test_logs_are_found_among_other_files(write, tmp_path):
    row = "0,0.5,1.5,0.4,1.75\n"
    for name in ["b.csv", "a.LOG", "c.acc", "d.txt", ".partial-1-2.csv"]:
        write(HEADER + row, name)
    write("", "empty.csv")
    write("clip,reason\nx,y\n", "b-failed.csv")
    write("label,recall\nja,1\n", "b-classes.csv")
    write("label,ja,nein\nja,3,1\nnein,0,4\n", "b-confusion.csv")
    write("training starts\nepoch,loss\n", "console.log")
    write("\0\1\2", "binary.log")
    (tmp_path / "folder.csv").mkdir()
    names = [path.name for path in training_log.find_logs(tmp_path)]
    assert names == ["a.LOG", "b.csv", "c.acc", "empty.csv"]


def test_summary_names_every_rule(write):
    rows = [
        (0.1, 3.0, 0.10, 2.0),
        (0.2, 2.5, 0.30, 1.0),
        (0.3, 2.0, 0.40, 1.0),
        (0.4, 1.5, 0.50, 3.0),
        (0.5, 1.0, 0.50, 4.0),
        (0.6, 0.5, 0.45, 5.0),
    ]
    text = "".join(
        f"{epoch},{','.join(map(str, row))}\n" for epoch, row in enumerate(rows)
    )
    summary = training_log.summary(training_log.read_log(write(HEADER + text)))
    assert summary["epochs"] == 6
    assert summary["best_val_loss"] == {
        "epoch": 2,  # the first of two that are equal
        "loss": 2.5,
        "accuracy": 0.2,
        "val_loss": 1.0,
        "val_accuracy": 0.3,
    }
    assert summary["best_val_accuracy"]["epoch"] == 4
    assert summary["last"]["val_accuracy"] == 0.45
    mean = summary["mean_of_last_5"]
    assert mean["val_accuracy"] == pytest.approx(0.43)
    assert "epoch" not in mean
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_summary_without_validation(write):
    table = training_log.read_log(write("epoch,accuracy,loss\n0,0.5,1.5\n"))
    summary = training_log.summary(table)
    assert summary["best_val_loss"] is None
    assert summary["best_val_accuracy"] is None
    assert summary["last"]["val_loss"] is None
    assert summary["last"]["epoch"] == 1


def test_the_logger_of_keras_is_read(tmp_path):
    import keras

    path = tmp_path / "run.csv"
    for start in [0, 2]:  # the second time as `--resume` does
        logger = keras.callbacks.CSVLogger(path, append=True)
        logger.on_train_begin()
        for epoch in range(start, start + 2):
            figures = {"loss": 1 / (epoch + 1), "accuracy": np.float32(0.5)}
            if epoch != 1:  # as with validation_freq
                figures |= {"val_loss": 2.0, "val_accuracy": 0.25}
            logger.on_epoch_end(epoch, figures)
        logger.on_train_end()
    table = training_log.read_log(path)
    assert table["epoch"].tolist() == [1, 2, 3, 4]
    assert table["loss"].tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
    assert table["val_loss"].isna().tolist() == [False, True, False, False]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.booleans())
def test_any_fits_in_one_file_are_counted_without_gap(fits, from_1):
    epochs = [epoch + from_1 for fit in fits for epoch in range(fit)]
    assert training_log._count_on(epochs) == list(range(1, sum(fits) + 1))


@given(
    st.lists(
        st.lists(st.floats(0, 100), min_size=4, max_size=4),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
def test_a_log_cut_anywhere_gives_its_whole_rows(tmp_path_factory, rows, data):
    lines = [f"{i},{','.join(map(repr, row))}\n" for i, row in enumerate(rows)]
    text = HEADER + "".join(lines)
    cut = data.draw(st.integers(len(HEADER) + len(lines[0]), len(text)))
    path = tmp_path_factory.mktemp("cut") / "run.csv"
    path.write_text(text[:cut], newline="")
    table = training_log.read_log(path)
    whole = text[:cut].count("\n") - 1
    assert whole <= len(table) <= whole + 1
    columns = ["accuracy", "loss", "val_accuracy", "val_loss"]
    read = table[columns].to_numpy().tolist()
    assert read[:whole] == rows[:whole]
    # Of a last row that lacks its end, all but the last digits are there.
    assert [row[:3] for row in read] == [row[:3] for row in rows[: len(read)]]
