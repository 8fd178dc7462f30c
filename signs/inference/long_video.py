"""Finding the signs of long recordings, and where they are written."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signs.core import files
from signs.core.errors import UserError
from signs.core.messages import count, log
from signs.data import changes
from signs.inference import subtitles
from signs.inference.live import Live, Sign, recognize_stream
from signs.inference.predictor import Predictor
from signs.inference.segmenter import ByMotion
from signs.inference.sessions import RUNNING
from signs.video.stream import Stream


@dataclass(frozen=True)
class Settings:
    """How signs are found.

    Attributes:
        pause: seconds of rest that end a sign.
        threshold, top: see `Live`.
    """

    pause: float
    threshold: float
    top: int


@dataclass(frozen=True)
class MadeFrom:
    """What the files of one recording are made from.

    Attributes:
        video: the recording.
        model: the file of the classifier.
        record: what `model/RUN.json` says of it.
        settings: how signs are found.
    """

    video: Path
    model: Path
    record: dict[str, Any]
    settings: Settings

    def inputs(self) -> changes.Inputs:
        """See `changes`.

        Raises:
            ValueError: if there is no such video.
        """
        if not self.video.is_file():
            raise ValueError(f"the video is missing: {self.video}")
        return {
            "video": changes.fingerprint(self.video),
            "model": changes.fingerprint(self.model),
            "record": json.dumps(self.record, sort_keys=True),
            **asdict(self.settings),
        }


@dataclass(frozen=True)
class Outputs:
    """Where the files of one recording go.

    Attributes:
        folder: where those of all recordings are, and the record of what
            they were made from.
        name: their path in it, without an ending.
    """

    folder: Path
    name: str

    def _with(self, ending: str) -> Path:
        return self.folder / f"{self.name}{ending}"

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

    def write(
        self, signs: list[Sign], made_from: MadeFrom, inputs: changes.Inputs
    ) -> None:
        """Writes all but the video, and what they were made from, last.

        Args:
            signs: what was found.
            made_from: in what, and how.
            inputs: what that was when the work began.
        """
        subtitles.write_csv(self.csv, signs)
        subtitles.write_subtitles(self.subtitles, signs)
        video = changes.fingerprint(made_from.video)
        has_mean = made_from.record["session_mean"]
        about = {
            "video": str(made_from.video),
            "video_size": video.size,
            "video_mtime_ns": video.mtime_ns,
            "model": str(made_from.model),
            "model_hash": changes.fingerprint(made_from.model).read().digest,
            "run": made_from.record["run"],
            **asdict(made_from.settings),
            "session_mean": RUNNING if has_mean else None,
            "signs": [sign.as_json() for sign in signs],
        }
        files.write_json(self.record, about)
        with changes.recording(self.folder / changes.NAME) as made:
            made.update(self.name, self._with_record(inputs))

    def are_of(self, made_from: MadeFrom, with_video: bool) -> bool:
        """Whether signs found with just these settings are there."""
        needed = [self.csv, self.subtitles, self.record]
        if with_video:
            needed.append(self.video)
        return (
            made_from.video.is_file()  # if not, that is told later
            and all(path.exists() for path in needed)
            and self._is_current(made_from.inputs())
        )

    def _is_current(self, inputs: changes.Inputs) -> bool:
        with changes.recording(self.folder / changes.NAME) as made:
            return made.is_current(self.name, self._with_record(inputs))

    def _with_record(self, inputs: changes.Inputs) -> changes.Inputs:
        """The inputs, and the record: if that is another one, so is all."""
        return {**inputs, "made": changes.fingerprint(self.record)}


def name_outputs(folder: Path, names: dict[str, str]) -> dict[str, Outputs]:
    """Where the files of each recording go.

    Args:
        folder: where all are.
        names: path below the user's folder, by clip.

    Raises:
        UserError: if two recordings would share them.
    """
    outputs: dict[str, Outputs] = {}
    clips: dict[str, str] = {}
    for clip, name in names.items():
        stem = Path(name).with_suffix("").as_posix()
        if stem in clips:
            raise UserError(
                f"{clips[stem]} and {clip} have the same name; take one at a "
                "time, each with its own folder --out"
            )
        clips[stem] = clip
        outputs[clip] = Outputs(folder, stem)
    return outputs


def label(
    outputs: Outputs, predictor: Predictor, made_from: MadeFrom, draw: bool
) -> None:
    """Finds the signs of a recording, and writes its files.

    Args:
        outputs: where to.
        predictor: what recognises them.
        made_from: which recording, and how.
        draw: whether to write a copy with the labels drawn in, too.

    Raises:
        ValueError: if the video cannot be read, or not be written.
        OSError: if a file cannot be written.
    """
    inputs = made_from.inputs()
    signs = []
    for sign in find_signs(predictor, made_from.video, made_from.settings):
        log.info(sign.in_words())
        signs.append(sign)
    if draw:
        subtitles.write_video(outputs.video, made_from.video, signs)
    else:
        outputs.video.unlink(missing_ok=True)  # it has other labels
    outputs.write(signs, made_from, inputs)
    log.info(f"{count(len(signs), 'sign')}: {outputs.csv}")


def find_signs(
    predictor: Predictor, video: Path, settings: Settings
) -> Iterator[Sign]:
    """Finds and recognises the signs of a recording, one after the other.

    Raises:
        UserError: if the video cannot be read.
    """
    with (
        Stream(str(video.absolute())) as stream,  # `0` would be a camera
        Live(
            predictor,
            ByMotion(settings.pause),
            settings.threshold,
            settings.top,
            is_realtime=False,
        ) as live,
    ):
        yield from recognize_stream(stream, live, at_own_pace=False)
