"""TLS schedulers: attaching with certificates, and messages if they are missing, wrong or on one side only."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask.config
import pytest
from distributed import Scheduler, Security, Worker
from msgspec.structs import replace

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.options import Options, TlsFiles
from dasktop.collectors.model.readings import JobScript
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.dask.collector import DaskCollector, check
from dasktop.collectors.sources.dask.comm import encode
from dasktop.collectors.sources.dask.connection import error_words
from dasktop.collectors.sources.discover import discover
from tests.support.tls import make_certificates
from tests.support.waiting import PATIENCE_SECONDS

TIMEOUT_SECONDS = PATIENCE_SECONDS
HANGS_SECONDS = 2 * PATIENCE_SECONDS
FIXTURES = Path(__file__).parents[3] / "fixtures" / "tls"
KEY = FIXTURES / "key.pem"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_certificates(tmp_path_factory.mktemp("tls"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_certificates(tmp_path_factory.mktemp("tls"), "theirs")


@pytest.fixture
async def scheduler(ours: TlsFiles) -> AsyncIterator[Scheduler]:
    """A scheduler that uses TLS, with one worker."""
    security = Security(
        require_encryption=True,
        tls_ca_file=ours.ca_file,
        tls_scheduler_cert=ours.cert,
        tls_scheduler_key=ours.key,
        tls_worker_cert=ours.cert,
        tls_worker_key=ours.key,
    )
    async with (
        Scheduler(host="tls://127.0.0.1", port=0, dashboard_address=":0", security=security) as scheduler,
        Worker(scheduler.address, nthreads=1, security=security, dashboard_address=":0"),
    ):
        yield scheduler


async def complaint(address: str, tls: TlsFiles | None) -> str:
    """Return the error for an address without a usable scheduler."""
    collector = DaskCollector(address, tls=tls, timeout_seconds=TIMEOUT_SECONDS)
    async with asyncio.timeout(HANGS_SECONDS):
        with pytest.raises(NoSchedulerError) as checked:
            await check(address, tls, TIMEOUT_SECONDS)
        with pytest.raises(NoSchedulerError) as read:
            await collector.read()
        await collector.close()
    assert str(read.value) == str(checked.value)
    assert str(read.value).isprintable()
    return str(read.value)


async def test_certificates_as_arguments(scheduler: Scheduler, ours: TlsFiles) -> None:
    assert scheduler.address.startswith("tls://")
    assert (await check(scheduler.address, ours, TIMEOUT_SECONDS)).scheduler_id == scheduler.id
    collector = DaskCollector(scheduler.address, tls=ours)
    for _ in range(2):
        reading = await collector.read()
        assert [worker.place_was_read for worker in reading.workers] == [True]
        assert reading.work is not None, "what dask computes is read through TLS"
    await collector.close()


async def test_certificates_from_dask_configuration(scheduler: Scheduler, ours: TlsFiles) -> None:
    client = {"ca-file": ours.ca_file, "client": {"cert": ours.cert, "key": ours.key}}
    with dask.config.set({"distributed.comm.tls": {**dask.config.get("distributed.comm.tls"), **client}}):
        assert (await check(scheduler.address, None, TIMEOUT_SECONDS)).scheduler_id == scheduler.id
        assert (await check(scheduler.address, TlsFiles(), TIMEOUT_SECONDS)).scheduler_id == scheduler.id


async def test_certificates_from_job_script(
    scheduler: Scheduler, ours: TlsFiles, theirs: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dasktop.collectors.sources.discover.hints_from_processes", lambda _: iter(()))
    script = JobScript(
        job_id="7",
        scheduler_addresses=(scheduler.address,),
        starts_workers=True,
        tls_ca_file=ours.ca_file,
        tls_cert=ours.cert,
        tls_key=ours.key,
    )
    (found,) = await discover([script], TlsFiles())
    assert (found.address, found.scheduler_id) == (scheduler.address, scheduler.id)
    with pytest.raises(NoSchedulerError):  # those that were given win
        await discover([script], theirs)

    def poller(**options: Any) -> Poller:
        made = Poller(Options(**options), environment={})
        made._slurm.close()
        made._slurm = SimpleNamespace(reading=SimpleNamespace(scripts=(script,)))  # type: ignore[assignment]
        made.attach_to(scheduler.address)
        return made

    assert await poller().certificates() == ours
    assert await poller(tls=theirs).certificates() == theirs
    assert await poller(tls=TlsFiles(ca_file="x")).certificates() == replace(ours, ca_file="x")
    assert await poller(user="alice").certificates() == TlsFiles()


async def test_tls_address_without_certificates(scheduler: Scheduler) -> None:
    assert await complaint(scheduler.address, None) == (
        f"{scheduler.address} needs certificates: pass --tls-ca-file, --tls-cert and --tls-key, "
        "or set distributed.comm.tls in dask's configuration"
    )


@pytest.mark.parametrize("with_certificates", [False, True])
async def test_tcp_address_of_a_tls_scheduler(scheduler: Scheduler, ours: TlsFiles, with_certificates: bool) -> None:
    address = scheduler.address.replace("tls://", "tcp://")
    line = await complaint(address, ours if with_certificates else None)
    assert line.startswith(f"{address} uses TLS: write {scheduler.address}")


async def test_tls_address_of_a_tcp_scheduler(ours: TlsFiles) -> None:
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=":0") as plain:
        address = plain.address.replace("tcp://", "tls://")
        assert await complaint(address, ours) == f"{address} is not encrypted: write {plain.address}"
        assert (await check(plain.address, ours, TIMEOUT_SECONDS)).scheduler_id == plain.id, (
            "certificates that aren't needed do no harm"
        )


async def test_certificates_of_another_ca(scheduler: Scheduler, theirs: TlsFiles) -> None:
    line = await complaint(scheduler.address, theirs)
    assert line == (
        f"cannot connect to {scheduler.address}: its certificate is not signed by the trusted CA (--tls-ca-file)"
    )


async def test_untrusted_client_certificate(scheduler: Scheduler, ours: TlsFiles, theirs: TlsFiles) -> None:
    line = await complaint(scheduler.address, TlsFiles(ca_file=ours.ca_file, cert=theirs.cert, key=theirs.key))
    assert line.startswith(f"cannot connect to {scheduler.address}: it rejects our certificate (--tls-cert): ")


@asynccontextmanager
async def listening(certificate: Path) -> AsyncIterator[str]:
    """Accept TLS connections with this certificate, from clients with a certificate of this CA."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate, KEY)
    context.verify_mode = ssl.CERT_REQUIRED

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode({"pickle-protocol": 4, "compression": None}))

    server = await asyncio.start_server(receive, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ("expired", "its certificate, or that of its CA, has expired"),
        ("not_yet", "its certificate is not valid yet: check the clocks"),
    ],
)
async def test_expired_server_certificate(ours: TlsFiles, certificate: str, words: str) -> None:
    file = FIXTURES / f"{certificate}.pem"
    async with listening(file) as address:
        line = await complaint(address, TlsFiles(ca_file=str(file), cert=ours.cert, key=ours.key))
    assert line == f"cannot connect to {address}: {words}"


async def test_expired_client_certificate(ours: TlsFiles) -> None:
    expired = FIXTURES / "expired.pem"
    trusting = Security(
        require_encryption=True,
        tls_ca_file=str(expired),
        tls_scheduler_cert=ours.cert,
        tls_scheduler_key=ours.key,
    )
    async with Scheduler(host="tls://127.0.0.1", port=0, dashboard_address=":0", security=trusting) as scheduler:
        line = await complaint(scheduler.address, TlsFiles(ca_file=ours.ca_file, cert=str(expired), key=str(KEY)))
    assert line == (
        f"cannot connect to {scheduler.address}: it rejects our certificate (--tls-cert): that, or that of its CA, "
        "has expired"
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (20, "its certificate is not signed by the trusted CA (--tls-ca-file)"),
        (62, "its certificate is for another host"),
        (23, "its certificate was revoked"),
        (26, "its certificate is not valid: unsupported certificate purpose"),
    ],
)
def test_messages_for_openssl_errors(code: int, words: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "unsupported certificate\npurpose"
    assert error_words(error) == words


async def test_unusable_certificates(ours: TlsFiles, tmp_path: Path) -> None:
    address = "tls://127.0.0.1:1"
    missing = str(tmp_path / "missing.pem")
    line = await complaint(address, TlsFiles(ca_file=ours.ca_file, cert=missing, key=ours.key))
    assert line == f"cannot read {missing}, a certificate or key for {address}"
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    line = await complaint(address, TlsFiles(ca_file=ours.ca_file, cert=str(nonsense), key=ours.key))
    assert line.startswith(f"cannot use the certificates for {address}: ")


SETTINGS = {
    "tls://10.0.0.1:8786": "needs certificates: pass",
    "tcp://10.0.0.1:8786": "but dask's configuration requires encryption",
}


@pytest.mark.parametrize("address", SETTINGS)
def test_settings_without_the_defaults_of_distributed(address: str) -> None:
    """dask's own settings do not contain them: distributed adds them, and is not imported."""
    program = f"""if True:
        import sys
        from dasktop.collectors.model.errors import NoSchedulerError
        from dasktop.collectors.sources.address import parse_address
        from dasktop.collectors.sources.dask.certificates import tls_context
        assert tls_context(parse_address("tcp://10.0.0.1:8786"), None) is None
        import dask.config
        dask.config.set({{"distributed.comm.require-encryption": True}})
        try:
            tls_context(parse_address({address!r}), None)
        except NoSchedulerError as error:
            print(error)
        assert "distributed" not in sys.modules
    """
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert SETTINGS[address] in result.stdout, result.stderr


async def test_encryption_required_by_dasks_configuration() -> None:
    with dask.config.set({"distributed.comm.require-encryption": True}):
        line = await complaint("tcp://127.0.0.1:1", None)
    assert line == "tcp://127.0.0.1:1 is not encrypted, but dask's configuration requires encryption: write tls://…"
