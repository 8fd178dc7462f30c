"""plot_logs.py: what it prints, which figures it writes, and where."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from figures import picture, shows, write

import plot_logs
from signs.core import arguments
from signs.evaluation import curves, training_log

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder `log/` of an empty project."""
    monkeypatch.chdir(tmp_path)
    Path("log").mkdir()
    return Path("log")


def test_one_log(folder, capsys):
    write(folder / "run.csv")
    assert plot_logs.main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "run  30 epochs",
        "Validation set: max accuracy 0.74 | min loss 0.806",
        f"wrote {folder / 'run.png'}",
    ]
    both = [curves.BLUE, curves.VERMILION, curves.COLOURS[2]]
    assert shows(folder / "run.png", both) == [True, True, False]
    assert sorted(os.listdir(folder)) == ["run.csv", "run.png"]


def test_several_logs_are_drawn_alone_and_together(folder, capsys):
    for number, name in enumerate(["a", "b-longer", "c"], start=1):
        write(folder / f"{name}.csv", 20 * number, number / 4, number / 8)
    assert plot_logs.main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [
        "a         20 epochs  "
        "Validation set: max accuracy 0.25 | min loss 0.125",
        "b-longer  40 epochs  "
        "Validation set: max accuracy 0.50 | min loss 0.250",
        "c         60 epochs  "
        "Validation set: max accuracy 0.75 | min loss 0.375",
    ]
    names = ["a.png", "b-longer.png", "c.png", "comparison.png"]
    assert out[3:] == [f"wrote {folder / name}" for name in names]
    shown = shows(folder / "comparison.png", curves.COLOURS[:6])
    assert shown == [True, True, True, False, False, False]


def test_a_second_run_does_nothing_until_a_log_changes(folder, capsys):
    write(folder / "a.csv")
    write(folder / "b.csv", 20)
    assert plot_logs.main([]) == 0
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    capsys.readouterr()
    assert plot_logs.main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.count("Validation set: ") for line in out] == [1, 1, 0]
    assert out[2].startswith("nothing to do: 3 figures are up to date")
    assert before == {path: path.stat().st_mtime_ns for path in before}

    write(folder / "b.csv", 21)
    assert plot_logs.main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[2:] == [
        f"wrote {folder / 'b.png'}",
        f"wrote {folder / 'comparison.png'}",
    ]
    assert plot_logs.main(["--overwrite"]) == 0
    assert capsys.readouterr().out.count("wrote ") == 3


def test_a_comparison_of_other_logs_is_drawn_anew(folder, capsys):
    a, b, c = (str(write(folder / f"{x}.csv")) for x in "abc")
    assert plot_logs.main([a, b]) == 0
    capsys.readouterr()
    assert plot_logs.main([a, c]) == 0
    assert f"wrote {folder / 'comparison.png'}" in capsys.readouterr().out


def test_a_damaged_figure_is_drawn_anew(folder):
    write(folder / "run.csv")
    (folder / "run.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert plot_logs.main([]) == 0
    picture(folder / "run.png")


def test_dry_run_prints_what_it_would_write(folder, capsys):
    write(folder / "a.csv")
    write(folder / "b.csv")
    assert plot_logs.main(["--dry-run"]) == 0
    out = capsys.readouterr().out
    for name in ["a.png", "b.png", "comparison.png"]:
        assert f"would write {folder / name}" in out
    assert out.count("Validation set: ") == 2
    assert sorted(os.listdir(folder)) == ["a.csv", "b.csv"]


def test_quiet_prints_nothing(folder, capsys):
    write(folder / "run.csv")
    assert plot_logs.main(["--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    picture(folder / "run.png")


def test_out_is_a_file(folder):
    a, b = (str(write(folder / f"{name}.csv")) for name in "ab")
    assert plot_logs.main([a, "--out", "docs/one.png"]) == 0
    assert plot_logs.main([a, b, "--out", "docs/two.png"]) == 0
    one, two = picture(Path("docs/one.png")), picture(Path("docs/two.png"))
    assert one.shape[0] < two.shape[0]  # the comparison has names below
    assert not list(folder.glob("*.png"))


@pytest.mark.parametrize(
    ("ending", "start"),
    [(".pdf", b"%PDF"), (".svg", b"<?xml"), (".jpg", b"\xff\xd8")],
)
def test_other_formats(folder, ending, start):
    write(folder / "run.csv")
    assert plot_logs.main(["--out", f"figure{ending}"]) == 0
    assert Path(f"figure{ending}").read_bytes().startswith(start)


def test_out_is_a_folder(folder, capsys):
    write(folder / "a.csv")
    write(folder / "b.csv")
    assert plot_logs.main(["--out", "plots/new"]) == 0
    names = ["a.png", "b.png", "comparison.png"]
    assert sorted(os.listdir("plots/new")) == names
    assert not list(folder.glob("*.png"))
    Path("v1.2").mkdir()  # a folder, though its name has an ending
    assert plot_logs.main(["--out", "v1.2", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert all(f"would write {Path('v1.2', name)}" in out for name in names)


def test_logs_of_the_same_name_do_not_share_a_figure(folder, capsys):
    def figures(*options: str) -> set[str]:
        names = [str(path) for path in paths]
        assert plot_logs.main([*names, *options, "--dry-run"]) == 0
        out = capsys.readouterr().out
        return set(re.findall("would write (.+)", out.replace(os.sep, "/")))

    Path("old").mkdir()
    paths = [folder / "run.csv", folder / "run.log", Path("old/run.csv")]
    for path in paths:
        write(path)
    assert figures() == {
        "log/run.csv.png",
        "log/run.log.png",
        "old/run.png",
        "log/comparison.png",
    }
    assert figures("--out", "plots") == {
        "plots/log-run.csv.png",
        "plots/run.log.png",
        "plots/old-run.csv.png",
        "plots/comparison.png",
    }


def test_a_log_is_named_by_path_run_or_folder_and_taken_once(folder, capsys):
    write(folder / "run.csv")
    write(folder / "other.acc")
    names = ["run", str(folder / "run"), str(folder / "run.csv"), str(folder)]
    assert plot_logs.main([*names, "--dry-run"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[:2]] == ["run", "other"]
    assert len([line for line in out if "Validation set: " in line]) == 2


def test_of_many_logs_the_newest_are_compared(folder, capsys):
    now = time.time()
    for number in range(10):
        path = write(folder / f"run-{number}.csv", 10, number / 10, number / 3)
        os.utime(path, (now - number, now - number))
    assert plot_logs.main(["--out", "all.png"]) == 0
    out = capsys.readouterr().out
    assert out.count("Validation set: ") == 10
    assert "10 logs are too many for one figure" in out
    paths = training_log.find_logs(folder)
    runs, _ = plot_logs.read_runs(paths)
    compared = [run.path for run in plot_logs.newest(runs)]
    assert compared == paths[:8]
    assert all(shows(Path("all.png"), curves.COLOURS))


@pytest.mark.parametrize(
    ("highest", "limit"),
    [(0.1, 0.1), (1, 1), (2, 5), (4.9, 5), (5.52, 5.52), (40, 40)],
)
def test_the_loss_goes_from_0_to_5_or_as_needed(folder, highest, limit):
    losses = np.linspace(highest, highest / 2, 50)
    rows = [f"{i},{loss},{loss}\n" for i, loss in enumerate(losses)]
    path = folder / "run.csv"
    path.write_text("epoch,loss,val_loss\n" + "".join(rows))
    runs, _ = plot_logs.read_runs([path])
    found = curves.loss_limit(runs)
    assert limit <= found <= (limit if limit == 5 else 1.1 * limit)


def test_one_wild_epoch_does_not_flatten_the_curves(folder):
    path = folder / "run.csv"
    rows = [f"{i},1.5,2\n" for i in range(1, 40)]
    path.write_text("epoch,loss,val_loss\n0,900,inf\n" + "".join(rows))
    runs, _ = plot_logs.read_runs([path])
    assert curves.loss_limit(runs) == 5
    assert plot_logs.main([]) == 0


def test_sparse_logs_are_drawn(folder):
    texts = [
        "epoch,acc,loss,val_acc,val_loss\n0,0.5,1.5,0.4,2\n",
        "epoch,accuracy,loss\n0,0.5,1.5\n1,0.6,1.25\n",
        "epoch,val_loss\n0,2\n1,1\n",
        "epoch,accuracy,loss\n0,NA,nan\n1,NA,nan\n",
        "epoch,loss,val_loss\n0,inf,inf\n",
        "epoch,loss\n0,0\n1,0\n",
        "epoch,loss,val_loss\n0,-1,-2\n1,-3,-4\n",
    ]
    for number, text in enumerate(texts):
        (folder / f"{number}.csv").write_text(text)
    assert plot_logs.main([]) == 0
    for name in [*map(str, range(len(texts))), "comparison"]:
        picture(folder / f"{name}.png")


def test_the_level_of_chance_is_drawn_where_classes_are_known(folder):
    write(folder / "run.csv")
    assert plot_logs.main([]) == 0
    without = picture(folder / "run.png")
    content = {"data": {"classes": 10}}
    (folder / "run.json").write_text(json.dumps(content))
    assert plot_logs.main([]) == 0
    assert (picture(folder / "run.png") != without).any()


@pytest.mark.parametrize(
    ("content", "classes"),
    [
        ('{"data": {"classes": 249}}', 249),
        ('{"data": {"classes": 1}}', None),
        ('{"data": {"classes": ["ja", "nein"]}}', None),
        ('{"data": "data/chalearn"}', None),
        ("[]", None),
        ("{", None),
    ],
)
def test_classes_are_read_if_they_are_there(folder, content, classes):
    (folder / "run.json").write_text(content)
    assert plot_logs.read_classes(folder / "run.csv") == classes


def test_odd_names_are_drawn_as_they_are(folder):
    names = ["_x", "$a_1$ b%", "Grüß_oe Gott", "x" * 150]
    for name in names:
        write(folder / f"{name}.csv")
    assert plot_logs.main([]) == 0
    for name in names:
        picture(folder / f"{name}.png")


def test_a_log_that_cannot_be_read_costs_only_itself(folder, capsys):
    write(folder / "good.csv")
    (folder / "empty.csv").write_bytes(b"")
    assert plot_logs.main([]) == 1
    out, err = capsys.readouterr()
    assert out.count("Validation set: ") == 1
    assert err.startswith(f"warning: {folder / 'empty.csv'} is empty")
    assert sorted(os.listdir(folder)) == ["empty.csv", "good.csv", "good.png"]


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ([], "no training log in log; .*python train_lstm.py"),
        (["nothing"], "nothing is missing"),
        (["empty.csv"], "empty.csv is empty"),
        (["table.csv"], "table.csv is not a training log"),
        (["empty.csv", "table.csv"], "is empty.*; .*not a training log"),
        (["--log", "nowhere"], "no folder nowhere"),
        (["good.csv", "--out", "x.csv"], r"x.csv is neither .*\.png.*mkdir"),
        (["good.csv", "comparison.csv"], "2 figures would go to comparison"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(folder, capsys, args, reason):
    Path("empty.csv").write_bytes(b"")
    Path("table.csv").write_text("clip,reason\na,b\n")
    write(Path("good.csv"))
    write(Path("comparison.csv"))
    assert arguments.run(plot_logs.main, args) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert re.search(reason, error), error
    assert not list(Path().rglob("*.png"))


def test_show_without_a_screen_is_refused(folder):
    write(folder / "run.csv")
    headless = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    result = subprocess.run(
        [sys.executable, ROOT / "plot_logs.py", "--show"],
        env={**headless, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: --show needs a screen")
    assert result.stderr.count("\n") == 1
    assert not list(folder.glob("*.png"))


def test_help_imports_nothing_heavy():
    code = (
        "import sys, plot_logs\n"
        "try: plot_logs.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'matplotlib', 'tensorflow', 'cv2'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "--out" in result.stdout and "default" in result.stdout
