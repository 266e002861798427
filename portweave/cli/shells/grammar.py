"""The command line as shells complete it: values made from the tables of the program itself."""

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
        spellings: As `("-d", "--detach")`.
        about: One line.
        metavar: What its value is called; empty for a switch, and for one that may stand alone.
        values: The words that its value may be, or their kind (`portweave.arguments.args.KINDS`).
        many: Whether it may be given several times.
    """

    spellings: tuple[str, ...]
    about: str
    metavar: str
    values: str | tuple[str, ...]
    many: bool


@value
class Verb:
    """A verb.

    Attributes:
        name: The word.
        about: One line.
        flags: Its own options, then the options of all verbs.
        operands: What its other words may be.
    """

    name: str
    about: str
    flags: tuple[Flag, ...]
    operands: Operands


@value
class Grammar:
    """All that can be said.

    Attributes:
        flags: Those that may stand before the verb.
        verbs: In the order of the help text.
    """

    flags: tuple[Flag, ...]
    verbs: tuple[Verb, ...]


def grammar(verbs: Mapping[str, str], options: tuple[Option, ...]) -> Grammar:
    """Read what the modules of all verbs say.

    Args:
        verbs: Verb -> what it does.
        options: Those of all verbs.
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
