"""How often something may happen."""

from portweave.supervisor.proxy.http.rate_limit import Bucket


def test_often_at_once_but_not_for_long() -> None:
    bucket = Bucket(10, 1.0)
    assert all(bucket.add(100.0) for _ in range(10))
    assert not bucket.add(100.0)
    # What was too much counts as well.
    assert not bucket.add(101.0)
    assert bucket.add(104.0)


def test_slowly_for_ever() -> None:
    bucket = Bucket(2, 1.0)
    assert all(bucket.add(float(second)) for second in range(1000))
