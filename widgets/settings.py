"""Draws a file of settings: which keys, which of them are not applied, who may read them. A secret is never drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import plural, size, span
from probes.base import SafeText, Severity
from probes.settings.facts import Entry, SettingsFacts, User
from probes.settings.marks import SHORTEST
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, toned
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_NAMED: Final = 6


def _value(one: Entry) -> Part:
    if not one.secret:
        return one.shown if one.shown else dim("(empty)")
    if not one.length:
        return Span("(empty)", Tone.WARNING)
    return f"{'•' * 6}  {one.shown}" if one.shown else "•" * 6


def _mark(one: Entry) -> str:
    return one.mark or _GONE


def _told_mark(one: Entry) -> str:
    if one.mark:
        return f"{one.mark}: two values with one mark are the same"
    if one.length < SHORTEST:
        return f"none: below {SHORTEST} characters it could be guessed"
    return "none: there is no key for marks that can be used; the first look before an act makes one"


def _applied(one: Entry) -> str:
    return {None: _GONE, True: "yes", False: "NO"}[one.applied]


def _extra(one: Entry) -> str:
    words = ["not applied: made new, it is"] if one.applied is False else []
    words += [f"stands there {one.times} times"] if one.times > 1 else []
    words += ["made of other variables"] if one.refers else []
    words += ["retire old value" if one.earlier is not None else "can be tried"] if one.proven else []
    return ", ".join(words)


def _tone(one: Entry) -> Tone:
    if one.applied is False:
        return Tone.WARNING
    return Tone.WARNING if one.times > 1 or (one.secret and not one.length) else Tone.PLAIN


def _mode(facts: SettingsFacts) -> str:
    """As `ls` writes it.

    >>> _mode(SettingsFacts(SafeText("/x"), mode=0o640))
    'rw-r-----'
    """
    letters = "rwxrwxrwx"
    return "".join(letter if facts.mode >> (8 - at) & 1 else "-" for at, letter in enumerate(letters))


def _names(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more


def _detail(one: Entry) -> Sequence[Line]:
    """All that may be told of a key."""
    pairs: list[tuple[str, Part]] = [
        ("key", SafeText(one.key)),
        ("value", _value(one)),
        ("secret", "yes: its value is never shown" if one.secret else "no"),
        ("length", plural(one.length, "character")),
        ("mark", _told_mark(one)),
        ("line", str(one.line) + (f", the last of {one.times}" if one.times > 1 else "")),
        ("applied", {None: "not known", True: "yes", False: "no: what runs has another value"}[one.applied]),
        ("can be tried", "yes" if one.proven else "no: the profile does not say how"),
    ]
    if one.proven:
        kept = f"kept until {one.earlier:%Y-%m-%d}: retire proves that it is dead" if one.earlier else "none is kept"
        pairs.append(("earlier value", kept))
    return [line(dim(f"{name:<14}"), words) for name, words in pairs]


_KEYS: Final[Table[SettingsFacts, Entry]] = Table(
    name="keys",
    title="keys",
    rows=lambda facts: facts.entries,
    key=lambda one: one.key,
    columns=(
        Column("key", lambda one: SafeText(one.key), 32),
        Column("length", lambda one: str(one.length), 6, lambda one: one.length, True, 90, True),
        Column("mark", _mark, 6, least=80),
        Column("applied", _applied, 7, lambda one: str(one.applied), least=60),
        Column("value", _value, 40),
        Column("what else", _extra),
    ),
    empty="the file has no key",
    tone=_tone,
    detail=_detail,
    looks=("prove", "kept"),
)

_USERS: Final[Table[SettingsFacts, User]] = Table(
    name="users",
    title="made from it",
    rows=lambda facts: facts.users,
    key=lambda one: str(one.name),
    columns=(
        Column("container", lambda one: one.name, 32),
        Column("made", lambda one: f"{one.made:%Y-%m-%d %H:%M}" if one.made else _GONE, 16, lambda one: one.made),
        Column("before the last change", lambda one: "yes" if one.older else "no", 22, least=80),
        Column("other values", lambda one: _names(one.differs) or "none"),
    ),
    empty="no container was looked at, or none runs",
)


def _remarks(facts: SettingsFacts) -> list[str]:
    """What is to be done, in words."""
    words = []
    words += [f"not applied: {_names(facts.unapplied)}"] if facts.unapplied else []
    words += [f"missing: {_names(facts.missing)}"] if facts.missing else []
    words += ["every user can read its secrets"] if facts.secrets and facts.mode & 0o004 else []
    words += [f"{plural(facts.twice, 'key')} twice"] if facts.twice else []
    words += ["a killed session left its secrets beside it"] if facts.left else []
    return words


def _remark(said: str, severity: Severity | None, width: int) -> Line:
    words = Span(fit(said, max(8, width - 2)).text.rstrip(), toned("", severity).tone)
    return line(sign(severity), " ", words, severity=severity)


def _changed(view: View[SettingsFacts]) -> str:
    age = view.snapshot.gauge("changed_age_seconds")
    return f"changed {span(age)} ago" if age is not None else "age not known"


def _link(facts: SettingsFacts) -> str:
    return f" -> {facts.link}" if facts.link else ""


def _access(facts: SettingsFacts) -> str:
    return f"{_mode(facts)} {facts.owner}  {size(facts.size)}"


def _made(facts: SettingsFacts, width: int) -> list[Line]:
    """What is made from it, and what is wrong with the file itself."""
    lines: list[Line] = []
    if facts.applies:
        words = f"counts once {facts.renewed}: {', '.join(facts.applies)}"
        lines.append(line(dim(fit(words, width).text.rstrip())))
    if facts.left:
        words = f"left beside it by a killed session: {_names(facts.left)}"
        lines.append(line(Span(fit(words, width).text.rstrip(), Tone.WARNING)))
    if facts.tracked:
        lines.append(line(Span(fit("kept in git: its secrets are in its history", width).text.rstrip(), Tone.WARNING)))
    if facts.bad:
        numbers = ", ".join(map(str, facts.bad[:_NAMED]))
        lines.append(line(Span(fit(f"no setting on line {numbers}", width).text.rstrip(), Tone.WARNING)))
    return lines


class SettingsPanel(Panel[SettingsFacts]):
    """One file of settings."""

    title = "SETTINGS"
    help = (
        "Values of secrets are never shown: a length, and a mark of six digits by which two values can be compared.\n"
        "Marks are made with a random key that you alone can read; the first look before an act makes that key, and\n"
        "before there are none. A value below eight characters has none, since it could be guessed.\n"
        "applied NO: a container made from the file has another value. A restart does not change that: it must be\n"
        "made new (recreate). – means that no container has the key, or none was looked at (docker in the profile).\n"
        "missing: keys that its example (FILE.example) has. Of a key that stands there twice the last one counts.\n"
        "left behind: a killed session's new file, with all values in it. sweep, or the next change, takes it away.\n"
        "A rotation ends with retire: it tries the old value, and forgets it once it is seen to be dead.\n"
        "prove tries a value at its own server, where the profile says how (rotate.KEY.prove)."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_KEYS, _USERS)

    def headline(self, view: View[SettingsFacts]) -> Sequence[Part]:
        """How many keys, and what is wrong with them."""
        facts = view.facts
        parts: list[Part] = [plural(len(facts.entries), "key")]
        for number, words, gauge in (
            (len(facts.unapplied), "not applied", "not_applied"),
            (len(facts.missing), "missing", "missing"),
        ):
            parts += [toned(f"{number} {words}", view.severity(gauge))] if number else []
        return parts

    def brief(self, view: View[SettingsFacts], width: int) -> Sequence[Line]:
        """One line: what is to be done, or that nothing is."""
        said = "; ".join(_remarks(view.facts)) or f"{view.facts.file}, {_changed(view)}, nothing to remark"
        return (_remark(said, view.severity(), width),)

    def head(self, view: View[SettingsFacts], width: int) -> Sequence[Line]:
        """The file itself, and what is made from it."""
        facts = view.facts
        said = "; ".join(_remarks(facts)) or f"{_changed(view)}, nothing to remark"
        about = line(fit(f"{facts.file}{_link(facts)}  {_access(facts)}", width).text.rstrip())
        return [about, _remark(said, view.severity(), width), *_made(facts, width)]

    def more(self, view: View[SettingsFacts], width: int) -> Sequence[Line]:
        """The head, without the path and the remarks that stand in the brief."""
        facts = view.facts
        file = str(facts.file) if _remarks(facts) else "it is"
        return [line(dim(fit(f"{file}{_link(facts)}  {_access(facts)}", width).text.rstrip())), *_made(facts, width)]
