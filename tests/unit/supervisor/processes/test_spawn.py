"""Room for one more service."""

import resource

import pytest

from portweave.supervisor.processes.spawn import (
    NotSpawnedError,
    check_room,
)


@pytest.mark.parametrize(
    ("limit", "running", "fits"),
    [(64, 5, True), (64, 6, False), (1024, 150, True), (resource.RLIM_INFINITY, 10_000, True)],
)
def test_a_service_is_started_only_where_its_descriptors_fit(
    limit: int, running: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getrlimit(_resource: int) -> tuple[int, int]:
        return limit, limit

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    if fits:
        check_room(running)
    else:
        with pytest.raises(NotSpawnedError) as caught:
            check_room(running)
        assert (
            "Too many open files: 67 are needed, 64 are allowed (ulimit -n)" in caught.value.reason
        )
