"""Pure. Read the commands of programs that start several at once: concurrently, npm-run-all.

https://github.com/open-cli-tools/concurrently, https://github.com/bcomnes/npm-run-all2
"""

PARALLEL = ("concurrently", "run-p", "npm-run-all", "npm-run-all2")
# Options of concurrently whose value is the next word.
_TAKE_VALUE = frozenset(
    {
        *("-n", "--names", "--name-separator", "-s", "--success", "-m", "--max-processes"),
        *("-p", "--prefix", "-c", "--prefix-colors", "-l", "--prefix-length"),
        *("-t", "--timestamp-format", "--hide", "--restart-tries", "--restart-after"),
        *("--default-input-target", "--kill-signal", "--ks", "--teardown", "--cwd"),
    }
)
_AT_ONCE = frozenset({"-p", "--parallel"})
_IN_TURN = frozenset({"-s", "--serial", "--sequential"})


def started_at_once(program: str, words: list[str]) -> list[str]:
    """Return the commands that such a program starts; none if a name is a pattern.

    Args:
        program: The program's name.
        words: Its arguments.
    """
    if program == "concurrently":
        commands = [_spelt_out(word) for word in _operands(words)]
    else:
        is_at_once = program == "run-p"
        scripts: list[str] = []
        for word in words:
            if word in _AT_ONCE or word in _IN_TURN:
                is_at_once = word in _AT_ONCE
            elif is_at_once and not word.startswith("-"):
                scripts.append(word)
        commands = [f"npm run {script}" for script in scripts]
    return [] if any("*" in command for command in commands) else commands


def _operands(words: list[str]) -> list[str]:
    found: list[str] = []
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word.startswith("-"):
            is_value = word in _TAKE_VALUE
        else:
            found.append(word)
    return found


def _spelt_out(command: str) -> str:
    """Expand `npm:dev` to `npm run dev`."""
    runner, colon, script = command.partition(":")
    is_short = colon and runner in ("npm", "pnpm", "yarn", "bun")
    return f"{runner} run {script}" if is_short else command
