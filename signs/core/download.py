"""Files from the internet, checked and kept, by Pooch."""

import sys
from pathlib import Path

from signs.core.errors import UserError
from signs.core.messages import log

_TIMEOUT = (10, 30)  # seconds without an answer, and without a byte
_BLOCK = 1 << 16  # bytes


def fetch(
    address: str, known_hash: str | None, folder: Path, instead: str
) -> Path:
    """Downloads a file, unless it is there.

    A download that breaks off starts again; a file is there only when it is
    whole, and one with another hash is downloaded anew.

    Args:
        address: ends in the file's name.
        known_hash: such as `md5:0a1b...`; None where it is not known.
        folder: where it is kept.
        instead: what to do where it cannot be downloaded, such as `get it by
            other means, and name it with --weights FILE`.

    Returns:
        The file's path.

    Raises:
        UserError: if it cannot be downloaded, or is another one.
    """
    import pooch
    import requests

    name = address.rpartition("/")[2]
    pooch.get_logger().setLevel("ERROR")  # it is said here
    if not (folder / name).exists():
        log.info(f"downloading {address} to {folder}")
    store = pooch.create(
        folder,
        base_url="",
        registry={name: known_hash},
        urls={name: address},
        retry_if_failed=1,
    )
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(), chunk_size=_BLOCK, timeout=_TIMEOUT
    )
    try:
        return Path(store.fetch(name, downloader=downloader))
    except (requests.RequestException, ValueError) as error:
        raise UserError(
            f"{address} cannot be downloaded ({_reason(error)}); {instead}"
        ) from error


def _reason(error: Exception) -> str:
    """Why a download failed, in a few words."""
    import requests

    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "there is no connection to the server"
    return " ".join(str(error).split())[:200]
