"""The grammar of the command line for shell completion, built from the verbs' own tables."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from portweave.arguments.args import (
    Operands,
    Option,
)
from portweave.encoding.value import value

SHELLS = ("bash", "zsh", "fish")


@value
class Flag:
    """An option, without spellings that belong to another option.

    Attributes:
        spellings: All spellings, as `("-d", "--detach")`.
        about: One line of help.
        metavar: The name of its value. Empty for a switch, and where the value is optional.
        values: The allowed values, or their kind (`portweave.arguments.args.KINDS`).
        many: Whether it may be repeated.
    """

    spellings: tuple[str, ...]
    about: str
    metavar: str
    values: str | tuple[str, ...]
    many: bool


@value
class Verb:
    """A verb of the command line.

    Attributes:
        name: The word on the command line.
        about: One line of help.
        flags: Its own options, then the options of all verbs.
        operands: The allowed operands.
    """

    name: str
    about: str
    flags: tuple[Flag, ...]
    operands: Operands


@value
class Grammar:
    """The grammar of the whole command line.

    Attributes:
        flags: The options before the verb.
        verbs: The verbs in the order of the help text.
    """

    flags: tuple[Flag, ...]
    verbs: tuple[Verb, ...]


def grammar(verbs: Mapping[str, str], options: tuple[Option, ...]) -> Grammar:
    """Build the grammar from the modules of all verbs.

    Args:
        verbs: Verb to its line of help.
        options: The options of all verbs.
    """
    found = [_verb(name, about, options) for name, about in verbs.items()]
    about = "say what a command does, and list its options"
    found.append(Verb("help", about, (), Operands(tuple(verbs))))
    return Grammar(tuple(_flags(options, ())), tuple(found))


def _verb(name: str, about: str, options: tuple[Option, ...]) -> Verb:
    module = import_module(f"portweave.cli.verbs.{name}")
    own: tuple[Option, ...] = module.OPTIONS
    taken = tuple(flag for option in own for flag in option.flags)
    operands: Operands = getattr(module, "OPERANDS", Operands())
    return Verb(name, about, (*_flags(own, ()), *_flags(options, taken)), operands)


def _flags(options: tuple[Option, ...], taken: tuple[str, ...]) -> Iterator[Flag]:
    for option in options:
        spellings = tuple(flag for flag in option.flags if flag not in taken)
        if spellings:
            metavar = "" if option.bare else option.metavar or ""
            yield Flag(spellings, option.help, metavar, option.values, option.many)
