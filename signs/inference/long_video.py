"""Finding the signs of long recordings, and where they are written."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from signs.core import files
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.inference import subtitles
from signs.inference.live import Live, Sign, recognize_stream
from signs.inference.predictor import Recognizer
from signs.inference.segmenter import ByMotion
from signs.video.camera import Camera


@dataclass(frozen=True)
class Settings:
    """How signs are found.

    Attributes:
        video: the recording.
        model: the file of the classifier.
        pause: seconds of rest that end a sign.
        threshold, top: see `Live`.
    """

    video: str
    model: str
    pause: float
    threshold: float
    top: int


@dataclass(frozen=True)
class Outputs:
    """Where the files of one recording go.

    Attributes:
        stem: their path without an ending.
    """

    stem: Path

    def _with(self, ending: str) -> Path:
        return self.stem.with_name(self.stem.name + ending)

    @property
    def csv(self) -> Path:
        return self._with(".csv")

    @property
    def subtitles(self) -> Path:
        """Players find subtitles that are called as the video is."""
        return self._with(".vtt")

    @property
    def video(self) -> Path:
        """The copy with the labels drawn in."""
        return self._with("-labelled.mp4")

    @property
    def record(self) -> Path:
        """All that is known of the signs, and how they were found."""
        return self._with(".json")

    def write(self, signs: list[Sign], settings: Settings) -> None:
        """Writes all but the video; the record, which says so, last."""
        subtitles.write_csv(self.csv, signs)
        subtitles.write_subtitles(self.subtitles, signs)
        found = [sign.as_json() for sign in signs]
        files.write_json(self.record, {**asdict(settings), "signs": found})

    def are_there(self, settings: Settings, with_video: bool) -> bool:
        """Whether signs found with just these settings are there."""
        needed = [self.csv, self.subtitles, self.record]
        if with_video:
            needed.append(self.video)
        if not all(path.exists() for path in needed):
            return False
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
        except ValueError:
            return False
        wanted = asdict(settings).items()
        return isinstance(record, dict) and wanted <= record.items()


def name_outputs(folder: Path, names: dict[str, str]) -> dict[str, Outputs]:
    """Where the files of each recording go.

    Args:
        folder: where all are.
        names: path below the user's folder, by clip.

    Raises:
        UserError: if two recordings would share them.
    """
    outputs: dict[str, Outputs] = {}
    clips: dict[Path, str] = {}
    for clip, name in names.items():
        stem = folder / Path(name).with_suffix("")
        if stem in clips:
            raise UserError(
                f"{clips[stem]} and {clip} have the same name; take one at a "
                "time, each with its own folder --out"
            )
        clips[stem] = clip
        outputs[clip] = Outputs(stem)
    return outputs


def label(
    outputs: Outputs, recognizer: Recognizer, settings: Settings, draw: bool
) -> None:
    """Finds the signs of a recording, and writes its files.

    Args:
        outputs: where to.
        recognizer: what recognises them.
        settings: which recording, and how.
        draw: whether to write a copy with the labels drawn in, too.

    Raises:
        ValueError: if the video cannot be read, or not be written.
        OSError: if a file cannot be written.
    """
    signs = []
    for sign in find_signs(recognizer, settings):
        log.info(sign.in_words())
        signs.append(sign)
    if draw:
        video = Path(settings.video)
        subtitles.write_video(outputs.video, video, signs)
    outputs.write(signs, settings)
    log.info(f"{count(len(signs), 'sign')}: {outputs.csv}")


def find_signs(recognizer: Recognizer, settings: Settings) -> Iterator[Sign]:
    """Finds and recognises the signs of a recording, one after the other.

    Raises:
        UserError: if the video cannot be read.
    """
    with (
        Camera(settings.video) as camera,
        Live(
            recognizer,
            ByMotion(settings.pause),
            settings.threshold,
            settings.top,
            in_hurry=False,
        ) as live,
    ):
        yield from recognize_stream(camera, live, at_own_pace=False)
