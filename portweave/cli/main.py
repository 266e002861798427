"""Read the command line, run its verb, and return the exit status.

It imports only modules that all verbs need: `portweave run` shall take little longer than the
interpreter's start.
"""

import os
import sys
from errno import EIO, ENOSPC, EPIPE
from io import TextIOWrapper

from portweave import errors
from portweave.allocator.state_folder import has_stack_files, state_dir
from portweave.arguments.args import (
    Args,
    parse,
)
from portweave.arguments.global_options import (
    GLOBAL_OPTIONS,
    GROUPS,
    PURE_VERBS,
    VERBS,
)
from portweave.encoding.terminal_escapes import EscapedStream
from portweave.errors import PortweaveError
from portweave.system.interrupts import let_in

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from typing import Any

# Names of similar verbs in similar programs.
_ELSEWHERE = {"status": "ps", "list": "ls", "get": "url", "quit": "down", "connect": "attach"}

# The reader of the output has closed it, or its disk is full.
_OUTPUT_FAILS = (EPIPE, ENOSPC, EIO)
# Verbs that clean up when a signal ends them.
_ORDERLY = ("attach", "mcp", "top", "up")
# Their errors have the same form on a terminal as elsewhere: npm portweave's.
_NPM_VERBS = ("run", "show", "prune")


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (by default the process's own) and return its exit status."""
    _open_missing()
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["__complete"]:
        let_in()
        from portweave.cli.completions import answer

        return answer(words[1:])
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # The output is UTF-8 in any locale, and no file name can make printing fail.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        if not isinstance(stream, EscapedStream):
            setattr(sys, name, EscapedStream(getattr(sys, name)))
    args = Args()
    words = sys.argv[1:] if argv is None else argv
    try:
        try:
            status = _dispatch(words, args)
        except PortweaveError as error:
            status = _tell(error, words, args)
        except Exception as fault:
            if isinstance(fault, OSError) and fault.errno in _OUTPUT_FAILS:
                raise
            status = _tell(_in_words(fault), words, args)
            if args.flag("verbose"):
                sys.excepthook(type(fault), fault, fault.__traceback__)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno not in _OUTPUT_FAILS:
            raise
        # Nothing more can be printed, and the interpreter must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno != EPIPE:
            _tell_unwritten(error)
        os.dup2(1, 2)
        return 1
    return status


def _colour_messages(*, refused: bool) -> None:
    """Colour the messages on stderr, if it is a terminal that shows colours, or they are forced."""
    stream = sys.stderr
    is_terminal = stream.isatty()
    if not is_terminal and not os.environ.get("FORCE_COLOR"):
        # Most commands of scripts: nothing more is imported for them.
        return
    from portweave.encoding.colours import of_words

    are_shown = of_words(os.environ, is_terminal=is_terminal, refused=refused)
    if are_shown and isinstance(stream, EscapedStream):
        from portweave.encoding.text_style import coloured_message

        stream.render = coloured_message


def _tell(error: PortweaveError, words: list[str], args: Args) -> int:
    """Print an error and its details; return its exit status."""
    if isinstance(error, errors.StackUnreachableError):
        # The supervisor may have been killed a moment ago.
        from portweave.maintenance.dead_stacks import finish_dying_stacks

        for line in finish_dying_stacks(os.environ):
            print(f"[portweave] {line}", file=sys.stderr, flush=True)
    as_json = args.flag("json") or _has_own("--json", words)
    refused = args.flag("no_color") or _has_own("--no-color", words)
    as_json = as_json and not error.always_text
    status = report(error, args, as_json=as_json, refuses_colours=refused)
    # `run` has printed these lines before it failed to start its command.
    if args.flag("verbose") and not isinstance(error, errors.SpawnError):
        from portweave.cli.search_trace import lines_of

        for line in lines_of(args, os.environ):
            print(line, file=sys.stderr, flush=True)
    return status


def _in_words(fault: Exception) -> PortweaveError:
    if isinstance(fault, FileNotFoundError) and not _has_folder():
        return errors.UsageError("there is no working directory: it has been removed")
    from portweave.system.faults import user_error

    return user_error(fault)


def _tell_unwritten(error: OSError) -> None:
    path = error.filename if isinstance(error.filename, str) else None
    try:
        report(errors.OutputError(path, error.strerror or str(error)), as_json=False)
    except OSError:
        # The error output is the same terminal, or on the same disk.
        return


def _has_folder() -> bool:
    """Whether the working directory exists."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _open_missing() -> None:
    """Open standard streams that are closed, so that no other file gets their descriptors."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            # The interpreter has set a closed stream to None.
            mode = "w" if descriptor else "r"
            stream = open(descriptor, mode, closefd=False)  # noqa: SIM115 - for as long as we live
            setattr(sys, name, stream)


def _has_own(option: str, words: list[str]) -> bool:
    """Whether portweave has an option, also if a wrong word comes before it."""
    own = words[: words.index("--")] if "--" in words else words
    # After `run`, the option may be the command's.
    return option in own and "run" not in own


def report(
    error: PortweaveError,
    args: Args | None = None,
    *,
    as_json: bool,
    refuses_colours: bool = False,
) -> int:
    """Print an error as text or as JSON; return its exit status.

    Args:
        error: The error.
        args: The command line, if it has been read.
        as_json: Whether to print JSON on standard output.
        refuses_colours: Whether the command line refuses colours.
    """
    if as_json:
        import json

        print(json.dumps({"error": error.as_json()}, ensure_ascii=False, indent=2))
    elif sys.stderr.isatty() and (args is None or args.verb not in _NPM_VERBS):
        from portweave.cli.error_screen import show

        show(error, "" if args is None else args.verb, refuses_colours=refuses_colours)
    else:
        lines = [f"[portweave] error: {error.message} ({error.code})"]
        lines += [f"[portweave] hint: {hint}" for hint in error.hints]
        print("\n".join(lines), file=sys.stderr, flush=True)
    return error.exit_status


def _dispatch(words: list[str], args: Args) -> int:
    words = parse(words, GLOBAL_OPTIONS, args, stop_at_operand=True)
    is_literal = words[:1] == ["--"]
    verb, *words = words[is_literal:] or [""]
    if verb not in _NPM_VERBS:
        # An error in the options is a message too, so this does not wait until they are parsed.
        _colour_messages(refused=args.flag("no_color") or _has_own("--no-color", words))
    let_in(orderly=verb in _ORDERLY)
    if args.flag("version"):
        verb = "version"
    if verb in ("", "help"):
        asked = args.flag("help") or verb == "help"
        if words == ["help"]:
            words = []
        if words and words[0] not in VERBS:
            raise _unknown(words[0])
        if len(words) > 1 and not words[1].startswith("-"):
            raise errors.UsageError(f"unexpected argument '{words[1]}'")
        if words:
            print(_verb_help(words[0]))
        else:
            print(_help(), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 1
    if verb not in VERBS:
        raise _unknown(verb)
    args.verb = verb
    module = _module_of(verb)
    # The words after `run` and its options belong to the command; after `-- run`, all words do.
    if verb == "run" and is_literal:
        args.rest = words
    else:
        options = (*GLOBAL_OPTIONS, *module.OPTIONS)
        args.unread = parse(words, options, args, stop_at_operand=verb == "run")
    if args.flag("help") or (verb == "run" and module.asks_for_help(args.unread)):
        print(_verb_help(verb))
        return 0
    if args.flag("version"):
        return _dispatch(["version"], Args())
    if verb not in PURE_VERBS and has_stack_files(os.environ):
        from portweave.maintenance.dead_stacks import finish_dead_stacks

        for line in finish_dead_stacks(os.environ):
            if args.flag("quiet"):
                continue
            print(f"[portweave] {line}", file=sys.stderr, flush=True)
    if verb == "up" and not args.flag("dry_run"):
        _run_pending(args)
    status: int = module.run(args)
    # `prune --all` asks before it runs any itself.
    is_asked = verb == "prune" and args.flag("all")
    if verb in ("down", "prune", "clean") and not (is_asked or args.flag("dry_run")):
        _run_pending(args)
    return status


def _run_pending(args: Args) -> None:
    """Run the kept hooks of removed worktrees of this repository."""
    # Most users have none, so only a folder tells that there may be some.
    if not os.path.isdir(f"{state_dir(os.environ)}/worktrees"):
        return
    from portweave.maintenance.teardowns import run_pending

    def say(line: str) -> None:
        if not args.flag("quiet"):
            print(f"[portweave] {line}", file=sys.stderr, flush=True)

    run_pending(os.environ, say)


def _module_of(verb: str) -> "Any":
    name = f"portweave.cli.verbs.{verb}"
    # Importing `importlib` takes as long as importing four modules of ours.
    __import__(name)
    return sys.modules[name]


def _unknown(verb: str) -> "errors.UsageError":
    from difflib import get_close_matches

    if verb.startswith("-"):
        return errors.UsageError(
            f"unknown option '{verb}'", hint="portweave --help lists the options"
        )
    near = [_ELSEWHERE[verb]] if verb in _ELSEWHERE else get_close_matches(verb.lower(), VERBS, n=1)
    return errors.UsageError(
        f"unknown command '{verb}'",
        hint=f"did you mean {near[0]}?" if near else "portweave --help lists the commands",
    )


def _help() -> str:
    from portweave.cli.help_text import command_help

    return command_help(VERBS, GROUPS, GLOBAL_OPTIONS, _help_width())


def _verb_help(verb: str) -> str:
    from portweave.cli.help_text import verb_help

    module = _module_of(verb)
    return verb_help(verb, module.USAGE, module.HELP, module.OPTIONS, GLOBAL_OPTIONS, _help_width())


def _help_width() -> int:
    """The width of help texts: that of a narrow terminal, otherwise the usual one."""
    from portweave.cli.help_text import WIDTH
    from portweave.cli.terminal_drawing import terminal_width

    return min(WIDTH, terminal_width() or WIDTH)
