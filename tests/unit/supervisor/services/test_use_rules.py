"""What counts as use in connections and processor time."""

import pytest

from portweave.supervisor.services.use_rules import (
    CpuSample,
    busy_percent,
    connections_to,
    from_outside,
    with_sample,
)
from portweave.system.listeners import DiagSocket

WEB = 4000


def end(port: int, peer_port: int, inode: int) -> DiagSocket:
    return DiagSocket(port, 1000, inode, peer_port=peer_port)


TABLES: dict[str, tuple[list[DiagSocket], list[int]]] = {
    "a program connects": ([end(WEB, 50001, 7), end(50001, WEB, 8)], [50001]),
    "a service connects": ([end(WEB, 50002, 7), end(50002, WEB, 90)], []),
    "another machine connects": ([end(WEB, 50003, 7)], [50003]),
    "its client has gone": ([end(WEB, 50004, 7), end(50004, WEB, 0)], []),
    "a connection to another port": ([end(5000, 50005, 7), end(50005, 5000, 8)], []),
    "nothing": ([], []),
    "two of three": (
        [end(WEB, 2, 7), end(2, WEB, 8), end(WEB, 3, 9), end(3, WEB, 90), end(WEB, 1, 5)],
        [1, 2],
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_connections_from_outside_the_stack_count(case: str) -> None:
    sockets, expected = TABLES[case]
    found = from_outside(connections_to({WEB}, sockets), {90})
    assert [one.peer_port for one in found] == expected
    assert {one.port for one in found} <= {WEB}


def history(*amounts_s: float) -> tuple[CpuSample, ...]:
    samples: tuple[CpuSample, ...] = ()
    for number, amount_s in enumerate(amounts_s):
        samples = with_sample(samples, CpuSample(30.0 * number, (("web", amount_s),)))
    return samples


@pytest.mark.parametrize(
    ("samples", "percent"),
    [
        ((), None),
        (history(0.0), None),
        (history(0.0, 9.0), 30.0),
        ((CpuSample(0.0, ()), CpuSample(19.0, (("web", 19.0),))), None),
        (history(0.0, 0.0, 6.0), 10.0),
        (history(0.0, 9.0, 9.0, 9.0), 0.0),
        (history(5.0, 5.0, 1.0), 0.0),
        ((CpuSample(0.0, ()), CpuSample(60.0, (("new", 3.0), ("web", 3.0)))), 10.0),
    ],
)
def test_processor_time_counts_over_the_last_minute(
    samples: tuple[CpuSample, ...], percent: float | None
) -> None:
    assert busy_percent(samples) == percent


def test_few_samples_are_kept() -> None:
    assert len(history(*map(float, range(50)))) == 3
