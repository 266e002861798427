"""The keys `hooks` and `worktree`."""

import json

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles import definitions, jsonfile
from portweave.procfiles.model import Definitions, Hook


def build(**keys: object) -> Definitions:
    value = {"services": {"web": {"command": "x"}}, **keys}
    document = jsonfile.parse(
        json.dumps(value), "/p/portweave.config.json", "portweave.config.json"
    )
    return definitions.build(document, None)


def hook(name: str, value: object) -> Hook:
    (found,) = build(hooks={name: value}).hooks
    return found


@pytest.mark.parametrize(
    ("value", "commands"),
    [
        ("npm ci", ("npm ci",)),
        (["npm ci", "make db"], ("npm ci", "make db")),
        ({"command": "npm ci"}, ("npm ci",)),
        ({"command": ["npm ci", "make db"]}, ("npm ci", "make db")),
    ],
)
def test_a_hook_is_a_command_a_list_or_an_object(value: object, commands: tuple[str, ...]) -> None:
    found = hook("beforeUp", value)
    assert (found.name, found.commands) == ("beforeUp", commands)
    assert (found.timeout_s, found.working_dir, found.inputs) == (600.0, "/p", ())


def test_a_hook_has_settings_of_its_own() -> None:
    found = hook(
        "setup",
        {
            "command": "npm ci",
            "inputs": ["package-lock.json", "db/**/*.sql"],
            "timeout": "20m",
            "environment": {"DATABASE": "db-${web}"},
            "workingDir": "app",
        },
    )
    assert found.inputs == ("package-lock.json", "db/**/*.sql")
    assert (found.timeout_s, found.working_dir) == (1200.0, "/p/app")
    assert found.environment == (("DATABASE", "db-${web}"),)


def test_hooks_come_in_the_order_in_which_they_run() -> None:
    hooks = build(hooks={"after_down": "d", "after_ready": "c", "before_up": "b", "setup": "a"})
    assert [hook.name for hook in hooks.hooks] == ["setup", "beforeUp", "afterReady", "afterDown"]


def test_worktree_names_files_and_their_source() -> None:
    found = build(worktree={"copy": [".env", "*.local"], "link": ["cache/"], "from": "../shop"})
    assert found.worktree is not None
    assert (found.worktree.copy, found.worktree.link) == ((".env", "*.local"), ("cache",))
    assert found.worktree.source == "/shop"


@pytest.mark.parametrize(
    ("keys", "message", "hint"),
    [
        ({"hooks": "npm ci"}, "hooks: Invalid input: expected object", "hooks: {setup: npm ci}"),
        ({"hooks": {"setup": 1}}, "hooks.setup: Invalid input: expected string or array", ""),
        ({"hooks": {"setup": []}}, "hooks.setup: setup must not be empty", ""),
        ({"hooks": {"setup": {}}}, "hooks.setup.command: a hook must have a command", ""),
        (
            {"hooks": {"postUp": "x"}},
            'hooks: Unrecognized key: "postUp"',
            "did you mean afterReady",
        ),
        (
            {"hooks": {"beforeUp": {"command": "x", "inputs": ["a"]}}},
            'hooks.beforeUp: Unrecognized key: "inputs"',
            "",
        ),
        (
            {"hooks": {"setup": {"command": "x", "inputs": ["../a"]}}},
            'hooks.setup.inputs.0: "../a" must be a path inside the worktree',
            "without ..",
        ),
        (
            {"hooks": {"setup": {"command": "x", "environment": {"A": "${wb}"}}}},
            'hooks.setup.environment.A: template references unknown service "wb"',
            "did you mean ${web}?",
        ),
        (
            {"services": {"setup": {"command": "x"}}, "hooks": {"setup": "x"}},
            'hooks.setup: a service is called "setup" too',
            "rename the service",
        ),
        ({"worktree": [".env"]}, "worktree: Invalid input: expected object", "{copy: [.env]}"),
        ({"worktree": {"link": ["/etc"]}}, 'worktree.link.0: "/etc" must be a path inside', ""),
        ({"worktree": {"symlink": []}}, 'worktree: Unrecognized key: "symlink"', "link"),
    ],
)
def test_an_invalid_value_has_a_message_and_a_hint(
    keys: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(DefinitionsInvalidError) as caught:
        build(**keys)
    assert message in caught.value.message
    assert hint in " ".join(caught.value.hints)
