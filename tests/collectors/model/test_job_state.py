"""Parsing of job states; only one module does it."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model import job_states as job_state
from dasktop.collectors.model.job_states import read_state

REPOSITORY = Path(__file__).parents[3]


PHASES = [
    ("PENDING", "waiting"),
    ("REQUEUED", "waiting"),
    ("REQUEUE_FED", "waiting"),
    ("REQUEUE_HOLD", "waiting"),
    ("RESV_DEL_HOLD", "waiting"),
    ("SPECIAL_EXIT", "waiting"),
    ("EXPEDITING", "waiting"),
    ("PENDING+REQUEUED", "waiting"),
    ("PENDING,REQUEUED", "waiting"),
    ("PENDING+POWER_UP_NODE", "waiting"),
    ("CONFIGURING", "starting"),
    ("POWER_UP_NODE", "starting"),
    ("RUNNING+CONFIGURING", "starting"),
    ("RUNNING", "running"),
    ("running", "running"),
    ("RESIZING", "running"),
    ("SIGNALING", "running"),
    ("STOPPED", "running"),
    ("UPDATE_DB", "running"),
    ("RUNNING+SIGNALING", "running"),
    ("RUNNING+SOMETHING_NEW", "running"),
    ("SOMETHING_NEW+RUNNING", "running"),
    ("SUSPENDED", "suspended"),
    ("SUSPENDED+SIGNALING", "suspended"),
    ("COMPLETING", "ending"),
    ("STAGE_OUT", "ending"),
    ("COMPLETED+STAGE_OUT", "ending"),
    ("RUNNING+COMPLETING", "ending"),
    ("FAILED,COMPLETING", "ending"),
    ("BOOT_FAIL", "ended"),
    ("CANCELLED", "ended"),
    ("CANCELLED by 1001", "ended"),
    ("CANCELLED+", "ended"),
    ("COMPLETED", "ended"),
    ("DEADLINE", "ended"),
    ("FAILED+LAUNCH_FAILED", "ended"),
    ("NODE_FAIL", "ended"),
    ("OUT_OF_MEMORY", "ended"),
    ("PREEMPTED", "ended"),
    ("REVOKED", "ended"),
    ("TIMEOUT", "ended"),
    ("SOMETHING_NEW", None),
    ("?", None),
    ("", None),
    (None, None),
]


def test_each_known_word_has_a_case():
    words = {word for text, _ in PHASES for word in re.findall(r"\w+", text or "")}
    assert words >= job_state.STATE_WORDS


@pytest.mark.parametrize(("text", "phase"), PHASES)
def test_each_state_has_its_phase(text, phase):
    assert read_state(text).phase == phase


def test_name_and_flags_are_read_apart():
    state = read_state("RUNNING+SIGNALING+SOMETHING_NEW")
    assert (state.name, state.flags) == ("RUNNING", {"SIGNALING", "SOMETHING_NEW"})
    assert read_state("CANCELLED by 1001").name == "CANCELLED"
    assert (read_state("SOMETHING_NEW").name, read_state(None).name) == ("SOMETHING_NEW", None)


def test_hold_flags_are_recognized():
    assert read_state("REQUEUE_HOLD").is_held
    assert read_state("PENDING+SPECIAL_EXIT").is_held
    assert not read_state("PENDING").is_held


def test_only_bad_ends_are_failures():
    assert read_state("FAILED+LAUNCH_FAILED").is_bad_end
    assert not read_state("CANCELLED by 1001").is_bad_end
    assert not read_state("FAILED+COMPLETING").is_bad_end


@given(st.text() | st.lists(st.sampled_from(["RUNNING", "PENDING", "X", "+", ",", " "])).map("".join))
def test_any_text_can_be_parsed(text):
    state = read_state(text)
    phases = (state.is_waiting, state.is_starting, state.is_running, state.is_suspended, state.is_ending)
    assert sum((*phases, state.has_ended)) == (state.phase is not None)


def test_no_other_module_compares_states_with_literals():
    """A literal does not match ``RUNNING+SIGNALING``: use the properties of `JobState`."""
    words = {*job_state._BASE, *job_state._FLAGS, *job_state._RUNNING_FLAGS}
    found = []
    for path in (path for package in ("collectors", "tui") for path in (REPOSITORY / package).rglob("*.py")):
        if path.name == "job_states.py" or "embedded_slurm" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                literals = {constant.value for constant in ast.walk(node) if isinstance(constant, ast.Constant)}
                found += [f"{path.relative_to(REPOSITORY)}:{node.lineno}"] if literals & words else []
    assert not found
