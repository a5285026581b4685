"""Looks at a bucket: lists the keys under a prefix now and then, because that costs, and judges the newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from probes.aws.calls import Calls, Refused, Seat
from probes.aws.s3.facts import Guarding, S3Facts, Stored
from probes.aws.s3.gauges import RULES, SPECS, measured
from probes.aws.s3.listing import KEPT, Listing, cadence, missing_days, usual_size
from probes.aws.s3.settings import S3Settings
from probes.base import Cause, Context, Found, Gap, Look, Probe, ProbeError, SafeText, Settings, Sheet, Snapshot, Target

CAP: Final = 20_000
"""Keys that are listed at most."""
_PAGE: Final = 1000
"""Keys of one page: the most S3 gives."""
_GUARDING: Final = 3600.0
_GUARDING_WATCHED: Final = 600.0
"""Seconds between two looks at how the bucket is guarded."""
_OBJECT: Final = Look("object", "what the store says of this backup")
_REACH: Final = Look("reach", "whether the bucket answers, and how fast")
_NOT_SET: Final = frozenset({"ServerSideEncryptionConfigurationNotFoundError", "NoSuchPublicAccessBlockConfiguration"})
_ABSENT: Final = frozenset({"NoSuchBucket", "NoSuchKey", "404", "NotFound"})
_ELSEWHERE: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "301", "IllegalLocationConstraintException"}
)
RIGHTS: Final = {
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "get_bucket_versioning": "s3:GetBucketVersioning",
    "get_bucket_encryption": "s3:GetEncryptionConfiguration",
    "get_public_access_block": "s3:GetBucketPublicAccessBlock",
}
"""What each question needs: its right is named differently
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html)."""
_BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class S3Probe(Probe[S3Facts]):
    """One prefix of one bucket."""

    kind = "s3"
    settings_type: ClassVar[type[Settings]] = S3Settings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, S3Settings)
        self._settings = target.settings
        self._calls = Calls(target.settings, context, f"s3-{target.name}")
        self._listing: Listing | None = None
        self._listed_at = 0.0
        self._guarding = Guarding()
        self._guarding_gaps: tuple[Gap, ...] = ()
        self._guarded_at: float | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """A bucket of R2 that the environment names, with its keys by reference."""
        bucket, account = environ.get("R2_BUCKET_NAME", ""), environ.get("R2_ACCOUNT_ID", "")
        if not bucket or not {"R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"} <= environ.keys():
            return
        endpoint = "env:R2_ENDPOINT" if environ.get("R2_ENDPOINT") else f"https://{account}.r2.cloudflarestorage.com"
        if not environ.get("R2_ENDPOINT") and not account.isalnum():
            return
        settings = {
            "bucket": bucket,
            "endpoint": endpoint,
            "region": "auto",
            "key_id": "env:R2_ACCESS_KEY_ID",
            "secret_key": "env:R2_SECRET_ACCESS_KEY",
        }
        yield Found("backups", settings, "R2_BUCKET_NAME is set")

    async def read(self) -> Snapshot[S3Facts]:
        """Judge the last listing, and list anew when it is time."""
        began = self.context.monotonic()
        self.doing = "reading"
        await self._admitted()
        if self._listing is None or self.context.monotonic() - self._listed_at >= self._settings.list_every:
            self._listing = await self._listed()
            self._listed_at = self.context.monotonic()
        else:
            await self._head()
        await self._look_at_guarding()
        facts = await self._facts(self._listing)
        gaps = list(self._guarding_gaps)
        if facts.cut:
            words = SafeText("name a longer prefix, so that the newest is among those that are listed")
            gaps.append(Gap(f"keys beyond the first {CAP:,}", Cause.TOO_BIG, words))
        return self.snapshot(facts, measured(facts, self._settings.fresh, self._settings.min_size), began, gaps)

    # whose it is

    async def _admitted(self) -> None:
        """Make sure of the account, where there is one: a store that is not AWS has no STS to ask."""
        if not self._is_store:
            await self._calls.whose()

    @property
    def _is_store(self) -> bool:
        return self._settings.endpoint is not None and self._settings.account is None

    async def _seat(self) -> Seat:
        if not self._is_store:
            return await self._calls.seat()
        account = await self._calls.account()
        region = f", region {account.region}" if account.region else ""
        spending = self._calls.spending
        return Seat(SafeText(f"a store at {account.where}{region}", 200), spending.calls, spending.a_day)

    def _login(self) -> str:
        if self._settings.key_id is not None:
            return "key id and secret key are both set"
        return f"as ~/.aws says for {self._settings.profile}" if self._settings.profile else "as the machine has it"

    # asking

    async def _listed(self) -> Listing:
        listing = Listing(self._settings.prefix, self._settings.pattern)
        token: dict[str, str] = {}
        seen = 0
        while True:
            most = min(_PAGE, CAP - seen)
            answer = await self._read("list_objects_v2", Prefix=self._settings.prefix, MaxKeys=most, **token)
            if "IsTruncated" not in answer:
                raise ProbeError(Cause.GARBAGE, f"{self._calls.where} does not answer like S3")
            contents = answer.get("Contents") or ()
            seen += len(contents)
            listing.take(contents)
            following = answer.get("NextContinuationToken")
            if not answer["IsTruncated"]:
                return listing
            if not isinstance(following, str) or following == token.get("ContinuationToken"):
                raise ProbeError(Cause.GARBAGE, f"{self._calls.where} gives the same page of keys again and again")
            if seen >= CAP:
                listing.cut = True
                return listing
            token = {"ContinuationToken": following}

    async def _head(self) -> None:
        """Between two listings, only whether the bucket still answers."""
        await self._read("head_bucket")

    async def _read(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return await self._calls.read("s3", operation, Bucket=self._settings.bucket, **parameters)
        except Refused as error:
            raise self._worded(operation, error) from None

    def _worded(self, operation: str, error: Refused) -> ProbeError:
        bucket = SafeText(self._settings.bucket, 80)
        if error.code in _ABSENT:
            what = "backup of that key" if operation == "head_object" else f"bucket {bucket}"
            return ProbeError(Cause.GONE, f"there is no {what} at {self._calls.where}")
        if error.code in _ELSEWHERE:
            return ProbeError(Cause.MISSING, f"bucket {bucket} is in another region", "set region; R2 wants auto")
        if error.cause is Cause.DENIED:
            right = RIGHTS[operation]
            words = ProbeError(Cause.DENIED, f"the login may not {right}", f"it needs {right} in its policy")
            return Refused(error.code, words)
        return error

    async def _look_at_guarding(self) -> None:
        """Versions, encryption, public access; each may be refused, or unknown to a store that is not AWS."""
        now = self.context.monotonic()
        every = _GUARDING_WATCHED if self.watched else _GUARDING
        if self._guarded_at is not None and now - self._guarded_at < every:
            return
        self._guarded_at = now
        asked = ("get_bucket_versioning", "get_bucket_encryption", "get_public_access_block")
        parts = ("versioning of the bucket", "encryption of the bucket", "public access of the bucket")
        answers: list[dict[str, Any] | None] = []
        gaps = []
        for operation, part in zip(asked, parts, strict=True):
            try:
                answers.append(await self._read(operation))
            except Refused as error:
                answers.append({} if error.code in _NOT_SET else None)
                if error.code not in _NOT_SET and not (self._is_store and error.cause is Cause.MISSING):
                    gaps.append(Gap(part, error.cause, error.hint or error.message))
            except ProbeError as error:
                answers.append(None)
                gaps.append(Gap(part, error.cause, error.hint or error.message))
        versions, encryption, public = answers
        self._guarding = Guarding(_versions(versions), _encryption(encryption), _public(public))
        self._guarding_gaps = tuple(gaps)

    # what it means

    async def _facts(self, listing: Listing) -> S3Facts:
        now, last = self.context.now(), listing.newest
        newest = last[0] if last else None
        told = self._settings.expected
        every = told * 3600 if told is not None else cadence(last)
        return S3Facts(
            seat=await self._seat(),
            bucket=SafeText(self._settings.bucket, 255),
            prefix=SafeText(self._settings.prefix, 900),
            pattern=SafeText(self._settings.pattern, 200),
            login=self._login(),
            newest=newest,
            age=None if newest is None else max(0.0, (now - newest.at).total_seconds()),
            count=listing.count,
            total=listing.total,
            others=listing.others,
            cut=listing.cut,
            last=last,
            median=usual_size(last),
            cadence=every,
            missing=missing_days(last, every, now) if len(last) < KEPT or _covers(last, now) else (),
            listed_ago=self.context.monotonic() - self._listed_at,
            guarding=self._guarding,
        )

    # closer looks

    def looks(self) -> tuple[Look, ...]:
        """One object's head; the way to the bucket."""
        return (_OBJECT, _REACH)

    async def look(self, name: str, subject: str) -> Sheet:
        """Ask about one object by its key, or time the bucket."""
        await self._admitted()
        if name == _OBJECT.name:
            return Sheet(_OBJECT.title, await self._object(subject or self._newest_key()))
        if name == _REACH.name:
            began = self.context.monotonic()
            await self._head()
            took = self.context.monotonic() - began
            words = f"bucket {self._settings.bucket} answers at {self._calls.where} in {took * 1000:.0f} ms"
            return Sheet(_REACH.title, (SafeText(words), SafeText(f"login: {self._login()}")))
        raise ProbeError(Cause.MISSING, f"s3 has no look named {SafeText(name, 40)}")

    def _newest_key(self) -> str:
        if self._listing is None or not self._listing.newest:
            raise ProbeError(Cause.MISSING, "there is no backup to look at")
        return self._listing.newest[0].key

    async def _object(self, key: str) -> tuple[SafeText, ...]:
        """HeadObject; checksums are asked of AWS only, other stores may refuse the question."""
        asked = {} if self._settings.endpoint else {"ChecksumMode": "ENABLED"}
        told = await self._read("head_object", Key=key, **asked)
        at, size = told.get("LastModified"), told.get("ContentLength")
        pairs = [
            ("key", key),
            ("size", f"{size:,} bytes" if isinstance(size, int) else "–"),
            ("written", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if isinstance(at, datetime) else "–"),
            ("ETag", told.get("ETag")),
            ("storage class", told.get("StorageClass") or "STANDARD"),
            ("type", told.get("ContentType")),
            ("encryption", told.get("ServerSideEncryption")),
            ("version", told.get("VersionId")),
            ("thawing", told.get("Restore")),
            ("locked until", told.get("ObjectLockRetainUntilDate")),
            *((name.removeprefix("Checksum"), told.get(name)) for name in sorted(told) if name.startswith("Checksum")),
        ]
        return tuple(SafeText(f"{name:<14} {value}", 1200) for name, value in pairs if value not in (None, ""))

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _covers(last: tuple[Stored, ...], now: datetime) -> bool:
    """True when those kept reach back over the days that are judged."""
    return (now - last[-1].at).days >= 14


def _versions(told: Mapping[str, Any] | None) -> str | None:
    return None if told is None else str(SafeText(str(told.get("Status") or "off"), 20)).lower()


def _encryption(told: Mapping[str, Any] | None) -> str | None:
    if told is None:
        return None
    rules = told.get("ServerSideEncryptionConfiguration", {}).get("Rules") or [{}]
    by = rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")
    return str(SafeText(str(by or "none"), 40))


def _public(told: Mapping[str, Any] | None) -> str | None:
    if told is None:
        return None
    blocks = told.get("PublicAccessBlockConfiguration", {})
    on = sum(blocks.get(name) is True for name in _BLOCKS)
    return "blocked" if on == len(_BLOCKS) else "partly blocked" if on else "not blocked"
