"""A comparison as people write it: "error rate > 5 % for 5 min", "more than 1,000 messages", "超过 80%"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from desk.runbook import duration

_MORE: Final = (
    r"exceed(?:s|ed|ing)?|above|over|(?:is |are )?more than|greater than|higher than|longer than|older than|surpass\w*"
    r"|beyond|超过|超過|大于|高于|を?超え\w*|más de|mayor (?:al?|que)|superior al?|supera|mais de|maior que|acima de"
    r"|plus de|supérieure? à|dépass\w+|au-dessus de|mehr als|größer als|höher als|über|übersteigt|più di|superiore a"
    r"|maggiore di|больше|более|выше|превышает"
)
_LESS: Final = (
    r"below|under|less than|lower than|fewer than|younger than|低于|小于|少于|不足|menos de|menor (?:al?|que)"
    r"|inferior al?|por debajo de|abaixo de|moins de|inférieure? à|en dessous de|weniger als|kleiner als"
    r"|niedriger als|unter|meno di|inferiore a|меньше|менее|ниже"
)
_LEAST: Final = r"at least|no less than|mindestens|al menos|pelo menos|au moins|almeno|至少|не менее"
_MOST: Final = r"at most|no more than|höchstens|como máximo|no máximo|au plus|не более"
_WORDS: Final = {">=": _LEAST, "<=": _MOST, ">": _MORE, "<": _LESS}
_SIGNS: Final = {
    ">": ">", "<": "<", ">=": ">=", "<=": "<=", "≥": ">=", "≤": "<=", "==": "==",
    "＞": ">", "＜": "<", "⩾": ">=", "⩽": "<=", "=": "==",
}  # fmt: skip
_AFTER: Final = {
    ">=": r"以上|or (?:more|higher|above|greater|over)|and (?:above|up|over)|y más|ou plus|ou mais|oder mehr|이상",
    "<=": r"以下|or (?:less|lower|fewer|below|under)|이하",
    "<": r"未満|を?下回\w*|미만|보다 (?:낮|작|적)\w*|altı(?:nda|na|ndaysa)?(?!\w)",
    ">": r"を?超え\w*|を?上回\w*|超過|超(?![えー])|초과\w*|넘\w*|보다 (?:높|크|많)\w*"
    r"|üzeri\w*|üstü\w*|fazla(?:ysa)?(?!\w)|aş(?:arsa|ıyor|tı|ması)\w*",
}
"""Words behind the number that compare."""

_SIGN: Final = (
    r"(?<![-=<>|!+\w$])(?:>=|<=|==|>|<|≥|≤|⩾|⩽|＞|＜)(?![<>=(&-])|(?<=\w)(?:>=|<=|≥|≤|>|<)(?=\s?\d)"
    r"|(?<=\s)=(?=\s0(?![\w.,]))"
)
_COUNTED: Final = (
    r"messages?|msgs?|connections?|conns?|requests?|errors?|failures?|failed \w+|jobs?|items?|entries|events?|restarts?"
    r"|retries|sessions?|users?|processes|threads?|rows?|keys?|pods?|replicas?|workers?|instances?|nodes?|tasks?|files?"
    r"|queries|locks?|evictions?|timeouts?|times|consecutive \w+|cores?|emails?|alerts?|tps|qps|rps|iops"
    r"|次|件|个|台|倍|건"
)
_RATE: Final = (
    rf"(?:\s?/\s?(?:{duration.UNIT})(?![a-z])|\s?/\s?\d+|\s?per (?:second|minute|hour|day)|\s?p[sm](?![a-z]))"
)
_UNIT: Final = (
    rf"%|％|percent|pct|per ?cent|prozent|por ?ciento|[KMGT]i?B(?![a-z])|[kmg]b(?![a-z])|bytes?|[KMG]bps"
    rf"|[KMGT]o(?![a-z])|req(?:uests?)?/s(?:ec)?|(?:{duration.UNIT})(?![a-zа-яё])|(?:{_COUNTED})(?!\w)|x(?!\w)|×|°C"
)
_NUMBER: Final = (
    r"[$€£¥]?\s?(?P<{0}>\d{{1,3}}(?:(?:,\d{{3}})+|(?:\.000)+)(?!\d)|\d+(?:[.,]\d+)?(?![.,]?\d))"
    r"(?P<{0}_k>\s?[kKM](?![\w%]))?(?!\s?[x×]\s?\d)"
)
_SIGNED: Final = re.compile(
    rf"(?:(?P<sign>{_SIGN})|(?<![A-Za-zÀ-ÿ])(?P<word>{'|'.join((_LEAST, _MOST, _MORE, _LESS))}))"
    rf"\s*(?:~|≈|about |ca\. )?(?P<percent>%\s?)?"
    rf"{_NUMBER.format('number')}(?!\.\d)(?P<unit>\s?(?:{_UNIT}))?(?P<rate>{_RATE})?",
    re.IGNORECASE,
)
_BEHIND: Final = re.compile(
    rf"(?<![A-Za-z0-9_.,$-])(?P<percent>%\s?)?{_NUMBER.format('number')}(?P<unit>\s?(?:{_UNIT}))?(?P<rate>{_RATE})?"
    rf"(?:['’]\w{{1,4}}\s|[을를이가]\s?|\s(?:CPU|RAM)\s|\s)?"
    rf"(?:(?P<plus>(?<=%)\+|\+(?=\s(?:{_COUNTED})))(?P<what>\s(?:{_COUNTED}))?|(?P<behind>{'|'.join(_AFTER.values())}))",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(
    rf"(?<![\w.-]){_NUMBER.format('low')}\s?%?(?:ms|s)?\s?(?:-|–|—|to|~|bis|à)\s?{_NUMBER.format('high')}"
    rf"(?P<unit>\s?(?:{_UNIT}))?(?P<rate>{_RATE})?",
    re.IGNORECASE,
)
_ALONE: Final = re.compile(
    rf"(?P<percent>%\s?)?{_NUMBER.format('number')}(?P<unit>\s?(?:{_UNIT}))?(?P<rate>{_RATE})?(?![\w:./-])",
    re.IGNORECASE,
)
_LASTING: Final = re.compile(
    r"\W{0,2}\s*(?:(?:[\w-]+ ){0,4}?for|(?:\w+ )?(?:for|over|during|lasting|sustained(?: for)?|in(?: the)?"
    r"(?: last| past)?|within|持续|持続|連続|连续|pendant|durante|für|seit|por|per|on|@|в течение|,))\s*(?:a |an )?"
    r"(?:the )?(?:last |past )?"
    r"(?:>=?|≥|more than|at least|over)?\s*(?=\d)",
    re.IGNORECASE,
)
_IN_BRACKETS: Final = re.compile(r"\s*[([]\s*(?=\d)")
_AHEAD: Final = re.compile(r"(?:at|of|with|bei|con|avec)\s+[^,;]{0,40}$", re.IGNORECASE)
_APART: Final = re.compile(
    r"[;!?]\s|[.,:](?=\s|$)|\s(?:and|or|und|oder|et|ou|y|o|e)\s|→|=>|->|\s[-–—]\s|[|•]|、|。|，|；|：|或|且",
    re.IGNORECASE,
)
_SAME: Final = re.compile(
    r"[\s,;/()|]*(?:\b(?:warn(?:ing)?|crit(?:ical)?|alert|page|info|p[1-4])\b[\s,;:/()|]*)?(?:(?:and|or|und|et|y)\s+)?$",
    re.IGNORECASE,
)
"""What may stand between two limits of one metric: "> 80% (warning), > 95% (critical)"."""
_LEADING: Final = re.compile(
    r"^(?:(?:please|also|then|(?:the )?(?:alert|alarm) fires|fires?|alert(?:s|ing)?|page|warn(?:ing)?|critical"
    r"|notify|trigger(?:s|ed)?|check|verify|monitor"
    r"|ensure|confirm|investigate|escalate|if|when(?:ever)?|while|once|unless|any|the|a|an|is|on|for|that|whether|high"
    r"|low|elevated|expected|should(?: be)?|wenn|falls|si|se|cuando|quand|如果|当)\b[\s:]*)+",
    re.IGNORECASE,
)
_TRAILING: Final = re.compile(
    r"(?:[\s:,(=\[*_\"'`-]|(?<=[぀-鿿])[がは]|\b(?:is|are|was|be|goes|stays|rises|grows|climbs|gets|drops|falls|remains|consistently|sustained|at|to|of|by|has"
    r"|have|with|that|which|for|von|ist|sind|est|es|é|>|<)\b)+$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison within a text."""

    metric: str
    """What is compared, from the words before it; empty when there are none."""
    operator: str
    value: float
    unit: str
    lasting: str
    """For how long, as rules take it: "5m"; empty: at once."""
    start: int
    end: int


def comparisons(text: str) -> Iterator[Comparison]:
    """Every comparison of a text, in order.

    >>> [(one.metric, one.operator, one.value, one.lasting) for one in comparisons("error rate > 5% for 5 min")]
    [('error rate', '>', 5.0, '5m')]
    >>> [(one.metric, one.operator, one.value, one.unit) for one in comparisons("Alert if p95 exceeds 1,500 ms")]
    [('p95', '>', 1500.0, 'ms')]
    """
    found = [(one, _operator(one)) for one in _SIGNED.finditer(text)]
    found += [(one, _behind(one)) for one in _BEHIND.finditer(text)]
    done = 0
    said = ""
    for match, operator in sorted(found, key=lambda one: one[0].start()):
        if match.start() < done:
            continue
        lasting, end = _lasting(text, match.end())
        ahead = duration.find(text[done : match.start()])
        metric = _metric(text[done : match.start()])
        if not lasting and ahead is not None and _AHEAD.search(text, done + ahead.end, match.start()):
            lasting = duration.short(ahead.seconds)
            metric = _metric(re.sub(r"^\s*(?:at|of|with|bei|con|avec)\s+", "", text[done + ahead.end : match.start()]))
        if done and _SAME.match(text[done : match.start()]):
            metric = said
        if "what" in match.groupdict() and match["what"]:
            metric = metric or match["what"].strip()
        said = metric
        unit = ((match["unit"] or match["percent"] or "").strip() + (match["rate"] or "")).strip()
        yield Comparison(metric, operator, _number(match, "number"), unit, lasting, match.start(), end)
        done = end


def span(text: str) -> tuple[float, float, str] | None:
    """(lower end, upper end, unit) of a range that is all a text says.

    >>> span("200-500ms"), span("70% – 90%"), span("2024-03-01")
    ((200.0, 500.0, 'ms'), (70.0, 90.0, '%'), None)
    """
    found = _RANGE.fullmatch(text.strip().rstrip("."))
    if found is None:
        return None
    return _number(found, "low"), _number(found, "high"), ((found["unit"] or "") + (found["rate"] or "")).strip()


def bare(text: str) -> Comparison | None:
    """A number that is all a text says, with its unit and how long: "80%", "500 ms for 5m"; no operator yet.

    >>> (one := bare("90 % for 10 min")) and (one.value, one.unit, one.lasting)
    (90.0, '%', '10m')
    """
    found = _ALONE.match(text.strip())
    if found is None:
        return None
    lasting, end = _lasting(text.strip(), found.end())
    if text.strip()[end:].strip(" .)"):
        return None
    unit = ((found["unit"] or found["percent"] or "").strip() + (found["rate"] or "")).strip()
    return Comparison("", "", _number(found, "number"), unit, lasting, 0, len(text))


def _operator(match: re.Match[str]) -> str:
    if match["sign"]:
        return _SIGNS[match["sign"]]
    return next(sign for sign, words in _WORDS.items() if re.fullmatch(words, match["word"], re.IGNORECASE))


def _behind(match: re.Match[str]) -> str:
    if match["plus"]:
        return ">="
    return next(sign for sign, words in _AFTER.items() if re.fullmatch(words, match["behind"], re.IGNORECASE))


def _number(match: re.Match[str], name: str) -> float:
    raw = match[name]
    grouped = re.fullmatch(r"\d{1,3}(?:(?:,\d{3})+|(?:\.000)+)", raw)
    raw = re.sub(r"[.,]", "", raw) if grouped else raw.replace(",", ".")
    times = (match[f"{name}_k"] or "").strip().lower()
    return float(raw) * {"k": 1e3, "m": 1e6}.get(times, 1.0)


def _lasting(text: str, end: int) -> tuple[str, int]:
    for lead in (_LASTING.match(text, end), _IN_BRACKETS.match(text, end)):
        if lead is None:
            continue
        found = duration.find(text, lead.end())
        if found is not None and found.start == lead.end():
            return duration.short(found.seconds), found.end
    return "", end


def _metric(text: str) -> str:
    clause = re.sub(r"[`*\"“”«»]", "", text)
    clause = re.sub(r"\{[^{}]*\}$", "", clause.rstrip())
    bracket = clause.rfind("(")
    if bracket >= 0 and ")" not in clause[bracket:]:
        inside = _TRAILING.sub("", _LEADING.sub("", clause[bracket + 1 :].strip()))
        if inside:
            return inside[:80]
        clause = clause[:bracket]
    pieces = [piece for piece in _APART.split(_TRAILING.sub("", clause)) if piece.strip()]
    if not pieces:
        return ""
    for piece in reversed(pieces[-2:]):
        said = re.sub(r"\s+", " ", piece.strip(" \t.)]"))
        if named := _TRAILING.sub("", _LEADING.sub("", said)).strip():
            return named[:80]
    return ""
