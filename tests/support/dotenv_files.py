"""A `.env` for tests without a worktree."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from portweave.planning import environment_layers
from portweave.procfiles.dotenv import Variables
from portweave.procfiles.load import read_env_file


@contextmanager
def holding(values: Mapping[str, str]) -> Generator[None]:
    """Make the `.env` of every worktree contain these variables."""

    def read(path: str, **options: Any) -> Variables:
        if path.endswith("/.env"):
            return Variables(dict(values), ())
        return read_env_file(path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment_layers, "read_env_file", read)
        yield
