"""Certificates for tests."""

import subprocess
from pathlib import Path

from dasktop.collectors.model.options import TlsFiles

# To find the primes of an RSA key takes much longer.
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def make_certificates(folder: Path, name: str) -> TlsFiles:
    """Create a key and a self-signed certificate, valid for a day."""
    files = TlsFiles(
        ca_file=str(folder / f"{name}.crt"), cert=str(folder / f"{name}.crt"), key=str(folder / f"{name}.key")
    )
    subprocess.run(
        [
            *("openssl", "req", "-x509", *NEW_KEY, "-nodes", "-days", "1", "-subj", f"/CN={name}"),
            *("-keyout", str(files.key), "-out", str(files.cert)),
        ],
        check=True,
        capture_output=True,
    )
    return files
