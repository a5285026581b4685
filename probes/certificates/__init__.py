"""Certificates: in files, as servers show them, and as certbot renews them."""

from probes.certificates.facts import CertificatesFacts, Lineage, Seen, Unread
from probes.certificates.probe import CertificatesProbe, CertificatesSettings

__all__ = ["CertificatesFacts", "CertificatesProbe", "CertificatesSettings", "Lineage", "Seen", "Unread"]
