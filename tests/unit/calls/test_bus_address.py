import pytest

from portweave.calls.bus_address import Place, Target, checked_place, encode_part, find_target
from portweave.errors import BadPath, ConfigError

HOME = Place("here", "shop", "main")
OTHER = Place("here", "shop", "feature-1a2b")


@pytest.mark.parametrize(
    ("address", "to", "target"),
    [
        ("users/name", None, Target(HOME, "users", "name")),
        ("/users/name", None, Target(HOME, "users", "name")),
        ("users", None, Target(HOME, "users", "")),
        ("sp%20ace/x", None, Target(HOME, "sp ace", "x")),
        ("@feature-1a2b/users/a/b", None, Target(OTHER, "users", "a/b")),
        ("/@feature-1a2b/users", None, Target(OTHER, "users", "")),
        ("@bank:main/users/x", None, Target(Place("here", "bank", "main"), "users", "x")),
        ("@there:bank:main/web.2/x", None, Target(Place("there", "bank", "main"), "web.2", "x")),
        ("@a%3Ab:main/u%2Fv/%2Fx", None, Target(Place("here", "a:b", "main"), "u/v", "%2Fx")),
        ("@main/users//x", None, Target(HOME, "users", "/x")),
        ("name", "users", Target(HOME, "users", "name")),
        ("/name", "@main/users", Target(HOME, "users", "name")),
        ("@main/name", "users", Target(HOME, "users", "@main/name")),
    ],
)
def test_an_address_names_a_place_a_service_and_a_path(
    address: str, to: str | None, target: Target
) -> None:
    assert find_target(address, to, HOME) == target


@pytest.mark.parametrize(
    ("address", "to"),
    [
        ("@/x", None),
        ("@main", None),
        ("@main//x", None),
        ("@a:b:c:d/x/y", None),
        ("@:main/x", None),
        ("@main/%zz/x", None),
        ("x", "@main"),
        ("x", "@main/users/more"),
        ("x", "@main/%ff"),
    ],
)
def test_an_address_that_names_no_service_is_bad(address: str, to: str | None) -> None:
    with pytest.raises(BadPath):
        find_target(address, to, HOME)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("users", "users"),
        ("web.2", "web_2E2"),
        ("my_api", "my_5Fapi"),
        ("feature-1", "feature-1"),
        ("a b*>", "a_20b_2A_3E"),
        ("ü", "_C3_BC"),
    ],
)
def test_a_part_of_a_subject_holds_letters_digits_and_dashes_alone(name: str, part: str) -> None:
    assert encode_part(name) == part


def test_a_subject_names_realm_project_namespace_and_service() -> None:
    assert Place("r", "a.b", "main").subject("web.2") == "portweave.1.r.a_2Eb.main.web_2E2"


@pytest.mark.parametrize("name", ["", "x" * 256, "." * 86])
def test_a_name_that_a_subject_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadPath):
        HOME.subject(name)
    with pytest.raises(ConfigError):
        checked_place(Place("r", name, "main"))
