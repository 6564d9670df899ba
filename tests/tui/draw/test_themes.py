"""Themes: each styles every role and is readable, also with few colours or none."""

import re
from itertools import combinations

import pytest
from rich.color import Color, ColorSystem, ColorType
from rich.style import Style
from textual.strip import Strip

from dasktop.tui.dialogs.saving import screenshot_of
from dasktop.tui.draw.palettes import DEFAULT_PALETTE, PALETTES
from dasktop.tui.draw.piece import BAR_ROLES, Piece
from dasktop.tui.terminal.theme import Styles, selected_strip, strip, styles_of, themes
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.lines import Lines
from tests.support.screen import Screen, running
from tests.support.screen_text import styles_on
from tests.support.snapshots import everyday

ROLES = list(PALETTES[DEFAULT_PALETTE].styles)
TOLD_APART = [*combinations(("good", "waiting", "bad"), 2), *combinations(("cpu", "memory", "full"), 2)]
WITH_GROUND = [name for name, palette in PALETTES.items() if palette.background]

TEXT, GRAPHICS = 4.5, 3.0
"""The contrast that WCAG 2.1 requires at level AA (1.4.3 and 1.4.11)."""
NEVER_SELECTED = {"border", "head", "threads", "rate"}
"""Roles of panels and of lines that cannot be selected."""
SIXTEEN_AS = {
    "xterm": (
        "#000000 #cd0000 #00cd00 #cdcd00 #0000ee #cd00cd #00cdcd #e5e5e5"
        " #7f7f7f #ff0000 #00ff00 #ffff00 #5c5cff #ff00ff #00ffff #ffffff"
    ),
    "VGA": (
        "#000000 #aa0000 #00aa00 #aa5500 #0000aa #aa00aa #00aaaa #aaaaaa"
        " #555555 #ff5555 #55ff55 #ffff55 #5555ff #ff55ff #55ffff #ffffff"
    ),
}
"""The sixteen colours as terminals draw them; most draw others in between."""

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
    """Return the contrast ratio of WCAG 2."""
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

    @pytest.mark.parametrize("sixteen", [False, True])
    def test_each_palette_is_a_textual_theme(self, sixteen: bool) -> None:
        assert [theme.name for theme in themes(sixteen=sixteen)] == list(PALETTES)

    def test_default_theme_uses_only_terminal_colours(self) -> None:
        for style in styles_of(DEFAULT_PALETTE).of.values():
            assert style.color is None or style.color.number in range(8)
            assert style.bgcolor is None

    @pytest.mark.parametrize("eye", SEEN_AS)
    @pytest.mark.parametrize(("one", "other"), TOLD_APART)
    def test_roles_differ_for_colour_blind_eyes(self, one: str, other: str, eye: str) -> None:
        assert distance(color_of("colour-blind", one), color_of("colour-blind", other), eye) > 0.12

    @pytest.mark.parametrize("theme", WITH_GROUND)
    @pytest.mark.parametrize(("one", "other"), TOLD_APART)
    def test_roles_differ_for_eyes_with_all_cones(self, one: str, other: str, theme: str) -> None:
        assert distance(color_of(theme, one), color_of(theme, other), "all cones") > 0.12

    def test_colour_distance_confuses_green_and_red(self) -> None:
        green, red = Color.parse("#00aa00"), Color.parse("#cc0000")
        assert distance(green, red, "all cones") > 0.3
        assert distance(green, red, "deuteranopia") < 0.1

    @pytest.mark.parametrize("theme", WITH_GROUND)
    @pytest.mark.parametrize("role", ROLES)
    def test_contrast_with_the_background(self, theme: str, role: str) -> None:
        assert contrast(color_of(theme, role), Color.parse(PALETTES[theme].background)) >= least_contrast(role)

    @pytest.mark.parametrize("theme", WITH_GROUND)
    @pytest.mark.parametrize("role", [role for role in ROLES if role not in NEVER_SELECTED])
    def test_contrast_with_the_background_of_the_selection(self, theme: str, role: str) -> None:
        assert contrast(color_of(theme, role), Color.parse(PALETTES[theme].selection)) >= least_contrast(role)

    @pytest.mark.parametrize("theme", WITH_GROUND)
    def test_contrast_of_borders_and_scrollbars_of_dialogs(self, theme: str) -> None:
        palette = PALETTES[theme]
        for color in (palette.border, palette.scrollbar):
            assert contrast(Color.parse(color), Color.parse(palette.background)) >= GRAPHICS

    @pytest.mark.parametrize("theme", WITH_GROUND)
    def test_selection_stands_out_from_the_background(self, theme: str) -> None:
        palette = PALETTES[theme]
        background, selection = Color.parse(palette.background), Color.parse(palette.selection)
        assert distance(background, selection, "all cones") > 0.08
        assert background.downgrade(ColorSystem.EIGHT_BIT) != selection.downgrade(ColorSystem.EIGHT_BIT)

    @pytest.mark.parametrize("theme", WITH_GROUND)
    def test_tracks_are_visible_but_quieter_than_quiet_text(self, theme: str) -> None:
        background = Color.parse(PALETTES[theme].background)
        track, quiet = (contrast(color_of(theme, role), background) for role in ("track", "quiet"))
        assert GRAPHICS <= track < 0.75 * quiet

    @pytest.mark.parametrize("theme", WITH_GROUND)
    @pytest.mark.parametrize("role", ROLES)
    def test_contrast_with_256_colours(self, theme: str, role: str) -> None:
        styles = styles_of(theme)
        for style in (styles.of[role], *([] if role in NEVER_SELECTED else [styles.selected_of[role]])):
            assert style.color is not None
            assert style.bgcolor is not None
            color, background = (part.downgrade(ColorSystem.EIGHT_BIT) for part in (style.color, style.bgcolor))
            assert contrast(color, background) >= 0.85 * least_contrast(role)

    @pytest.mark.parametrize("palette", SIXTEEN_AS)
    @pytest.mark.parametrize("theme", WITH_GROUND)
    @pytest.mark.parametrize("role", [role for role in ROLES if role not in ("track", "border")])
    def test_contrast_with_sixteen_colours(self, theme: str, role: str, palette: str) -> None:
        style = styles_of(theme, sixteen=True).of[role]
        assert style.color is not None
        assert style.bgcolor is not None
        color, background = (
            Color.parse(SIXTEEN_AS[palette].split()[number])
            for number in (style.color.number, style.bgcolor.number)
            if number is not None
        )
        assert contrast(color, background) >= GRAPHICS

    @pytest.mark.parametrize("theme", PALETTES)
    def test_roles_differ_with_fewer_colours(self, theme: str) -> None:
        for one, other in TOLD_APART:
            assert sent(theme, one, ColorSystem.EIGHT_BIT) != sent(theme, other, ColorSystem.EIGHT_BIT)
            assert sent(theme, one, ColorSystem.STANDARD) != sent(theme, other, ColorSystem.STANDARD)

    @pytest.mark.parametrize("theme", PALETTES)
    def test_only_the_sixteen_colours_are_sent_to_a_terminal_without_more(self, theme: str) -> None:
        for style in styles_of(theme, sixteen=True).of.values():
            for color in (style.color, style.bgcolor):
                assert color is None or color.type is ColorType.STANDARD


def least_contrast(role: str) -> float:
    return GRAPHICS if role in BAR_ROLES or role == "border" else TEXT


def sent(theme: str, role: str, system: ColorSystem) -> str:
    """Return the output for a terminal with so many colours."""
    return Strip.render_ansi(styles_of(theme, sixteen=system is ColorSystem.STANDARD).of[role], system)


class TestStrips:
    @pytest.mark.parametrize("styles", [styles_of(DEFAULT_PALETTE), *(styles_of(t, sixteen=True) for t in PALETTES)])
    def test_selected_line_is_reversed_but_for_its_bars(self, styles: Styles) -> None:
        pieces = [Piece("a", "good"), Piece(" "), Piece("━", "cpu"), Piece("─", "track"), Piece(" 5%")]
        segments = [(segment.text, segment.style) for segment in selected_strip(pieces, 8, styles)]
        reverse = styles.selected
        assert reverse.reverse
        assert segments == [
            ("a ", reverse),
            ("━", styles.of["cpu"]),
            ("─", styles.of["track"]),
            (" 5%", reverse),
            (" ", reverse),
        ]

    @pytest.mark.parametrize("theme", WITH_GROUND)
    def test_selected_line_has_a_background_and_keeps_its_colours(self, theme: str) -> None:
        styles = styles_of(theme)
        line = selected_strip([Piece("a", "bad"), Piece("━", "cpu"), Piece("b")], 5, styles)
        assert [segment.text for segment in line if segment.style] == ["a", "━", "b", "  "]
        for (_, style, _), role in zip(line, ("bad", "cpu", "text", "text"), strict=True):
            assert style is not None
            assert (style.color, style.bgcolor) == (styles.of[role].color, Color.parse(PALETTES[theme].selection))
            assert not style.reverse

    @pytest.mark.parametrize("theme", WITH_GROUND)
    def test_lines_have_the_background_up_to_their_end(self, theme: str) -> None:
        for _, style, _ in strip([Piece("a", "good")], 5, styles_of(theme)):
            assert style is not None
            assert style.bgcolor == Color.parse(PALETTES[theme].background)

    def test_unknown_theme_uses_default_styles(self) -> None:
        assert styles_of("nord") == styles_of(DEFAULT_PALETTE)


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
    async def test_changing_the_theme_repaints_everything(self, theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORTERM", "truecolor")
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

    @pytest.mark.parametrize("colours", ["none", "sixteen"])
    async def test_selected_line_is_reversed_where_its_background_cannot_be_shown(
        self, colours: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(*(("NO_COLOR", "1") if colours == "none" else ("TERM", "xterm")))
        monkeypatch.delenv("COLORTERM", raising=False)
        async with running() as screen:
            screen.app.theme = "dark"
            await screen.show(everyday())
            [selected] = [line for line in styles_on(screen.app) if "reverse" in line]
            assert "#" not in selected

    async def test_selected_line_has_a_background_in_true_colours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORTERM", "truecolor")
        async with running() as screen:
            screen.app.theme = "dark"
            await screen.show(everyday())
            lines = styles_on(screen.app)
            assert not any("reverse" in line for line in lines)
            assert sum(PALETTES["dark"].selection in line for line in lines) == 1

    @pytest.mark.parametrize("theme", WITH_GROUND)
    async def test_pictures_have_the_background_of_the_theme(self, theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLORTERM", "truecolor")
        async with running() as screen:
            screen.app.theme = theme
            await screen.show(everyday())
            assert f'<rect fill="{PALETTES[theme].background}"' in screenshot_of(screen.app)
            assert "#292929" not in screenshot_of(screen.app)


THE_PICTURES_OWN = {"#292929", "#868887", "#c5c8c6", "#28c840", "#febc2e", "#ff5f57"}
"""Background, dim text, text, and the three buttons of a window."""


def screenshot(screen: Screen) -> str:
    return screen.app.export_screenshot()


def colours_in(picture: str) -> set[str]:
    return set(re.findall(r"#[0-9a-f]{6}\b", picture))
