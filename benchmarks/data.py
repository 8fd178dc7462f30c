"""What the benchmarks work on: rendered clips, and features of noise."""

import shutil
from pathlib import Path

import numpy as np

from signs.data.settings import FRAMES as FRAMES

LENGTH = 2048


def clips(folder: Path, number: int) -> list[Path]:
    """Renders IsoGD-like clips: 320x240, XVID, 37 frames in the median.

    Those beyond the first 24 are copies of them.
    """
    from signs.core import parallel
    from signs.core.arguments import available_cores
    from signs.data.clips_table import Dataset
    from signs.synthetic.puppets import plan, render

    different = min(number, 24)
    settings = plan.Settings(4, 4, 40, 2, 0)
    codec = "XVID" if render.can_write("XVID", ".avi") else "MJPG"
    every = plan.plan_gestures(Dataset(folder), settings, codec).clips
    chosen = dict(list(every.items())[:different])
    _, failures = parallel.map_clips(
        render.render, chosen, available_cores(), "clips", quiet=True
    )
    if failures:
        raise RuntimeError(str(failures))
    rendered = [clip.video for clip in chosen.values()]
    paths = [folder / "clips" / f"{i:04}.avi" for i in range(number)]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for index, path in enumerate(paths):
        shutil.copyfile(rendered[index % different], path)
    return paths


def dataset(folder: Path, number: int, length: int, labels: int = 249) -> None:
    """Writes a data set of `number` clips with features, but no frames.

    Args:
        folder: `data/DATASET`; files that are there stay.
        number: clips; one in six is for validation.
        length: features a frame.
        labels: classes.
    """
    from signs.core import files
    from signs.data import clips_table
    from signs.data.clips_table import Dataset

    here = Dataset(folder)
    rows = ["clip,video,label,signer,split"]
    store = here.feature("inceptionv3")
    # Random numbers, so that no file system and no GEMM can save work.
    noise = np.random.default_rng(0).random((64, FRAMES, length))
    noise = noise.astype("float16")
    made: set[Path] = set()
    for index in range(number):
        clip = f"train/{index // 200 + 1:03}/M_{index + 1:05}"
        split = "val" if index % 6 == 5 else "train"
        rows.append(f"{clip},{clip}.avi,{index % labels},,{split}")
        path = store / f"{clip}.npy"
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        if not path.exists():
            np.save(path, noise[index % len(noise)])
    files.write_text(here.clips, "\n".join(rows) + "\n")
    written = clips_table.read_clips(here)
    clips_table.write_table(here.classes, clips_table.classes_of(written))
    meta = {
        "cnn": "inceptionv3",
        "weights": "random",
        "weights_hash": "0" * 16,
        "seed": 0,
        "size": 299,
        "length": length,
        "frames": FRAMES,
        "dtype": "float16",
    }
    files.write_json(store / "meta.json", meta)
    files.write_json(
        here.frame / "meta.json",
        {"frames": FRAMES, "source": "video", "split": "random"},
    )
