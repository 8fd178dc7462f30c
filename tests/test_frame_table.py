"""frame.py: which clips, by tables and flags."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from framing import Run, lines, numbers, snapshot
from helpers import write_video

import frame
from signs.data import clips_table, splits
from signs.data.clips_table import Dataset
from signs.data.layouts import detect
from signs.video import images, sampling

# --- The table --------------------------------------------------------------


def test_an_edited_table_is_kept(run_frame: Run, mine: Dataset, capsys) -> None:
    run_frame("mine")
    clips = clips_table.read_clips(mine)[:4].assign(split="test", signer="Anna")
    clips_table.write_table(mine.clips, clips)
    before = mine.clips.read_bytes()
    capsys.readouterr()
    assert run_frame("mine", "--split", "random", "--val", "0.5") == 0
    assert mine.clips.read_bytes() == before
    out, err = capsys.readouterr()
    assert "removed the frames of 2 clips" in out
    assert "is kept as it is, without regard to --split, --val;" in err
    write_video(mine.video / "Tür" / "4.avi")
    assert run_frame("mine") == 0
    assert "follows its source: 1 clip added, 0 removed" in (
        capsys.readouterr().out
    )
    edited = clips_table.read_clips(mine)
    assert list(edited["clip"]) == [*clips["clip"][:3], "Tür/4", "null/1"]
    assert list(edited["signer"]).count("Anna") == 4
    assert list(edited["split"]).count("test") == 4
    assert run_frame("mine", "--overwrite") == 0
    assert len(clips_table.read_clips(mine)) == 7


def test_a_table_of_your_own(run_frame: Run, mine: Dataset, capsys) -> None:
    rows = ["clip,video,label,signer,split", "one,null/1.avi,NA,,train"]
    mine.clips.write_text("\n".join(rows))
    assert run_frame("mine") == 0
    assert numbers(mine, "one") == sampling.sample_indices(21, 20)
    assert list(clips_table.read_classes(mine)["label"]) == ["NA"]
    assert "as clips.csv says" in capsys.readouterr().out


def test_signers_of_the_table_on_both_sides(
    run_frame: Run, mine: Dataset, capsys
) -> None:
    mine.signers.write_text("clip,signer\nnull/1,A\nTür/1,A\nnull/2,B\nTür/2,B")
    assert run_frame("mine") == 0
    clips = clips_table.read_clips(mine).set_index("clip")
    assert splits.signers_on_both_sides(clips) == []
    out, err = capsys.readouterr()
    assert "signers  2" in out and "nobody is on both sides" in out
    assert "2 clips of unknown signers" in err
    clips.loc["null/1", "split"] = "val"
    clips.loc["Tür/1", "split"] = "train"
    clips_table.write_table(mine.clips, clips.reset_index())
    run_frame("mine")
    assert "1 signer is in more than one split: A" in capsys.readouterr().err


def test_only_some_classes(run_frame: Run, mine: Dataset, capsys) -> None:
    write_video(mine.video / "rare" / "1.avi", 3)
    assert run_frame("mine", "--dry-run") == 0
    assert "1 class has no validation clip: rare" in capsys.readouterr().err
    assert run_frame("mine", "--min-clips", "2", "--classes", "1") == 0
    assert set(clips_table.read_clips(mine)["label"]) == {"Tür"}
    assert run_frame("mine", "--overwrite", "--min-clips", "9") == 2
    assert set(clips_table.read_clips(mine)["label"]) == {"Tür"}
    assert "no class has 9 clips; the largest has 3" in capsys.readouterr().err


def test_ledasila_words_are_readable(
    run_frame: Run, tmp_path: Path, capsys
) -> None:
    dataset = Dataset(tmp_path / "data" / "ledasila")
    for number in range(20):
        for word in ("Rote__R_uebe", "null")[: 2 if number < 2 else 1]:
            name = f"{word}---w-v-k---vid-{number}---lsid-{number}.mp4"
            path = dataset.video / word[0].lower() / name
            write_video(path, 2, size=(288, 352))
    assert run_frame("ledasila", "--frames", "2") == 0
    classes = clips_table.read_classes(dataset)
    assert list(classes["label"]) == ["Rote__R_uebe", "null"]
    assert list(classes["name"]) == ["Rote Rübe", "null"]
    assert "1 of 2 words have at least 18 clips" in capsys.readouterr().out
    picture = images.read_jpeg(next(dataset.frame.rglob("*.jpg")))
    assert picture.shape == (352, 288, 3)


def test_sections_from_a_list_elsewhere(run_frame: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    write_video(elsewhere / "long.avi", 60, fps=10)
    path = elsewhere / "list.csv"
    path.write_text(
        "path,label,signer,split,start,end\n"
        "long.avi,NA,1,train,0,2\nlong.avi,null,2,val,4,6\n"
    )
    assert run_frame("mine", "--source", str(path), "--frames", "5") == 0
    dataset = Dataset(Path("data/mine"))
    assert numbers(dataset, "long@0-2", 5) == [0, 5, 10, 14, 19]
    assert numbers(dataset, "long@4-6", 5) == [40, 45, 50, 54, 59]
    assert list(clips_table.read_classes(dataset)["label"]) == ["NA", "null"]
    # The source is remembered, also where all is made again.
    shutil.rmtree(dataset.frame / "long@0-2")
    assert run_frame("mine", "--frames", "5") == 0
    assert run_frame("mine", "--frames", "3", "--overwrite") == 0
    assert numbers(dataset, "long@4-6", 3) == [40, 50, 59]


# --- The command line -------------------------------------------------------


@pytest.mark.parametrize("made_before", [False, True])
@pytest.mark.parametrize("more", [[], ["--overwrite"], ["--frames", "20"]])
def test_a_dry_run_writes_nothing(
    run_frame: Run,
    mine: Dataset,
    tmp_path: Path,
    capsys,
    made_before: bool,
    more: list[str],
) -> None:
    if made_before:
        run_frame("mine")
        shutil.rmtree(mine.frame / "null" / "1")
    before = snapshot(tmp_path)
    capsys.readouterr()
    assert run_frame("mine", "--dry-run", *more) == 0
    todo = 1 if made_before and more != ["--overwrite"] else 6
    clips = "1 clip" if todo == 1 else "6 clips"
    assert f"20 frames of each of {clips} into" in capsys.readouterr().out
    assert snapshot(tmp_path) == before
    assert (tmp_path / "log").exists() is False


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys, frame\n"
        "try: frame.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'cv2', 'pandas', 'numpy', 'sklearn', 'matplotlib'}\n"
        "print(heavy & set(sys.modules))"
    )
    folder = Path(frame.__file__).parent
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert lines(done.stdout)[-1] == "set()"
    for text in ("Step 1:", "(default: 20)", "(default: 0.2)", "--dry-run"):
        assert text in done.stdout


def test_the_choices_are_those_there_are() -> None:
    parser_of = {
        "layout": detect.LAYOUTS,
        "split": splits.WAYS,
    }
    for name, choices in parser_of.items():
        for choice in choices:
            args = frame.parse_arguments([f"--{name}", choice])
            assert getattr(args, name) == choice
        with pytest.raises(SystemExit):
            frame.parse_arguments([f"--{name}", "other"])


def test_quiet(run_frame: Run, mine: Dataset, capsys) -> None:
    assert run_frame("mine", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
