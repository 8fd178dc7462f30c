#!/usr/bin/env python3
"""Step 2: sends the frames of each clip through a CNN without its top.

Reads   data/DATASET/frame/CLIP/frame-001.jpg ...   (made by frame.py)
Writes  data/DATASET/feature/CNN/CLIP.npy           (frames, features a frame)
        data/DATASET/feature/CNN/meta.json          what made them

Clips that have features of their frames already are left alone.

Example: python feature.py sample-chalearn --weights auto
"""

import argparse
import contextlib
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signs.core import arguments
from signs.core.errors import UserError
from signs.core.messages import count, log

if TYPE_CHECKING:
    from signs.data.clips_table import Dataset
    from signs.features.made_from import MadeFrom


def parse_arguments(
    argv: Sequence[str] | None = None,
) -> argparse.Namespace:
    from signs.features.backbones import CNNS, ENGINES

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
    return arguments.parse(parser, argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)

    from signs.cluster import ray_backend
    from signs.core import files, lock
    from signs.data import clips_table

    if args.cluster:
        ray_backend.require()
    dataset = clips_table.Dataset(args.data / args.dataset)
    if args.dry_run:
        return make(args, dataset)
    with lock.hold(dataset.root):
        files.remove_leftovers(dataset.feature(""), seconds=0)
        for folder in (args.log, args.model_dir / "cnn"):
            files.remove_leftovers(folder)
        return make(args, dataset)


def make(args: argparse.Namespace, dataset: "Dataset") -> int:
    """Makes the features that are missing; returns the exit code."""
    from signs.core import files
    from signs.data import clips_table
    from signs.features import feature_store
    from signs.features.backbones import full_name
    from signs.features.made_from import MadeFrom
    from signs.video import catalog, frame_store

    clips = clips_table.read_clips(dataset)
    frames_a_clip = frame_store.require_meta(dataset)["frames"]
    frames = catalog.check_frames(dataset, clips)
    if not args.dry_run:
        frames.close()
    name = full_name(args.cnn, args.alpha)
    there = None if args.overwrite else feature_store.read_meta(dataset, name)
    made_from = MadeFrom(dataset, name, frames)
    if there and is_same(there, args, frames_a_clip):
        todo = feature_store.tasks(dataset, clips, there, True, made_from)
        if not todo:
            if not args.dry_run:
                with made_from.begin(clips, todo):
                    pass
            log.info(
                f"nothing to do: {count(len(clips), 'clip')} of "
                f"{dataset.name} have features of {name} "
                f"({there['weights']} weights)"
            )
            return 0
    network, meta = load_network(args, name, frames_a_clip, there)
    if there and (problem := feature_store.differences(there, meta)):
        raise UserError(
            f"{dataset.feature(name)} holds other features than asked for: "
            f"{problem}; replace them with: "
            f"{feature_store.command(dataset, name)} --weights {args.weights} "
            f"--engine {args.engine} --overwrite"
        )
    todo = feature_store.tasks(
        dataset, clips, meta, not args.overwrite, made_from
    )
    log.info(
        f"{name} with {meta['weights']} weights: {meta['length']:,} features "
        f"a frame, {frames_a_clip} frames a clip; "
        f"{len(todo):,} of {count(len(clips), 'clip')} to do"
    )
    if args.dry_run:
        return 0
    files.remove_leftovers(dataset.feature(name), deep=True, seconds=0)
    if args.overwrite:
        # Old features among new ones could not be told apart.
        files.remove_folder(dataset.feature(name))
        dataset.record(f"feature-{name}").unlink(missing_ok=True)
        made_from = MadeFrom(dataset, name, frames)
    with made_from.begin(clips, todo):
        failures = extract(args, network, meta, dataset, todo, made_from)
    failed = args.log / f"{dataset.name}-feature-failed.csv"
    files.write_failures(failed, failures)
    return report(dataset, meta, len(clips), failures, failed)


def is_same(there: dict, args: argparse.Namespace, frames_a_clip: int) -> bool:
    """Whether the features that are there are the ones asked for.

    False also where only loading the CNN can tell.
    """
    from signs.features import backbones

    return (
        args.weights in ("imagenet", "random", "auto")
        and args.weights in (there["weights"], "auto")
        and there["seed"] in (None, args.seed)
        and there["frames"] == frames_a_clip
        and args.dtype in ("auto", there["dtype"])
        and backbones.precision(args.engine) == backbones.precision_of(there)
    )


def load_network(
    args: argparse.Namespace, name: str, frames_a_clip: int, there: dict | None
) -> tuple[Any, dict[str, Any]]:
    """Loads the CNN, and says all that the features are made with."""
    from signs.features import backbones
    from signs.training import run_record

    weights = args.weights
    if there and weights == "auto" and there["weights"] == "random":
        weights = "random"  # as before, without trying to download again
    network = backbones.load(name, weights, args.seed)
    dtype = args.dtype
    if dtype == "auto":
        dtype = "float32" if network.weights == "random" else "float16"
    meta = {
        **network.describe(),
        "frames": frames_a_clip,
        "dtype": dtype,
        "engine": args.engine,
        "versions": run_record.versions(),
    }
    return network, meta


def extract(
    args: argparse.Namespace,
    network: Any,
    meta: dict[str, Any],
    dataset: Any,
    todo: Mapping[str, Any],
    made_from: "MadeFrom",
) -> dict[str, str]:
    """Makes the features; returns the reasons of the clips that failed."""
    from signs.core import files, parallel
    from signs.features import engines, feature_store

    if args.cluster:
        return extract_on_cluster(args, network, meta, dataset, todo, made_from)
    engine = engines.make(
        args.engine, network, args.model_dir / "cnn", args.workers
    )
    files.write_json(
        feature_store.meta_path(dataset, meta["cnn"]),
        {**meta, "engine": engine.name},
    )
    clips_at_once = max(1, (args.batch or engine.batch) // meta["frames"])
    outcomes = feature_store.make_features(
        todo, engine, clips_at_once, args.workers
    )
    _, failures = parallel.collect(
        made_from.watch(outcomes),
        len(todo),
        f"{meta['cnn']} ({engine.name})",
        args.quiet,
        keep=False,
    )
    return failures


def extract_on_cluster(
    args: argparse.Namespace,
    network: Any,
    meta: dict[str, Any],
    dataset: Any,
    todo: Mapping[str, Any],
    made_from: "MadeFrom",
) -> dict[str, str]:
    """Like `extract`, by processes that have a CNN or a GPU each."""
    from signs.cluster import ray_backend
    from signs.core import files, parallel
    from signs.features import feature_store, worker_setup

    with ray_backend.connect(args.cluster, args.workers) as machines:
        engine, on_gpu = worker_setup.choose(args.engine, machines.gpus)
        recipe = worker_setup.write(
            engine, on_gpu, network, args.model_dir / "cnn"
        )
        files.write_json(
            feature_store.meta_path(dataset, meta["cnn"]),
            {**meta, "engine": engine},
        )
        at_once = max(1, (args.batch or recipe.batch) // meta["frames"])
        start = functools.partial(feature_store.start, recipe, at_once)
        with contextlib.closing(
            machines.outcomes(
                start,
                todo,
                cores=ray_backend.CORES_OF_A_CNN,
                on_gpu=on_gpu,
                unit=at_once,
            )
        ) as outcomes:
            title = f"{meta['cnn']} ({engine})"
            return parallel.collect(
                made_from.watch(outcomes),
                len(todo),
                title,
                args.quiet,
                keep=False,
            )[1]


def report(
    dataset: Any,
    meta: dict[str, Any],
    clips: int,
    failures: dict[str, str],
    failed: Path,
) -> int:
    """Prints what came out; returns the exit code."""
    folder = dataset.feature(meta["cnn"])
    if len(failures) == clips:
        clip, reason = next(iter(failures.items()))
        raise UserError(
            f"no clip has features: all {clips:,} failed, such as {clip} "
            f"({reason}); see {failed}, and make the frames with: "
            f"python frame.py {dataset.name}"
        )
    done = clips - len(failures)
    log.info(
        f"{count(done, 'clip')} with features of "
        f"({meta['frames']}, {meta['length']}), {meta['dtype']}, in {folder}"
    )
    if failures:
        clip, reason = next(iter(failures.items()))
        log.warning(
            f"{count(len(failures), 'clip')} failed, such as {clip} "
            f"({reason}); all are in {failed}"
        )
        return 1
    log.info(f"next: python train_lstm.py {dataset.name}")
    return 0


if __name__ == "__main__":
    sys.exit(arguments.run(main))
