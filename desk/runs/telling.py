"""Messages of a run of a procedure, outside any incident: that a key has changed, say. They are kept with the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from desk.incident.message import Draft
from desk.incident.places import PLACE, placeholders
from desk.incident.record import Sent
from desk.incident.scheme import Audience, Template
from desk.notices.wording import System
from desk.runs.record import MESSAGE
from desk.runs.run import Run
from probes.base import Notice, SafeText, Severity

EVENT = "message"
"""Of a notice that tells no alert and no incident."""

_AROUND: Final = 1_000
"""Characters of a note about a message that are not its own: what it is called, to whom and how it went."""


def draft(
    template: Template, run: Run, system: System, given: Mapping[str, str], mask: Callable[[str], str] = str
) -> Draft:
    """A template filled from the run; `given` fills places too, and wins. `mask` takes secrets out."""
    at = run.at.astimezone(UTC)
    known = {
        "title": run.procedure.title, "system": system.name, "environment": system.environment,
        "since": f"{at:%Y-%m-%d %H:%M} UTC", "operator": run.holder or run.by, "id": run.id[-6:], **given,
    }  # fmt: skip
    missing = [name for name in placeholders(template.text) if not known.get(name, "").strip()]
    text = PLACE.sub(lambda found: known.get(found[1], "").strip() or found[0], template.text)
    masked = mask(text)
    return Draft(template, masked, tuple(missing), masked != text)


def refused(made: Draft) -> str:
    """Why a message does not leave as it is, in words; empty: it may."""
    if made.refused:
        return made.refused
    most = MESSAGE - _AROUND
    too_long = len(made.text) > most
    return f"it has {len(made.text):,} characters, and {most:,} are the most that the run keeps" if too_long else ""


def notice(run: Run, message: str, text: str, audience: Audience, system: System, at: datetime) -> Notice:
    """A message as a channel takes it; `message` is its id. Customers are told the text and nothing else."""
    internal = audience == "internal"
    return Notice(
        id=message,
        event=EVENT,
        at=at.isoformat(timespec="milliseconds"),
        system=str(SafeText(system.name, 200)),
        environment=str(SafeText(system.environment, 200)),
        production=system.production,
        case=run.id,
        severity=Severity.NOTICE,
        target=str(SafeText(run.procedure.title if internal else system.name, 200)),
        words="\n".join(str(SafeText.line(one)) for one in text.splitlines()),
        since=run.at.isoformat(timespec="milliseconds"),
        more={"audience": audience},
    )


def told(made: Draft, channel: str, sent: Sent) -> str:
    """What is noted in the run before it leaves: to whom, how, and the words themselves."""
    how = sent.value if sent is Sent.COPIED else f"{channel}: {sent.value}"
    return f"{_named(made)}, {how}: {made.text}"


def answered(made: Draft, channel: str, sent: Sent, answer: str) -> str:
    """What is noted once it is known what became of it."""
    return f"{_named(made)}, {channel}: {sent.value}" + (f" ({answer})" if answer else "")


def _named(made: Draft) -> str:
    who = "customers" if made.template.audience == "public" else "our own people"
    return f"message {made.template.name} to {who}"
