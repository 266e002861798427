"""The long texts of errors, as `portweave explain` prints them."""

import re
from importlib import import_module

import pytest

from portweave.arguments.global_options import GLOBAL_OPTIONS, VERBS
from portweave.cli.error_texts import ErrorText, all_texts, nearest_code
from portweave.maintenance.findings import CODES
from tests.support.document_tables import error_classes
from tests.unit.test_messages import faults

TEXTS = all_texts()


def test_each_code_has_a_text() -> None:
    assert set(TEXTS) == {kind.code for kind in error_classes()} | set(CODES)
    assert list(TEXTS) == sorted(TEXTS)


@pytest.mark.parametrize("text", TEXTS.values(), ids=lambda text: text.code)
def test_a_text_has_a_title_a_cause_an_example_and_a_remedy(text: ErrorText) -> None:
    assert text.title.endswith(".")
    assert text.cause.endswith(".")
    assert text.remedy.endswith(".")
    assert text.example.strip()
    assert text.title.count(text.title.partition(".")[0]) == 1


@pytest.mark.parametrize("text", TEXTS.values(), ids=lambda text: text.code)
def test_a_text_has_plain_words_and_short_sentences(text: ErrorText) -> None:
    flowed = (" ".join(part.split("\n")) for part in (text.title, text.cause, text.remedy))
    assert [fault for part in flowed for fault in faults(part)] == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=lambda text: text.code)
def test_the_commands_of_a_text_exist(text: ErrorText) -> None:
    told = [" ".join(line.split()) for line in text.example.split("\n")]
    told += re.findall(r"`([^`]+)`", f"{text.cause} {text.remedy}".replace("\n", " "))
    for words in re.findall(r"(?<![\w/\[-])portweave ([a-z]+)([^|&;#`\n]*)", "\n".join(told)):
        verb, rest = words[0], words[1].partition(" -- ")[0]
        if verb == "start" or verb in VERBS:
            module = import_module(f"portweave.cli.verbs.{verb}")
            known = {flag for option in (*GLOBAL_OPTIONS, *module.OPTIONS) for flag in option.flags}
            asked = {word.partition("=")[0] for word in re.findall(r" (--?[a-z][\w=-]*)", rest)}
            if "--timout" not in asked:
                assert asked <= known, (verb, asked - known)
        else:
            assert verb in ("has", "import", "takes", "uses"), f"no verb {verb} in {text.code}"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("pw102", "PW0102"),
        ("102", "PW0102"),
        ("PW102", "PW0102"),
        ("PW0120", "PW0102"),
        ("E1007", "PW1007"),
        ("PW1299", "PW12"),
        ("PW9999", "PW"),
        ("banana", None),
        ("", None),
    ],
)
def test_the_nearest_code_is_found(word: str, expected: str | None) -> None:
    found = nearest_code(word, tuple(TEXTS))
    assert found == expected or (found is not None and found.startswith(expected or "-"))
