"""The certificates for a TLS scheduler, from options and dask's configuration."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import dask.config

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.sources.address import Address
from dasktop.collectors.text.clean import clean


def tls_context(address: Address, tls: TlsFiles | None) -> ssl.SSLContext | None:
    """Return the certificates as an SSL context; ``None`` if there are none.

    Raises
    ------
    NoSchedulerError
        The certificates are missing or invalid, or dask's configuration requires them.
    """
    files = _files(tls or TlsFiles())
    # The defaults of distributed's settings are missing here unless it has been imported.
    required = bool(dask.config.get("distributed.comm.require-encryption", default=False))
    context = _context(address, files) if files else None
    if address.encrypted and context is None:
        raise NoSchedulerError(
            f"{address} needs certificates: pass --tls-ca-file, --tls-cert and --tls-key, "
            "or set distributed.comm.tls in dask's configuration"
        )
    if required and not address.encrypted:
        raise NoSchedulerError(
            f"{address} is not encrypted, but dask's configuration requires encryption: write tls://…"
        )
    return context


def _files(tls: TlsFiles) -> dict[str, str]:
    """Return the files, given or configured, or PEM text, by the names of `Security`."""
    given = {
        "tls_ca_file": (tls.ca_file, "distributed.comm.tls.ca-file"),
        "tls_client_cert": (tls.cert, "distributed.comm.tls.client.cert"),
        "tls_client_key": (tls.key, "distributed.comm.tls.client.key"),
    }
    files = {name: file or dask.config.get(setting, default=None) for name, (file, setting) in given.items()}
    return {name: str(file) for name, file in files.items() if file}


def _context(address: Address, files: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return the SSL context that dask's clients would use; ``None`` without a CA and a certificate."""
    from distributed.security import Security  # imported late: takes a fifth of a second, and tcp:// does not need it

    try:
        for file in files.values():
            if not _is_readable(file):
                raise NoSchedulerError(f"cannot read {clean(file)}, a certificate or key for {address}")
        # Passing files implies `require_encryption`, and so would forbid tcp://, which does not need them.
        context = Security(require_encryption=False, **files).get_connection_args("client").get("ssl_context")
    except (OSError, ValueError, ImportError) as error:  # ssl.SSLError is an OSError
        raise NoSchedulerError(f"cannot use the certificates for {address}: {clean(str(error))}") from error
    return context if isinstance(context, ssl.SSLContext) else None


def _is_readable(file: str) -> bool:
    """Return whether it is a readable file, or PEM text, which dask's configuration allows, too."""
    return "\n" in file or (os.access(file, os.R_OK) and Path(file).is_file())
