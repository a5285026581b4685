"""The limits that a runbook states, and which of them are meant as alerts.

A limit may stand in a table (a column may be the healthy side, a warning, a critical value), in a list, a sentence, a
heading, a comment in code, or in a rule for Prometheus. What is good to be under, how soon somebody must answer, when
to scale or to call the next one are limits too, and no alerts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import takewhile
from typing import Final

from desk.runbook import duration
from desk.runbook.block import Block, Form, Row
from desk.runbook.book import Threshold
from desk.runbook.comparison import Comparison, bare, comparisons, span


class _Role(Enum):
    """What a column of a table is for."""

    METRIC = "metric"
    HEALTHY = "healthy"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    LIMIT = "limit"
    SEVERITY = "severity"
    RESPONSE = "response"
    LASTING = "lasting"
    OTHER = "other"


def _any(words: str) -> re.Pattern[str]:
    """Any of these, apart by white space; an underscore stands for a space."""
    return re.compile("|".join(words.split()).replace("_", " "), re.IGNORECASE)


_ROLES: Final = (
    (
        _Role.RESPONSE,
        _any(
            r"""
    response_time respon[ds]e?_(?:within|sla) \back resol\w+_(?:time|sla|within) \bsla\b \brto\b \brpo\b
    deadline react escalat temps_de_réponse tiempo_de_respuesta tempo_de_resposta reaktionszeit antwortzeit
    yanıt_süresi 响应时间 対応時間 応答時間 time_to frequency interval retention \bage(?:nda)?$
    """
        ),
    ),
    (
        _Role.HEALTHY,
        _any(
            r"""
    health normal target \bok\b good expected goal baseline objecti \bslo\b green ideal acceptable nominal
    typical 正常 目标 目標 objectif objetivo \bziel hedef \bmeta\b soll obiettivo esperado attendu budget current
    value$ unit
    """
        ),
    ),
    (_Role.SEVERITY, _any(r"severity priority ^sev$ niveau ^nivel 级别 級別 重要度 schwere gravi urgency alert_level")),
    (
        _Role.CRITICAL,
        _any(
            r"""
    crit \bred\b severe danger kritis kritik 严重 重大 緊急 \bpage\b urgent \bp1\b alarm(?!e\b) emergency fatal
    """
        ),
    ),
    (
        _Role.WARNING,
        _any(r"warn yellow amber advertencia avertissement uyarı 警告 告警阈值 aviso attention degraded \bp2\b"),
    ),
    (
        _Role.LIMIT,
        _any(
            r"""
    thresh limit condition trigger alert_when \bwhen\b criteri expression \bexpr 閾値 阈值 umbral condici seuil
    schwell grenz eşik soglia limiar condiç 条件 bedingung indicator \bsigns?\b watch fires
    """
        ),
    ),
    (_Role.LASTING, _any(r"^for$ duration \beval 持续 durée duraci dauer window sustained")),
    (
        _Role.METRIC,
        _any(r"metric alert symptom signal indic check what name kpi 异常 異常 指标 項目 metrik métri alerta"),
    ),
)

_LOW_IS_BAD: Final = _any(
    r"""
    hit.?(?:rate|ratio) uptime availab (?<!error_)budget \bfree\b remaining \bleft\b success throughput
    \brps\b \bqps\b score (?<!un)healthy running capacity quota_left replicas workers instances battery
    expir certificat \bcert\b \btls\b \bssl\b backups?_count coverage heartbeats?_(?:count|rate)
    verfügbar disponib 命中 可用 成功 剩余 trades.per deliver(?:ed|y)_rate apdex ratio
    """
)
_HIGH_IS_BAD: Final = _any(
    r"""
    latenc response.?time respon[sd] load.?time error fail fault usage utili[sz] \bused?\b \bcpu\b memory
    \bram\b \bdisk\b heap queue depth backlog \blag\b delay wait connection \bpool\b \bload\b \bage\b
    retr(?:y|ies) dropped \blost\b loss evict restart timeout downtime \bdown\b duration \bp\d\d\b percentile
    blocked lock missing pending unavailab stale 5xx 4xx \b5\d\d\b \b429\b dlq dead.?letter bounce complain slow
    crash oom swap inode bloat dead_tuples rate_limit cost spend imbalance exposure drift skew violations? debt
    fehler antwort latencia erro エラー レスポンス 错误 延迟 使用率 失败
    loop consumption saturation throttl exceed unresponsive
    iowait temperature
    """
)

_SIDE_HEADING: Final = _any(
    r"""
    scal(?:e|ing) capacit autoscal escalat eskalation escalonamento severity_(?:level|defin|matri)
    incident_(?:level|class) requirement prerequisite prérequis voraussetz retention \bslas?\b \bslos?\b
    service_level targets?\b objectives? changelog glossary success_criteria limits_and_quotas sizing budget
    """
)
_GOOD_WORDS: Final = _any(
    r"""
    \bshould\b \bmust\b target \bgoal normal expect healthy \baim\b \bideal optimal \bensure \bverify \bconfirm
    do_not\b \bdon['’]t \bnever\b
    until \bslo\b \bsla\b objective wait_for acceptable \bgood\b \bok\b typical require success_criteria soll\b
    sollte devrait debe\b deve\b 正常 应该 べき
    """
)
_ALERT_WORDS: Final = _any(
    r"""
    \balert \bpage\b pager \bnotif \balarm \bwarn critical kritisch crítico critique symptom trigger threshold
    告警 警告 アラート alerte warnung umbral seuil síntoma symptôme belirti 症状 \bfires?\b
    """
)
_BRANCH: Final = re.compile(
    r"^(?:\W|\d|step)*(?:if|when|wenn|falls|si|se|cuando|quand|unless|in case|sobald|eğer|如果|若|bei)"
    r"(?:\b|(?<=[果若]))",
    re.IGNORECASE,
)
_RESPONSE_LABEL: Final = _any(
    r"""
    response_time respond resolution_time resolve time_to \bsla\b \brto\b \brpo\b \back\b deadline definition
    timeout$ temps_de tiempo_de tempo_de dauer duration estimated retention impact downtime frequency
    """
)
_TRIGGER_LABEL: Final = _any(
    r"""
    trigger symptom alert condition threshold síntoma symptôme belirti 症状 auslöser déclench disparador gatilho
    signs? detect
    """
)
_HUMAN: Final = _any(
    r"""
    unresolved not_resolved persist no_response unacknowledged incident older_than minutes_old ago retention
    autoscal \bhpa\b scal(?:es|ing)_(?:up|out|down|in) (?:adds|removes)_an?
    keep rotate python node version \bv\d postgres(?:ql)?_\d docker kubernetes affect ticket meeting backup
    """
)
_SEVERITIES: Final = (
    (
        "critical",
        _any(r"critical \bcrit\b \bp[01]\b \bsev-?[01]\b 🔴 🚨 kritis critique crítico kritik 严重 緊急 page_on"),
    ),
    ("warning", _any(r"warn \bp[23]\b \bsev-?[23]\b 🟡 🟠 ⚠ avertissement advertencia aviso uyarı 警告")),
    ("info", _any(r"\binfo \bp[45]\b \bsev-?[45]\b 🔵 🟢 notice hinweis")),
)
_GRADES: Final = (
    ("critical", _any(r"\bpage\b \bhighest\b urgent hoch alta élevée")),
    ("warning", _any(r"\bhigh\b medium mittel media moyenne")),
    ("info", _any(r"\blow\b niedrig baja faible")),
)
"""What a column for severities may say too; elsewhere these words say something else."""
_BARE_LIMIT: Final = _any(r"thresh 閾値 阈值 umbral seuil schwell eşik soglia limiar порог 임계")
"""Columns where a number alone is a limit."""
_GENERAL: Final = _any(r"rate value count number usage level it")
"""What a limit's own words may call its metric when the row names it."""
_SAID: Final = _any(r"\balerts?\b \bpage\b \bwarn(?:ing)?\b critical \balarm \bnotify\b")
_LEAST: Final = re.compile(
    r"at least|no less than|mindestens|al menos|pelo menos|au moins|至少|\d[^>≥]*\+", re.IGNORECASE
)
_BEFORE: Final = 200
_BEHIND: Final = 120
"""Characters before and behind a limit that may say what it is meant for."""
_SHELL: Final = frozenset(
    {"", "bash", "sh", "shell", "zsh", "console", "text", "txt", "terminal", "promql", "powershell"}
)
_COMMENT: Final = re.compile(r"(?:(?:^|\s)(?:#+|//)|^\s*--)\s+(?P<text>.+)$")
_PLACEHOLDER: Final = re.compile(r"</?[A-Za-z][^<>\n]{0,60}>|<!--.*?-->|<[=-]+>")
_CODE: Final = re.compile(r"`([^`]+)`")
_COMMANDLIKE: Final = re.compile(
    r"\s--?\w|[|;$\\]|\bselect\b|\bwhere\b|^\s*(?:awk|find|grep|curl|jq|docker|kubectl)\b|\+0 >", re.I
)
_NONE: Final = re.compile(
    r"^(?P<none>0|no|zero|none|all|keine?|ning[uú]n|sin|aucune?|nenhuma?|没有|无)\s+(?P<what>[^()]{3,60}?)"
    r"(?:\s+(?:for|in|within|since|over|seit|durante|pendant)\s+(?:the last\s+|last\s+)?(?P<rest>.*))?$",
    re.IGNORECASE,
)
_FAILS: Final = re.compile(
    r"(?P<what>[^.;:,()]{3,50}?)\s+(?:(?:is|are|has been|keeps)\s+)?(?:fail(?:s|ed|ing)?|down|unreachable|unavailable"
    r"|offline|not (?:responding|answering|running)|unhealthy)\s+(?:for|over|during)\s+"
    r"(?P<rest>(?:more than |over |at least |>=?\s*)?\d.*)",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"^(?P<indent>\s*)-?\s*(?P<key>alert|expr|for|severity)\s*:\s*(?P<value>.*)$")


@dataclass(slots=True)
class _Around:
    """What stands above a block."""

    headings: dict[int, str] = field(default_factory=dict)
    label: str = ""
    lead: str = ""
    """The last paragraph or outer item."""

    @property
    def near(self) -> str:
        """The nearest heading."""
        return self.headings[max(self.headings)] if self.headings else ""

    @property
    def path(self) -> str:
        """All the headings above, as one text."""
        return " / ".join(text for _, text in sorted(self.headings.items()))

    @property
    def name(self) -> str:
        """What a limit without a name is about."""
        return re.split(r"\s*[<>≥≤]", _named(self.label) or _named(self.near))[0]

    def take(self, block: Block) -> None:
        """Note what a block says for those after it."""
        if block.form is Form.HEADING:
            self.headings = {level: text for level, text in self.headings.items() if level < block.level}
            self.headings[block.level] = block.text
            self.label = self.lead = ""
        elif block.form is Form.LABEL:
            self.label, self.lead = block.text, block.rest
        elif block.form is Form.PARAGRAPH:
            self.lead = block.text


def thresholds(blocks: Iterable[Block]) -> list[Threshold]:
    """Every limit of a file, in the order of its lines."""
    around = _Around()
    found: list[Threshold] = []
    for block in blocks:
        around.take(block)
        if block.form is Form.TABLE:
            found += _of_table(block, around)
        elif block.form is Form.FENCE:
            found += _of_fence(block, around)
        elif block.form is not Form.FRONT and block.form is not Form.HTML:
            found += _of_text(block, around)
    return sorted(found, key=lambda one: one.line)


def _of_text(block: Block, around: _Around) -> Iterator[Threshold]:
    label = block.text if block.form is Form.LABEL else ""
    for offset, line in enumerate((block.rest if label else block.text).splitlines() or [""]):
        text = line if not label or offset else f"{block.text}: {line}"
        text = _PLACEHOLDER.sub(lambda one: " " * len(one[0]), _CODE.sub(_spoken, text))
        of_label = label or around.label
        found = [*comparisons(text)]
        if not found and _ALERT_WORDS.search(f"{label} {around.label} {around.near}"):
            failing = _failing(line if label else text)
            found = [failing] if failing is not None else []
        for number, one in enumerate(found):
            metric = one.metric
            if label and metric in ("", label):
                metric = _named(around.near if _TRIGGER_LABEL.search(label) else label) or label
            near, here = _near(one, text)
            alert = _alerts(here, near, metric, of_label, block, around)
            following = found[number + 1].start if number + 1 < len(found) else len(text)
            behind = re.split(r"[,;/|]", text[one.end : following])[0]
            severity = (_severity(behind) if len(found) > 1 else "") or _severity_near(near, around)
            yield _threshold(block.line + offset, one, metric or around.name, severity, alert, near)


def _near(one: Comparison, text: str) -> tuple[str, Comparison]:
    """(the text around a comparison, the comparison within that): what stands far away says nothing of it."""
    first = max(0, one.start - _BEFORE)
    return text[first : one.end + _BEHIND], replace(one, start=one.start - first, end=one.end - first)


def _spoken(code: re.Match[str]) -> str:
    """A piece of code as words, unless it is a command."""
    return " " * len(code[0]) if _COMMANDLIKE.search(code[1]) else f" {code[1]} "


def _alerts(one: Comparison, text: str, metric: str, label: str, block: Block, around: _Around) -> bool:
    """Whether a limit in words is meant as an alert."""
    bad = _bad_direction(metric or around.name, one)
    told = bool(_ALERT_WORDS.search(text))
    if bad is False or _HUMAN.search(text[: one.end + 12]) or (label and _RESPONSE_LABEL.search(label)):
        return False
    if _SIDE_HEADING.search(around.path) and not told:
        return False
    if _GOOD_WORDS.search(text[: one.start]) and not told:
        return False
    if not told and not _TRIGGER_LABEL.search(f"{label} {around.near}") and _LEAST.search(text[one.start : one.end]):
        return False
    if label and _TRIGGER_LABEL.search(label):
        return True
    if block.checked is not None:
        return bool(bad) and told
    if _BRANCH.search(text) and not told:
        return False
    return bad is True or told or bool(_TRIGGER_LABEL.search(f"{label} {around.near} {around.lead}"))


def _bad_direction(metric: str, one: Comparison) -> bool | None:
    """Whether it is the bad side that is stated; None when the words don't tell."""
    rises = one.operator.startswith(">")
    if one.operator == "==":
        return None
    if _LOW_IS_BAD.search(metric):
        return not rises
    if _HIGH_IS_BAD.search(metric):
        return rises
    if duration.seconds_of(one.unit.strip()) == duration.seconds_of(one.unit.strip()):  # a time: shorter is better
        return rises
    return None


def _threshold(line: int, one: Comparison, metric: str, severity: str, alert: bool, text: str) -> Threshold:
    return Threshold(
        line,
        metric,
        one.operator,
        one.value,
        one.unit,
        one.lasting,
        severity if alert else "",
        alert,
        text.strip()[:200],
    )


def _severity(text: str, graded: bool = False) -> str:
    """The severity that a text names; `graded`: in a column that is there for it."""
    return next((name for name, words in (*_SEVERITIES, *(_GRADES if graded else ())) if words.search(text)), "")


def _severity_near(text: str, around: _Around) -> str:
    return (
        _severity(text)
        or _severity(around.label)
        or next(
            (
                found
                for level, heading in sorted(around.headings.items(), reverse=True)
                if (level > 1 or len(around.headings) == 1) and (found := _severity(heading))
            ),
            "",
        )
    )


def _named(text: str) -> str:
    """A heading or label as the name of what it is about."""
    text = re.sub(r"^\W*(?:\d+(?:\.\d+)*[.):]?\s+)?", "", text)
    text = re.sub(r"\(.*?\)", "", text)
    text = re.sub(
        r"^(?:critical|warning|alert|issue|problem|symptoms?|scenario|incident|step \d+|high|low|check|monitor)\b"
        r"[\s:#\d-]*",
        "",
        text,
        flags=re.IGNORECASE,
    )
    return text.strip(" :.-")[:60]


def _of_table(block: Block, around: _Around) -> Iterator[Threshold]:
    if block.header is None:
        return
    roles = _roles(block.header)
    if (
        _Role.RESPONSE in roles
        and _Role.SEVERITY in roles
        and not {_Role.LIMIT, _Role.CRITICAL, _Role.WARNING} & set(roles)
    ):
        limits = False
    else:
        limits = not _SIDE_HEADING.search(around.near) or _ALERT_WORDS.search(around.near) is not None
    for row in block.rows:
        for one in _of_row(row, roles, block.header, around):
            yield one if limits else replace(one, alert=False, severity="")


def _roles(header: Row) -> list[_Role]:
    roles = [next((role for role, words in _ROLES if words.search(cell)), _Role.OTHER) for cell in header.cells]
    first = (_Role.OTHER, _Role.CRITICAL, _Role.WARNING, _Role.HEALTHY)
    if len(roles) > 1 and roles[0] in first and _Role.METRIC not in roles:
        roles[0] = _Role.METRIC
    return roles


def _of_row(row: Row, roles: Sequence[_Role], header: Row, around: _Around) -> Iterator[Threshold]:
    cells = [*zip(roles, (_CODE.sub(r"\1", cell) for cell in row.cells), header.cells, strict=False)]
    names = [text for role, text, _ in cells if role is _Role.METRIC and text.strip()]
    metric = _row_name(names[0] if names else "")
    severity = next(
        (_severity(text, graded=True) for role, text, _ in cells if role is _Role.SEVERITY and text.strip()), ""
    )
    lasting = next((text for role, text, _ in cells if role is _Role.LASTING and text.strip()), "")
    lasts = duration.find(lasting)
    rises = _direction(cells)
    graded = {_Role.WARNING, _Role.CRITICAL} & set(roles)
    for role, raw, title in cells:
        text = _PLACEHOLDER.sub(lambda one: " " * len(one[0]), raw)
        if role in (_Role.SEVERITY, _Role.LASTING, _Role.OTHER):
            continue
        side = role in (_Role.HEALTHY, _Role.RESPONSE)
        level = role.value if role in (_Role.WARNING, _Role.CRITICAL) else severity
        level = level or _severity_near(text if role is _Role.LIMIT else "", around)
        found = [*comparisons(text)]
        if not found and (band := span(text)) is not None and role in (_Role.WARNING, _Role.CRITICAL):
            low, high, unit = band
            found = [Comparison("", ">" if rises else "<", low if rises else high, unit, "", 0, len(text))]
        graded_cell = role in (_Role.WARNING, _Role.CRITICAL)
        alone = bare(text) if not found and (graded_cell or _BARE_LIMIT.search(title)) else None
        if alone is not None and (alone.unit or graded_cell):
            found = [replace(alone, operator=">" if rises else "<" if alone.unit else "<=")]
        if not found and role in (_Role.LIMIT, _Role.METRIC) and not graded and (none := _nothing(text)) is not None:
            found = [none]
        for one in found:
            own = role in (_Role.LIMIT, _Role.METRIC) and one.metric and not _GENERAL.fullmatch(one.metric)
            about = one.metric if own else (metric or one.metric)
            if (
                role is _Role.METRIC
                and len({*roles} & {_Role.LIMIT, _Role.WARNING, _Role.CRITICAL})
                and names[:1] == [raw]
            ):
                continue  # "Latency (> 2 s)" names the row, its limit has a column of its own
            bad = _bad_direction(f"{about} {metric}", one)
            alert = not side and not (bad is False and role in (_Role.METRIC, _Role.LIMIT))
            found_one = _threshold(row.line, one, about or around.name, level, alert, raw)
            yield replace(found_one, lasting=duration.short(lasts.seconds)) if lasts and not one.lasting else found_one


def _row_name(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[*`]", "", text)).strip()[:80]


def _direction(cells: Sequence[tuple[_Role, str, str]]) -> bool:
    """Whether greater is worse in this row, by its comparisons, else by its name."""
    for role, text, _ in cells:
        for one in comparisons(text):
            if role in (_Role.WARNING, _Role.CRITICAL, _Role.LIMIT):
                return one.operator.startswith(">")
            if role is _Role.HEALTHY:
                return one.operator.startswith("<")
    return not any(_LOW_IS_BAD.search(text) for role, text, _ in cells if role is _Role.METRIC)


def _nothing(text: str) -> Comparison | None:
    """ "0 workers running", "No successful logins for 2 min": a limit without a sign."""
    found = _NONE.match(text.strip())
    if found is None or (found["none"].lower() in ("all", "none") and "unavailable" not in text.lower()):
        return None
    what = found["what"].strip()
    what = re.sub(r"\bunavailable\b", "available", what, flags=re.IGNORECASE)
    lasts = duration.find(found["rest"] or "")
    return Comparison(what, "==", 0.0, "", duration.short(lasts.seconds) if lasts else "", 0, len(text))


def _failing(text: str) -> Comparison | None:
    """ "Health check fails for 2 minutes", "No orders for half an hour": a state that lasts."""
    none = _nothing(text)
    if none is not None:
        return none if none.lasting else None
    found = _FAILS.search(text)
    lasts = duration.find(found["rest"]) if found is not None else None
    if found is None or lasts is None:
        return None
    what = re.sub(r"^\W*(?:the|a|if|when|alert if|alert when)\s+", "", found["what"], flags=re.IGNORECASE)
    return Comparison(what.strip(" :-*"), "==", 0.0, "", duration.short(lasts.seconds), found.start(), len(text))


def _of_fence(block: Block, around: _Around) -> Iterator[Threshold]:
    if block.tag in ("yaml", "yml", "prometheus") and "expr" in block.text:
        yield from _of_rules(block)
        return
    if block.tag not in _SHELL:
        return
    last = ""
    for offset, line in enumerate(block.text.splitlines()):
        found = _COMMENT.search(line)
        if found is None:
            continue
        text, limited = _PLACEHOLDER.sub(lambda one: " " * len(one[0]), found["text"].lstrip("-*• ")), False
        for one in comparisons(text):
            metric = one.metric or last or around.name
            near, here = _near(one, text)
            alert = _alerts(here, near, metric, "", block, around) and bool(_SAID.search(near))
            yield _threshold(block.first + offset, one, metric, _severity_near(near, around), alert, near)
            limited = True
        last = last if limited else _named(text)


def _of_rules(block: Block) -> Iterator[Threshold]:
    """Rules for Prometheus, as they are."""
    rules: list[dict[str, tuple[int, str]]] = []
    rows = block.text.splitlines()
    for offset, line in enumerate(rows):
        found = _RULE.match(line)
        if found is None:
            continue
        if found["key"] == "alert" or not rules:
            rules.append({})
        value = found["value"].strip().strip("'\"")
        if re.fullmatch(r"[|>][+-]?|", value):  # a text of several lines
            deeper = re.compile(rf"\s{{{len(found['indent']) + 1}}}|\s*$")
            below = takewhile(deeper.match, rows[offset + 1 :])
            value = " ".join(row.strip() for row in below if not _RULE.match(row))
        rules[-1].setdefault(found["key"], (block.first + offset, value))
    for rule in rules:
        place, expression = rule.get("expr", (0, ""))
        lasts = duration.find(rule.get("for", (0, ""))[1])
        for one in [*comparisons(expression)][-1:]:
            yield Threshold(
                place, rule.get("alert", (0, ""))[1] or one.metric, one.operator, one.value, one.unit,
                duration.short(lasts.seconds) if lasts else one.lasting,
                _severity(rule.get("severity", (0, ""))[1]), True, expression[:200],
            )  # fmt: skip
