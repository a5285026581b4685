"""What a reading of certificates is: each where it was seen, and what certbot knows of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import Cause, SafeText
from probes.base.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Seen:
    """One certificate in one place."""

    key: str
    """Its place: "shop.example:443", "/etc/ssl/shop.pem", "/etc/ssl/all.pem#2"."""
    certificate: Certificate
    served: bool
    """True when a server showed it; False: it stands in a file."""
    left: float | None = None
    """Seconds until it ends, or until an issuer that came with it does; negative: that is past."""
    chain: int = 0
    """Issuers that came with it."""
    complete: bool | None = None
    """True when what came with it leads to an authority that is trusted here; None: not known."""
    verified: bool | None = None
    """Whether a client here would accept it; None for a file."""
    matches: bool | None = None
    """Whether it is for the name it was asked by; None for a file."""
    why: SafeText = SafeText()
    """What is wrong with it, in a few words; empty: nothing we know."""
    lineage: str = ""
    """certbot's name for it."""
    changed: datetime | None = None
    """When its file was written, aware UTC."""
    outdated: str = ""
    """The file that holds a newer one for this server, which it does not show yet; empty: none."""

    @property
    def name(self) -> SafeText:
        """What a person calls it: its first host name, else its subject."""
        one = self.certificate
        return one.names[0] if one.names else one.subject or SafeText("without a name")


@dataclass(frozen=True, slots=True)
class Lineage:
    """A certificate that certbot renews."""

    name: str
    """As `certbot renew --cert-name` takes it."""
    key: str = ""
    """Key of the certificate in force; empty: it could not be read."""
    due: datetime | None = None
    """When certbot renews it, by its rule for the time that is left; the authority may ask for it sooner."""
    is_due: bool | None = None
    renews: bool = True
    """False when its configuration says `autorenew = False`."""
    means: SafeText = SafeText()
    """How it proves that the name is ours: "nginx", "webroot", "manual"."""
    hooks: tuple[SafeText, ...] = ()
    """Commands that run before and after each try to renew it, a dry run too: "before it: systemctl stop nginx"."""
    error: SafeText = SafeText()
    """What the last try to renew it said, when that was after the last success."""
    error_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A place that was asked for and gave no certificate."""

    where: SafeText
    cause: Cause
    words: SafeText
    hint: SafeText = SafeText()


@dataclass(frozen=True, slots=True)
class CertificatesFacts:
    """All certificates of a target."""

    seen: tuple[Seen, ...] = ()
    """Soonest to end first."""
    lineages: tuple[Lineage, ...] = ()
    unread: tuple[Unread, ...] = ()
    timers: tuple[SafeText, ...] = ()
    """What runs certbot by itself: files of cron and systemd."""
    certbot: bool = False
    """True when certbot's folder was asked for and could be read."""
    left_out: int = 0
    """Files and certificates beyond what is read."""

    def one(self, key: str) -> Seen | None:
        """The certificate of that key."""
        return next((seen for seen in self.seen if seen.key == key), None)

    def lineage(self, name: str) -> Lineage | None:
        """What certbot knows under that name."""
        return next((one for one in self.lineages if one.name == name), None)
