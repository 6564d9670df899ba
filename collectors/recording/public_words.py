"""The words of dasktop's own messages. Written by ``python -m tests.public_words``; do not edit."""

_WORDS = """
a about above accepts account accounting accounts action activities activity actor actors acts adapt adaptation adapting
adaptive adaptively add address administrator administrators after again age ago agrees all allocated allocation allow
allowed allows almost alone already also although amm amount an and another answer answered answering answers any anyway
appear are args arguments array as ask asked assigned assumed at attached automatically available average b backfill
based batch bb be because been before begin begins begun being belong belongs below beside billing blocked blocks boot
bound bounds broker buffer buffers burst bus busy but by bytes c ca call called calls can cancel cancelled cancelling
cannot cert certificate certificates cgroup change changed changes check children chosen class cleaned client clocks
close closed closes closing cluster clusters cmdline code collector column columns comm compile completed compress
compression computations compute config configuration configured confirm confirmation confirmed connect connected
connection connections constrained constraint constraints continued converted copied copies copy copying core cores
correct could count counted counts cp cpu cpus create created cuda current d damaged dashboard dask daskcollector
dasktop data deadline death decimals decompress default deleted delta denied departed dependency depends description
deserialize details device devices did died dies differ differed different differs directory disabled disappeared
discarded disk distributed do does done down drain drained due during each earlier earliest else empty encrypted
encryption end ended ending ends energy enough enqueued env environment errand erred error event events every everything
evidence exceeds exception excess excluded exec execute executed executing executor executors exist existing exists exit
exited expected expects expired explicitly expression extension extensions extern extra fail failed fails failure
failures far fate fault feature few fewer fields file filename files find finish finished first fit fix folder for
forgotten forkserver found frames free from front full function functions futures g gb get gets gi gib gil give given
gives gone gp gpu gpus granted gres group grouped grow gzip h had handler handshake hangs has have heartbeat heartbeats
held here heterogeneous higher hold holds host hosts hours how http https i id identity idle ids if illegal immediately
in inactive incomplete inconsistent inf inferred info inherited inproc inside installed instead instruction interactive
internal interrupted invalid ipykernel is it its itself job jobid jobqueue jobs joined json keep keeps kernel key keys
kill killed kills kind kinds known knows lambda large largest last late later launch least leave leaves leaving left
length lengths less let lets license licenses lifetime limit limits line lines listens little local lock log logged logs
long longer longest look loop lost lower made maintenance many match max maximum may mb mean means meets mem memory
message met metrics middle min minimum minjobage minute minutes missed missing mix module moment more most move moved
moves msgpack much must n name named names nannies nanny narrower nbytes need needs neither network never new newer
newest no nobody node nodelist nodes none nor normally not notebook nothing now nthreads number object of off offers
offload often ok old on once one ones only op open operation or order other others otherwise our out outcome outdated
output outside over overwrite own owner packages packed part partition partitions pass path paused pauses peak pending
per percent perhaps permission pid pipe place places plain plan planned plnd plus policies port preempted present
previous printed prints priority probe probing process processes processing profiles programs prolog python qos quarter
queried query queue queued raises ran rb reach reached read reading reads ready reason received recent recorded recorder
recording recover refused register registered regular rejects release released releases releasing remain remaining
remains remove removed removes replace replaced replaces replay replicate reply report reported reports request
requested requests requeue requeued required requires rescheduled reservation reserved resolve resource resources
respond restart restarted restarts resubmit resubmits resubmitted result results resume resumed resumes retire retired
retiring retrieval return revoked risk role room rounded rounds rows rss rule run running runs s sacct salloc same
sample sampled sampler samples saver say sbatch scale scaled scaling scancel schedstat scheduled scheduler schedulers
schema scontrol script scripts searched seconds see seen segmentation send sends sent serialize server set sets settling
several share shell short shorter shortly show showing shown shows shuffle shuffles shutting signal signed silent since
sinfo size skip skipped slow slurm slurmcluster slurmctld slurmstepd smaller snapshot snapshots so socket some something
soon sooner source spans spec special specific spill spilled spills squeue srun sstat stack stacks staged stale start
started starting starts starttime state states status statuses stay stays step stepds steps still stop stopped stopping
stops stored stores submission submit submits submitted submitting such summed supports surrogateescape suspended
suspicious system t table tables take takes target task tasks tcp terminated text than that the their them themselves
then there these they this those thread threads threshold through time timelimit timeout times timestamps title tls to
token too totals traceback tracebacks transfer transfers tried truncated trusted try trying ttl turn turned turning two
type uids understand understood undo unexpected unfinished unit units unknown unless unobserved unrunnable until unused
up update upgrade us usage use used user userid users uses using usually utf valid values version versions w wait waited
waiting waits wakeups wall walltime wanted warning was watch way web were what when whether which while who whole whose
why will with within without work worker workers would write written xb yaml yet you your zlib
"""
PUBLIC_WORDS = frozenset(_WORDS.split())
