"""The trained models of the page: loaded once, used by all of its tabs."""

import functools
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from signs.app import training
from signs.app.training import Workplace
from signs.core import files
from signs.core.arguments import available_cores
from signs.core.errors import UserError
from signs.inference import clips, long_video, predictor, subtitles
from signs.inference.clips import Video
from signs.inference.live import Live, Sign
from signs.inference.predictor import Prediction, Predictor
from signs.inference.segmenter import ByMotion
from signs.training import clips_used, run_record

EXAMPLE = '''"""Names the sign of a video: python recognise.py clip.mp4

Where the model needs a file of the CNN's weights, name it after the video.
Needs the project beside it, and its packages (requirements.txt).
"""

import sys
from pathlib import Path

from signs.inference import clips, predictor
from signs.training import run_record

model, record = run_record.find_model(str(Path("{model}")), Path())
weights = sys.argv[2] if len(sys.argv) > 2 else None
ready = predictor.load_predictor(model, record, Path("cnn"), 2, weights)
video = clips.Video(Path(sys.argv[1]), sys.argv[1])
for name, said, error in clips.predict_clips(ready, {{"clip": video}}, 1):
    print(error or ready.best(said.probabilities, 3))
'''


class Models:
    """Models by the name of their run.

    One picture after the other goes through a model, whoever asks.
    """

    def __init__(self, place: Workplace):
        self._place = place
        self._lock = threading.RLock()
        self._loaded: dict[tuple[str, int], Predictor] = {}

    def names(self) -> list[tuple[str, str]]:
        """The runs on this data set that left a model, newest first.

        Returns:
            What people are shown, and the name of the run.
        """
        found = self._place.model.glob("????????-??????-*in*-best.keras")
        names = []
        for path in sorted(found, reverse=True):
            run = path.stem.removesuffix("-best")
            record_path = path.with_name(f"{run}.json")
            record = (
                files.read_json(record_path) if record_path.exists() else {}
            )
            if record.get("dataset") == self._place.name:
                learned = "all takes" if record.get("refit") else "a part"
                names.append((f"{run} (trained on {learned})", run))
        return names

    def load(self, name: str) -> Predictor:
        """The model of a run, as it is on disk now.

        Raises:
            UserError: if there is none, or it cannot be loaded.
        """
        if not name:
            raise UserError("there is no model yet: train one first")
        path, record = run_record.find_model(name, self._place.model)
        key = (name, path.stat().st_mtime_ns)
        with self._lock:
            if key not in self._loaded:
                self._loaded = {
                    key: predictor.load_predictor(
                        path,
                        record,
                        self._place.model / "cnn",
                        available_cores(),
                        self._weights_of(record),
                    )
                }
            return self._loaded[key]

    def _weights_of(self, record: dict[str, Any]) -> str | None:
        given = Path(self._place.weights)
        return str(given) if given.is_file() else None

    def live(
        self, session: dict[str, Any], name: str, least: float, pause: float
    ) -> Live:
        """What takes the pictures of one browser's camera.

        Args:
            session: what the page keeps of that browser.
            name: of the run.
            least: the probability below which a sign is unknown.
            pause: seconds of rest that end a sign.
        """
        ready = self.load(name)
        asked = (id(ready), least)
        if session.get("asked") != asked:
            old = session.get("live")
            if old is not None:
                old.__exit__()
            session["live"] = Live(
                ready, ByMotion(pause), least, 3, is_realtime=True
            )
            session["asked"] = asked
        return session["live"]

    def caution(self, name: str) -> str:
        """What is to be known of a model before it is believed; maybe ""."""
        if not name:
            return ""
        _, record = run_record.find_model(name, self._place.model)
        return training.caution(record["features"])


_models = functools.cache(Models)  # of a process that looks at videos


def prepare(place: Workplace, name: str) -> None:
    """Loads a model into a worker, so that the first answer comes sooner."""
    _models(place).load(name)


def predict(
    video: Path, place: Workplace, name: str, top: int
) -> list[Prediction]:
    """The likeliest signs of one take, best first; for a worker.

    Args:
        video: the take.
        place: where models are.
        name: of the run.
        top: how many to give.

    Raises:
        UserError: if the video cannot be read, or there is no such model.
    """
    ready = _models(place).load(name)
    asked = {video.name: Video(video, video.name)}
    ((_, said, error),) = clips.predict_clips(ready, asked, 1)
    if error is not None:
        raise UserError(f"{video.name}: {error}") from error
    return ready.best(said.probabilities, top)


def find_signs(
    video: Path, place: Workplace, name: str, settings: long_video.Settings
) -> list[Sign]:
    """The signs of a long recording, in order; for a worker.

    Args:
        video: the recording.
        place, name: see `predict`.
        settings: how they are found.

    Raises:
        UserError: if it cannot be read, or there is no such model.
    """
    ready = _models(place).load(name)
    return list(long_video.find_signs(ready, video, settings))


def write_subtitles(video: Path, signs: list[Sign], folder: Path) -> Path:
    """Writes the signs of a recording as subtitles.

    Args:
        video: the recording.
        signs: see `find_signs`.
        folder: in which a folder is made for the file.
    """
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{video.stem}.vtt"
    subtitles.write_subtitles(path, signs)
    return path


def table_of(signs: list[Sign]) -> pd.DataFrame:
    """The signs of a recording in order: start and end in seconds."""
    rows = [
        (round(s.start, 2), round(s.end, 2), s.name, round(s.probability, 2))
        for s in signs
    ]
    return pd.DataFrame(rows, columns=["start", "end", "sign", "probability"])


def bundle(place: Workplace, name: str, folder: Path) -> Path:
    """A model with all that belongs to it, as one zip.

    Args:
        place, name: see `predict`.
        folder: in which a folder is made for the file.

    Returns:
        The file: model, classes and the record of the features, the list of
        the clips that it knows, a README, and a script that uses it.

    Raises:
        UserError: if there is no such model.
    """
    model, record = run_record.find_model(name or None, place.model, "*")
    run = model.stem.removesuffix("-best")
    used = clips_used.path_beside(model, record["run"])
    features = record["features"]
    classes = "\n".join(f"- {one['name']}" for one in record["classes"])
    readme = (
        f"# {run}\n\nA model of {len(record['classes'])} signs, trained on "
        f"{record['dataset']} with {features['cnn']} features "
        f"({features['weights']}), {record['frames']} frames a clip.\n\n"
        f"`{model.name}`: the network, for Keras 3.\n"
        f"`{run}.json`: classes in order, and what the features were made "
        f"by.\n`{used.name}`: the clips that it was trained and chosen on, and "
        "who signs in them, so that it is not judged by them.\n"
        "`recognise.py`: an example.\n\nIt knows these signs, and no "
        f"others:\n\n{classes}\n"
    )
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{run}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(model, model.name)
        archive.write(model.with_name(f"{run}.json"), f"{run}.json")
        if used.exists():  # older models have none
            archive.write(used, used.name)
        archive.writestr("README.md", readme)
        archive.writestr("recognise.py", EXAMPLE.format(model=model.name))
    return path
