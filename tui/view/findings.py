"""Findings as text: on one line, as a paragraph for pages and details, and as the banner above the tree. Pure."""

from collections.abc import Sequence
from datetime import datetime

from dasktop.collectors.model.snapshot import Finding, Severity
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.prose import Entry, Words
from dasktop.tui.draw.text_width import cut, width
from dasktop.tui.draw.times import moment
from dasktop.tui.view.finding_actions import FindingAction, action_of, why_not
from dasktop.tui.view.keys import NO_KEYMAP, Keymap, first_key

ROLES: dict[Severity, Role] = {"error": "bad", "warning": "waiting", "info": "quiet"}
MARKS: dict[Severity, str] = {"error": "!", "warning": "!", "info": "·"}


def words(finding: Finding) -> str:
    """Return a finding and its advice on one line."""
    advice = f": {finding.advice}" if finding.advice else ""
    return f"{MARKS[finding.severity]} {finding.message}{advice}"


def finding_entries(finding: Finding, now: datetime, keymap: Keymap = NO_KEYMAP) -> list[Entry]:
    """Return the message, the advice, the code and since when the finding holds.

    A key that shows more, if there is one, replaces the advice, which names a command.
    """
    entries: list[Entry] = [Words(f"{MARKS[finding.severity]} {finding.message}", ROLES[finding.severity])]
    action = action_of(finding)
    if action is not None and action.key_id == "failures":
        entries.append(Words(_key_words(action, keymap), indent=2))
    elif finding.advice:
        entries.append(Words(finding.advice, indent=2))
    since = f", since {moment(finding.since, now)}" if finding.since is not None else ""
    return [*entries, Words(f"{finding.severity}: {finding.code}{since}", "quiet", 2)]


_OF_THE_CLUSTER = frozenset({"replace_lost", "failures", "switch"})
"""Ids of keys that act on the whole cluster, not on the selected row."""
_HINT_FROM_CELLS = 40

_NEVER_GROUPED = frozenset({"job-failed", "source-stale"})
"""Codes whose messages differ from each other, so that one message cannot represent the others."""


def banner_lines(
    findings: Sequence[Finding],
    cells: int,
    most: int,
    glyphs: Glyphs,
    *,
    read_only: bool,
    is_replay: bool = False,
    keymap: Keymap = NO_KEYMAP,
) -> list[list[Piece]]:
    """Return one line for each kind of finding, at most `most`, with its advice if both fit.

    The last one names the key that shows all in full.
    """
    room = cells - 1  # a margin at the right, as in the header
    kinds = _kinds(findings)[:most]
    parts = [_parts(kind, _key_of(kind[0], read_only=read_only, is_replay=is_replay), keymap) for kind in kinds]
    more = len(findings) - sum(map(len, kinds))
    is_cut = any(width(text + end + alike) > room for text, end, alike in parts) or any(len(kind) > 1 for kind in kinds)
    all_key = first_key("findings", keymap)
    hint = f"  (+{more:,} more: {all_key})" if more else ""
    if is_cut and not more and cells >= _HINT_FROM_CELLS:
        hint = f"  ({all_key}: all)"
    lines = []
    for number, ((finding, *_), (text, end, alike)) in enumerate(zip(kinds, parts, strict=True), start=1):
        ends = [end + alike]
        if number == len(kinds):
            ends = [end + alike + hint, *([f"{end}  (+{len(findings) - len(kinds):,}: {all_key})"] if more else [])]
        # The shorter one if the longer one leaves less than half of the line for the message.
        end = next((end for end in ends if width(text + end) <= room or 2 * width(end) <= room), ends[-1])
        left = max(0, room - width(end))
        if width(text) > left:
            text = _without_advice(finding)
        text = cut(text, left) + end
        lines.append([Piece(glyphs.encode(text), ROLES[finding.severity])])
    return lines


def banner_findings(findings: Sequence[Finding], most: int) -> list[Finding]:
    """Return the finding that each line of the banner shows."""
    return [kind[0] for kind in _kinds(findings)[:most]]


def _kinds(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Group findings of one code and severity, in the order of the first of each group."""
    kinds: dict[tuple[str, Severity, int], list[Finding]] = {}
    for number, finding in enumerate(findings):
        kinds.setdefault((finding.code, finding.severity, number if finding.code in _NEVER_GROUPED else -1), []).append(
            finding
        )
    return list(kinds.values())


def _key_of(finding: Finding, *, read_only: bool, is_replay: bool) -> FindingAction | None:
    """Return the action of a finding if its key does it now, whatever row is selected."""
    action = action_of(finding)
    if action is None or action.key_id not in _OF_THE_CLUSTER:
        return None
    return None if why_not(action, read_only=read_only, is_replay=is_replay) else action


def _parts(kind: Sequence[Finding], action: FindingAction | None, keymap: Keymap) -> tuple[str, str, str]:
    """Return the text of a finding, and the end of the line, which is not cut: its key, and how many are like it."""
    finding = kind[0]
    alike = f"  (+{len(kind) - 1:,} similar)" if len(kind) > 1 else ""
    if action is not None:
        return f" {MARKS[finding.severity]} {finding.message}", f" · {_key_words(action, keymap)}", alike
    return f" {words(finding)}", "", alike


def _without_advice(finding: Finding) -> str:
    """Return what is wrong: a whole sentence says more than one that ends within the advice."""
    return f" {MARKS[finding.severity]} {finding.message}"


def _key_words(action: FindingAction, keymap: Keymap) -> str:
    """Return ``E shows them``."""
    return f"{first_key(action.key_id, keymap)} {action.does}"
