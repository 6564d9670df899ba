"""Themes: each styles every role and is readable, also with few colours or none."""

import re
from itertools import combinations

import pytest
from rich.color import Color, ColorSystem
from rich.style import Style
from textual.strip import Strip

from dasktop.tui.draw.palettes import DEFAULT_PALETTE, PALETTES
from dasktop.tui.draw.piece import Piece
from dasktop.tui.terminal.theme import THEMES, selected_strip, strip, styles_of
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.lines import Lines
from tests.support.screen import Screen, running
from tests.support.snapshots import everyday

ROLES = list(PALETTES[DEFAULT_PALETTE].styles)
TOLD_APART = [*combinations(("good", "waiting", "bad"), 2), ("memory", "full")]
WITH_GROUND = [name for name, palette in PALETTES.items() if palette.background]

# Linear RGB as people with one kind of cone missing see it: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes (2009),
# "A physiologically-based model for simulation of color vision deficiency", severity 1.
SEEN_AS = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(color: Color) -> list[float]:
    parts = [part / 255 for part in color.get_truecolor()]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of WCAG 2, which requires 3 for large or bold text and 4.5 for other text."""
    lights = [
        sum(part * weight for part, weight in zip(linear(color), (0.2126, 0.7152, 0.0722), strict=True))
        for color in (one, other)
    ]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def oklab(rgb: list[float]) -> list[float]:
    """Return a colour in Oklab (B. Ottosson), in which equal distances look equally different."""
    to_cones = (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
    to_lab = (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
    return times(to_lab, [cone ** (1 / 3) for cone in times(to_cones, rgb)])


def times(matrix, vector: list[float]) -> list[float]:
    return [sum(weight * part for weight, part in zip(row, vector, strict=True)) for row in matrix]


def distance(one: Color, other: Color, eye: str) -> float:
    seen = [oklab([min(1, max(0, part)) for part in times(SEEN_AS[eye], linear(color))]) for color in (one, other)]
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


def color_of(theme: str, role: str) -> Color:
    color = styles_of(theme).of[role].color
    assert color is not None
    return color


class TestPalettes:
    @pytest.mark.parametrize("theme", PALETTES)
    def test_every_role_has_a_style(self, theme: str) -> None:
        assert list(PALETTES[theme].styles) == ROLES
        assert set(styles_of(theme).of) == set(ROLES)

    def test_each_palette_is_a_textual_theme(self) -> None:
        assert [theme.name for theme in THEMES] == list(PALETTES)

    def test_default_theme_uses_only_terminal_colours(self) -> None:
        for style in styles_of(DEFAULT_PALETTE).of.values():
            assert style.color is None or style.color.number in range(8)
            assert style.bgcolor is None

    @pytest.mark.parametrize("eye", SEEN_AS)
    @pytest.mark.parametrize(("one", "other"), TOLD_APART)
    def test_roles_differ_for_colour_blind_eyes(self, one: str, other: str, eye: str) -> None:
        assert distance(color_of("colour-blind", one), color_of("colour-blind", other), eye) > 0.12

    def test_colour_distance_confuses_green_and_red(self) -> None:
        green, red = Color.parse("#00aa00"), Color.parse("#cc0000")
        assert distance(green, red, "all cones") > 0.3
        assert distance(green, red, "deuteranopia") < 0.1

    @pytest.mark.parametrize("ground", ["#000000", "#ffffff"])
    @pytest.mark.parametrize("role", ["good", "waiting", "bad", "cpu", "memory", "full", "soon"])
    def test_terminal_theme_is_readable_on_any_background(self, role: str, ground: str) -> None:
        assert contrast(color_of("colour-blind", role), Color.parse(ground)) > 3

    @pytest.mark.parametrize("theme", WITH_GROUND)
    @pytest.mark.parametrize("role", [role for role in ROLES if role != "track"])
    def test_themes_with_background_have_enough_contrast(self, theme: str, role: str) -> None:
        assert contrast(color_of(theme, role), Color.parse(PALETTES[theme].background)) > 4.5

    @pytest.mark.parametrize("theme", WITH_GROUND)
    def test_tracks_are_visible_but_quieter_than_quiet_text(self, theme: str) -> None:
        ground = Color.parse(PALETTES[theme].background)
        track, quiet = (contrast(color_of(theme, role), ground) for role in ("track", "quiet"))
        assert 1.5 < track < 0.75 * quiet

    @pytest.mark.parametrize("system", [ColorSystem.EIGHT_BIT, ColorSystem.STANDARD])
    @pytest.mark.parametrize("theme", PALETTES)
    def test_roles_differ_with_fewer_colours(self, theme: str, system: ColorSystem) -> None:
        for one, other in TOLD_APART:
            assert sent(theme, one, system) != sent(theme, other, system)


def sent(theme: str, role: str, system: ColorSystem) -> str:
    """Return the output for a terminal with so many colours."""
    return Strip.render_ansi(styles_of(theme).of[role], system)


class TestStrips:
    @pytest.mark.parametrize("theme", PALETTES)
    def test_selected_line_is_reversed(self, theme: str) -> None:
        [segment] = list(selected_strip([Piece("a", "good"), Piece("b")], 2, theme))
        assert segment.style is not None
        assert segment.style.reverse

    @pytest.mark.parametrize("theme", PALETTES)
    def test_bars_of_a_selected_line_keep_their_colours(self, theme: str) -> None:
        pieces = [Piece("a", "good"), Piece(" "), Piece("━", "cpu"), Piece("─", "track"), Piece(" 5%")]
        styles = styles_of(theme)
        segments = [(segment.text, segment.style) for segment in selected_strip(pieces, 8, theme)]
        reverse = styles.selected
        assert segments == [
            ("a ", reverse),
            ("━", styles.of["cpu"]),
            ("─", styles.of["track"]),
            (" 5%", reverse),
            (" ", reverse),
        ]

    def test_unknown_theme_uses_default_styles(self) -> None:
        pieces = [Piece("a", "good")]
        assert strip(pieces, 1, "nord") == strip(pieces, 1, DEFAULT_PALETTE)


def colours_of(screen: Screen) -> set[str]:
    """Return all colours of the tree and the header."""
    found = set()
    for widget in (*screen.base.query(Lines), screen.base.query_one(TreeTable)):
        for y in range(widget.size.height):
            styles = [segment.style or Style() for segment in widget.render_line(y)]
            found |= {style.color.name for style in styles if style.color is not None}
    return found


class TestScreen:
    async def test_only_our_themes_can_be_chosen(self) -> None:
        async with running() as screen:
            assert list(screen.app.available_themes) == list(PALETTES)
            assert screen.app.theme == DEFAULT_PALETTE

    @pytest.mark.parametrize("theme", [name for name in PALETTES if name != DEFAULT_PALETTE])
    async def test_changing_the_theme_repaints_everything(self, theme: str) -> None:
        async with running() as screen:
            await screen.show(everyday())
            assert {"green", "yellow", "cyan"} <= colours_of(screen)
            drawn = screenshot(screen)
            screen.app.theme = theme
            await screen.pilot.pause()
            await screen.pilot.pause()
            assert not {"green", "yellow", "cyan"} & colours_of(screen)
            assert {color_of(theme, role).name for role in ("good", "waiting", "bad")} <= colours_in(screenshot(screen))
            screen.app.theme = DEFAULT_PALETTE
            await screen.pilot.pause()
            await screen.pilot.pause()
            assert screenshot(screen) == drawn

    async def test_no_color_removes_colours_in_every_theme(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        async with running() as screen:
            await screen.show(everyday())
            for theme in PALETTES:
                screen.app.theme = theme
                await screen.pilot.pause()
                await screen.pilot.pause()
                assert "SLURMCluster-0-0" in screenshot(screen)
                assert colours_in(screenshot(screen)) <= THE_PICTURES_OWN


THE_PICTURES_OWN = {"#292929", "#868887", "#c5c8c6", "#28c840", "#febc2e", "#ff5f57"}
"""Background, dim text, text, and the three buttons of a window."""


def screenshot(screen: Screen) -> str:
    return screen.app.export_screenshot()


def colours_in(picture: str) -> set[str]:
    return set(re.findall(r"#[0-9a-f]{6}\b", picture))
