"""The rate limit's bucket."""

from portweave.supervisor.proxy.http.rate_limit import Bucket


def test_a_burst_up_to_the_size_is_allowed() -> None:
    bucket = Bucket(10, 1.0)
    assert all(bucket.add(100.0) for _ in range(10))
    assert not bucket.add(100.0)
    # Refused events count, too.
    assert not bucket.add(101.0)
    assert bucket.add(104.0)


def test_a_slow_rate_is_always_allowed() -> None:
    bucket = Bucket(2, 1.0)
    assert all(bucket.add(float(second)) for second in range(1000))
