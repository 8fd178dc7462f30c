#!/usr/bin/env python3
"""Step 2: sends the frames of each clip through a CNN without its top.

Reads   data/DATASET/frame/CLIP/frame-001.jpg ...   (made by frame.py)
Writes  data/DATASET/feature/CNN/CLIP.npy           (frames, features a frame)
        data/DATASET/feature/CNN/meta.json          what made them
        data/DATASET/feature/CNN.copies/CLIP.npy    of changed copies (--copies)

With --landmarks, it finds hands and bodies in the videos instead.

Writes  data/DATASET/feature/landmarks/CLIP.npy     (frames, 176)
        data/DATASET/sheet-landmarks.png            a few clips to look at
        log/DATASET-landmarks.png                   how often hands were found

Clips that have features of their frames already are left alone.

Example: python feature.py sample-chalearn --weights auto
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    import pandas as pd

    from signs.data.clips_table import Dataset
    from signs.features.made_from import MadeFrom


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    from signs.features.backbones import ENGINES
    from signs.features.variants import CNNS
    from signs.inference.flags import add_landmark_models_flag

    parser = arguments.build_parser(__doc__ or "", dataset="chalearn")
    add = parser.add_argument
    add("--cnn", default="inceptionv3", help=f"one of {', '.join(CNNS)}")
    add(
        "--alpha",
        type=arguments.positive,
        default=1.0,
        help="width of mobilenet: 0.25, 0.5, 0.75 or 1",
    )
    add(
        "--weights",
        default="imagenet",
        metavar="imagenet|auto|random|FILE",
        help="auto: random ones where imagenet's cannot be downloaded",
    )
    add(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="auto: the fastest: keras on a GPU, openvino on a CPU with "
        "AVX-512, else litert; litert-int8: several times as fast on a new "
        "CPU, but less exact",
    )
    add(
        "--crop",
        choices=["hands"],
        help="hands: the CNN sees the signing hand alone, found by --landmarks",
    )
    add(
        "--motion",
        action="store_true",
        help="show the CNN motion images: the frame before as red, the frame "
        "as green, the one after as blue",
    )
    add(
        "--grid",
        type=arguments.whole_number,
        default=1,
        metavar="N",
        help="average the CNN's last maps in N x N cells, side by side, "
        "instead of as a whole, which loses where something is",
    )
    add(
        "--copies",
        type=arguments.whole_number,
        default=0,
        metavar="N",
        help="make features of N moved, scaled and turned copies of each clip, "
        "too, for the training",
    )
    add(
        "--batch",
        type=arguments.whole_number,
        help="frames that go through the CNN at once; whole clips do, and "
        "if not given, as many as suit the engine",
    )
    add(
        "--dtype",
        choices=["auto", "float16", "float32"],
        default="auto",
        help="how features are stored; auto: float16, but float32 for "
        "random weights, whose features differ little",
    )
    arguments.add_cluster_flag(parser)
    group = parser.add_argument_group("landmarks, instead of a CNN")
    add = group.add_argument
    add(
        "--landmarks",
        action="store_true",
        help="find hands and bodies with MediaPipe; see docs/landmarks.md",
    )
    add_landmark_models_flag(group)
    add(
        "--auto",
        action="store_true",
        help="landmarks where MediaPipe and its models are to be had, else "
        "the CNN; says which, and why",
    )
    add(
        "--export-pose",
        action="store_true",
        help="write CLIP.pose beside CLIP.npy, for other tools",
    )
    args = arguments.parse(parser, argv)
    if not (args.landmarks or args.auto):
        if args.export_pose or args.landmark_models:
            parser.error("--landmark-models and --export-pose need --landmarks")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.cluster import ray_backend
    from signs.core import files, lock
    from signs.data import clips_table
    from signs.features import landmark_models

    if args.cluster:
        ray_backend.require()
    dataset = clips_table.Dataset(args.data / args.dataset)
    if args.auto:
        clips_table.read_clips(dataset)  # before models are downloaded for it
        args.landmarks, why = landmark_models.obtainable(args.landmark_models)
        name = "landmarks" if args.landmarks else cnn_name(args)
        log.info(f"features: {name}; {why}")
    make = make_landmarks if args.landmarks else make_features
    if args.dry_run:
        return make(args, dataset)
    with lock.hold(dataset.root):
        files.remove_leftovers(dataset.feature(""), seconds=0)
        for folder in (args.log, args.model_dir / "cnn"):
            files.remove_leftovers(folder)
        return make(args, dataset)


def cnn_name(args: argparse.Namespace) -> str:
    """The name of the features that the flags for a CNN ask for."""
    from signs.features.variants import full_name

    return full_name(
        *(args.cnn, args.alpha, args.crop == "hands", args.motion, args.grid)
    )


def make_features(args: argparse.Namespace, dataset: "Dataset") -> int:
    """Makes the features that are missing; returns the exit code."""
    from signs.core import files
    from signs.data import clips_table
    from signs.features import feature_store, report
    from signs.features.made_from import MadeFrom
    from signs.training import run_record
    from signs.video import catalog, frame_store

    clips = clips_table.read_clips(dataset)
    frame_meta = frame_store.require_meta(dataset)
    frames_a_clip = frame_meta["frames"]
    frames = catalog.check_frames(dataset, clips)
    if not args.dry_run:
        frames.close()
    name = cnn_name(args)
    videos, more = None, {}
    if args.crop:
        found = feature_store.require_meta(dataset, feature_store.LANDMARKS)
        more = {"landmarks_hash": found["weights_hash"]}
        root = catalog.find_root(dataset, frame_meta)
        videos = frame_store.tasks(dataset, clips, root, frames_a_clip)
    there = None if args.overwrite else feature_store.read_meta(dataset, name)
    made_from = MadeFrom(dataset, name, frames)
    if there and feature_store.is_same(
        *(there, args.weights, args.seed, frames_a_clip),
        *(args.dtype, args.engine, args.copies),
    ):
        todo = feature_store.tasks(dataset, clips, there, True, made_from)
        if not todo and more.items() <= there.items():
            return finished(args, dataset, clips, made_from, there)
    from signs.features import cnn_features  # imports Keras

    network, meta = cnn_features.load_network(
        name, args.weights, args.seed, args.dtype, there
    )
    meta |= {
        "frames": frames_a_clip,
        # Once asked for, every clip has them.
        "copies": max(args.copies, there.get("copies", 0) if there else 0),
        "engine": args.engine,
        "versions": run_record.versions(),
        **more,
    }
    if there and (problem := feature_store.differences(there, meta)):
        raise UserError(
            f"{dataset.feature(name)} holds other features than asked for: "
            f"{problem}; replace them with: "
            f"{feature_store.command(dataset, name)} --weights {args.weights} "
            f"--engine {args.engine} --overwrite"
        )
    todo = feature_store.tasks(
        dataset, clips, meta, not args.overwrite, made_from, videos
    )
    # Of weights from a file, only loading the CNN could tell.
    if there and not todo and more.items() <= there.items():
        return finished(args, dataset, clips, made_from, there)
    log.info(
        f"{name} with {meta['weights']} weights: {meta['length']:,} features "
        f"a frame, {frames_a_clip} frames a clip; "
        f"{len(todo):,} of {count(len(clips), 'clip')} to do"
    )
    if args.dry_run:
        return 0
    made_from.clear(everything=args.overwrite)
    with made_from.begin(clips, todo):
        failures = cnn_features.extract(
            *(dataset, todo, network, meta, made_from),
            *(args.engine, args.batch, args.model_dir / "cnn"),
            *(args.workers, args.cluster, args.quiet),
        )
    failed = args.log / f"{dataset.name}-feature-failed.csv"
    files.write_failures(failed, failures)
    return report.report(dataset, meta, len(clips), failures, failed)


def finished(
    args: argparse.Namespace,
    dataset: "Dataset",
    clips: "pd.DataFrame",
    made_from: "MadeFrom",
    there: dict[str, Any],
) -> int:
    """Says that all clips have their features; returns the exit code."""
    from signs.features import report

    if not args.dry_run:
        with made_from.begin(clips, []):
            pass
    log.info(
        f"nothing to do: {count(len(clips), 'clip')} of {args.dataset} have "
        f"features of {there['cnn']} ({there['weights']} weights)"
    )
    report.say_next(dataset, there["cnn"])
    return 0


def make_landmarks(args: argparse.Namespace, dataset: "Dataset") -> int:
    """Finds the landmarks that are missing; returns the exit code."""
    from signs.core import files
    from signs.data import clips_table
    from signs.evaluation import hand_coverage
    from signs.features import (
        feature_store,
        landmark_models,
        landmark_store,
        pose_file,
        report,
    )
    from signs.features.made_from import MadeFrom
    from signs.training import run_record
    from signs.video import catalog, frame_store

    landmark_models.require_packages()
    if args.export_pose:
        pose_file.require_packages()
    clips = clips_table.read_clips(dataset)
    frame_meta = frame_store.require_meta(dataset)
    name = landmark_store.NAME
    models = landmark_models.find_models(args.landmark_models)
    meta = landmark_store.describe(models, frame_meta["frames"])
    there = None if args.overwrite else feature_store.read_meta(dataset, name)
    if there and (problem := feature_store.differences(there, meta)):
        raise UserError(
            f"{dataset.feature(name)} holds other landmarks than asked for: "
            f"{problem}; replace them with: "
            f"{feature_store.command(dataset, name)} --overwrite"
        )
    frames = catalog.check_frames(dataset, clips)
    everything = landmark_store.tasks(
        *(dataset, clips, catalog.find_root(dataset, frame_meta)),
        *(frame_meta["frames"], models),
    )
    made_from = MadeFrom(dataset, name, frames)
    todo = everything
    if not args.overwrite:
        todo = landmark_store.missing(everything, made_from)
    what = f"{count(len(clips), 'clip')} of {dataset.name}"
    if there and not todo and not args.export_pose:
        log.info(f"nothing to do: {what} have landmarks by {models.names}")
        report.say_next(dataset, name)
        return 0
    log.info(f"landmarks by {models.names}: {len(todo):,} of {what} to do")
    if args.dry_run:
        return 0
    frames.close()
    made_from.clear(everything=args.overwrite)
    with made_from.begin(clips, todo):
        failures = landmark_store.find_all(
            dataset,
            todo,
            {**meta, "versions": run_record.versions()},
            made_from,
            *(args.workers, args.cluster, args.quiet),
        )
    failed = args.log / f"{dataset.name}-feature-failed.csv"
    files.write_failures(failed, failures)
    code = report.report(dataset, meta, len(clips), failures, failed)
    done = clips[~clips["clip"].isin(list(failures))]
    plot = args.log / f"{dataset.name}-landmarks.png"
    hand_coverage.report(dataset, done, frame_meta["frames"], plot)
    if args.export_pose:
        tasks = [everything[clip] for clip in done["clip"]]
        log.info(f"{count(pose_file.export(tasks), '.pose file')} beside them")
    return code


if __name__ == "__main__":
    sys.exit(arguments.run(main))
