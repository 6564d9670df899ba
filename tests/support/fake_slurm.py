"""Fake SLURM commands whose answers a test sets."""

from tests.support.fake_programs import CAT, SED, FakePrograms

MIB = 1 << 20


FIELDS = "{id}|{id}|{id}|N/A|{state}|4|2|300M|N/A|1:00:00|100|200|300|n[1-2]|ada|lab|debug|normal|None|dask-worker"


ACCOUNTED = (
    "{id}|{id}|ada|lab|debug|normal|{state}|3:0|100|200|{ended_at}|01:00:00|4|2|1200M|cpu=4,mem=1200M|9M|n[1-2]|00:07|x"
)


class FakeSlurm(FakePrograms):
    """squeue, sacct, sstat and scontrol; a test sets the queue and the accounting."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.queue({})
        self.accounting({})
        answers = ["resources", "queue", "accounted"]
        resources, queue, accounted = (f"{folder}/{name}.txt" for name in answers)
        self.program(
            "squeue",
            f"""if [ "$4" = -O ]; then exec {CAT} '{resources}'; fi
            mark=${{4%%\\%A*}}
            while IFS= read -r line; do printf '%s%s%s\\n' "$mark" "$line" "$mark"; done < '{queue}'""",
        )
        self.archived("")
        self.program(
            "sacct",
            f"""if [ "$1" = -B ]; then exec {CAT} '{folder}/archived.txt'; fi
            separator=${{3#--delimiter=}}; exec {SED} "s/|/$separator/g" '{accounted}'""",
        )
        self.program("sstat", "echo '7.batch|1|00:00:05|5M|n1|42,43'")
        self.program("scontrol", "echo 'dask worker tcp://h:8786 --name SLURMCluster-0 --nworkers 4'")

    def queue(self, states: dict[str, str]) -> None:
        lines = (FIELDS.format(id=job_id, state=state).replace("|", "\x1f") for job_id, state in states.items())
        (self.folder / "queue.txt").write_text("".join(f"{line}\n" for line in lines))
        granted = (f"{job_id:<30}cpu=4,mem=1200M,node=2\n" for job_id in states)
        (self.folder / "resources.txt").write_text("".join(granted))

    def archived(self, scripts: str) -> None:
        (self.folder / "archived.txt").write_text(scripts)

    def accounting(self, states: dict[str, str], ended_at: int = 300) -> None:
        lines = (ACCOUNTED.format(id=job_id, state=state, ended_at=ended_at) for job_id, state in states.items())
        (self.folder / "accounted.txt").write_text("".join(f"{line}\n" for line in lines))
