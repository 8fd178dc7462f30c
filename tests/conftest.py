"""What all tests start from."""

import pytest
from hypothesis import settings

from signs import cli

# A machine under load is no reason to fail.
settings.register_profile("signs", deadline=None)
settings.load_profile("signs")


@pytest.fixture(autouse=True)
def _messages() -> None:
    """Messages go to stdout and warnings to stderr, as in the scripts."""
    cli.set_up_messages(quiet=False)
