"""Sockets for the hubs of these tests."""

from pathlib import Path

import pytest

from tests.support.hubs import LOOPS


@pytest.fixture(params=LOOPS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A hub's socket, with the name of the loop that the hub runs on."""
    return str(tmp_path / request.param)
