from portweave.panel.usage_samples import MOST_SAMPLES, WINDOW_S, Meter


def row(pid: int | None, cpu_s: float | None, rss_bytes: int | None = 1000) -> dict[str, object]:
    return {"pid": pid, "cpuSeconds": cpu_s, "rssBytes": rss_bytes}


def test_a_percentage_covers_the_time_between_two_samples() -> None:
    meter = Meter()
    assert meter.add(row(7, 1.0), 100.0) is None
    assert meter.add(row(7, 1.5), 102.0) == 25.0
    assert meter.add(row(7, 3.5), 103.0) == 200.0
    assert [sample.as_json() for sample in meter.samples] == [
        [102.0, 25.0, 1000],
        [103.0, 200.0, 1000],
    ]


def test_another_run_begins_anew() -> None:
    meter = Meter()
    meter.add(row(7, 5.0), 100.0)
    assert meter.add(row(8, 0.5), 102.0) is None
    assert meter.add(row(8, 1.0), 103.0) == 50.0
    assert meter.add(row(None, None, None), 104.0) is None
    assert meter.add(row(8, 2.0), 105.0) is None


def test_ended_children_do_not_reduce_processor_time() -> None:
    meter = Meter()
    meter.add(row(7, 5.0), 100.0)
    assert meter.add(row(7, 2.0), 102.0) == 0.0


def test_a_clock_that_was_set_back_gives_no_sample() -> None:
    meter = Meter()
    meter.add(row(7, 5.0), 100.0)
    assert meter.add(row(7, 6.0), 100.0) is None
    assert meter.add(row(7, 6.0), 90.0) is None


def test_an_older_supervisor_sends_no_processor_time() -> None:
    meter = Meter()
    assert meter.add({"pid": 7, "rssBytes": 1}, 100.0) is None


def test_only_samples_of_the_last_minutes_are_kept() -> None:
    meter = Meter()
    for second in range(MOST_SAMPLES * 3):
        meter.add(row(7, float(second)), float(second))
    assert len(meter.samples) == MOST_SAMPLES
    assert meter.samples[-1].at_s == MOST_SAMPLES * 3 - 1


def test_samples_older_than_the_window_are_not_shown() -> None:
    meter = Meter()
    meter.add(row(7, 0.0), 0.0)
    meter.add(row(7, 0.5), 10.0)
    meter.add(row(7, 1.0), WINDOW_S)
    assert [sample[0] for sample in meter.recent(WINDOW_S + 11)] == [WINDOW_S]
    assert len(meter.recent(WINDOW_S)) == 2
