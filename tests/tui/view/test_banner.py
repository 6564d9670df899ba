"""Findings as lines above the tree."""

import pytest

from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.draw.glyphs import ASCII, UNICODE
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.findings import banner_lines


def finding(message: str = "job 4711 is lost", **values: object) -> Finding:
    given = {"code": "lost-job", "severity": "error", "job_id": "4711", "worker": None, "since": None}
    return Finding(**given | {"message": message, "advice": "dasktop scale --replace-lost resubmits it"} | values)


def lines(
    *findings: Finding, cells: int = 100, most: int = 3, glyphs=UNICODE, read_only: bool = False, **where: bool
) -> list[str]:
    shown = banner_lines(findings, cells, most, glyphs, read_only=read_only, **where)
    return ["".join(piece.text for piece in line) for line in shown]


def test_no_findings_take_no_line():
    assert lines() == []


def test_key_replaces_the_advice():
    assert lines(finding()) == [" ! job 4711 is lost · L replaces it"]
    assert lines(finding(advice="see its log")) == [" ! job 4711 is lost: see its log"], "T is of the selected row"
    assert lines(finding(code="other", advice=None)) == [" ! job 4711 is lost"]


def test_failed_tasks_name_the_key_that_shows_them():
    failed = finding("2 tasks failed", code="tasks-failed", advice="dasktop failures prints their tracebacks")
    assert lines(failed, read_only=True, is_replay=True) == [" ! 2 tasks failed · E shows them"]


def test_rebound_keys_are_shown():
    keymap = {"replace_lost": "f8,L", "findings": "slash"}
    shown = banner_lines([finding(), finding(code="other")], 100, 1, UNICODE, read_only=False, keymap=keymap)
    assert [[piece.text for piece in line] for line in shown] == [
        [" ! job 4711 is lost · f8 replaces it  (+1 more: /)"]
    ]


def test_disabled_key_is_not_offered():
    assert lines(finding(), read_only=True) == [" ! job 4711 is lost: dasktop scale --replace-lost resubmits it"]


def test_the_key_is_never_cut():
    (line,) = lines(finding("long " * 40), cells=40)
    assert line.endswith("… · L replaces it  (F: all)")
    assert width(line) == 40 - 1


def test_last_line_names_the_key_for_all_findings():
    shown = lines(finding("long " * 40), finding("short", code="other", advice=None))
    assert shown[0].endswith("… · L replaces it")
    assert shown[1] == " ! short  (F: all)"


def test_number_of_hidden_findings_is_shown():
    shown = lines(*[finding(str(number), code=str(number), advice=None) for number in range(5)], most=2)
    assert shown == [" ! 0", " ! 1  (+3 more: F)"]


def test_a_narrow_line_has_room_for_the_message():
    many = [finding(f"job {number} is lost (cancelled by user ada)") for number in range(2)]
    mild = finding("mild", code="x", severity="info", advice=None)
    [line] = lines(*many, mild, cells=60, most=1)
    assert line == " ! job 0 is lost (cancelled by us… · L replaces it  (+2: F)"


def test_similar_findings_share_one_line():
    many = [finding(f"job {number} is short", code="x", advice=None) for number in range(20)]
    mild = finding("mild", code="x", severity="info", advice=None)
    lost = [finding("lost"), finding("lost too")]
    assert lines(*many, mild) == [" ! job 0 is short  (+19 similar)", " · mild  (F: all)"]
    assert lines(*many, *lost, mild, most=2) == [
        " ! job 0 is short  (+19 similar)",
        " ! lost · L replaces it  (+1 similar)  (+1 more: F)",
    ]
    each = [finding(f"job {number} failed", code="job-failed", advice=None) for number in range(2)]
    assert lines(*each) == [" ! job 0 failed", " ! job 1 failed"]


@pytest.mark.parametrize(("severity", "role"), [("error", "bad"), ("warning", "waiting"), ("info", "quiet")])
def test_severity_shows_in_role_and_mark(severity, role):
    [[piece]] = banner_lines([finding(severity=severity)], 80, 1, UNICODE, read_only=False)
    assert piece.role == role
    assert piece.text.startswith(" !") == (severity != "info")


def test_banner_can_be_ascii():
    (line,) = lines(finding("…–·"), glyphs=ASCII)
    assert line.isascii()


@pytest.mark.parametrize("cells", range(30))
def test_banner_fits_except_for_the_key(cells):
    assert width(lines(finding("x" * 50), cells=cells)[0]) <= max(cells, len(" · L replaces it"))


def test_lost_scheduler_names_the_switch_key():
    gone = finding("the scheduler does not answer", code="source-stale", advice=None)
    assert lines(gone) == [" ! the scheduler does not answer · C searches for other schedulers"]
    assert lines(gone, read_only=True) == [" ! the scheduler does not answer · C searches for other schedulers"]
    assert lines(gone, is_replay=True) == [" ! the scheduler does not answer"]
    slurm = finding("SLURM's queue does not answer", code="source-stale", severity="warning", advice=None)
    assert lines(slurm) == [" ! SLURM's queue does not answer"]


def test_advice_without_room_is_left_out_rather_than_cut():
    given = finding(code="other", advice="start workers with more of it")
    whole = " ! job 4711 is lost: start workers with more of it"
    assert lines(given, cells=len(whole) + 1) == [whole]
    assert lines(given, cells=len(whole)) == [" ! job 4711 is lost  (F: all)"]
