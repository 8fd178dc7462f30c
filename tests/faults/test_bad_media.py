"""Videos that are damaged, odd, or no videos at all."""

import csv
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import number_of, numbered, shared, write_video
from scripts import raw_mjpeg
from store import folders

import frame
from signs.core import arguments, files, parallel
from signs.data import clips_table
from signs.data.clips_table import Dataset
from signs.video import frame_store, images, sampling

# What a person can be told; anything else is a message of some library.
REASONS = re.compile(
    "(no frame can be decoded|the video is an empty file|the video is missing"
    "|the video is not a file"
    r"|given up after \d+ s \(see --timeout\)): .*|given up after .*"
)


def take_frames(root: Path, *args: str) -> tuple[int, dict[str, str]]:
    """Runs frame.py; returns its exit code and the clips that failed."""
    code = arguments.run(frame.main, ["d", *args, "--quiet", *folders(root)])
    failed = root / "log" / "d-frame-failed.csv"
    return code, files.read_failures(failed)


def cuts(path: Path) -> list[int]:
    """Where to cut a video: in each of its parts, and between them."""
    content = path.read_bytes()
    places = [1, 4, 11, 40, len(content) // 3, len(content) // 2]
    for name in (b"movi", b"idx1", b"ftyp", b"mdat", b"moov", b"stco"):
        at = content.find(name)
        if at > 0:
            places += [at - 4, at, at + 2, at + 9]
    return sorted({*places, len(content) - 1})


def test_every_bad_video_costs_itself(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "data" / "d")
    good, bad, cut = (dataset.video / name for name in ("good", "bad", "cut"))
    write_video(good / "one frame.avi", 1)
    raw_mjpeg(good / "one pixel.avi", [numbered(1, (1, 1))] * 3)
    raw_mjpeg(good / "odd.avi", [numbered(n, (31, 17)) for n in range(9)])
    raw_mjpeg(good / "tower.avi", [numbered(n, (2, 5000)) for n in range(3)])
    raw_mjpeg(good / "ribbon.avi", [numbered(n, (65500, 2)) for n in range(3)])
    raw_mjpeg(good / "4K.avi", [numbered(n, (3840, 2160)) for n in range(3)])
    sizes = [(64, 48)] * 5 + [(120, 33)] * 5 + [(32, 96)] * 5
    changing = [numbered(n, size) for n, size in enumerate(sizes)]
    raw_mjpeg(good / "changing.avi", changing)
    many = [numbered(n, (32, 16)) for n in range(10_000)]
    raw_mjpeg(good / "many.avi", many)
    for name in ("100%03d", "a#b?c=1&d", " blank ", "-dash", "é😀", "x" * 200):
        write_video(good / f"{name}.avi", 3)
    (bad / "folder.avi").mkdir(parents=True)
    (bad / "empty.mp4").write_bytes(b"")
    (bad / "text.mp4").write_text("This is no video.\n" * 99)
    (bad / "zeros.avi").write_bytes(bytes(99_999))
    (bad / "picture.mkv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(999))
    for ending in (".avi", ".mp4"):
        whole = write_video(tmp_path / f"whole{ending}", 40)
        for size in cuts(whole):
            path = cut / f"{ending[1:]}-{size:06}{ending}"
            files.write_text(path, "")
            path.write_bytes(whole.read_bytes()[:size])
    code, failed = take_frames(tmp_path, "--workers", "2", "--timeout", "60")
    assert code == 1
    clips = list(clips_table.read_clips(dataset)["clip"])
    done = {x for x in clips if frame_store.has_frames(dataset.frame / x, 20)}
    assert done.isdisjoint(failed) and done | failed.keys() == set(clips)
    assert {clip for clip in clips if clip.startswith("good/")} <= done
    assert {clip for clip in clips if clip.startswith("bad/")} <= set(failed)
    assert len([x for x in clips if x.startswith("bad/")]) == 4
    for clip, reason in failed.items():
        assert REASONS.fullmatch(reason), (clip, reason)
    assert dataset.sheet.exists()
    paths = frame_store.frame_paths(dataset.frame / "good/many", 20)
    seen = [number_of(images.read_jpeg(path)) for path in paths]
    assert seen == sampling.sample_indices(10_000, 20)
    # Of a cut AVI, what was written before the cut is used.
    halves = [x for x in clips if x.startswith("cut/avi")][-4:]
    assert set(halves) <= done
    # Once more: only the bad ones are tried, and the good ones left alone.
    time = (dataset.frame / "good/many" / "frame-001.jpg").stat().st_mtime_ns
    assert take_frames(tmp_path, "--workers", "1") == (1, failed)
    again = (dataset.frame / "good/many" / "frame-001.jpg").stat().st_mtime_ns
    assert again == time


def test_difficult_media_in_one_run(tmp_path: Path) -> None:
    with shared("media", "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    dataset = Dataset(tmp_path / "data" / "d")
    (dataset.video / "x").mkdir(parents=True)
    for row in rows:
        shutil.copy(shared("media", row["file"]), dataset.video / "x")
    code, failed = take_frames(tmp_path, "--workers", "2", "--timeout", "60")
    assert code == 1
    # What OpenCV, which the manifest is of, cannot read; we can read AV1.
    bad = [row["file"] for row in rows if row["decoded_frames"] == "0"]
    bad.remove("torchcodec_av1_video.mkv")
    assert failed.keys() == {f"x/{Path(name).stem}" for name in bad}
    for reason in failed.values():
        assert reason.startswith("no frame can be decoded: "), reason
    for row in rows:
        folder = dataset.frame / "x" / Path(row["file"]).stem
        assert frame_store.has_frames(folder, 20) == (row["file"] not in bad)


def test_a_text_does_not_bring_in_other_videos(tmp_path: Path) -> None:
    """FFmpeg knows texts that name other files, also outside the folder."""
    secret = write_video(tmp_path / "secret.avi", 5)
    dataset = Dataset(tmp_path / "data" / "d")
    texts = {
        "absolute": f"ffconcat version 1.0\nfile '{secret}'\n",
        "up": "ffconcat version 1.0\nfile ../../../../secret.avi\n",
        "list": f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "uri": f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "web": "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    }
    for name, text in texts.items():
        for ending in (".avi", ".mp4", ".mkv"):
            files.write_text(dataset.video / "a" / f"{name}{ending}", text)
    write_video(dataset.video / "a" / "good.avi", 3)
    code, failed = take_frames(tmp_path, "--workers", "1", "--timeout", "0")
    assert code == 1
    assert len(failed) == 15
    assert all(REASONS.fullmatch(reason) for reason in failed.values())


def test_links_of_all_kinds(tmp_path: Path) -> None:
    """Those that lead to a video are followed, wherever that is."""
    elsewhere = write_video(tmp_path / "disk" / "other.avi", 5)
    dataset = Dataset(tmp_path / "data" / "d")
    write_video(dataset.video / "a" / "good.avi", 3)
    try:
        (dataset.video / "a" / "out.avi").symlink_to(elsewhere)
    except OSError as error:
        pytest.skip(f"no links can be made: {error}")
    (dataset.video / "out").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "round").symlink_to(dataset.video)
    (dataset.video / "a" / "in.avi").symlink_to("good.avi")
    (dataset.video / "a" / "round.avi").symlink_to("round.avi")
    (dataset.video / "a" / "nowhere.avi").symlink_to("gone.avi")
    rows = ["clip,video,label,signer,split"]
    for name in ("good", "in", "out", "round", "nowhere"):
        rows.append(f"{name},a/{name}.avi,a,,train")
    rows.append("through,out/other.avi,a,,train")
    files.write_text(dataset.clips, "\n".join(rows))
    code, failed = take_frames(tmp_path, "--workers", "1", "--timeout", "0")
    assert code == 1
    assert failed.keys() == {"round", "nowhere"}
    args = ("--workers", "1", "--timeout", "0", "--overwrite")
    code, failed = take_frames(tmp_path, *args)
    assert (code, failed) == (0, {})
    assert list(clips_table.read_clips(dataset)["clip"]) == [
        *("a/good", "a/in", "a/out", "out/other")
    ]


def test_no_pipe_and_no_device_is_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    dataset = Dataset(tmp_path / "data" / "d")
    write_video(dataset.video / "a" / "good.avi", 3)
    os.mkfifo(dataset.video / "a" / "pipe.avi")
    files.write_text(
        dataset.clips,
        "clip,video,label,signer,split\n"
        "good,a/good.avi,a,,train\npipe,a/pipe.avi,a,,train\n"
        "folder,a,a,,train\n",
    )
    code, failed = take_frames(tmp_path, "--workers", "1", "--timeout", "0")
    assert code == 1
    assert failed.keys() == {"pipe", "folder"}
    assert all("is not a file" in reason for reason in failed.values())


def test_clips_named_as_frames_are(tmp_path: Path) -> None:
    """A clip may lie below another, and be called like one of its frames."""
    dataset = Dataset(tmp_path / "data" / "d")
    names = ["a", "a/frame-001", "a/frame-002.jpg", "meta.json/b"]
    rows = ["clip,video,label,signer,split"]
    for name in names:
        write_video(dataset.video / f"{name}.avi", 3)
        rows.append(f"{name},{name}.avi,a,,train")
    files.write_text(dataset.clips, "\n".join(rows))
    code, failed = take_frames(tmp_path, "--workers", "1", "--timeout", "0")
    assert failed.keys() <= {"a", "a/frame-002.jpg", "meta.json/b"}
    assert frame_store.has_frames(dataset.frame / "a/frame-001", 20)
    again = take_frames(tmp_path, "--workers", "1", "--timeout", "0")
    assert again == (code, failed)


def damage(content: bytes, chance: random.Random) -> bytes:
    """Changes a few bytes, and may remove, double or cut off a part."""
    changed = bytearray(content)
    kind = chance.randrange(6)
    # The beginning says what is where; without it the rest is not looked at.
    end = chance.choice([64, 600, len(changed), len(changed)])
    for _ in range(chance.choice([1, 3, 30, 300])):
        place = chance.randrange(min(end, len(changed)))
        changed[place] = chance.choice([0, 255, chance.randrange(256)])
    one, other = sorted(chance.sample(range(len(changed)), 2))
    if kind == 0:
        del changed[one:other]
    elif kind == 1:
        changed[one:one] = changed[one:other]
    elif kind == 2:
        del changed[other:]
    return bytes(changed)


def test_random_damage(
    tmp_path: Path,
    times: Callable[[int], int],
    chance: random.Random,
    tried: Counter[str],
) -> None:
    """No damage makes more of a clip than frames or a reason."""
    sources = [
        write_video(tmp_path / "a.avi", 12),
        write_video(tmp_path / "a.mp4", 12),
        raw_mjpeg(tmp_path / "b.avi", [numbered(n) for n in range(9)]),
        write_other(tmp_path / "a.mkv", "MJPG"),
        write_other(tmp_path / "x.avi", "XVID"),
        write_other(tmp_path / "a.webm", "VP80"),
    ]
    media = os.environ.get("SIGNS_SHARED")
    if media:
        found = sorted(Path(media, "media").glob("*.m[op]*"))
        sources += [x for x in found if x.stat().st_size < 60_000]
    tasks = {}
    for number in range(10 * times(9)):
        source = chance.choice(sources)
        path = tmp_path / "bad" / f"{number}{source.suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(damage(source.read_bytes(), chance))
        tasks[str(number)] = frame_store.FrameTask(
            path, tmp_path / "frame" / str(number), 5
        )
    results, failures = parallel.map_clips(
        frame_store.make_frames, tasks, 2, "damaged", True, 30
    )
    assert results.keys() | failures.keys() == tasks.keys()
    tried["damaged videos"] += len(tasks)
    tried["damaged videos, of which gave frames"] += len(results)
    for clip, reason in failures.items():
        if "died (" in reason or "given up" in reason:
            tried[f"damaged videos: {reason}"] += 1
            print(f"{tasks[clip].video}: {reason}")
        known = REASONS.fullmatch(reason) or "died (" in reason
        assert known, (clip, reason)
        assert not frame_store.has_frames(tasks[clip].folder, 5)
    for clip in results:
        assert frame_store.has_frames(tasks[clip].folder, 5)


def write_other(path: Path, codec: str) -> Path:
    """A video of another codec; of MJPG, where there is no such encoder."""
    for name in (codec, "MJPG"):
        code = cv2.VideoWriter.fourcc(*name)
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 10, (64, 48))
        for number in range(12):
            writer.write(np.ascontiguousarray(numbered(number)))
        writer.release()
        if path.exists() and path.stat().st_size:
            break
    return path


def test_random_damage_of_frames(
    times: Callable[[int], int], chance: random.Random, tried: Counter[str]
) -> None:
    """A damaged JPEG is a picture or a ValueError, whatever was damaged."""
    whole = images.encode_jpeg(numbered(12345))
    for _ in range(50 * times(10)):
        content = damage(whole, chance)
        tried["damaged JPEGs"] += 1
        if chance.random() < 0.9:
            content += b"\xff\xd9"
        try:
            picture = images.decode_jpeg(content)
        except ValueError as error:
            assert "damaged JPEG" in str(error)
        else:
            assert picture.dtype == np.uint8 and picture.ndim == 3


def test_a_picture_that_is_too_large_is_named() -> None:
    with pytest.raises(ValueError, match="70000x1 cannot be a JPEG"):
        images.encode_jpeg(np.zeros((1, 70_000, 3), np.uint8))
