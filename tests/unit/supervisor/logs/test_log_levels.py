import pytest

from portweave.supervisor.logs.log_levels import LEVELS, level_of

LINES = [
    ('{"level":"warn","msg":"slow"}', "warn"),
    ('{"level":50,"msg":"pino"}', "error"),
    ('{"level": 30, "msg": "an error occurred"}', "info"),
    ('{"level":20}', "debug"),
    ('{"severity":"CRITICAL"}', "error"),
    ("ts=1 level=info msg=started", "info"),
    ("ts=1 lvl=eror level=error", "error"),
    ("INFO:     Application startup complete.", "info"),
    ("2026-01-01 10:00:00,000 WARNING django.request: Not Found", "warn"),
    ("2026-01-01T10:00:00Z [error] worker died", "error"),
    ("[warn] deprecated", "warn"),
    ("error: cannot find module", "error"),
    ("npm ERR! code ELIFECYCLE", "error"),
    ("<DEBUG> cache hit", "debug"),
    ("10:00:00 TRACE x", "debug"),
    ("ConnectionRefusedError: smtp.local refused", "error"),
    ("Traceback (most recent call last):", "error"),
    ("DeprecationWarning: use of x", "warn"),
    ("GET /products/17 200", ""),
    ("INFORMATION about something", ""),
    ("no level=here7", ""),
    ("level=17", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "level"), LINES)
def test_the_level_of_a_line(text: str, level: str) -> None:
    assert level_of(text) == level
    assert level == "" or level in LEVELS


def test_only_the_beginning_of_a_long_line_counts() -> None:
    assert level_of("x" * 10_000 + " ERROR ") == ""
