"""``make test-stress`` fails if one of its runs fails, and ends its busy loops."""

import psutil
import pytest

from tests import stress


def test_one_failed_run_fails_the_command(monkeypatch, capfd, tmp_path):
    fails_once = f"import os, sys; os.mkdir({str(tmp_path / 'there')!r})"
    monkeypatch.setattr(
        stress, "PYTEST", ["-S", "-c", f"try:\n {fails_once}\nexcept OSError: sys.exit(0)\nelse: sys.exit(1)"]
    )
    assert stress.main() == 1
    output = capfd.readouterr().out
    assert output.count("--random-order-seed=") == stress.RUNS + 1, "one line per run, and one for the failed run"
    assert "2 of 3 runs passed; failed: --random-order-seed=" in output
    monkeypatch.setattr(stress, "PYTEST", ["-S", "-c", "0"])
    assert stress.main() == 0


def test_busy_loops_end_on_interrupt():
    loops = stress.busy_loops(2)
    pids = loops.__enter__()
    assert all(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(KeyboardInterrupt):
        loops.gen.throw(KeyboardInterrupt)
    assert not any(psutil.pid_exists(pid) for pid in pids)
