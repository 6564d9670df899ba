"""Draw a screen under test once it is idle, that is before the test looks at it, instead of up to 60 times a second.

Drawing takes a third of the CPU time of such a test, and how many intermediate states are drawn depends on the speed of
the machine. Apps that have a terminal are not affected.
"""

from weakref import WeakSet

from textual.screen import Screen

_draw = Screen._compositor_refresh
_undrawn: WeakSet[Screen[object]] = WeakSet()


def draw_at_rest() -> None:
    """Let screens wait for `draw_changes`; until then, Textual's compositor collects the regions that changed."""
    Screen._compositor_refresh = _draw_later


def _draw_later(screen: Screen[object]) -> None:
    app = screen.app
    if screen is not app.screen or not app.is_headless:
        _draw(screen)
        return
    _undrawn.add(screen)
    screen._dirty_widgets.clear()
    app._update_mouse_over(screen)


def draw_changes() -> bool:
    """Draw what changed; return whether anything did."""
    screens = [screen for screen in _undrawn if screen.is_running and screen is screen.app.screen]
    _undrawn.clear()
    for screen in screens:
        with screen._context():
            _draw(screen)
    return bool(screens)
