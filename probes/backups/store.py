"""The place off this host where copies are kept, looked at: another folder, or a bucket of a store that speaks S3.

Blocking: for a lane. Each call is made once; nothing here writes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

from probes.backups.folder import complaint, identity_of
from probes.backups.settings import REFERENCE, Offhost
from probes.base import Cause, Identity, ProbeError, SafeText, SecretSource

CAP: Final = 20_000
"""Keys or names that are looked at."""
_ABSENT: Final = frozenset({"NoSuchBucket", "NoSuchKey", "404", "NotFound"})
_DENIED: Final = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
_LOGIN: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
_SEALED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that are read only after a restore (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
"""
_THROTTLED: Final = frozenset({"SlowDown", "503", "RequestLimitExceeded", "Throttling", "TooManyRequests"})


@dataclass(frozen=True, slots=True)
class Keys:
    """How to log in to a store; the secrets stay in here."""

    endpoint: str | None
    key_id: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)


def keys_of(place: Offhost, secrets: SecretSource) -> Keys:
    """The store's address and keys. May run a program: for a lane. Raises `ProbeError`."""

    def had(reference: str | None) -> str | None:
        if reference is None or not reference.startswith(REFERENCE):
            return reference
        try:
            return secrets.resolve(reference)
        except LookupError as error:
            words = str(error.args[0]) if error.args else "a secret can't be had"
            raise ProbeError(Cause.AUTH, words, "the profile refers to a secret this machine can't give") from None

    return Keys(had(place.endpoint), had(place.key_id), had(place.secret_key))


def client(place: Offhost, keys: Keys, within: float = 8.0) -> Any:
    """A client for the bucket: one try, no checksums that other stores than AWS don't know."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    region = place.region or ("auto" if ".r2.cloudflarestorage.com" in (keys.endpoint or "") else None)
    try:
        session = boto3.session.Session(
            profile_name=place.profile,
            region_name=region,
            aws_access_key_id=keys.key_id,
            aws_secret_access_key=keys.secret_key,
        )
        inner = session._session
        inner.register_component("data_loader", _described(inner.get_config_variable("data_path")))
        return session.client(
            "s3",
            endpoint_url=keys.endpoint,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=3,
                read_timeout=within,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except (BotoCoreError, ValueError):
        raise ProbeError(Cause.AUTH, "the store can't be reached with these settings", "see offhost") from None


@cache
def _described(data_path: str | None) -> Any:
    """How a store is spoken to, as files of the library say it: read once, not for each look (50 ms)."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def said(error: Exception, place: Offhost) -> ProbeError:
    """What a store's error means, without a word of its text."""
    from botocore import exceptions as known

    where = named(place)
    if isinstance(error, known.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _ABSENT:
            return ProbeError(Cause.GONE, f"there is no {where}")
        if code in _DENIED:
            return ProbeError(Cause.DENIED, f"we have no right to that at {where}", "see contrib/backups/s3.json")
        if code in _LOGIN:
            return ProbeError(Cause.AUTH, f"{where} does not accept our keys", "see key_id and secret_key")
        if code in _THROTTLED:
            return ProbeError(Cause.THROTTLED, f"{where} is asked too often")
        if code in ("RequestTimeTooSkewed", "RequestExpired"):
            return ProbeError(Cause.CLOCK, f"our clock and that of {where} differ")
        return ProbeError(Cause.GARBAGE, f"{where} refused it ({SafeText(code or 'no code', 60)})")
    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError):
        return ProbeError(Cause.AUTH, f"there are no keys for {where}", "set key_id and secret_key")
    if isinstance(error, known.ConnectTimeoutError):
        return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {where}")
    if isinstance(error, known.ReadTimeoutError):
        return ProbeError(Cause.TIMEOUT_READ, f"no answer from {where}")
    if isinstance(error, known.ConnectionClosedError):
        return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection")
    if isinstance(error, known.EndpointConnectionError):
        return ProbeError(Cause.REFUSED, f"{where} can't be reached")
    return ProbeError(Cause.GARBAGE, f"{where} gave no answer that makes sense")


def named(place: Offhost) -> str:
    """The place for a person."""
    return str(SafeText(place.folder or f"s3://{place.bucket}/{place.prefix}", 200))


@dataclass(slots=True)
class Copies:
    """What is there: name -> size."""

    sizes: dict[str, float] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    """When each was written there."""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Away:
    """One copy as it is now."""

    size: int
    at: datetime
    """When it was written there; aware UTC."""
    identity: Identity
    """Another object of the same name has another one."""
    sealed: str = ""
    """The storage class from which it can't be read before it is restored there; empty: it can be read."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """What our own copy has written beside it: sha256, written."""
    plain: bool = True
    """Its tag is made from its bytes; it is not with a key of KMS."""


def copies(place: Offhost, keys: Keys, pattern: str) -> Copies:
    """The copies by name. Raises `ProbeError`."""
    return _in_folder(place.folder, pattern) if place.folder is not None else _in_bucket(place, keys, pattern)


def _in_folder(folder: str, pattern: str) -> Copies:
    found = Copies()
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= CAP:
                    found.cut = True
                    break
                if fnmatchcase(entry.name, pattern) and not entry.name.startswith("."):
                    told = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(told.st_mode):
                        found.sizes[entry.name] = float(told.st_size)
                        found.times[entry.name] = datetime.fromtimestamp(told.st_mtime, UTC)
    except OSError as error:
        raise complaint(error, folder) from None
    return found


def _in_bucket(place: Offhost, keys: Keys, pattern: str) -> Copies:
    from botocore.exceptions import BotoCoreError, ClientError

    found = Copies()
    asked: dict[str, Any] = {"Bucket": place.bucket, "Prefix": place.prefix, "MaxKeys": 1000}
    store = client(place, keys)
    try:
        while True:
            page = store.list_objects_v2(**asked)
            for raw in page.get("Contents", ()):
                name = str(raw["Key"])[len(place.prefix) :]
                if "/" not in name and fnmatchcase(name, pattern):
                    found.sizes[name] = float(raw["Size"])
                    found.times[name] = raw["LastModified"].astimezone(UTC)
            if not page.get("IsTruncated") or not page.get("NextContinuationToken"):
                return found
            if len(found.sizes) >= CAP:
                found.cut = True
                return found
            asked["ContinuationToken"] = page["NextContinuationToken"]
    except (BotoCoreError, ClientError) as error:
        raise said(error, place) from None
    finally:
        store.close()


def head(place: Offhost, keys: Keys, name: str) -> Mapping[str, Any] | None:
    """What the bucket says of one copy; None: there is none. Raises `ProbeError`."""
    from botocore.exceptions import BotoCoreError, ClientError

    store = client(place, keys)
    try:
        found: Mapping[str, Any] = store.head_object(Bucket=place.bucket, Key=place.prefix + name)
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code", "")) in ("404", "NoSuchKey", "NotFound"):
            return None
        raise said(error, place) from None
    except BotoCoreError as error:
        raise said(error, place) from None
    finally:
        store.close()
    return found


def away(place: Offhost, keys: Keys, name: str) -> Away | None:
    """One copy; None: there is none. Raises `ProbeError`."""
    if place.folder is not None:
        try:
            told = os.lstat(f"{place.folder}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise complaint(error, place.folder) from None
        if not stat.S_ISREG(told.st_mode):
            return None
        return Away(told.st_size, datetime.fromtimestamp(told.st_mtime, UTC), identity_of(told))
    found = head(place, keys, name)
    if found is None:
        return None
    at = found["LastModified"].astimezone(UTC)
    size, tag = int(found["ContentLength"]), str(found.get("ETag", ""))
    kind = str(found.get("StorageClass", ""))
    back = 'ongoing-request="false"' in str(found.get("Restore", ""))
    return Away(
        size,
        at,
        (("size", str(size)), ("tag", tag), ("written", at.isoformat())),
        kind if kind in _SEALED and not back else "",
        found.get("Metadata", {}),
        found.get("ServerSideEncryption") in (None, "AES256"),
    )
