"""The command line as shells complete it."""

from importlib import import_module

import pytest

from portweave.arguments.args import (
    KINDS,
    NAME_KINDS,
    Option,
)
from portweave.arguments.global_options import (
    GLOBAL_OPTIONS,
    GROUPS,
    VERBS,
)
from portweave.cli.completions import ANSWERS
from portweave.cli.shells.grammar import (
    Grammar,
    grammar,
)


@pytest.fixture(scope="module")
def found() -> Grammar:
    return grammar(VERBS, GLOBAL_OPTIONS)


def test_every_verb_is_in_one_group_of_the_help_text() -> None:
    assert sorted(verb for verbs in GROUPS.values() for verb in verbs) == sorted(VERBS)


def test_every_kind_of_names_has_an_answer() -> None:
    assert sorted(NAME_KINDS) == sorted(ANSWERS)


def test_option_values_are_words_or_of_a_known_kind(found: Grammar) -> None:
    flags = [*found.flags, *(flag for verb in found.verbs for flag in verb.flags)]
    values = [*(flag.values for flag in flags), *(verb.operands.values for verb in found.verbs)]
    values += [verb.operands.first for verb in found.verbs if verb.operands.first]
    for value in values:
        assert value in ("", *KINDS) if isinstance(value, str) else all(value), value
        # The scripts put them into lists, between blanks, commas and brackets.
        assert not set("".join(value)) & set(" ,()'\"\\:=")


def test_an_option_with_a_value_has_a_metavar(found: Grammar) -> None:
    flags = [*found.flags, *(flag for verb in found.verbs for flag in verb.flags)]
    assert [flag.spellings for flag in flags if flag.values and not flag.metavar] == []


def test_a_verb_with_services_in_its_usage_completes_them(found: Grammar) -> None:
    for verb in found.verbs:
        usage = (
            getattr(import_module(f"portweave.cli.verbs.{verb.name}"), "USAGE", "")
            if (verb.name in VERBS)
            else ""
        )
        if "SERVICE" in usage:
            assert verb.operands.values in NAME_KINDS, verb.name
            assert verb.operands.many == ("SERVICE …" in usage), verb.name


def test_an_option_of_the_verb_hides_a_spelling_of_all_verbs(found: Grammar) -> None:
    [logs] = [verb for verb in found.verbs if verb.name == "logs"]
    spellings = [flag.spellings for flag in logs.flags]
    assert ("-f", "--follow") in spellings
    assert ("--file", "--config") in spellings


def test_options_may_stand_without_their_value_and_are_switches_then() -> None:
    [verb, _] = grammar({"env": "x"}, (Option("-h", "--help", about="help"),)).verbs
    [explain] = [flag for flag in verb.flags if flag.spellings == ("--explain",)]
    assert explain.metavar == ""
