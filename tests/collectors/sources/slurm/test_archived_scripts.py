"""Parsing the batch scripts that accounting has stored. The form is that of SLURM 22.05."""

from dasktop.collectors.sources.slurm.archived_scripts import archived_scripts_command, parse_archived_scripts

RULE = "-" * 80


def stored(job_id, script):
    return f"Batch Script for {job_id}\n{RULE}\n{script}\n"


def test_scripts_are_found_by_job():
    text = "Welcome\n" + stored(7, "#!/bin/sh\na\n") + stored(8, "#!/bin/bash\nb\n")
    assert parse_archived_scripts(text) == {"7": "#!/bin/sh\na\n\n", "8": "#!/bin/bash\nb\n\n"}


def test_jobs_without_a_script_are_left_out():
    assert parse_archived_scripts(stored(7, "NONE")) == {}
    assert parse_archived_scripts("") == {}


def test_job_with_several_scripts_is_left_out():
    """A script may contain the heading of another job's."""
    imitation = "#!/bin/sh\n" + stored(8, "#!/bin/sh\nfalse\n")
    text = stored(7, imitation) + stored(8, "#!/bin/sh\ntrue\n")
    assert parse_archived_scripts(text).keys() == {"7"}


def test_one_command_for_all_jobs():
    assert archived_scripts_command(["7", "8"]) == ("sacct", "-B", "-j", "7,8")
