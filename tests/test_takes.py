"""Takes: where people's videos are filed, and what is said of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signs.app import takes
from signs.core.errors import UserError
from signs.data.clips_table import Dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "data" / "mine")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "recorded.WEBM"
    path.write_bytes(b"a video")
    return path


@given(st.text(max_size=80))
def test_a_name_is_never_a_path(text):
    try:
        name = takes.check_name(text, "sign")
    except UserError:
        return
    assert Path(name).name == name and name not in (".", "..")
    assert not set(name) & set('/\\:*?"<>|\0') and len(name) <= 60
    assert takes.check_name(name, "sign") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "..", "../x", "a/b", "a\\b", ".git", "-x", "a---b", "a.b"),
        *("CON", "com1", "LPT¹", "x" * 61, "\U00010900" * 60, "a\0", "a\nb"),
        *("👋", "wave 👋", "a\u202eb", "a\u200bb", "\u0301a", "C:", "~root"),
    ],
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UserError, match="name of"):
        takes.check_name(name, "signer")


@pytest.mark.parametrize(
    "name",
    [
        "hello",
        "Grüß Gott",
        "你好",
        "हिन्दी",
        "ไทย",
        "سلام",
        "null",
        "3",
        "Zoë's",
    ],
)
def test_names_in_any_script_are_taken(name):
    assert takes.check_name(f" {name} ", "sign") == name


def test_takes_are_numbered_by_signer_and_filed_with_who_signs(dataset, video):
    for signer in ("Anna", "Anna", "Bo"):
        takes.add(dataset, "null", signer, video)
    found = takes.find(dataset)
    places = [t.path.relative_to(dataset.video).as_posix() for t in found]
    assert places == [
        "null/Anna-01.webm",
        "null/Anna-02.webm",
        "null/Bo-01.webm",
    ]
    assert [take.signer for take in found] == ["Anna", "Anna", "Bo"]
    assert found[0].path.read_bytes() == b"a video"
    assert "null/Bo-01,Bo" in dataset.signers.read_text()


def test_two_pages_at_once_lose_nothing(dataset, video):
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: takes.add(dataset, f"s{n % 2}", "Anna", video),
                range(24),
            )
        )
    assert len(takes.find(dataset)) == 24
    assert all(take.signer == "Anna" for take in takes.find(dataset))


def test_a_take_moves_to_its_right_sign_and_can_be_discarded(dataset, video):
    takes.add(dataset, "wrong", "Anna", video)
    moved = takes.correct(dataset, "right", "Anna", video)
    assert takes.find(dataset) == [moved]
    assert moved.path.read_bytes() == b"a video"
    assert not (dataset.video / "wrong").exists()
    assert takes.correct(dataset, "right", "Anna", moved.path) == moved
    again = takes.correct(dataset, "better", "Bo", moved.path)
    assert takes.find(dataset) == [again] and again.signer == "Bo"
    takes.discard(dataset, again)
    assert takes.find(dataset) == []
    assert "Bo" not in dataset.signers.read_text()


def test_a_take_with_a_wrong_new_name_stays_where_it_is(dataset, video):
    take = takes.add(dataset, "hello", "Anna", video)
    with pytest.raises(UserError, match="name of a sign"):
        takes.correct(dataset, "../bye", "Anna", video)
    assert takes.find(dataset) == [take]


def test_what_is_missing_is_said_plainly(dataset, video):
    assert takes.advice([]) == ["Film a first sign."]
    for _ in range(3):
        takes.add(dataset, "hello", "Anna", video)
    said = takes.advice(takes.find(dataset))
    assert said == [
        "one more sign: there must be two to tell apart",
        "hello: 3 of Anna; film 2 more of Anna and one more person, for a "
        "figure that means something",
    ]
    for sign in ("hello", "bye"):
        for signer in ("Anna", "Bo"):
            for _ in range(5):
                takes.add(dataset, sign, signer, video)
    assert takes.advice(takes.find(dataset)) == []


@pytest.mark.parametrize(
    "text",
    [
        "clip,signer,room\nhello/one,ben,kitchen\n",
        "video;person;room\nhello/one.mp4;ben;kitchen\n",
        "File,Performer,room\nhello\\one.MP4,ben,kitchen\n",
    ],
)
def test_signers_are_said_in_peoples_words(dataset, video, text):
    by_hand = dataset.video / "hello" / "one.mp4"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"another video")
    dataset.signers.write_text(text)
    assert [take.signer for take in takes.find(dataset)] == ["ben"]
    takes.add(dataset, "hello", "anna", video)
    assert dataset.signers.read_text() == (
        "clip,signer,room\nhello/anna-01,anna,\nhello/one,ben,kitchen\n"
    )
    by_signer = {take.signer: take for take in takes.find(dataset)}
    takes.discard(dataset, by_signer["ben"])
    assert dataset.signers.read_text() == (
        "clip,signer,room\nhello/anna-01,anna,\n"
    )


def test_a_table_without_signers_is_named(dataset):
    dataset.video.mkdir(parents=True)
    dataset.signers.write_text("clip,who\nhello/one,ben\n")
    with pytest.raises(UserError, match=r"signers\.csv must have the columns"):
        takes.find(dataset)
