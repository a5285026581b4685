"""Puts a copy of a backup off this host: whole, under a temporary name until its sum is right, never over another.

Blocking: for a job. A part of an upload that got no answer is sent again: the same part with the same number stays
one part (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html). What makes the object is sent once.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import Any, Final

from probes.backups.folder import complaint, identity_of
from probes.backups.settings import Offhost
from probes.backups.store import Keys, client, head, named, said
from probes.base import Cause, Identity, ProbeError, SafeText

_CHUNK: Final = 4 << 20
_SMALL: Final = 16 << 20
"""Bytes that are sent in one piece."""
_PARTS: Final = 9000
"""Parts of an upload at most; S3 takes 10,000."""
_TRIES: Final = 4

Told = Callable[[float], None]
"""Told how far it has come, 0 to 1."""


@contextlib.contextmanager
def source(path: str, identity: Identity) -> Iterator[BufferedReader]:
    """The backup, if it is the very one that was looked at. Raises `ProbeError`."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below, after it was seen to be the right one
    except OSError as error:
        raise complaint(error, path) from None
    with file:
        if identity_of(os.fstat(file.fileno())) != identity:
            raise ProbeError(Cause.GONE, "changed since you looked: another file has that name now")
        yield file


def to_folder(file: BufferedReader, size: int, into: str, part: str, name: str, tell: Told) -> str:
    """Copy, read back, compare, rename; the SHA-256 of both. Raises `ProbeError`; leaves no file then."""
    place, final = f"{into}/{part}", f"{into}/{name}"
    try:
        if os.path.lexists(final):
            return _same(file, size, final)
        summed = copied(file, size, place, tell)
        put_in_place(place, final)
    except FileExistsError:
        raise ProbeError(Cause.GONE, "a file of that name came there meanwhile: nothing was written over") from None
    except OSError as error:
        if error.errno == 28:
            raise ProbeError(Cause.LOCAL_DISK, f"the disk of {SafeText(into, 120)} is full") from None
        raise complaint(error, into) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(place)
    return summed


def copied(file: BufferedReader, size: int, place: str, tell: Told) -> str:
    """Copy into a new file, on disk, and read that back; the SHA-256 of both. Raises `OSError`, `ProbeError`."""
    with open(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy:
        summed = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
            summed.update(chunk)
            tell(min(0.99, file.tell() / max(1, size)))
        copy.flush()
        os.fsync(copy.fileno())
        with contextlib.suppress(OSError):
            os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what is read back comes from the disk
    if _sum(place) != summed.hexdigest():
        raise ProbeError(Cause.LOCAL_DISK, "what was read back there differs from what was written")
    return summed.hexdigest()


def _same(file: BufferedReader, size: int, final: str) -> str:
    """The sum, when the file that is there already is the same; nothing is written then."""
    summed = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        summed.update(chunk)
    if os.lstat(final).st_size != size or _sum(final) != summed.hexdigest():
        raise ProbeError(Cause.GONE, "another file of that name is there: nothing was written over")
    return summed.hexdigest()


def _sum(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(part: str, final: str) -> None:
    """Give a finished file its name, on disk, and never over one that is there. Raises `OSError`."""
    if os.path.isdir(part):
        if os.path.lexists(final):
            raise FileExistsError(final)
        os.rename(part, final)
    else:
        try:
            os.link(part, final, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if os.path.lexists(final):
                raise FileExistsError(final) from None
            os.rename(part, final)
        else:
            os.unlink(part)
    sync(os.path.dirname(final))


def sync(path: str) -> None:
    """On disk, with the names in it. Raises `OSError`."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def to_bucket(file: BufferedReader, size: int, place: Offhost, keys: Keys, name: str, act: str, tell: Told) -> str:
    """Upload, each part with its MD5, and compare size and sum after. Raises `ProbeError`."""
    from botocore.exceptions import BotoCoreError, ClientError

    whole = _summed(file)
    found = head(place, keys, name)
    if found is not None:
        if found.get("ContentLength") == size and found.get("Metadata", {}).get("sha256") == whole:
            return whole
        raise ProbeError(Cause.GONE, f"another object of that name is at {named(place)}: nothing was written over")
    written = str(os.fstat(file.fileno()).st_mtime_ns)
    marks = {"sha256": whole, "written": written, "opsroom-act": act}
    store = client(place, keys, within=120.0)
    try:
        file.seek(0)
        if size <= _SMALL:
            tag = _in_one(store, place, name, file.read(), marks)
        else:
            tag = _in_parts(store, place, name, file, size, marks, tell)
    except (BotoCoreError, ClientError) as error:
        raise said(error, place) from None
    finally:
        store.close()
    after = head(place, keys, name)
    if after is None:
        raise ProbeError(Cause.GONE, f"the copy is not at {named(place)}, although it was taken")
    if after.get("ContentLength") != size:
        raise ProbeError(Cause.GARBAGE, f"the copy has {after.get('ContentLength'):,} bytes, the backup {size:,}")
    plain = after.get("ServerSideEncryption") in (None, "AES256")  # with a key of KMS the tag is no sum
    if plain and str(after.get("ETag", "")).strip('"') != tag:
        raise ProbeError(Cause.GARBAGE, "the sum of the copy differs from that of the backup")
    return whole


def _summed(file: BufferedReader) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _md5(data: bytes) -> tuple[bytes, str]:
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return digest, base64.b64encode(digest).decode()


def _in_one(store: Any, place: Offhost, name: str, data: bytes, marks: dict[str, str]) -> str:
    digest, text = _md5(data)
    key = place.prefix + name
    store.put_object(Bucket=place.bucket, Key=key, Body=data, ContentMD5=text, Metadata=marks)
    return digest.hex()


def _in_parts(
    store: Any, place: Offhost, name: str, file: BufferedReader, size: int, marks: dict[str, str], tell: Told
) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    where = {"Bucket": place.bucket, "Key": place.prefix + name}
    length = max(_SMALL, -(-size // _PARTS))
    upload = store.create_multipart_upload(**where, Metadata=marks)["UploadId"]
    done, digests = [], []
    try:
        while data := file.read(length):
            digest, text = _md5(data)
            digests.append(digest)
            tag = _part(store, where, upload, len(digests), data, text)
            done.append({"PartNumber": len(digests), "ETag": tag})
            tell(min(0.99, file.tell() / size))
        store.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": done})
    except BaseException:
        with contextlib.suppress(
            BotoCoreError, ClientError
        ):  # parts that stay behind cost; what went wrong is told, not this
            store.abort_multipart_upload(**where, UploadId=upload)
        raise
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def _part(store: Any, where: dict[str, Any], upload: str, number: int, data: bytes, text: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    for tried in range(1, _TRIES + 1):
        try:
            told = store.upload_part(**where, UploadId=upload, PartNumber=number, Body=data, ContentMD5=text)
        except (BotoCoreError, ClientError) as error:
            status = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            if tried == _TRIES or status < 500:
                raise
            continue
        return str(told["ETag"])
    raise AssertionError
