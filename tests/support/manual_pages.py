"""The manual pages, which `make documents` writes into `man/` from the help of the commands.

The wheel puts them into `share/man`. Their language is that of man(7).
"""

import re
from collections.abc import Sequence
from importlib import import_module

from portweave import __version__
from portweave.arguments.args import Option
from portweave.arguments.global_options import GLOBAL_OPTIONS, GROUPS, VERBS
from tests.support.repository import REPOSITORY

FOLDER = REPOSITORY / "man"
INTRODUCTION = (
    "portweave runs a project's whole development stack once per git worktree, side by side on one"
    " machine. Each worktree has its own block of ports and its own names."
)


def manual_pages() -> dict[str, str]:
    """Return the pages by file name: of the program, and of each command."""
    pages = {"portweave.1": _program_page()}
    for verb, about in VERBS.items():
        pages[f"portweave-{verb}.1"] = _verb_page(verb, about)
    return pages


def _program_page() -> str:
    lines = [
        *_head("portweave", "a development stack for each git worktree"),
        ".B portweave",
        r"[\fIoptions\fR] \fICOMMAND\fR …",
        ".SH DESCRIPTION",
        _text(INTRODUCTION),
        ".SH COMMANDS",
    ]
    for group, verbs in GROUPS.items():
        lines.append(f".SS {_text(group)}")
        for verb in verbs:
            lines += [".TP", rf"\fBportweave\-{_text(verb)}\fR(1)", _text(VERBS[verb])]
    lines += [*_options("OPTIONS", GLOBAL_OPTIONS), *_files(), *_exit_status()]
    return "\n".join(lines) + "\n"


def _verb_page(verb: str, about: str) -> str:
    module = import_module(f"portweave.cli.verbs.{verb}")
    lines = [
        *_head(f"portweave-{verb}", about),
        f".B portweave {_text(verb)}",
        _text(module.USAGE),
        ".SH DESCRIPTION",
    ]
    for number, paragraph in enumerate(module.HELP.strip().split("\n\n")):
        lines += [".PP"] if number else []
        if paragraph.startswith(" "):
            lines += [".nf", *map(_text, paragraph.split("\n")), ".fi"]
        else:
            lines.append(_text(" ".join(paragraph.split())))
    lines += _options("OPTIONS", module.OPTIONS)
    lines += [*_options("GLOBAL OPTIONS", GLOBAL_OPTIONS), ".SH SEE ALSO", r"\fBportweave\fR(1)"]
    return "\n".join(line for line in lines if line) + "\n"


def _head(name: str, about: str) -> list[str]:
    title = f'.TH {name.upper()} 1 "" "portweave {__version__}" "User Commands"'
    return [title, ".SH NAME", rf"{_text(name)} \- {_text(about)}", ".SH SYNOPSIS"]


def _options(title: str, options: Sequence[Option]) -> list[str]:
    lines = [f".SH {title}"] if options else []
    for option in options:
        head = ", ".join(rf"\fB{_text(flag)}\fR" for flag in option.flags)
        lines += [".TP", f"{head}{_text(option.placeholder)}", _text(option.help)]
    return lines


def _files() -> list[str]:
    files = (
        ("Procfile, portweave.yaml, portweave.config.json", "the definition of the services"),
        (".portweave/", "logs and variables of a worktree"),
        ("$XDG_CONFIG_HOME/portweave/", "the registry of ports"),
        ("$XDG_STATE_HOME/portweave/", "records of stacks, routes, certificates"),
    )
    lines = [".SH FILES"]
    for path, about in files:
        lines += [".TP", rf"\fI{_text(path)}\fR", _text(about)]
    return lines


def _exit_status() -> list[str]:
    text = (
        "0 for success; 1 for an error of portweave, or a service that failed for good; 124 after a"
        " time limit; 130 and 143 for up after SIGINT and SIGTERM. run and exec have the status of"
        " their command."
    )
    return [".SH EXIT STATUS", _text(text)]


def _text(text: str) -> str:
    """A text for man(7): a backslash, a leading dot and a dash have a meaning there."""
    found = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return re.sub(r"^(\s*)\.", r"\1\\&.", found, flags=re.MULTILINE)


def write_manual_pages() -> None:
    """Write all pages, and remove those of commands that are no more."""
    FOLDER.mkdir(exist_ok=True)
    pages = manual_pages()
    for path in FOLDER.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text)
