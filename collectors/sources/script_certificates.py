"""Find the certificates that a job's script gives its workers. Checks that they are readable; opens none."""

import os

from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.model.readings import JobScript


def certificates_of(script: JobScript) -> TlsFiles:
    """Return the files that a script names, if it names all three and they are readable here; else none."""
    files = (script.tls_ca_file, script.tls_cert, script.tls_key)
    if not all(file is not None and os.access(file, os.R_OK) for file in files):
        return TlsFiles()
    return TlsFiles(ca_file=script.tls_ca_file, cert=script.tls_cert, key=script.tls_key)
