import pytest

from portweave.planning.frameworks import framework_of, lacking


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("vite", "vite"),
        ("vite --host", "vite"),
        ("vite@5 dev", "vite"),
        ("vite build", None),
        ("next dev", "next"),
        ("manage.py runserver", "django"),
        ("python3 manage.py runserver", "django"),
        ("python3 -W error -m uvicorn main:app", "uvicorn"),
        ("python3 -m django runserver", "django"),
        ("python3 manage.py migrate", None),
        ("node server.js", None),
    ],
)
def test_the_framework_of_a_command(command: str, name: str | None) -> None:
    program, *rest = command.split()
    found = framework_of(program, rest)
    assert (None if found is None else found[0].name) == name


@pytest.mark.parametrize(
    ("command", "is_complete"),
    [
        ("manage.py runserver", False),
        ("manage.py runserver 127.0.0.1:8000", True),
        ("uvicorn main:app", False),
        ("uvicorn main:app --port 1 --host x", True),
    ],
)
def test_only_missing_arguments_are_added(command: str, is_complete: bool) -> None:
    program, *rest = command.split()
    found = framework_of(program, rest)
    assert found is not None
    assert (lacking(*found, secure=False) == ()) is is_complete
