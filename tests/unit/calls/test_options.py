import pytest

from portweave.calls.options import Options
from portweave.cluster import init


def test_names_with_dots_go_into_mappings() -> None:
    options = Options({"a": {"b": 1}})
    options.set("a.c.d", 2)
    options.set("plain", None)
    assert options.values == {"a": {"b": 1, "c": {"d": 2}}, "plain": None}
    assert (options.get("a.c.d"), options.get("a.x.d", 5), options.get("no", 6)) == (2, 5, 6)
    # A stored None is a value, whatever its name.
    options.set("a.n", None)
    assert (options.get("plain", 7), options.get("a.n", 7)) == (None, None)


def test_without_overwrite_only_missing_options_are_set() -> None:
    options = Options({"a": 1})
    options.update({"a": 2, "b": 3}, overwrite=False)
    assert options.values == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("module root", "module_root"),
        ("case sensitive routing", "case_sensitive_routing"),
        ("maxQueue", "max_queue"),
    ],
)
def test_names_with_blanks_are_the_same_options(theirs: str, ours: str) -> None:
    options = Options({theirs: "x"})
    assert (options.get(ours), options.get(theirs)) == ("x", "x")


def test_a_cluster_has_the_options_of_the_original() -> None:
    hub = init({"count": 3}, greeting="hi").init(greeting="no", overwrite=False)
    assert hub.set("a.b", 1).get("a.b") == 1
    assert hub.enable("x").enabled("x")
    assert hub.disable("x").disabled("x")
    values = hub.options({"more": 1})
    assert values["greeting"] == "hi"
    values["live"] = 7
    assert hub.get("live") == 7
    hub.set("module root", "/code/shop")
    assert hub.extend_path("a", "../b") == "/code/shop/b"
