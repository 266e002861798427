"""Parse YAML texts: values by the core schema of YAML 1.2, places, and errors."""

import pytest

from portweave.errors import DefinitionsInvalidError
from portweave.procfiles.tree import Number
from portweave.procfiles.yamlfile import parse


def value(text: str) -> object:
    return parse(text, "/p/f.yaml", "f.yaml").value


def billion_laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    return "\n".join(lines)


def nested_aliases(levels: int) -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{level}: &a{level} [[[[*a{level - 1}]]]]" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: no", {"a": "no"}, id="no"),
        pytest.param(
            "[on, off, yes, y]", ["on", "off", "yes", "y"], id="booleans of YAML 1.1 are text"
        ),
        pytest.param("[true, False, TRUE]", [True, False, True], id="booleans"),
        pytest.param("[null, ~, Null, x]", [None, None, None, "x"], id="null"),
        pytest.param("a:", {"a": None}, id="nothing"),
        pytest.param(
            "[010, 0o7, 0x1f, -1.50, 1e3, .5, .inf]",
            [Number(text) for text in ("010", "0o7", "0x1f", "-1.50", "1e3", ".5", ".inf")],
            id="numbers",
        ),
        pytest.param(
            "[1_000, 12:30, 2001-01-01, 1.2.3]",
            ["1_000", "12:30", "2001-01-01", "1.2.3"],
            id="text",
        ),
        pytest.param(
            "['1', \"true\", 'null']",
            ["1", "true", "null"],
            id="quotes",
        ),
        pytest.param("a: |\n  x\n  y\n", {"a": "x\ny\n"}, id="block"),
        pytest.param("1: a\ntrue: b\n~: c", {"1": "a", "true": "b", "~": "c"}, id="keys are text"),
        pytest.param("", None, id="empty"),
        pytest.param("# x\n", None, id="comment"),
        pytest.param("\ufeffa: 1", {"a": Number("1")}, id="byte order mark"),
        pytest.param(
            "a: &x {b: 1}\nc: *x", {"a": {"b": Number("1")}, "c": {"b": Number("1")}}, id="alias"
        ),
        pytest.param("a: &x [y]\nb: [*x, *x]", {"a": ["y"], "b": [["y"], ["y"]]}, id="alias twice"),
        pytest.param(
            "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}",
            {"a": {"x": Number("1"), "y": Number("2")}, "b": {"x": Number("3"), "y": Number("2")}},
            id="merge",
        ),
        pytest.param(
            "a: &a {x: a}\nb: &b {x: b, y: b}\nc: {<<: [*a, *b], z: c}",
            {"a": {"x": "a"}, "b": {"x": "b", "y": "b"}, "c": {"x": "a", "y": "b", "z": "c"}},
            id="merge of several",
        ),
        pytest.param('{"<<": 1}', {"<<": Number("1")}, id="quoted merge key"),
    ],
)
def test_values_are_read(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: 1\n--- \nb: 2", "more than one document", id="two documents"),
        pytest.param("a: !!str 1", "the tag tag:yaml.org,2002:str", id="tag"),
        pytest.param("a: !ruby/object x", "the tag !ruby/object", id="another tag"),
        pytest.param("a: !!python/object/apply:os.system [x]", "the tag", id="a harmful tag"),
        pytest.param("? [a]\n: b", "a key must be plain text", id="a list as a key"),
        pytest.param("? {a: b}\n: b", "a key must be plain text", id="a map as a key"),
        pytest.param("a: &x b\n*x : c", "a key must be plain text", id="an alias as a key"),
        pytest.param("a: *x", r"the alias \*x has no anchor", id="alias of nothing"),
        pytest.param("a: &x [*x]", r"the alias \*x stands inside", id="alias of itself"),
        pytest.param("a: &x {b: {<<: *x}}", r"the alias \*x stands inside", id="merge of itself"),
        pytest.param("a: {<<: 1}", "<< needs a mapping", id="merge of a number"),
        pytest.param("a: {<<: [1]}", "<< needs a mapping", id="merge of numbers"),
        pytest.param(billion_laughs(12), "more than 20000 values", id="billion laughs"),
        pytest.param(nested_aliases(100), "nested more than 64", id="deep by aliases"),
        pytest.param("[" * 100_000, "nested more than 64", id="deep"),
        pytest.param("- " * 100_000, "nested more than 64", id="deep in a block"),
        pytest.param("{a: " * 100_000, "nested more than 64", id="deep maps"),
        pytest.param("a: [1", "did not find expected", id="cut off"),
        pytest.param("a: 1\n\tb: 2", "tab", id="tab"),
        pytest.param("a: b: c", "mapping values are not allowed", id="two colons"),
        pytest.param("a: \0", "control characters|special characters", id="NUL"),
        pytest.param("a: \x01", "control characters|special characters", id="control character"),
        pytest.param("%YAML 3.0\n---\na", "incompatible YAML", id="another version"),
    ],
)
def test_invalid_or_unsupported_yaml_is_an_error(text: str, words: str) -> None:
    with pytest.raises(DefinitionsInvalidError, match=words) as caught:
        value(text)
    assert caught.value.message.startswith("failed to parse YAML at /p/f.yaml: ")


def test_errors_have_places() -> None:
    with pytest.raises(DefinitionsInvalidError) as caught:
        value("a:\n  b: !x y\n")
    assert caught.value.hints == ("f.yaml:2:6",)


def test_repeated_keys_are_reported_with_their_places() -> None:
    document = parse("a: 1\nb:\n  - c: 1\n    c: 2\na: 2\n", "/p/f.yaml", "f.yaml")
    assert [(keys, origin.line, origin.column) for keys, origin in document.duplicates] == [
        (("b", 0, "c"), 4, 5),
        (("a",), 5, 1),
    ]


def test_a_key_that_overrides_a_merged_key_is_not_a_duplicate() -> None:
    document = parse("a: &a {x: 1}\nb:\n  x: 2\n  <<: *a\n", "/p/f.yaml", "f.yaml")
    assert document.duplicates == ()
    assert document.value == {"a": {"x": Number("1")}, "b": {"x": Number("2")}}


def test_a_merged_key_has_the_place_of_its_definition() -> None:
    document = parse("a: &a\n  x: 1\nb:\n  <<: *a\n", "/p/f.yaml", "f.yaml")
    origin = document.origin(("b", "x"))
    assert (origin.line, origin.column) == (2, 3)
