"""The help: what the keys do and what the columns mean. A text, and nothing else."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from dasktop.tui.glyphs import Glyphs

KEYS = (
    ("↑ ↓  j k", "move"),
    ("PgUp PgDn", "a screen up or down (ctrl+u, ctrl+d)"),
    ("g  G", "first row, last row (Home, End)"),
    ("→  l", "unfold; then go in"),
    ("←  h", "fold; then go to the row it is in"),
    ("space", "fold or unfold (enter, or click on the marker)"),
    ("*", "fold all jobs, or unfold them down to their workers"),
    ("r", "ask dask and SLURM now"),
    ("q", "quit (ctrl+c)"),
)

COLUMNS = (
    ("CPU", "used of a job's CPUs, a worker's threads, a thread's one core"),
    ("MEM", "resident, of a job's memory, of a worker's memory limit"),
    ("BUSY", "threads that run a dask task, of all there are for that"),
    ("LEFT", "time until SLURM ends the job, rounded down"),
    ("~", "inferred from a name or a host, not known for certain"),
    ("–", "not known"),
)


class Help(ModalScreen[None]):
    """Keys and columns, on top of the tree."""

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > VerticalScroll {
        width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        border-title-style: bold; scrollbar-size-vertical: 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space", "dismiss(None)", "Close", show=False)
    ]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Build the text."""
        with VerticalScroll(classes="box") as box:
            box.border_title = "dasktop"
            box.border_subtitle = "q close"
            yield Static(help_text(self._glyphs))


def help_text(glyphs: Glyphs) -> Content:
    """Return the text: two tables, their left column in bold."""
    parts: list[Content | tuple[str, str] | str] = []
    for number, table in enumerate((KEYS, COLUMNS)):
        parts.append("\n" if number else "")
        for left, right in table:
            parts += [(glyphs.own(f"{left:<11}"), "bold"), f"{right}\n"]
    return Content.assemble(*parts).rstrip()
