"""What README tells people to type works as it is printed."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sample
from signs.core import arguments
from signs.data.clips_table import Dataset

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading of README, up to the next one."""
    found = re.search(rf"^## {title}\n(.*?)^## ", README, re.M | re.S)
    assert found, title
    return found[1]


def commands(text: str) -> list[list[str]]:
    """The scripts that a text says to run, without what comments on them."""
    lines = re.findall(r"^    python (\S+\.py[^#\n]*)", text, re.M)
    return [line.split() for line in lines]


def put_own_videos(root: Path) -> None:
    """Files rendered people in `root` as README says: one folder a sign."""
    rendered = root / "rendered"
    size = "--gestures 2 --performers 4 --clips 52 --words 2 --quiet".split()
    assert arguments.run(sample.main, [*size, "--data", str(rendered)]) == 0
    source = Dataset(rendered / "sample-ledasila")
    mine = Dataset(root / "data" / "mine")
    with (source.root / "signers.csv").open(encoding="utf-8") as file:
        signers = {row["clip"]: row["signer"] for row in csv.DictReader(file)}
    rows = []
    videos = [x for x in source.video.rglob("*") if x.is_file()]
    for number, video in enumerate(sorted(videos)):
        sign = video.name.split("---")[0]
        signer = signers[str(video.relative_to(source.video).with_suffix(""))]
        clip = f"{sign}/{signer}-{number}"
        target = mine.video / f"{clip}{video.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(video, target)
        rows.append(f"{clip},{signer}\n")
    (mine.root / "signers.csv").write_text(
        "clip,signer\n" + "".join(rows), encoding="utf-8"
    )
    shutil.copy(target, root / "clip.mp4")


@pytest.mark.slow  # starts every script anew, with InceptionV3
def test_the_path_for_ones_own_videos_runs_as_printed(tmp_path: Path) -> None:
    for script in ROOT.glob("*.py"):
        shutil.copy(script, tmp_path)
    shutil.copytree(
        ROOT / "signs",
        tmp_path / "signs",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    put_own_videos(tmp_path)
    steps = commands(section("Your own signs, from the shell"))
    assert [step[0] for step in steps] == [
        *("frame.py", "feature.py", "train_lstm.py"),
        *("evaluate.py", "plot_logs.py", "predict.py"),
    ]
    said = {}
    for name, *given in steps:
        if name == "feature.py":  # as README says, without a network
            given += ["--weights", "auto"]
        done = subprocess.run(
            [sys.executable, name, *given],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        said[name] = done.stdout
    assert "signer" in said["frame.py"]
    for name in ("feature.py", "train_lstm.py"):
        assert said[name].count("computing on ") == 1, said[name]
    assert "Validation set: max accuracy" in said["plot_logs.py"]
    assert len(list((tmp_path / "log").glob("*.html"))) == 1
    signs = {x.name for x in (tmp_path / "data/mine/video").iterdir()}
    assert any(sign in said["predict.py"] for sign in signs)


def test_every_script_flag_and_file_that_it_names_is_there() -> None:
    for script, *flags in commands(README):
        path = ROOT / script
        assert path.is_file(), script
        done = subprocess.run(
            [sys.executable, path, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        for flag in flags:
            if flag.startswith("--"):
                assert flag in done.stdout, f"{script} {flag}"
    for path in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / path).exists(), path
