from portweave.encoding import jsonrpc
from portweave.supervisor.calls.outbox import Outbox, keep_answers, release
from portweave.supervisor.calls.state import Peer


def test_consecutive_lines_to_one_peer_are_one_action() -> None:
    outbox, first, second = Outbox(), Peer(), Peer()
    for peer, line in ((first, b"a\n"), (first, b"b\n"), (second, b"c\n"), (first, b"d\n")):
        assert outbox.send(peer, line, is_answer=True)
    assert outbox.drain() == [(first, b"a\nb\n"), (second, b"c\n"), (first, b"d\n")]
    assert outbox.drain() == []


def test_lines_for_a_blocked_peer_are_held_in_order() -> None:
    outbox, peer = Outbox(), Peer()
    peer.blocked = True
    assert not outbox.send(peer, b"request\n", is_answer=False)
    assert not outbox.send(peer, b"answer\n", is_answer=True)
    peer.blocked = False
    # Later lines wait behind the held ones.
    assert not outbox.send(peer, b"more\n", is_answer=False)
    assert outbox.drain() == []
    assert (peer.held_bytes, peer.owed_bytes) == (20, 7)
    assert release(peer, 10) == [b"request\n", b"answer\n"]
    assert release(peer, 10) == [b"more\n"]
    assert (peer.held_bytes, peer.owed_bytes) == (0, 0)


def test_a_peer_that_ends_keeps_only_its_answers() -> None:
    outbox, peer = Outbox(), Peer()
    peer.blocked = True
    outbox.send(peer, b"request\n", is_answer=False)
    outbox.send(peer, b"answer\n", is_answer=True)
    keep_answers(peer)
    assert [held.line for held in peer.held] == [b"answer\n"]
    assert peer.held_bytes == peer.owed_bytes == 7


def test_a_bad_request_is_refused_and_a_bad_notification_ignored() -> None:
    outbox, peer = Outbox(), Peer()
    outbox.refuse(peer, None, -32600, "bad")
    assert outbox.drain() == []
    outbox.refuse(peer, b"7", -32600, "bad")
    assert outbox.drain() == [(peer, jsonrpc.bad_line(-32600, "bad", b"7"))]
