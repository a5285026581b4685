"""Reads what Secrets Manager tells about secrets: dates, rotation, versions. Values are not asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Final

from probes.aws.calls import Calls
from probes.aws.secrets.facts import OneSecret, SecretsFacts
from probes.aws.secrets.gauges import RULES, SPECS, measured
from probes.aws.secrets.parse import aged, hanging, moment, secret
from probes.aws.secrets.settings import SecretsSettings
from probes.base import (
    Cause,
    Context,
    Gap,
    GaugeSpec,
    Probe,
    ProbeError,
    Rule,
    SafeText,
    Settings,
    Snapshot,
    Target,
)

CAP: Final = 10_000
"""Secrets of one target at most."""
_PAGE: Final = 100
"""Secrets in one answer: the most ListSecrets gives."""
_PAGES: Final = 15
"""Answers in one reading; a longer list goes on with the next."""
_FIRST: Final = 1.5
"""Seconds of the first reading that go to the list: something must be seen soon."""
_SHARE: Final = 0.5
_DATED: Final = 5
"""Secrets in one reading whose versions' dates are asked for."""
_SEEN: Final = 20
"""Rows that a person sees first; their versions' dates are worth asking for."""
_MAGIC: Final = frozenset("*?[")


class SecretsProbe(Probe[SecretsFacts]):
    """The secrets of one account and region."""

    kind = "secrets"
    settings_type: ClassVar[type[Settings]] = SecretsSettings
    gauges: ClassVar[tuple[GaugeSpec, ...]] = SPECS
    rules: ClassVar[tuple[Rule, ...]] = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SecretsSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, target.name)
        self._named = [one for one in self.settings.names if not _MAGIC & set(one)]
        self._patterns = [one for one in self.settings.names if _MAGIC & set(one)]
        self._known: dict[str, OneSecret] = {}
        """ARN -> what was said in the last list, and of the one under way as far as it came."""
        self._passing: set[str] = set()
        """ARNs of the list under way."""
        self._token = ""
        """Where that goes on; empty: from the beginning."""
        self._listed_at: float | None = None
        self._cut = False
        self._dates: dict[tuple[str, str], datetime] = {}
        """(ARN, version) -> when it was made: that never changes."""

    async def read(self) -> Snapshot[SecretsFacts]:
        """The named ones one by one, the others by the list."""
        began = self.context.monotonic()
        self.doing = "connecting"
        await self._calls.whose()
        self.doing = "reading"
        gaps: list[Gap] = []
        now = self.context.now()
        rows = await self._described(gaps) if self._named else []
        if self._patterns or not self._named:
            await self._list(began)
            rows += self._known.values()
        if self._cut:
            gaps.append(Gap(f"secrets beyond {CAP:,}", Cause.TOO_BIG, SafeText("name some, or give a prefix")))
        found = [aged(one, now) for one in sorted({one.arn or str(one.name): one for one in rows}.values(), key=_name)]
        found.sort(key=worst)
        found = [aged(one, now) for one in await self._dated(found, gaps)]
        facts = SecretsFacts(
            await self._calls.seat(),
            tuple(found),
            listing=bool(self._patterns or not self._named) and self._listed_at is None,
            listed=None if self._listed_at is None else self.context.monotonic() - self._listed_at,
        )
        return self.snapshot(facts, measured(facts, now), began, gaps)

    async def _described(self, gaps: list[Gap]) -> list[OneSecret]:
        asked = [{"SecretId": name} for name in self._named]
        answers = await self._calls.each("secretsmanager", "describe_secret", asked)
        rows, failures = [], list[ProbeError]()
        for name, answer in zip(self._named, answers, strict=True):
            if not isinstance(answer, ProbeError):
                rows.append(secret(answer))
            elif answer.cause is Cause.GONE:
                words = SafeText("no such secret: check the name, account and region")
                rows.append(OneSecret(SafeText(name, 512), missing=True, trouble=words))
            else:
                failures.append(answer)
                rows.append(OneSecret(SafeText(name, 512), trouble=answer.message))
        if failures and len(failures) == len(self._named):
            raise failures[0]
        if failures:
            gaps.append(Gap(_counted(len(failures)), failures[0].cause, failures[0].hint or failures[0].message))
        return rows

    async def _list(self, began: float) -> None:
        """Go on with the list as far as there is time."""
        first = self._listed_at is None and not self._passing
        until = began + (_FIRST if first else self.settings.timeout * _SHARE)
        for page in range(_PAGES):
            if page and self.context.monotonic() >= until:
                return
            try:
                answer = await self._calls.read("secretsmanager", "list_secrets", **self._question())
            except ProbeError:
                self._passing, self._token = set(), ""  # its place in the list may have run out
                raise
            for entry in answer.get("SecretList") or ():
                arn = str(entry.get("ARN", ""))
                if self._wanted(str(entry.get("Name", ""))) and len(self._passing) < CAP:
                    self._known[arn] = secret(entry)
                    self._passing.add(arn)
            following = str(answer.get("NextToken") or "")
            if following and following == self._token:
                raise ProbeError(Cause.GARBAGE, f"{self._calls.where} gives the same page of the list again and again")
            self._token = following
            self._cut = bool(following) and len(self._passing) >= CAP
            if not following or self._cut:
                self._end_of_list()
                return

    def _end_of_list(self) -> None:
        for gone in self._known.keys() - self._passing:
            del self._known[gone]
        self._passing, self._token = set(), ""
        self._listed_at = self.context.monotonic()
        self._dates = {key: date for key, date in self._dates.items() if key[0] in self._known or self._named}

    def _question(self) -> dict[str, Any]:
        prefix = self.settings.prefix or _common(self._patterns)
        asked: dict[str, Any] = {"MaxResults": _PAGE, "IncludePlannedDeletion": True}
        if prefix:
            asked["Filters"] = [{"Key": "name", "Values": [prefix]}]
        if self._token:
            asked["NextToken"] = self._token
        return asked

    def _wanted(self, name: str) -> bool:
        within = not self._patterns or any(fnmatchcase(name, one) for one in self._patterns)
        return within and name.startswith(self.settings.prefix)

    # when versions were made

    async def _dated(self, found: Sequence[OneSecret], gaps: list[Gap]) -> list[OneSecret]:
        """Dates of the versions: of those that hang always, of the others while somebody looks."""
        asked = [one for one in found if hanging(one) is not None and not self._has_dates(one)]
        if self.watched:
            asked += [one for one in found[:_SEEN] if one.versions and not self._has_dates(one) and one not in asked]
        for one in asked[:_DATED]:
            try:
                answer = await self._calls.read("secretsmanager", "list_secret_version_ids", SecretId=one.arn)
            except ProbeError as error:
                if error.cause is Cause.GONE:
                    continue
                gaps.append(Gap("when versions were made", error.cause, error.hint or error.message))
                break
            for told in answer.get("Versions") or ():
                if (made := moment(told.get("CreatedDate"))) is not None:
                    self._dates[one.arn, str(told.get("VersionId"))] = made
        return [self._with_dates(one) for one in found]

    def _has_dates(self, one: OneSecret) -> bool:
        return all((one.arn, version.id) in self._dates for version in one.versions)

    def _with_dates(self, one: OneSecret) -> OneSecret:
        if not any((one.arn, version.id) in self._dates for version in one.versions):
            return one
        dated = (replace(each, created=self._dates.get((one.arn, each.id))) for each in one.versions)
        return replace(one, versions=tuple(dated))

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def worst(one: OneSecret) -> tuple[int, float]:
    """Order of the rows: what is wrong first, then what changed last. Rows come by name before."""
    if one.missing or one.trouble:
        return 0, 0.0
    if one.deleted is not None:
        return 1, 0.0
    if one.overdue is not None or hanging(one) is not None:
        return 2, 0.0
    return 3, -one.changed.timestamp() if one.changed is not None else 0.0


def _name(one: OneSecret) -> str:
    return str(one.name)


def _common(patterns: Iterable[str]) -> str:
    """The beginning that all patterns share, up to their first wildcard."""
    heads = [pattern[: min(at for at, char in enumerate(pattern) if char in _MAGIC)] for pattern in patterns]
    if not heads:
        return ""
    least, most = min(heads), max(heads)
    return least[: next((at for at, char in enumerate(least) if char != most[at]), len(least))]


def _counted(number: int) -> str:
    return "1 secret" if number == 1 else f"{number:,} secrets"
