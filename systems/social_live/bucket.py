"""A small store that speaks as much of S3 as somebody needs who looks at backups, with the dumps of two weeks in it.

After https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape

from systems.social_live.documents import last_night
from systems.web import Answer, Asked

BUCKET: Final = "social-live-backups"
PREFIX: Final = "database/"
DAYS: Final = 15

_XML: Final = "application/xml"
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """One object."""

    key: str
    size: int
    at: datetime

    @property
    def tag(self) -> str:
        """Its ETag."""
        return f'"{hashlib.sha256(self.key.encode()).hexdigest()[:32]}"'


class Bucket:
    """The backups."""

    def __init__(self) -> None:
        self.kept = [_dump(last_night() - timedelta(days=day)) for day in range(DAYS)]

    async def answer(self, request: Asked) -> Answer:
        """What the store says to one request."""
        bucket, _, key = request.path.strip("/").partition("/")
        if bucket != BUCKET:
            return _no(404, "NoSuchBucket")
        if key:
            return self._object(key, request)
        if request.method == "HEAD":
            return Answer(kind=_XML)
        if request.query.get("list-type") == "2":
            return self._listed(request)
        for asked, answer in _ABOUT_THE_BUCKET.items():
            if asked in request.query:
                return answer
        return _no(501, "NotImplemented")

    def _listed(self, request: Asked) -> Answer:
        prefix, most = request.query.get("prefix", ""), int(request.query.get("max-keys") or _PAGE)
        found = sorted((one for one in self.kept if one.key.startswith(prefix)), key=lambda one: one.key)
        begin = int(request.query.get("continuation-token") or 0)
        page = found[begin : begin + most]
        rest = begin + most < len(found)
        contents = "".join(
            f"<Contents><Key>{escape(one.key)}</Key><LastModified>{one.at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{escape(one.tag)}</ETag><Size>{one.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for one in page
        )
        token = f"<NextContinuationToken>{begin + most}</NextContinuationToken>" if rest else ""
        return _xml(
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(rest).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )

    def _object(self, key: str, request: Asked) -> Answer:
        found = next((one for one in self.kept if one.key == key), None)
        if found is None:
            return _no(404, "NoSuchKey")
        if request.method != "HEAD":
            return _no(501, "NotImplemented")
        headers = {"ETag": found.tag, "Last-Modified": format_datetime(found.at, usegmt=True)}
        return Answer(kind="application/gzip", headers={**headers, "Content-Length": str(found.size)})


def _dump(at: datetime) -> Kept:
    """The dump of one night: a little larger each day."""
    at += timedelta(minutes=4)
    size = 1_418_000_000 + int((at - datetime(2026, 1, 1, tzinfo=at.tzinfo)).total_seconds() * 21)
    return Kept(f"{PREFIX}sociallive_backup_{at:%Y-%m-%d}_020000.sql.gz", size, at)


def _xml(body: str, status: int = 200) -> Answer:
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode(), _XML)


def _no(status: int, code: str) -> Answer:
    return _xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)


_BLOCKED: Final = "".join(
    f"<{name}>true</{name}>"
    for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
)
_ABOUT_THE_BUCKET: Final = {
    "versioning": _xml("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    "encryption": _xml(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
    ),
    "publicAccessBlock": _xml(f"<PublicAccessBlockConfiguration>{_BLOCKED}</PublicAccessBlockConfiguration>"),
}
"""How the bucket is guarded, by what is asked."""
