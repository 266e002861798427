"""The real npm portweave, in a folder that is kept between test runs."""

from pathlib import Path

import pytest

from tests.support.locked_packages import npm_packages


@pytest.fixture(scope="session")
def npm_portweave(pytestconfig: pytest.Config) -> Path:
    """The npm command; the folder also contains its node."""
    return npm_packages(pytestconfig) / "node_modules" / ".bin" / "portweave"
