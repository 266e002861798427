"""Remarks about what an export lacks."""

from portweave.exports.remarks import CHANGED, INFO, LOST, Remark, lost_keys, merged

TTY = Remark(CHANGED, "tty", "no\nterminal", ("api",))
LOG = Remark(LOST, "ready", "log: unread", ("api",))
CALLS = Remark(INFO, "calls", "need up")


def test_equal_remarks_are_merged_and_lost_settings_come_first() -> None:
    other = Remark(CHANGED, "tty", "no\nterminal", ("web",))
    found = merged([CALLS, TTY, LOG, other, LOG])
    assert [one.line() for one in found] == [
        "lost (ready): api: log: unread",
        "changed (tty): api, web: no terminal",
        "info (calls): need up",
    ]
    assert merged([]) == ()


def test_only_lost_settings_that_are_not_allowed_count() -> None:
    watch = Remark(LOST, "watch", "x", ("web",))
    remarks = [TTY, LOG, watch, LOG]
    assert lost_keys(remarks, []) == ["ready", "watch"]
    assert lost_keys(remarks, ["ready", "tty"]) == ["watch"]
    assert lost_keys(remarks, ["ready", "watch"]) == []
