"""Trust in a server's certificate, alike in every version of Python."""

from __future__ import annotations

import ssl


def verifying(authorities: str | None = None) -> ssl.SSLContext:
    """A client's TLS that checks certificate and name, against this machine's authorities or those of one PEM file.

    Python 3.13 also refuses what OpenSSL by itself accepts: a certificate without an authority key identifier, as
    authorities made by hand sign them. That is a matter of form and no reason to call a server down.
    Raises `OSError` when the file can't be read.
    """
    return lenient(ssl.create_default_context(cafile=authorities))


def lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, without the checks of form alone."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
