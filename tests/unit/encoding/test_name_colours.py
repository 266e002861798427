import colorsys

import pytest

from portweave.encoding.name_colours import (
    PALETTE,
    SMALL_PALETTE,
    colours_of,
    palette,
    service_of,
)

LEVELS = (0, 95, 135, 175, 215, 255)


def components(code: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour of xterm's cube."""
    number = int(code.removeprefix("38;5;")) - 16
    return LEVELS[number // 36], LEVELS[number // 6 % 6], LEVELS[number % 6]


def luminance(code: str) -> float:
    """The relative luminance (WCAG 2.2)."""

    def linear(component: int) -> float:
        part = component / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, components(code))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("code", PALETTE)
def test_every_colour_can_be_read_on_black_and_on_white(code: str) -> None:
    assert (luminance(code) + 0.05) / 0.05 >= 3.5
    assert 1.05 / (luminance(code) + 0.05) >= 3.5


@pytest.mark.parametrize("code", PALETTE)
def test_no_colour_is_red_or_green(code: str) -> None:
    hue = 360 * colorsys.rgb_to_hls(*(part / 255 for part in components(code)))[0]
    assert 20 < hue < 340
    assert not 75 < hue < 165


def test_no_colour_of_the_small_palette_is_red_or_green() -> None:
    assert not {"31", "32", "91", "92"} & set(SMALL_PALETTE)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, PALETTE),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, PALETTE),
        ({"TERM": "linux"}, SMALL_PALETTE),
        ({"COLORTERM": ""}, SMALL_PALETTE),
        ({}, SMALL_PALETTE),
    ],
)
def test_the_terminal_decides_about_the_palette(
    environ: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert palette(environ) == expected


def test_a_service_has_the_colour_of_its_position() -> None:
    found = colours_of(["web", "api", "web", "db"], ("1", "2"))
    assert found == {"web": "1", "api": "2", "db": "1"}
    assert colours_of(["web"], ()) == {}


@pytest.mark.parametrize(
    ("instance", "service"),
    [("web", "web"), ("web.2", "web"), ("web.dev", "web.dev"), (".2", ".2"), ("web.2.3", "web.2")],
)
def test_instances_have_a_service(instance: str, service: str) -> None:
    assert service_of(instance) == service
