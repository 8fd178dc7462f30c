"""Where MediaPipe's models come from, and whether they are whole."""

import hashlib
import importlib.util
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from signs.core import download
from signs.core.errors import UserError
from signs.core.messages import log

FOLDER_VARIABLE = "SIGNS_LANDMARK_MODELS"
_STORE = "https://storage.googleapis.com/mediapipe-models"
# Where in the public store which file is, and its SHA-256.
_PUBLIC = {
    "hand_landmarker.task": (
        "hand_landmarker/hand_landmarker/float16/1",
        "fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1",
    ),
    "pose_landmarker_full.task": (
        "pose_landmarker/pose_landmarker_full/float16/1",
        "5134a3aad27a58b93da0088d431f366da362b44e3ccfbe3462b3827a839011b1",
    ),
}
_HAND, _BODY = _PUBLIC
# The bodies' model is to be had in three sizes; the first one there is taken.
_BODIES = (_BODY, "pose_landmarker_heavy.task", "pose_landmarker_lite.task")


@dataclass(frozen=True)
class LandmarkModels:
    """Model files of MediaPipe's tasks.

    Attributes:
        hand: finds hands.
        body: finds bodies; None leaves those out.
        hash: tells the files apart from others.
    """

    hand: Path
    body: Path | None
    hash: str

    @property
    def names(self) -> str:
        """The files' names, as `meta.json` has them."""
        return "+".join(x.name for x in (self.hand, self.body) if x)


def preferred() -> tuple[bool, str]:
    """Whether one's own signs are best learned by landmarks here.

    Returns:
        Whether they are, and why or why not, in words.
    """
    if importlib.util.find_spec("mediapipe") is not None:
        return True, (
            "MediaPipe is installed, and hands leave out the room and the "
            "person"
        )
    return False, (
        "MediaPipe is not installed; landmarks carry over better to new "
        "people: python -m pip install -r requirements-landmarks.txt"
    )


def obtainable(folder: Path | None = None) -> tuple[bool, str]:
    """Like `preferred`; but the models must be there, or be downloaded.

    Args:
        folder: see `find_models`.
    """
    is_better, why = preferred()
    if is_better:
        try:
            find_models(folder)
        except UserError as error:
            return False, str(error)
    return is_better, why


def require_packages() -> None:
    """Raises a `UserError` if what finds landmarks is not installed."""
    if importlib.util.find_spec("mediapipe") is None:
        raise UserError(
            "landmarks need mediapipe; install it with: "
            "python -m pip install -r requirements-landmarks.txt"
        )


def find_models(folder: Path | None = None) -> LandmarkModels:
    """Finds the models on disk, or else downloads them.

    Args:
        folder: holds `hand_landmarker.task` and, for the body,
            `pose_landmarker_full.task` (or `_heavy`, `_lite`). None takes the
            folder that `SIGNS_LANDMARK_MODELS` names, or else downloads both
            from MediaPipe's public store, once.

    Raises:
        UserError: if the hands' model is missing, cannot be downloaded, or
            a file is damaged.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if folder is None and named:
        folder = Path(named)
    if folder is None:
        hand, body = (_download(name) for name in _PUBLIC)
        return _checked(hand, body)
    hand = folder / _HAND
    if not hand.is_file():
        raise UserError(
            f"{hand} is missing; get it from {_address(_HAND)}, or name its "
            f"folder with --landmark-models DIR or {FOLDER_VARIABLE}"
        )
    there = [folder / name for name in _BODIES if (folder / name).is_file()]
    if not there:
        log.info(
            f"{folder} has no {_BODY}: hands alone are found, and not where "
            "they are beside the body"
        )
    return _checked(hand, there[0] if there else None)


def find_at_hand() -> LandmarkModels | None:
    """The models that can be used at once; nothing is downloaded.

    Returns:
        None where MediaPipe is not installed, or the hands' model is not on
        this disk or damaged.
    """
    if importlib.util.find_spec("mediapipe") is None:
        return None
    folder = kept_in()
    bodies = [folder / name for name in _BODIES if (folder / name).is_file()]
    if not is_whole(folder / _HAND):
        return None
    return _checked(folder / _HAND, bodies[0] if bodies else None)


def kept_in() -> Path:
    """The folder in which models are looked for first."""
    import pooch

    return Path(os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("signs"))


def addresses() -> list[str]:
    """Where the models are to be had: of hands, and of bodies."""
    return [_address(name) for name in _PUBLIC]


def _address(name: str) -> str:
    return f"{_STORE}/{_PUBLIC[name][0]}/{name}"


def _download(name: str) -> Path:
    import pooch

    return download.fetch(
        _address(name),
        f"sha256:{_PUBLIC[name][1]}",
        Path(pooch.os_cache("signs")),
        "get it by other means, and name its folder with "
        f"--landmark-models DIR or {FOLDER_VARIABLE}",
    )


def _checked(hand: Path, body: Path | None) -> LandmarkModels:
    digest = hashlib.sha256()
    for path in (hand, body):
        if path is not None:
            _check(path)
            digest.update(path.read_bytes())
    return LandmarkModels(hand, body, digest.hexdigest()[:16])


def _check(path: Path) -> None:
    """Raises a `UserError` if a model file is not whole."""
    if not is_whole(path):
        raise UserError(damaged(path))


def is_whole(path: Path) -> bool:
    """Whether a model file is there and not damaged."""
    if not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, NotImplementedError):
        return False


def damaged(path: Path) -> str:
    """What to say of a model file that cannot be used."""
    return (
        f"the landmark model {path} is damaged, or none of MediaPipe 1.2; "
        "remove it, and get it anew"
    )
