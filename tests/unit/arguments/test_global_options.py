from collections import Counter
from pathlib import Path

from portweave.arguments.global_options import GLOBAL_OPTIONS, GROUPS, PURE_VERBS, VERBS
from tests.support.repository import REPOSITORY


def test_each_verb_is_in_one_group() -> None:
    counts = Counter(verb for verbs in GROUPS.values() for verb in verbs)
    assert set(counts) == set(VERBS)
    assert set(counts.values()) == {1}
    assert set(PURE_VERBS) <= set(VERBS)


def test_each_verb_has_a_module() -> None:
    folder: Path = REPOSITORY / "portweave/cli/verbs"
    assert {verb for verb in VERBS if not (folder / f"{verb}.py").exists()} <= {"version"}


def test_no_two_global_options_share_a_name() -> None:
    names = Counter(name for option in GLOBAL_OPTIONS for name in option.flags)
    assert set(names.values()) == {1}
