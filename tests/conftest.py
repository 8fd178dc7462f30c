"""What all tests start from."""

import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from framing import mine, run_frame  # noqa: F401 (fixtures)
from helpers import shared
from hypothesis import HealthCheck, settings

from signs.core import messages


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--campaign",
        type=int,
        default=0,
        metavar="N",
        help="try each random fault N times; without it, a few times each",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis draws N times as many examples in a campaign."""
    examples = 100 * max(1, config.getoption("--campaign"))
    # A machine under load is no reason to fail.
    settings.register_profile(
        "signs",
        deadline=None,
        max_examples=examples,
        # A machine that is busy with other things is no fault of a test.
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("signs")


# What was tried, how often.
TRIED = pytest.StashKey[Counter[str]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says at the end of a campaign what was tried, and how often."""
    tried = config.stash.get(TRIED, Counter())
    if tried and config.getoption("--campaign"):
        terminalreporter.section("tried")
        for what, number in sorted(tried.items()):
            terminalreporter.line(f"{number:9,}  {what}")


@pytest.fixture(autouse=True)
def _messages() -> None:
    """Messages go to stdout and warnings to stderr, as in the scripts."""
    messages.set_up_messages(quiet=False)


@pytest.fixture(scope="module")
def models() -> Path:
    """The folder of the models; skips without it, or without MediaPipe."""
    pytest.importorskip("mediapipe")
    shared("weights", "hand_landmarker.task")
    return shared("weights")


# --- For tests/faults -------------------------------------------------------


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How often to try: a few times, or as often as `--campaign` says.

    No times at all means that it is tried in a campaign only.
    """
    campaign = request.config.getoption("--campaign")

    def times(few: int) -> int:
        if not (campaign or few):
            pytest.skip("takes long: only in a campaign (make faults)")
        return campaign or few

    return times


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers: always the same ones, but other ones in a campaign."""
    campaign = request.config.getoption("--campaign")
    return random.Random(None if campaign else 0)


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Counter[str]:
    """Counts what was tried, by name; a campaign shows it at its end."""
    return request.config.stash.setdefault(TRIED, Counter())


@dataclass(frozen=True)
class Disk:
    """A file system of its own, in memory."""

    path: Path

    def set(self, options: str) -> None:
        """Changes how it is mounted, such as `size=1m` or `ro`."""
        mount("-o", f"remount,{options}", str(self.path))


def mount(*args: str) -> None:
    subprocess.run(["mount", *args], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 64 MB; skips where none can be mounted."""
    path = tmp_path / "disk"
    path.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount on this system")
    try:
        mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no disk can be mounted: {error.stderr.decode().strip()}")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", str(path)], check=True)
