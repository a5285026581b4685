"""Stored backups: on moto and ministack, and on a fake store that knows no STS, as R2 is one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest
from pydantic import ValidationError

from probes.aws.s3.facts import S3Facts, Stored
from probes.aws.s3.listing import KEPT, Listing, cadence, missing_days, usual_size
from probes.aws.s3.probe import CAP, S3Probe
from probes.aws.s3.settings import S3Settings
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, Target
from tests.probes import dbstage
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack.aws import Cloud
from tests.toys import StillClock

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


class Moving(StillClock):
    """A clock whose both hands a test moves."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.wall = at

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


def probe(port: int, clock: StillClock | None = None, **settings: Any) -> S3Probe:
    made = S3Settings.model_validate({"bucket": dbstage.BUCKET, **dbstage.at(port, **settings)})
    context = Context(TestSecrets()) if clock is None else Context(TestSecrets(), clock.monotonic, clock.now)
    return S3Probe(Target("backups", "s3", made), context)


async def read(port: int, **settings: Any) -> Snapshot[S3Facts]:
    made = probe(port, **settings)
    try:
        return await made.read()
    finally:
        await made.close()


def raised(found: Snapshot[S3Facts]) -> dict[str, str]:
    """Rule -> sentence of the alerts of a reading that stays as it is."""
    return dbstage.raised(S3Probe, Target("backups", "s3", S3Settings(bucket="bb")), *[found] * 3)


@dataclass
class FakeStore:
    """A store that knows buckets, and neither STS nor guarding."""

    objects: list[tuple[str, int, datetime]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    error: tuple[int, str] | None = None
    """What it says to everything."""
    loops: bool = False
    """It gives the same page again and again."""
    web: bytes = b""
    """A web page in place of a listing."""
    port: int = 0

    def answer(self, method: str, path: str) -> tuple[int, bytes]:
        """Status and body."""
        split = urlsplit(path)
        asked = parse_qs(split.query, keep_blank_values=True)
        if self.error is not None:
            status, code = self.error
            return (
                status,
                b"" if method == "HEAD" else f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(),
            )
        if method == "HEAD":
            return 200, b""
        if "list-type" not in asked:
            return 501, b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>"
        if self.web:
            return 200, self.web
        prefix = asked.get("prefix", [""])[0]
        start = 0 if self.loops else int(asked.get("continuation-token", ["0"])[0])
        most = int(asked.get("max-keys", ["1000"])[0])
        found = sorted(one for one in self.objects if one[0].startswith(prefix))
        page, more = found[start : start + most], start + most < len(found)
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            "</Contents>"
            for key, size, at in page
        )
        token = f"<NextContinuationToken>{start + most}</NextContinuationToken>" if more else ""
        body = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}<KeyCount>{len(page)}</KeyCount>{rows}"
        return 200, f'<?xml version="1.0"?><ListBucketResult>{body}</ListBucketResult>'.encode()


@contextmanager
def running() -> Iterator[FakeStore]:
    store = FakeStore()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            store.asked.append((self.command, self.path))
            store.headers.append(dict(self.headers))
            status, body = store.answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET
        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    store.port = server.server_address[1]
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def store() -> Iterator[FakeStore]:
    with running() as made:
        yield made


def nightly(
    days: int, size: int = 1000, hours_ago: float = 2, prefix: str = "database/"
) -> list[tuple[str, int, datetime]]:
    """One backup a night."""
    newest = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours_ago)
    return [(f"{prefix}{n:03}.sql.gz", size, newest - timedelta(days=n)) for n in range(days)]


# on engines


@pytest.mark.engine
async def test_the_newest_is_the_one_written_last_whatever_its_name(moto: Cloud) -> None:
    moto.reset()
    client = dbstage.bucket(moto)
    for key in ("db/zz.sql.gz", "db/mm.sql.gz", "db/aa.sql.gz"):
        client.put_object(Bucket=dbstage.BUCKET, Key=key, Body=b"x" * 100)
    client.put_object(Bucket=dbstage.BUCKET, Key="db/", Body=b"")
    client.put_object(Bucket=dbstage.BUCKET, Key="db/readme.txt", Body=b"x")
    client.put_object(Bucket=dbstage.BUCKET, Key="other/1.sql.gz", Body=b"x")
    found = (await read(moto.port, prefix="db/", pattern="*.sql.gz")).facts
    assert (found.count, found.total, found.others) == (3, 300.0, 2)
    assert found.newest is not None
    assert found.age is not None
    assert found.age < 60
    assert {one.key for one in found.last} == {"db/zz.sql.gz", "db/mm.sql.gz", "db/aa.sql.gz"}


@pytest.mark.engine
async def test_a_bucket_tells_how_it_is_guarded(moto: Cloud) -> None:
    moto.reset()
    client = dbstage.bucket(moto)
    found = (await read(moto.port)).facts.guarding
    assert (found.versions, found.encryption, found.public) == ("off", "none", "not blocked")
    client.put_bucket_versioning(Bucket=dbstage.BUCKET, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_encryption(
        Bucket=dbstage.BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
        },
    )
    blocks = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    client.put_public_access_block(Bucket=dbstage.BUCKET, PublicAccessBlockConfiguration=blocks)
    found = (await read(moto.port)).facts.guarding
    assert (found.versions, found.encryption, found.public) == ("enabled", "aws:kms", "blocked")
    client.put_public_access_block(
        Bucket=dbstage.BUCKET, PublicAccessBlockConfiguration=blocks | {"BlockPublicPolicy": False}
    )
    partly = await read(moto.port)
    assert partly.facts.guarding.public == "partly blocked"
    assert raised(partly)["not-guarded"] == "public access to the bucket is not blocked"


@pytest.mark.engine
async def test_an_empty_prefix_is_missing_and_not_a_backup_of_nothing(moto: Cloud) -> None:
    moto.reset()
    dbstage.bucket(moto)
    found = await read(moto.port, prefix="db/")
    assert found.facts.newest is None
    assert found.facts.age is None
    assert found.gauge("newest_age_seconds") is None
    assert found.gauge("newest_bytes") is None
    assert raised(found)["empty"] == f"there is no backup under {dbstage.BUCKET}/db/"


@pytest.mark.engine
async def test_a_bucket_that_is_not_there_is_told_by_its_name(moto: Cloud) -> None:
    moto.reset()
    with pytest.raises(ProbeError, match="there is no bucket nowhere-at-all") as caught:
        await read(moto.port, bucket="nowhere-at-all")
    assert caught.value.cause is Cause.GONE


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["moto", "ministack"])
async def test_more_than_a_thousand_keys_are_listed_to_the_last(engine: str, request: pytest.FixtureRequest) -> None:
    cloud: Cloud = request.getfixturevalue(engine)
    cloud.reset()
    client = dbstage.bucket(cloud)
    for n in range(1005):
        client.put_object(Bucket=dbstage.BUCKET, Key=f"db/{n:04}", Body=b"xy")
    found = (await read(cloud.port, prefix="db/")).facts
    assert (found.count, found.total, found.cut) == (1005, 2010.0, False)
    assert found.newest is not None
    assert len(found.last) == KEPT


@pytest.mark.engine
async def test_the_looks_tell_an_objects_head_and_the_way_to_the_bucket(moto: Cloud) -> None:
    moto.reset()
    client = dbstage.bucket(moto)
    client.put_object(Bucket=dbstage.BUCKET, Key="db/one.sql.gz", Body=b"x" * 4096, ChecksumAlgorithm="SHA256")
    made = probe(moto.port)
    await made.read()
    head = "\n".join(map(str, (await made.look("object", "db/one.sql.gz")).lines))
    for words in ("4,096 bytes", "ETag", "storage class  STANDARD"):
        assert words in head
    assert head == "\n".join(map(str, (await made.look("object", "")).lines)), "no row: the newest"
    reach = "\n".join(map(str, (await made.look("reach", "")).lines))
    assert f"bucket {dbstage.BUCKET} answers at 127.0.0.1" in reach
    assert CANARY not in reach
    with pytest.raises(ProbeError, match="there is no backup of that key"):
        await made.look("object", "db/two.sql.gz")
    with pytest.raises(ProbeError, match="no look named"):
        await made.look("contents", "db/one.sql.gz")
    await made.close()


@pytest.mark.engine
async def test_with_a_pinned_account_that_is_made_sure_of_first(moto: Cloud) -> None:
    moto.reset()
    dbstage.bucket(moto)
    found = (await read(moto.port, account="123456789012")).facts
    assert str(found.seat.place).startswith("123456789012")
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await read(moto.port, account="999999999999")


# on a fake store


async def test_a_store_that_is_not_aws_is_not_asked_for_an_account(store: FakeStore) -> None:
    store.objects = nightly(9)
    found = await read(store.port, prefix="database/", region="auto")
    assert str(found.facts.seat.place) == f"a store at 127.0.0.1:{store.port}, region auto"
    assert found.facts.login == "key id and secret key are both set"
    assert found.gaps == (), "what it does not know is unknown, and no fault"
    assert found.facts.guarding.public is None
    assert found.gauge("unguarded") is None
    assert all(path.startswith(f"/{dbstage.BUCKET}") for _, path in store.asked)
    assert CANARY not in repr(found)
    sums = {name.lower() for headers in store.headers for name in headers}
    assert not [name for name in sums if "checksum" in name], "such stores refuse the checksums of newer libraries"


async def test_a_night_without_a_backup_a_small_one_and_an_old_one_are_told(store: FakeStore) -> None:
    rows = nightly(9, hours_ago=30)
    rows[0] = (rows[0][0], 300, rows[0][2])
    del rows[3]
    store.objects = rows
    found = await read(store.port, prefix="database/", min_size=500)
    alerts = raised(found)
    assert alerts["old"] == "the newest backup is 1d06h old"
    assert alerts["too-small"] == "the newest backup has only 300 B"
    assert alerts["shrunk"] == "the newest backup has 30 % of the usual size, 300 B"
    assert found.facts.missing[0] == rows[2][2].date() - timedelta(days=1)
    assert alerts["days-missing"].endswith("of the last 14 days have no backup")


@pytest.mark.parametrize(("size", "rule"), [(499, "shrunk"), (500, ""), (1500, ""), (1501, "grown")])
async def test_a_size_within_half_of_the_median_is_usual(store: FakeStore, size: int, rule: str) -> None:
    rows = nightly(9)
    rows[0] = (rows[0][0], size, rows[0][2])
    store.objects = rows
    assert set(raised(await read(store.port))) == ({rule} if rule else set())


async def test_a_listing_stands_for_minutes_and_in_between_only_the_bucket_is_asked(store: FakeStore) -> None:
    store.objects = nightly(3)
    clock = Moving(datetime.now(UTC))
    made = probe(store.port, clock)
    first = await made.read()
    store.asked.clear()
    clock.wait(120)
    second = await made.read()
    assert [method for method, _ in store.asked] == ["HEAD"]
    assert second.facts.listed_ago == 120
    assert first.facts.age is not None
    assert second.facts.age == pytest.approx(first.facts.age + 120)
    clock.wait(200)
    store.asked.clear()
    await made.read()
    assert [method for method, _ in store.asked][:1] == ["GET"]
    store.error = (403, "AccessDenied")
    with pytest.raises(ProbeError, match="the login may not s3:ListBucket"):
        await made.read()
    await made.close()


async def test_of_too_many_keys_the_newest_is_not_guessed(store: FakeStore) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    store.objects = [(f"k{n:06}", 1, old) for n in range(CAP + 10)]
    store.objects.append(("zzz-the-newest", 1, datetime.now(UTC)))
    found = await read(store.port)
    assert found.facts.cut
    assert found.facts.count == CAP
    assert [gap.part for gap in found.gaps] == ["keys beyond the first 20,000"]
    assert found.gauge("newest_late_seconds") is None, "it may be fresh: nobody knows"
    assert raised(found) == {}
    assert sum(method == "GET" and "list-type" in path for method, path in store.asked) == 20


async def test_one_that_is_fresh_is_fresh_even_when_there_are_more(store: FakeStore) -> None:
    store.objects = [(f"k{n:06}", 1, datetime.now(UTC)) for n in range(CAP + 10)]
    found = await read(store.port)
    assert found.facts.cut
    late = found.gauge("newest_late_seconds")
    assert late is not None
    assert late < 0


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        ((403, "AccessDenied"), Cause.DENIED, "the login may not s3:ListBucket"),
        ((403, "InvalidAccessKeyId"), Cause.AUTH, "does not accept the keys"),
        ((403, "SignatureDoesNotMatch"), Cause.AUTH, "does not accept the keys"),
        ((403, "RequestTimeTooSkewed"), Cause.CLOCK, "the time of this machine"),
        ((404, "NoSuchBucket"), Cause.GONE, "there is no bucket"),
        ((400, "AuthorizationHeaderMalformed"), Cause.MISSING, "is in another region"),
        ((503, "SlowDown"), Cause.THROTTLED, "fewer calls"),
        ((500, "InternalError"), Cause.OVERLOADED, "failed to answer"),
    ],
)
async def test_each_no_has_its_words(store: FakeStore, error: tuple[int, str], cause: Cause, words: str) -> None:
    store.error = error
    with pytest.raises(ProbeError, match=words) as caught:
        await read(store.port)
    assert caught.value.cause is cause
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("page", [b"<html><body>Please sign in</body></html>", b"<Something/>", b"{}", b"plain"])
async def test_what_is_no_listing_is_garbage_and_no_empty_bucket(store: FakeStore, page: bytes) -> None:
    store.web = page
    with pytest.raises(ProbeError) as caught:
        await read(store.port)
    assert caught.value.cause is Cause.GARBAGE


async def test_a_store_that_gives_the_same_page_for_ever_is_left(store: FakeStore) -> None:
    store.objects = [(f"k{n:05}", 1, NOW) for n in range(3000)]
    store.loops = True
    with pytest.raises(ProbeError, match="same page of keys again and again"):
        await read(store.port)


async def test_a_key_from_outside_steers_no_terminal(store: FakeStore) -> None:
    store.objects = [("db/\u202egz.lqs [click]", 5, datetime.now(UTC))]
    found = (await read(store.port)).facts
    assert found.newest is not None
    assert str(found.newest.name) == "db/<U+202E>gz.lqs [click]"


# alone


def stored(*hours_ago: float, size: float = 10.0) -> list[Stored]:
    return [Stored(f"k{n}", SafeText(f"k{n}"), size, NOW - timedelta(hours=ago)) for n, ago in enumerate(hours_ago)]


def test_the_rhythm_is_the_usual_gap_and_needs_enough_of_them() -> None:
    assert cadence(stored(1, 25, 49, 73)) == 86400
    assert cadence(stored(1, 25, 97, 121, 145)) == 86400, "one missing night is no new rhythm"
    assert cadence(stored(1, 25)) is None


def test_days_are_missing_only_where_one_comes_every_day() -> None:
    nights = stored(2, 26, 98, 122)
    assert missing_days(nights, 86400.0, NOW) == (date(2026, 2, 26), date(2026, 2, 27))
    assert missing_days(nights, 7 * 86400.0, NOW) == ()
    assert missing_days(nights, None, NOW) == ()
    assert missing_days([], 86400.0, NOW) == ()
    assert len(missing_days(stored(2, 26, 24 * 40), 86400.0, NOW)) == 13, "no further back than two weeks"


def test_the_usual_size_is_that_of_the_seven_before_the_newest() -> None:
    many = [Stored(f"k{n}", SafeText(), size, NOW) for n, size in enumerate((999, 1, 2, 3, 4, 5, 6, 7, 5000, 5000))]
    assert usual_size(many) == 4
    assert usual_size(many[:3]) is None


def test_a_hundred_thousand_keys_take_little_time_and_no_memory() -> None:
    listing = Listing("db/", "*.gz")
    page = [{"Key": f"db/{n:04}.gz", "Size": n, "LastModified": NOW + timedelta(seconds=n)} for n in range(1000)]
    began = time.process_time()
    for _ in range(100):
        listing.take(page)
    assert time.process_time() - began < 10.0
    assert listing.count == 100_000
    assert len(listing.newest) == KEPT
    assert listing.newest[0].size == 999


@pytest.mark.parametrize("raw", [{}, {"Key": 3}, {"Key": "a", "Size": "big"}, {"Key": "a", "Size": 1}])
def test_a_row_that_is_not_as_documented_does_not_count(raw: dict[str, Any]) -> None:
    listing = Listing("", "*")
    listing.take([raw])
    assert (listing.count, listing.others) == (0, 1)


def test_r2_gets_its_one_region_and_others_what_they_are_told() -> None:
    r2 = "https://0123abc.r2.cloudflarestorage.com"
    assert S3Settings.model_validate({"bucket": "bb", "endpoint": r2}).region == "auto"
    assert S3Settings.model_validate({"bucket": "bb", "endpoint": r2, "region": "us-east-1"}).region == "us-east-1"
    assert S3Settings(bucket="bb").region is None


@pytest.mark.parametrize("bucket", ["", "s3://backups", "a/b", "-x", "$(x)"])
def test_a_bucket_that_cannot_be_is_refused(bucket: str) -> None:
    with pytest.raises(ValidationError):
        S3Settings(bucket=bucket)


def test_a_key_in_clear_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        S3Settings(bucket="bb", key_id="AKIAEXAMPLE", secret_key="hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_environment_of_an_r2_application_is_noticed_by_reference_only() -> None:
    environ = {"R2_BUCKET_NAME": "assets", "R2_ACCESS_KEY_ID": "id", "R2_SECRET_ACCESS_KEY": "hunter2"}
    assert list(S3Probe.discover(environ)) == []
    (found,) = S3Probe.discover(environ | {"R2_ACCOUNT_ID": "0123abc"})
    assert found.settings["endpoint"] == "https://0123abc.r2.cloudflarestorage.com"
    assert found.settings["secret_key"] == "env:R2_SECRET_ACCESS_KEY"
    assert "hunter2" not in repr(found)
    S3Settings.model_validate(found.settings)
    (found,) = S3Probe.discover(environ | {"R2_ENDPOINT": "https://x"})
    assert found.settings["endpoint"] == "env:R2_ENDPOINT"
    assert list(S3Probe.discover({})) == []
