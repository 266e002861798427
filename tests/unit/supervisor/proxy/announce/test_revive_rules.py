from portweave.supervisor.proxy.announce.revive_rules import (
    LONGEST_S,
    STEADY_S,
    command_with_port,
    pause_after,
    started_in_background,
)
from portweave.supervisor.proxy.process.command import words


def test_a_steady_proxy_restarts_at_once_and_others_wait_longer_each_time() -> None:
    assert pause_after(0, STEADY_S) == pause_after(32, STEADY_S + 1) == 0
    pauses_s = [0.0]
    while pauses_s[-1] < LONGEST_S:
        pauses_s.append(pause_after(pauses_s[-1], STEADY_S - 1))
    assert pauses_s == [0, 1, 2, 4, 8, 16, 32, 60]
    assert pause_after(LONGEST_S, 0) == LONGEST_S


def test_only_proxies_that_portweave_started_count_as_started_in_the_background() -> None:
    assert started_in_background(words(for_stacks=True))
    assert started_in_background(words(port="0", tls=True))
    assert not started_in_background(["/bin/python3", "/bin/portweave", "proxy", "run"])
    assert not started_in_background(["/bin/python3", "-Im", "portweave", "proxy", "start"])
    assert not started_in_background([])


def test_the_command_of_a_restart_has_the_port_that_the_proxy_had() -> None:
    for before in (None, "0", "1355"):
        command = words(port=before, tls=True, for_stacks=True, linger="5s")
        again = command_with_port(command, 1360)
        assert sorted(again) == sorted(words(port="1360", tls=True, for_stacks=True, linger="5s"))
        assert again[:5] == tuple(command[:5])
