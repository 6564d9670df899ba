"""Configuration and command line: precedence, what an invalid file stops, and ``dasktop config``."""

import os
import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dasktop.collectors.model.options import Options
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.cli import scale as scaling
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.main import command
from dasktop.tui.config import file
from tests.support.dask_processes import Scheduler, Workers
from tests.support.dasktop_program import dasktop, one_line
from tests.support.waiting import PATIENCE_SECONDS

BROKEN = 'theme = "drak"\n[view]\nsort = "cpu"\nflat = 1\n'
FAULTS = [
    'theme: unknown theme "drak"; must be one of terminal, colour-blind, dark, light',
    "[view] flat: must be true or false, not 1",
]


@pytest.fixture
def path() -> Path:
    path = file.path(os.environ)
    path.parent.mkdir(parents=True)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, prog_name="dasktop")


def options_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Options:
    """Return the options that a command line starts with."""
    begun: list[Options] = []
    monkeypatch.setattr(headless, "print_snapshot", lambda options, **_: begun.append(options))
    monkeypatch.setattr(scaling, "scale", lambda options, *_, **__: begun.append(options))
    assert run(*arguments).exit_code == 0
    [options] = begun
    return options


class TestPrecedence:
    def test_defaults_apply_without_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert options_of(monkeypatch, "snapshot") == Options()

    def test_the_file_overrides_the_defaults(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text(
            "interval = 3\nslurm_interval = 30\nread_only = true\ndrain = 5\n[thresholds]\nidle_seconds = 7\n"
        )
        wanted = Options(
            interval_seconds=3.0,
            slurm_interval_seconds=30.0,
            read_only=True,
            drain_seconds=5.0,
            thresholds=Thresholds(idle_seconds=7.0),
        )
        assert options_of(monkeypatch, "snapshot") == wanted
        assert options_of(monkeypatch) == wanted, "without a terminal"
        assert options_of(monkeypatch, "scale", "--jobs", "1") == wanted

    def test_the_command_line_overrides_the_file(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text("interval = 3\nslurm_interval = 30\ndrain = 5\n")
        given = ["--interval", "4", "--slurm-interval", "6", "--read-only"]
        wanted = Options(interval_seconds=4.0, slurm_interval_seconds=6.0, read_only=True, drain_seconds=5.0)
        assert options_of(monkeypatch, "snapshot", *given) == wanted
        assert options_of(monkeypatch, *given) == wanted
        assert options_of(monkeypatch, "scale", "--jobs", "1", "--drain", "9").drain_seconds == 9.0

    @pytest.mark.parametrize(
        ("option", "value", "words"),
        [
            ("--interval", "0.1", "must be a number from 0.5 to 86400, not 0.1"),
            ("--interval", "nan", "must be a number from 0.5 to 86400, not nan"),
            ("--interval", "soon", 'must be a number from 0.5 to 86400, not "soon"'),
            ("--slurm-interval", "1", "must be a number from 5 to 86400, not 1"),
        ],
    )
    def test_options_have_the_bounds_of_the_file(self, option: str, value: str, words: str) -> None:
        result = run("snapshot", option, value)
        assert result.exit_code == 2
        assert f"{option}" in one_line(result.stderr)
        assert words in result.stderr


class TestInvalidFile:
    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["snapshot"],
            ["snapshot", "--watch", "1"],
            ["scale", "--jobs", "1"],
            ["demo"],
            ["replay", "x"],
            ["report"],
        ],
        ids=" ".join,
    )
    def test_commands_that_use_it_fail_with_one_line(self, path: Path, arguments: list[str]) -> None:
        path.write_text(BROKEN)
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert one_line(result.stderr) == f"dasktop: {path}: {FAULTS[0]}"

    @pytest.mark.parametrize("arguments", [["schema"], ["--version"], ["--help"], ["snapshot", "--help"]], ids=" ".join)
    def test_commands_that_do_not_use_it_work(self, path: Path, arguments: list[str]) -> None:
        path.write_text(BROKEN)
        assert run(*arguments).exit_code == 0

    def test_dasktop_config_prints_all_errors_and_effective_values(self, path: Path) -> None:
        path.write_text(BROKEN)
        result = run("config")
        assert result.exit_code == 2
        assert result.stderr.splitlines() == [f"dasktop: {path}: {fault}" for fault in FAULTS]
        assert 'theme = "terminal"  # default' in result.stdout.splitlines()
        assert 'sort = "cpu"  # config.toml' in result.stdout.splitlines()

    def test_an_unreadable_file_causes_no_traceback(self, path: Path) -> None:
        path.write_bytes(b"\xff")
        result = dasktop("snapshot")
        assert (result.returncode, one_line(result.stderr)) == (2, f"dasktop: {path} is not UTF-8")


class TestDasktopConfig:
    def test_it_names_a_file_that_does_not_exist(self) -> None:
        result = run("config")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.splitlines()[0] == f"# {file.path(os.environ)} (this file does not exist)"

    @pytest.mark.parametrize("arguments", [["config", "--interval", "3"], ["--interval", "3", "config"]], ids=" ".join)
    def test_options_are_named_as_origin(self, path: Path, arguments: list[str]) -> None:
        path.write_text("interval = 9\nslurm_interval = 20\n")
        lines = run(*arguments, "--read-only").stdout.splitlines()
        assert "interval = 3.0  # --interval" in lines
        assert "read_only = true  # --read-only" in lines
        assert "slurm_interval = 20.0  # config.toml" in lines
        assert "drain = 60.0  # default" in lines

    def test_its_output_is_a_valid_config_file(self, path: Path) -> None:
        printed = run("config", "--interval", "3").stdout
        path.write_text(printed)
        again = run("config").stdout
        assert again.splitlines()[3:] == [
            line.replace("# default", "# config.toml").replace("# --interval", "# config.toml")
            for line in printed.splitlines()[3:]
        ]


def test_thresholds_from_the_file_reach_the_rules(path: Path) -> None:
    with Scheduler() as scheduler, Workers(scheduler.address, "--no-nanny") as workers:
        os.kill(workers.pid, signal.SIGSTOP)
        try:
            arguments = ["snapshot", scheduler.address, "--no-slurm", "--fail-on", "warning"]
            path.write_text("[thresholds]\nworker_silent_seconds = 3600\n")
            assert dasktop(*arguments).returncode == 0
            path.write_text("[thresholds]\nworker_silent_seconds = 0.5\n")
            deadline = time.monotonic() + PATIENCE_SECONDS
            # Every worker gets at least three heartbeats of time.
            while (result := dasktop(*arguments)).returncode == 0 and time.monotonic() < deadline:
                pass
        finally:
            os.kill(workers.pid, signal.SIGCONT)
    assert result.returncode == 4
    assert "has sent no heartbeat" in one_line(result.stderr)
