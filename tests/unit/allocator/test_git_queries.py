"""How git is run only to read."""

from portweave.allocator.git_queries import (
    look_environment,
    without_filters,
)


def test_variables_of_hooks_are_dropped_and_nothing_is_fetched() -> None:
    found = look_environment({"GIT_DIR": "/x", "GIT_SSH_COMMAND": "evil", "HOME": "/home/me"})
    assert "GIT_DIR" not in found
    assert "GIT_SSH_COMMAND" not in found
    assert found["HOME"] == "/home/me"
    assert found["GIT_ALLOW_PROTOCOL"] == "none"


def test_each_filter_is_disabled_once_after_the_users_own_settings() -> None:
    environ = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"}
    keys = ["filter.x=y.z.clean", "filter.x=y.z.process", ""]
    found = without_filters(environ, keys)
    count = int(found["GIT_CONFIG_COUNT"])
    pairs = [(found[f"GIT_CONFIG_KEY_{n}"], found[f"GIT_CONFIG_VALUE_{n}"]) for n in range(count)]
    assert pairs == [
        ("a.b", "c"),
        ("filter.x=y.z.clean", ""),
        ("filter.x=y.z.process", ""),
        ("filter.x=y.z.smudge", ""),
        ("filter.x=y.z.required", "no"),
    ]
