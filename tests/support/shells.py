"""Real shells that complete a command line: `Zsh(...).complete("portweave up ")`."""

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

PATIENCE_S = 20.0


class Shell(Protocol):
    """A shell that has loaded the script of `portweave completion`."""

    def complete(self, *lines: str) -> list[set[str]]:
        """Return the candidates at the end of each line."""
        ...

    def end(self) -> None:
        """End the shell."""
        ...


class Scripted:
    """A shell that prints candidates without a terminal.

    Args:
        argv: Its command, before its program.
        head: The script that it reads first.
        cwd: Its working directory.
        env: Its environment.
    """

    def __init__(self, argv: list[str], head: str, cwd: Path, env: Mapping[str, str]) -> None:
        self._argv, self._head, self._cwd, self._env = argv, head, cwd, env

    def complete(self, *lines: str) -> list[set[str]]:
        program = "\n".join([self._head, *map(self.asking, lines)])
        done = subprocess.run(
            [*self._argv, program],
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.stderr == ""
        *answers, rest = done.stdout.split("END\n")
        assert (len(answers), rest) == (len(lines), "")
        return [{line.partition("\t")[0] for line in text.splitlines()} for text in answers]

    def asking(self, line: str) -> str:
        """Return a script that prints the candidates for a line, and then END."""
        raise NotImplementedError

    def end(self) -> None:
        """It has ended already."""


class Bash(Scripted):
    """Bash; like readline, it sets variables before it calls the function."""

    def __init__(self, script: Path, cwd: Path, env: Mapping[str, str]) -> None:
        head = f'source {shlex.quote(str(script))}\ncompopt() {{ echo "compopt $*"; }}'
        super().__init__(["bash", "--norc", "-c"], head, cwd, env)

    def asking(self, line: str) -> str:
        # bash(1), COMP_WORDBREAKS: = is a word of its own.
        words = [part for word in line.split(" ") for part in _split(word)]
        listed = " ".join(map(shlex.quote, words))
        return (
            f"COMP_WORDS=({listed}) COMP_CWORD={len(words) - 1} COMP_LINE={shlex.quote(line)};"
            " _portweave; ((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\"; echo END"
        )


def _split(word: str) -> list[str]:
    head, equals, tail = word.partition("=")
    return [part for part in (head, equals) if part] + ([tail] if tail or equals else []) or [""]


class Fish(Scripted):
    """Fish, which has a command for completion."""

    def __init__(self, script: Path, cwd: Path, env: Mapping[str, str]) -> None:
        super().__init__(["fish", "-c"], f"source {shlex.quote(str(script))}", cwd, env)

    def asking(self, line: str) -> str:
        return f"complete -C {shlex.quote(line)}; echo END"


_ZSH = """
unset HISTFILE; PS1=''; unsetopt beep zle_bracketed_paste; LISTMAX=100000
autoload -Uz compinit; compinit -u -D
source {script}
compadd() {{
  if [[ ${{@[1,(i)(-|--)]}} != *-(O|A|D)\\ * ]]; then
    local -a __found; builtin compadd -O __found "$@"; print -rl -- $__found >> {file}
  fi
  builtin compadd "$@"
}}
_told() {{ print END >> {file} }}
told() {{ comppostfuncs=(_told); zle list-choices }}
zle -N told; bindkey '^T' told; bindkey '^U' kill-whole-line
print READY > {file}
"""


class Zsh:
    """Zsh on a terminal: its completion needs the line editor."""

    def __init__(self, script: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self._file = script.with_suffix(".told")
        setup = script.with_suffix(".setup")
        setup.write_text(_ZSH.format(script=script, file=self._file))
        self._process, self._master = _on_terminal(["zsh", "-f", "-i"], cwd, env)
        self._seen = b""
        self._type(f"source {setup}\n")
        self._wait("READY\n")

    def complete(self, *lines: str) -> list[set[str]]:
        found: list[set[str]] = []
        for line in lines:
            self._file.write_text("")
            self._type(f"\x15{line}\x14")
            found.append(set(filter(None, self._wait("END\n").split("\n"))))
        return found

    def _type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _wait(self, mark: str) -> str:
        until_s = time.monotonic() + PATIENCE_S
        while not (text := self._file.read_text() if self._file.exists() else "").endswith(mark):
            assert time.monotonic() < until_s, self._seen
            # Read its output, which shows that it continues.
            if select.select([self._master], [], [], 0.02)[0]:
                self._seen += os.read(self._master, 65_536)
        return text.removesuffix(mark)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


def bash_shows(script: Path, cwd: Path, env: Mapping[str, str], keys: str, text: bytes) -> bool:
    """Whether an interactive bash shows a text after these keys."""
    process, master = _on_terminal(["bash", "--norc", "--noprofile", "-i"], cwd, env)
    try:
        os.write(master, f"source {script}\n{keys}".encode())
        seen, until_s = b"", time.monotonic() + PATIENCE_S
        while text not in seen and time.monotonic() < until_s:
            if select.select([master], [], [], 0.1)[0]:
                seen += os.read(master, 65_536)
        return text in seen
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _on_terminal(
    argv: list[str], cwd: Path, env: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a shell on a terminal; return it and the other end of the terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env={**env, "TERM": "dumb", "PS1": "", "INPUTRC": "/dev/null"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    return process, master


SHELLS: Mapping[str, type[Bash | Fish | Zsh]] = {"bash": Bash, "fish": Fish, "zsh": Zsh}


def program(folder: Path) -> Path:
    """Create a folder in which the tested command is called `portweave`."""
    path = folder / "bin"
    path.mkdir()
    script = path / "portweave"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -Im portweave "$@"\n')
    script.chmod(0o755)
    assert shutil.which("portweave", path=str(path))
    return path
