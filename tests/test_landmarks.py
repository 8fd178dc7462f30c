"""Landmarks of rendered people: no picture of a real hand may be here."""

import gc
import hashlib
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from people import rendered

from signs.core.errors import UserError
from signs.evaluation import hand_coverage
from signs.features import landmark_models
from signs.features.landmarks import (
    Found,
    Hand,
    LandmarkDetector,
    arrange,
    clip_landmarks,
)
from signs.models import landmark_layout as layout
from signs.video import skeleton

ROOT = Path(__file__).parents[1]
NO_BODY = np.full((layout.BODY_POINTS, 2), np.nan, np.float32)


@pytest.fixture(scope="module")
def detector(models: Path) -> Iterator[LandmarkDetector]:
    detector = LandmarkDetector(landmark_models.find_models(models))
    yield detector
    detector.close()


@pytest.fixture(scope="module")
def shown(detector: LandmarkDetector) -> np.ndarray:
    """A picture in which both hands are found."""
    found = (x for x in rendered() if len(detector.find_hands(x)) == 2)
    return next(found)


# --- In one picture ---------------------------------------------------------


def test_hands_are_found_where_they_are(
    detector: LandmarkDetector, shown: np.ndarray
):
    picture = shown
    hands = detector.find(picture).hands
    assert len(hands) == 2
    for hand in hands:
        assert hand.points.shape == (21, 3)
        # The skin differs from what is around it.
        x, y = (hand.middle * len(picture)).round().astype(int)
        around = picture[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3)
        red, green, blue = np.median(around, axis=0)
        assert red > green > blue
    places = sorted(hand.middle[0] for hand in hands)
    assert places[0] < 0.5 < places[1] < 480 / 360


def test_side_by_side_the_same_is_found(models: Path):
    found = []
    for threads in (1, 2):
        several = LandmarkDetector(landmark_models.find_models(models), threads)
        found.append(arrange(several.find_all(rendered()[::5])))
        several.close()
    assert layout.has_hand(found[0]).any()
    np.testing.assert_array_equal(found[0], found[1])


def test_a_picture_of_nothing_has_no_hands(detector: LandmarkDetector):
    found = detector.find(np.full((120, 160, 3), 90, np.uint8))
    assert found.hands == () and np.isnan(found.body).all()


def test_points_stay_where_they_are_with_a_border(
    detector: LandmarkDetector, shown: np.ndarray
):
    plain = detector.find_hands(shown)
    bordered = detector.find_hands(shown, 0.1)
    assert bordered
    for one in bordered:
        apart = [np.linalg.norm(one.middle - x.middle) / x.palm for x in plain]
        assert min(apart) < 0.5


def test_the_body_is_found_where_its_model_is(models: Path):
    folder = os.environ.get(landmark_models.FOLDER_VARIABLE, models)
    found = landmark_models.find_models(Path(folder))
    if found.body is None:
        pytest.skip(f"{folder} has no pose_landmarker_full.task")
    detector = LandmarkDetector(found)
    body = detector.find(rendered()[0]).body
    detector.close()
    left, right = body[[layout.LEFT_SHOULDER, layout.RIGHT_SHOULDER]]
    assert left[0] > right[0]  # of a person who faces the camera


# --- In a clip --------------------------------------------------------------


def hand(x: float, right: float) -> Hand:
    """A hand of a palm of a tenth of the picture's height, at a place."""
    points = np.zeros((21, 3), np.float32)
    points[list(layout.KNUCKLES), 1] = -0.1
    points[:, 0] += x
    return Hand(points, right)


def sides(*frames: list[Hand]) -> list[list[float | None]]:
    """Where the left and the right hand of each frame are."""
    rows = arrange([Found(tuple(hands), NO_BODY) for hands in frames])
    hands, _ = layout.split(rows)
    xs = hands[:, :, layout.WRIST, 0].tolist()
    return [[None if x != x else round(x, 2) for x in row] for row in xs]


def test_hands_go_to_their_sides():
    found = sides([hand(0.2, 0.9), hand(0.8, 0.1)], [], [hand(0.8, 0.1)])
    assert found == [[0.8, 0.2], [None, None], [0.8, None]]


def test_a_hand_taken_for_the_other_one_for_a_moment_keeps_its_side():
    clip = [hand(0.3, 0.9), hand(0.31, 0.9), hand(0.33, 0.1), hand(0.34, 0.9)]
    found = sides(*([one] for one in clip))
    assert found == [[None, 0.3], [None, 0.31], [None, 0.33], [None, 0.34]]


def test_one_hand_after_the_other_are_two():
    clip = [hand(0.2, 0.9), hand(0.2, 0.9), hand(1.2, 0.1), hand(1.2, 0.1)]
    found = sides(*([one] for one in clip))
    assert found == [[None, 0.2], [None, 0.2], [1.2, None], [1.2, None]]


def test_two_hands_of_the_same_side_are_told_apart_by_where_they_were():
    found = sides(
        [hand(0.2, 0.9), hand(0.9, 0.1)],
        [hand(0.9, 0.9), hand(0.2, 0.9)],
        [hand(0.2, 0.1), hand(0.9, 0.1)],
    )
    assert found == [[0.9, 0.2]] * 3


def test_a_blurred_hand_is_found_halfway_to_the_next_frame(
    detector: LandmarkDetector, shown: np.ndarray
):
    blank = np.full_like(shown, 90)
    # Seen; not seen, but halfway; not seen at all, twice.
    given = [shown, shown, *[blank] * 5]
    rows = clip_landmarks(detector, given)
    assert layout.has_hand(rows).tolist() == [True, True, False, False]
    assert rows.dtype == np.float32 and rows.shape == (4, 176)


# --- Models -----------------------------------------------------------------


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="-r requirements-landmarks.txt"):
        landmark_models.require_packages()


def test_landmarks_are_preferred_where_they_can_be_had(
    models: Path, tmp_path: Path, monkeypatch
):
    assert landmark_models.preferred()[0]
    assert landmark_models.obtainable(models)[0]
    is_better, why = landmark_models.obtainable(tmp_path)
    assert not is_better and "hand_landmarker.task is missing" in why
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    is_better, why = landmark_models.obtainable(models)
    assert not is_better and "requirements-landmarks.txt" in why


def test_a_folder_without_models_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=f"{tmp_path}/hand_landmarker.task is"):
        landmark_models.find_models(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "changed", "no model"])
def test_a_damaged_model_is_named(models: Path, tmp_path: Path, damage: str):
    path = tmp_path / "hand_landmarker.task"
    content = bytearray((models / path.name).read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "changed":
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if damage == "no model":
        shutil.make_archive(str(tmp_path / "a"), "zip", ROOT / "docs")
        (tmp_path / "a.zip").replace(path)
    with pytest.raises(UserError, match=f"model {path} is damaged"):
        LandmarkDetector(landmark_models.find_models(tmp_path))


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A store of models on this machine; gives the folder it serves."""
    pytest.importorskip("pooch")
    folder = tmp_path / "store"

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **options):
            super().__init__(*args, directory=str(folder), **options)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(landmark_models, "_STORE", address)
    monkeypatch.delenv(landmark_models.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    yield folder
    server.shutdown()
    server.server_close()


def test_models_are_downloaded_once(store: Path, models: Path, monkeypatch):
    served = {}
    for name, (place, _) in landmark_models._PUBLIC.items():
        path = store / place / name
        path.parent.mkdir(parents=True)
        shutil.copy(models / "hand_landmarker.task", path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        served[name] = (place, digest)
    monkeypatch.setattr(landmark_models, "_PUBLIC", served)
    found = landmark_models.find_models()
    assert found.names == "hand_landmarker.task+pose_landmarker_full.task"
    shutil.rmtree(store)
    assert landmark_models.find_models() == found


# Requests leaves open what it refused until its exception is gone.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_models_that_cannot_be_downloaded_are_named(store: Path):
    with pytest.raises(UserError, match="--landmark-models DIR") as error:
        landmark_models.find_models()
    assert "hand_landmarker.task cannot be downloaded (404" in str(error.value)
    del error
    gc.collect()


# --- How often hands were found ---------------------------------------------


def table(*shares: float, signer: str = "s") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clip": [f"c{i}" for i in range(len(shares))],
            "signer": [
                f"{signer}{i}" if signer else "" for i in range(len(shares))
            ],
            "share": shares,
        }
    )


def test_signers_with_few_hands_are_named_with_what_to_do():
    (problem,) = hand_coverage.problems(table(0.9, 0.9, 0.2))
    assert "less than 50% of the frames of 1 signer: s2 (20%)" in problem
    assert "light" in problem and "nearer" in problem


def test_a_data_set_with_few_hands_is_said_once():
    none, problem = hand_coverage.problems(table(0.0, 0.3, signer=""))
    assert none == "no hand was found in 1 clip: c0"
    assert problem.startswith("hands were found in only 15% of frames")


def test_nothing_is_said_where_hands_are_found():
    assert hand_coverage.problems(table(0.9, 0.6)) == []


def test_a_skeleton_is_drawn_where_the_hand_is():
    picture = np.zeros((200, 300, 3), np.uint8)
    row = arrange([Found((hand(0.5, 0.9),), NO_BODY)])[0]
    drawn = skeleton.draw_skeleton(picture, row)
    assert not picture.any()
    _, columns = np.nonzero(drawn.any(axis=2))
    assert 95 <= columns.min() and columns.max() <= 105
    assert (skeleton.draw_skeleton(picture, layout.empty(1)[0]) == 0).all()
