"""Who is called, in which order, and how soon: contacts, escalation ladders and severity levels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from desk.runbook import duration
from desk.runbook.block import Block, Form, Row
from desk.runbook.book import Contact, Level, Rung
from desk.runbook.phases import plain
from desk.runbook.words import names

_CONTACT: Final = re.compile(
    r"contact|on-?call|phone|who to call|support (?:team|contacts)|external services|vendors?\b"
    r"|kontakt|ansprechpartner"
    r"|bereitschaft|astreinte|responsables|guardia|plantao|reperibil|iletisim|nobetci|連絡先|担当者"
    r"|联系|聯絡|值班|연락처|담당자|당직"
    r"|контакт|дежурн|telefon|telefono|escala(?:tion|cion|cao)|eskalation|エスカレーション"
)
_LADDER: Final = re.compile(
    r"escalat|eskala|escalad|escalon|escalad|escalon|escala(?:cion|cao|r)|エスカレーション|升级|上报"
    r"|에스컬레이션|эскалац"
    r"|emergency procedures|call order|call tree"
)
_LEVEL_NAME: Final = re.compile(
    r"^(?:(?:sev(?:erity)?|p|s|prio(?:rity)?|niveau|nivel|livello|stufe|prioritat|priorite|gravedad"
    r"|gravite|level|severidad)[\s-]*[0-5]\b"
    r"|(?:critical|high|medium|low|major|minor|kritisch|hoch|mittel|niedrig|critique|haute|moyenne"
    r"|basse|elevee|critico|critica|alto|alta|medio|media"
    r"|bajo|baja|baixo|baixa|kritik|yuksek|orta|dusuk|严重|紧急|高|中|低|重大|緊急|긴급|높음|보통|낮음"
    r"|критич\w*|высок\w*|средн\w*|низк\w*)\b)"
)
_SCHEME: Final = re.compile(
    r"severit|severid|priorit|incident (?:levels?|classification)|schwere|prioritat|gravite|gravedad"
    r"|gravidad|niveaux?\b|criticid|oncelik|onem"
    r"|障害レベル|重大度|優先度|深刻度|レベル|级别|等级|優先|심각도|등급|우선순위|критичност|приоритет"
    r"|^levels?$|^sev$|^nivel$|^livello$|^stufe$|^p$"
)
_RESPONSE: Final = re.compile(
    r"respon[sd]|reaktion|reaction|ack|sla\b|temps de reponse|reponse|tiempo|respuesta|tempo|resposta"
    r"|risposta|sure|yanit|mudahale|対応|応答|响应"
    r"|回應|대응|응답|реакц|время|zeit|delai|deadline|within"
)
_RESOLVE: Final = re.compile(
    r"resol|losung|solucion|fix|cozum|解決|解决|해결|устранен|restore|recover|update|communicat|example"
)
_ROLE: Final = re.compile(
    r"^(?:role|team|who|contact|name|service|vendor|provider|system|area|level|function|position|rolle"
    r"|rol|funcion|funcao|ruolo|equipo|equipe|役割|担当|部署|角色|职责|团队|역할|담당|팀|роль|команда"
    r"|escalate to|primary|component|kontakt|ansprechpartner)\b"
)
_NAME: Final = re.compile(
    r"^(?:name|person|contact name|assignee|nombre|nom|nome|isim|ad|担当者|氏名|姓名|负责人|이름"
    r"|담당자|имя|primary|owner)\b"
)
_WAY: Final = re.compile(
    r"phone|mobile|telephone|tel\b|e-?mail|slack|contact|channel|pager|reach|telegram|teams|link|url"
    r"|number|telefon|kontakt|kanal|telefono|correo|canal|contato|contatto|courriel"
    r"|連絡先|電話|メール|联系|电话|邮箱|연락처|전화|이메일|контакт|телефон|почта|how"
)
_FOUND_WAY: Final = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|https?://[^\s)>|,]+|\+?\(?\d[\d\s().-]{6,}\d(?:\s*(?:x"
    r"|ext\.?)\s*\d+)?|(?<![\w&])#[A-Za-z][\w-]+"
    r"|(?<![\w.])@[\w.-]+|\b(?:PagerDuty|Opsgenie|OpsGenie|VictorOps)\b|\[[^\[\]]{2,60}\]"
    r"|<[^<>@]{2,40}>|\b911\b|\bext\.?\s*\d{2,6}"
)
_NOT_ROLE: Final = re.compile(
    r"^(?:note|last updated|version|maintained by|response time|when|remember|document|hours"
    r"|availability|available|verfugbar|時間|対応時間|status page|definition|description|update)\b"
)
_IMMEDIATE: Final = re.compile(
    r"immediat|at once|sofort|inmediat|imediat|immediatamente|hemen|即座|即时|立即|直ちに|즉시"
    r"|немедленно|right away|^now\b|asap|сразу|立刻"
)
_RANGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|–|to|bis|a|à)\s*\d")
_SPLIT: Final = re.compile(r"\s*(?:[:：]|\s[-–—]\s|→|\|)\s*")
_TIER: Final = re.compile(r"(?:level|l|tier|stufe|ebene|niveau|nivel|livello|seviye|уровень|レベル|第)\s*\d")
_CALL: Final = re.compile(r"\s*(?:call|notify|contact|page|escalate to|inform|alert)\s+(?:the )?", re.IGNORECASE)
_MARKS: Final = re.compile(r"[*`]")
_ROLE_LENGTH: Final = 60
_HEAD_WORDS: Final = re.compile(r"\s*[(（](.*?)[)）]\s*")
_IN_BRACKETS: Final = re.compile(r"[(（]([^()（）]*)[)）]")
_AT_ONCE: Final = re.compile(rf"(?:{_IMMEDIATE.pattern})\w*[,;:]?\s*", re.IGNORECASE)
_LASTING: Final = names(
    "if when it lasts takes for after over than more longer later wenn es nach dauert apres depois despues dopo"
)
"""Words beside a length of time that say no more than that it has gone by."""


@dataclass(slots=True)
class _Place:
    """A block and the headings and label it stands under."""

    block: Block
    heads: list[str] = field(default_factory=list)
    label: str = ""

    def about(self, what: re.Pattern[str]) -> bool:
        """Whether the nearest heading, the one above it or the label speak of it."""
        return any(what.search(plain(name)) for name in (*self.heads[-2:], self.label) if name)


def _places(blocks: Sequence[Block]) -> Iterator[_Place]:
    heads: list[Block] = []
    label = ""
    for block in blocks:
        if block.form is Form.HEADING:
            heads = [head for head in heads if head.level < block.level] + [block]
            label = ""
        elif block.form is Form.LABEL and not block.depth and not block.rest:
            label = block.text
        yield _Place(block, [head.text for head in heads if head.level > 1], label)


def contacts(blocks: Sequence[Block]) -> tuple[Contact, ...]:
    """Everybody to call, from tables, lists and lines like `Role: name, phone`, under headings that speak of people."""
    found: list[Contact] = []
    for place in _places(blocks):
        block = place.block
        if block.form is Form.TABLE and block.header is not None:
            found += _contact_rows(block.header, block.rows, place)
        elif place.about(_CONTACT):
            if block.form is Form.ITEM and block.number is None:
                role = place.label if _short_way(block.text) and place.label else ""
                found += _contact(block.line, f"{role}: {block.text}" if role else block.text)
            elif block.form is Form.LABEL and block.rest:
                found += _contact(block.line, f"{block.text}: {block.rest}")
            elif block.form is Form.PARAGRAPH:
                for number, row in enumerate(block.text.split("\n")):
                    found += _contact(block.line + number, row)
    return tuple(found)


def _short_way(text: str) -> bool:
    """Whether an item names only the way: "E-mail: ops@example.com" under the label of a team."""
    head = plain(_SPLIT.split(text, maxsplit=1)[0])
    return bool(_WAY.match(head)) and len(head) <= 30


def _contact(line: int, text: str) -> list[Contact]:
    parts = _SPLIT.split(_MARKS.sub("", text.strip()), maxsplit=1)
    if len(parts) != 2 or not parts[0] or len(parts[0]) > _ROLE_LENGTH:
        return []
    role, rest = parts
    ways = _ways(rest)
    if not ways and not re.match(r"(?:check|see|call|ask|page)\b", plain(rest)):
        return []
    if _NOT_ROLE.match(plain(role)) or role.lower().startswith(("http", "if ")):
        return []
    name = _FOUND_WAY.sub("", rest)
    name = re.sub(r"(?i)\b(?:phone|e-?mail|slack|tel|mobile|telefon|cell)\b\.?:?", "", name)
    name = re.sub(r"[(（]\s*[)）]", "", name).strip(" -–—,;:/|()·")
    name = re.sub(r"(?i)^(?:check|see|call|ask|page|via|contact|on)$", "", name)
    return [Contact(line, role.strip(), name if len(name) <= _ROLE_LENGTH else "", ways or (rest.strip(),))]


def _ways(text: str) -> tuple[str, ...]:
    found = (match[0].strip(" .,;") for match in _FOUND_WAY.finditer(_MARKS.sub("", text)))
    return tuple(dict.fromkeys(one for one in found if one))


def _contact_rows(header: Row, rows: Sequence[Row], place: _Place) -> list[Contact]:
    heads = [plain(cell) for cell in header.cells]
    if any(_SCHEME.search(head) for head in heads[:1]) or len(heads) < 2:
        return []
    roles = [number for number, head in enumerate(heads) if _ROLE.match(head)]
    ways = [number for number, head in enumerate(heads) if _WAY.search(head)]
    named = [number for number, head in enumerate(heads) if _NAME.match(head)]
    if not (place.about(_CONTACT) or (roles and ways and any(_FOUND_WAY.search(_cell(row, ways[0])) for row in rows))):
        return []
    role = roles[0] if roles else 0
    name = next((number for number in named if number != role), -1)
    found = []
    for row in rows:
        called = _cell(row, role)
        reached = tuple(
            dict.fromkeys(
                way
                for number, cell in enumerate(row.cells)
                if number != role and (number in ways or _FOUND_WAY.search(cell)) and number != name
                for way in (_ways(cell) or ((_MARKS.sub("", cell).strip(),) if number in ways else ()))
                if way and way not in ("-", "—")
            )
        )
        if called and reached:
            found.append(Contact(row.line, called, _cell(row, name) if name >= 0 else "", reached))
    return found


def _cell(row: Row, number: int) -> str:
    return _MARKS.sub("", row.cells[number]).strip() if 0 <= number < len(row.cells) else ""


def after(text: str) -> float | None:
    """Seconds after which it is somebody's turn: the shorter end of "0-15 minutes", 0 for "immediately".

    >>> after("Level 2 (15-30 minutes)"), after("if it lasts > 1 hour"), after("immediately"), after("the CTO")
    (900.0, 3600.0, 0.0, None)
    """
    found = duration.find(text)
    if found is None:
        return 0.0 if _IMMEDIATE.search(plain(text)) else None
    written = text[found.start : found.end]
    several = _RANGE.match(written)
    if several is None:
        return found.seconds
    whole = duration.find(_RANGE.sub(lambda match: match[0][-1], written, count=1)) or found
    last = re.match(r"\d+(?:\.\d+)?", _RANGE.sub(lambda match: match[0][-1], written, count=1))
    top = float(last[0]) if last else 0.0
    return whole.seconds / top * float(several[1]) if top else found.seconds


def ladder(blocks: Sequence[Block]) -> tuple[Rung, ...]:
    """The rungs of the first escalation ladder: numbered lines, items or rows under a heading that speaks of it."""
    runs: list[list[Rung]] = []
    home: tuple[tuple[str, ...], str, Form] | None = None
    for place in _places(blocks):
        block = place.block
        nearest = place.label if _LADDER.search(plain(place.label)) else place.heads[-1] if place.heads else ""
        tier = block.form is Form.ITEM and place.about(_CONTACT) and _TIER.match(plain(block.text)) is not None
        if not tier and not _LADDER.search(plain(nearest)):
            continue
        rungs: list[Rung] = []
        if block.form is Form.LABEL and block.rest and _TIER.match(plain(block.text)):
            said = f"{block.text}: {block.rest}"
            rungs = [Rung(block.line, _HEAD_WORDS.sub(" ", block.rest).strip(), after(said), said)]
        elif block.form is Form.ITEM and block.level == 1 and block.text:
            rungs = _rung(block)
        elif block.form is Form.TABLE and block.header is not None:
            rungs = _rung_rows(block.header, block.rows)
        if rungs:
            key = (tuple(place.heads), place.label, block.form)
            if key != home:
                runs.append([])
                home = key
            runs[-1] += rungs
    best = max(runs, key=lambda run: (sum(rung.after is not None for rung in run) >= 1, len(run) >= 2), default=[])
    return tuple(best)


def beyond(rung: Rung) -> str:
    """What a rung's line says beyond who is called and after how long; empty: no more than that.

    >>> beyond(Rung(1, "Lead", 0.0, "Lead (at once)")), beyond(Rung(1, "Lead", 900.0, "Level 2: Lead (15-30 min)"))
    ('', '')
    >>> beyond(Rung(1, "DBA", 300.0, "DBA (if it lasts > 5 minutes, or rows are lost)"))
    'if it lasts > 5 minutes, or rows are lost'
    >>> beyond(Rung(1, "Lead", 0.0, "sofort | Lead | tell her the number"))
    'tell her the number'
    """
    return " | ".join(filter(None, (_beyond(part, rung) for part in rung.text.split(" | "))))


def _beyond(text: str, rung: Rung) -> str:
    lead = rf"(?:{_TIER.pattern}\s*[:：.–—-]?\s*)?(?:{_CALL.pattern})?"
    found = re.fullmatch(rf"{lead}{re.escape(rung.who)}(?P<rest>\W.*|)", text.strip(), re.IGNORECASE | re.DOTALL)
    rest = (text if found is None else found["rest"]).strip(" .:：,;–—-")
    if (inner := _IN_BRACKETS.fullmatch(rest)) is not None:
        rest = inner[1].strip()
    if rung.after == 0.0 and (now := _AT_ONCE.match(rest)) is not None:
        rest = rest[now.end() :]
    return "" if _only_time(rest) else rest


def _only_time(text: str) -> bool:
    """Whether a text says how long, and nothing else."""
    found = duration.find(text)
    if found is None:
        return not text
    around = plain(f"{text[: found.start]} {text[found.end :]}")
    return set(re.findall(r"[^\W\d_]+", around)) <= _LASTING


def _rung(block: Block) -> list[Rung]:
    text = _MARKS.sub("", block.text)
    when = after(text)
    if block.number is None and when is None:
        return []
    said = re.sub(r"^(?:level|stufe|nivel|niveau|tier|l)\s*\d\s*[:：-]\s*", "", text, flags=re.IGNORECASE)
    head, _, tail = said.partition(":")
    who = head if not tail or duration.find(head) is None else tail
    if not tail and (arrow := re.search(r"(?:→|->|=>)\s*(.+)$", said)):
        who = arrow[1]
    who = _HEAD_WORDS.sub(" ", who).strip(" .-–—,") or said
    if tail and _calls(tail):
        who = _CALL.sub("", tail, count=1).strip()
    elif _calls(who):
        who = _CALL.sub("", who, count=1).strip()
    return [Rung(block.line, who, when, text)]


def _calls(text: str) -> bool:
    return _CALL.match(text) is not None


def _rung_rows(header: Row, rows: Sequence[Row]) -> list[Rung]:
    heads = [plain(cell) for cell in header.cells]
    times = [
        number
        for number, head in enumerate(heads)
        if re.search(
            r"time|after|when|within|trigger|condition|zeit|tiempo|tempo|temps|delai|sure|時間|时间|시간|время"
            r"|criteria|duration",
            head,
        )
    ]
    whos = [
        number
        for number, head in enumerate(heads)
        if number not in times
        and re.search(
            r"who|contact|role|escalat|notify|person|team|kontakt|contacto|連絡|担当|联系|담당|연락|кто"
            r"|контакт|name|to\b",
            head,
        )
    ]
    if not whos or not times:
        return []
    found = []
    for row in rows:
        who = _cell(row, whos[0])
        if who:
            when = next((value for number in times if (value := after(_cell(row, number))) is not None), None)
            found.append(Rung(row.line, who, when, " | ".join(_MARKS.sub("", cell) for cell in row.cells)))
    return found


def levels(blocks: Sequence[Block]) -> tuple[Level, ...]:
    """The severity levels: the rows of a table, the items or the headings of the first scheme that is written down."""
    schemes: list[list[Level]] = []
    home: object = None
    for place in _places(blocks):
        block = place.block
        if block.form is Form.TABLE and block.header is not None:
            if rows := _level_rows(block.header, block.rows, place):
                schemes.append(rows)
                home = None
            continue
        if not place.about(_SCHEME):
            continue
        said = place.heads[-1] if place.heads else ""
        if block.form is Form.HEADING and _LEVEL_NAME.match(plain(block.text)):
            found = Level(block.line, block.text)
        elif block.form is Form.ITEM and schemes and home == "heading" and _LEVEL_NAME.match(plain(said)):
            schemes[-1][-1] = _detailed(schemes[-1][-1], block.text)
            continue
        elif block.form is Form.LABEL and schemes and home == "heading" and block.rest:
            schemes[-1][-1] = _detailed(schemes[-1][-1], f"{block.text}: {block.rest}")
            continue
        elif block.form in (Form.ITEM, Form.LABEL) and _LEVEL_NAME.match(plain(block.text)):
            text = f"{block.text}: {block.rest}" if block.form is Form.LABEL else block.text
            name, _, about = _MARKS.sub("", text).partition(":")
            if not about and block.form is Form.ITEM:
                name, about = [*_SPLIT.split(name, maxsplit=1), ""][:2]
            if len(name) > _ROLE_LENGTH:
                continue
            found = Level(block.line, name.strip(), about.strip(), _response(about))
        else:
            continue
        kind = "heading" if block.form is Form.HEADING else (tuple(place.heads), place.label)
        if home != kind:
            schemes.append([])
            home = kind
        schemes[-1].append(found)
    whole = [scheme for scheme in schemes if len(scheme) > 1]
    best = max(whole, key=lambda scheme: sum(level.respond is not None for level in scheme) > 0, default=[])
    return tuple(best)


def _response(text: str) -> float | None:
    found = re.search(
        r"respon|react|within|reaktion|réponse|respuesta|resposta|ack|対応|响应|대응", text, re.IGNORECASE
    )
    if found is None:
        return None
    return after(text[found.start() :])


def _detailed(level: Level, text: str) -> Level:
    name, _, rest = _MARKS.sub("", text).partition(":")
    said = plain(name)
    if _RESPONSE.search(said) and not _RESOLVE.search(said) and level.respond is None:
        return Level(level.line, level.name, level.about, after(rest))
    if not level.about:
        return Level(level.line, level.name, (rest or name).strip(), level.respond)
    return level


def _level_rows(header: Row, rows: Sequence[Row], place: _Place) -> list[Level]:
    heads = [plain(cell) for cell in header.cells]
    if not heads or not (
        _SCHEME.search(heads[0]) or (place.about(_SCHEME) and re.match(r"level|sev|name|class", heads[0]))
    ):
        return []
    if len(heads) < 4 and any(_LADDER.search(head) for head in heads):
        return []
    named = [
        row for row in rows if _cell(row, 0) and (_LEVEL_NAME.match(plain(_cell(row, 0))) or len(_cell(row, 0)) <= 24)
    ]
    if len(named) < 2 or not any(_LEVEL_NAME.match(plain(_cell(row, 0))) for row in named):
        return []
    times = [
        n
        for n, head in enumerate(heads)
        if n and _RESPONSE.search(head) and not _RESOLVE.search(head) and not _LADDER.search(head)
    ]
    times = [n for n in times if any(after(_cell(row, n)) is not None for row in named)]
    about = next(
        (
            n
            for n, head in enumerate(heads)
            if n
            and n not in times
            and re.search(r"desc|defin|criteri|meaning|signal|impact|定義|定义|説明|描述|정의|설명|опис", head)
        ),
        next((n for n in range(1, len(heads)) if n not in times), 0),
    )
    return [
        Level(
            row.line, _cell(row, 0), _cell(row, about) if about else "", after(_cell(row, times[0])) if times else None
        )
        for row in named
    ]
