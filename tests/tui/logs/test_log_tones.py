"""Which lines of a log are highlighted."""

import pytest
from rich.style import Style

from dasktop.tui.logs.view import LogView
from dasktop.tui.logs.window import tone
from tests.support.log_pages import log_of


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("2026-11-26 04:07:33,752 - distributed.nanny - ERROR - Worker process died unexpectedly", "bad"),
        ("slurmstepd-n4: error: Exceeded job memory limit", "bad"),
        ("Traceback (most recent call last):", "bad"),
        ("ModuleNotFoundError: No module named 'regional_model'", "bad"),
        ("distributed.comm.core.CommClosedError: in <TCP>", "bad"),
        ("KilledWorkerException", "bad"),
        ("2026-11-26 04:07:33,752 - distributed.worker.memory - WARNING - Worker is at 80% memory usage", "waiting"),
        ("/env/lib/site.py:12: FutureWarning: this goes away", "waiting"),
        ("2026-11-26 04:07:33,752 - distributed.worker - INFO - Registered to: tcp://10.1.2.3:8786", "text"),
        ("INFO - 0 errors, no warnings, ErrorPolicy is strict", "text"),
        ("    raise ValueError(x)", "text"),
        ("x" * 300 + " ERROR ", "text"),
        ("", "text"),
    ],
)
def test_each_line_has_its_tone(text, role):
    assert tone(text) == role


async def test_wrapped_rows_have_the_tone_unless_highlighted(tmp_path):
    path = tmp_path / "out"
    path.write_text(f"fine\nerror: {'long ' * 20}\nWARNING\n")
    async with log_of(path, size=(80, 24)) as log:
        await log.until(lambda: "WARNING" in log.shown)
        view = log.base.query_one(LogView)

        def colours() -> list[Style | None]:
            return [next(iter(view.render_line(y))).style for y in range(4)]

        fine, failed, goes_on, warned = colours()
        assert failed == goes_on
        assert len({str(style) for style in (fine, failed, warned)}) == 3
        await log.press("slash", *"fine", "enter")
        await log.until(lambda: colours()[0] != fine)
        assert colours()[1:] == [failed, goes_on, warned]
