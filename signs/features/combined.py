"""Features of several kinds, beside each other: `mobilenet-0.25+landmarks`.

Each kind stays in its own folder; they come together when they are read. The
record of the whole is like that of one kind, and has theirs in `blocks`.
"""

from typing import Any

from signs.core.errors import UserError
from signs.data.clips_table import Dataset
from signs.features import feature_store
from signs.models.landmark_layout import Blocks

SIGN = "+"


def require_meta(dataset: Dataset, name: str | None) -> dict[str, Any]:
    """The record of the features that a training step is to use.

    Args:
        name: of one kind, or several names with a `+` between them; None:
            see `feature_store.require_meta`.

    Raises:
        UserError: if some are missing, or do not go together.
    """
    if name is None or SIGN not in name:
        return feature_store.require_meta(dataset, name)
    names = name.split(SIGN)
    if len(set(names)) < len(names) or "" in names:
        raise UserError(f"{name}: name features, each once, with + between")
    return combine([feature_store.require_meta(dataset, one) for one in names])


def combine(metas: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of features beside each other.

    Args:
        metas: the record of each kind, in order.

    Raises:
        UserError: if they are of other numbers of frames.
    """
    first = metas[0]
    for other in metas[1:]:
        if other["frames"] != first["frames"]:
            raise UserError(
                f"features of {first['cnn']} have {first['frames']} frames a "
                f"clip, and those of {other['cnn']} {other['frames']}; make "
                "both anew with feature.py"
            )

    def join(key: str) -> str:
        return SIGN.join(str(meta[key]) for meta in metas)

    return {
        **{key: join(key) for key in ("cnn", "weights", "weights_hash")},
        "seed": None,
        "size": first["size"],
        "frames": first["frames"],
        "length": sum(meta["length"] for meta in metas),
        "dtype": "float32",
        "engine": first.get("engine", "keras"),
        "blocks": metas,
    }


def parts(meta: dict[str, Any]) -> list[dict[str, Any]]:
    """The record of each kind of features; one, if there is but one."""
    found: list[dict[str, Any]] = meta.get("blocks") or [meta]
    return found


def blocks_of(meta: dict[str, Any]) -> Blocks:
    """The kinds of features of a record, see `models.feature_blocks`."""
    return [(part["cnn"], part["length"]) for part in parts(meta)]


def command(dataset: Dataset, meta: dict[str, Any], flag: str = "") -> str:
    """The commands that make all kinds of features of a record.

    Args:
        dataset: whose.
        meta: the record.
        flag: one more flag for each.
    """
    return " and ".join(
        f"{feature_store.command(dataset, part['cnn'])} {flag}".rstrip()
        for part in parts(meta)
    )
