"""What a profile says of a scheduler's API: where its jobs are, which field means what, and which requests do what."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.base import BadPath, Danger, Shape, parse_path
from probes.http.address import ReachSettings
from probes.http.jobs.template import BadTemplate, holes, plain_path

ON_JOBS: Final = ("interval", "pause", "resume", "run")
"""Actions on jobs; any other name is one of the application's own."""
UNITS: Final = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}
_SECRET: Final = re.compile(r"(?i)(?:^|[_-])(?:token|secret|passw(?:or)?d|api[_-]?key|authorization)$")
_SCALAR = bool | int | float | str | None


def _path(text: str) -> str:
    try:
        parse_path(text)
    except BadPath as error:
        raise ValueError(str(error)) from None
    return text


class Fields(BaseModel):
    """Where each thing about a job stands in its JSON object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = "$.id"
    name: str | None = "$.name"
    group: str | None = None
    interval: str | None = None
    enabled: str | None = Field(None, description="True when it runs.")
    paused: str | None = Field(None, description="True when it does not.")
    state: str | None = Field(None, description="A word; paused, disabled, suspended, inactive mean that it is paused.")
    last_run: str | None = None
    last_status: str | None = None
    next_run: str | None = None

    @field_validator("*")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        return None if text is None else _path(text)


class RunFields(BaseModel):
    """Where each thing about an execution stands in its JSON object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = "$.id"
    job: str | None = Field(None, description="Name or id of its job, where one list holds the runs of all.")
    status: str = "$.status"
    at: str | None = None
    took: str | None = Field(None, description="Seconds it took.")
    message: str | None = None

    @field_validator("*")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        return None if text is None else _path(text)


class CheckSettings(BaseModel):
    """What must be so once an own action has been done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(description="Where to look: a path behind the url.")
    expect: dict[str, _SCALAR] = Field(min_length=1, description='Values the JSON must hold: {"$.sending" = false}.')

    @field_validator("path")
    @classmethod
    def _plain(cls, path: str) -> str:
        return _checked_path(path, ())

    @field_validator("expect")
    @classmethod
    def _readable(cls, expect: dict[str, _SCALAR]) -> dict[str, _SCALAR]:
        for path in expect:
            _path(path)
        return expect


class ActionSettings(BaseModel):
    """One request that changes something."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = Field(description="Behind the url; {id} is the job's id.")
    body: Any = Field(
        None,
        description='JSON to send; the value "{interval}" becomes the number, "{id}" the id: {minutes = "{interval}"}.',
    )
    whole: bool = Field(
        False, description="The job as it is now is sent back with the body's values in it, for a PUT that replaces it."
    )
    danger: Literal["reversible", "disruptive", "destructive"] = "disruptive"
    title: str = Field("", max_length=40, description="For a person, two or three words. Default: its name.")
    what: str = Field("", max_length=200, description="One sentence: what it does and what it leaves alone.")
    undo: str = Field("", description="Name of the own action that takes it back.")
    check: CheckSettings | None = Field(None, description="How it is seen to be true.")

    @field_validator("body")
    @classmethod
    def _open(cls, body: Any) -> Any:
        """A body stands on the screen and in the audit."""
        if _holds_secret(body):
            raise ValueError("a body is shown, so it holds no secret: send that in a header, by reference")
        return body

    @property
    def grade(self) -> Danger:
        """How much it can cost."""
        return Danger[self.danger.upper()]


def _holds_secret(body: Any) -> bool:
    if isinstance(body, dict):
        return any(
            (isinstance(value, str) and _SECRET.search(str(name)) is not None) or _holds_secret(value)
            for name, value in body.items()
        )
    return isinstance(body, list) and any(map(_holds_secret, body))


def _checked_path(path: str, known: tuple[str, ...]) -> str:
    try:
        plain_path(path)
        if strange := holes(path) - set(known):
            raise ValueError(f"a path has no {{{min(strange)}}} here")
    except BadTemplate as error:
        raise ValueError(str(error)) from None
    return path


class JobsSettings(ReachSettings):
    """A scheduler's API, or an application's own."""

    every: float = Field(default=15.0, ge=0.5, le=3600, description="Seconds between two readings.")
    list: str = Field("/jobs", description="Path of the list of jobs; empty: there are only actions.")
    items: str | None = Field(
        None, description="Where the jobs stand in it. Default: the list itself, or a usual name."
    )
    next: str | None = Field(None, description="Where the next page's address, path or cursor stands.")
    cursor: str = Field("cursor", description="Parameter that takes a cursor found at `next`.")
    item: str = Field("", description="Path of one job, with {id}: it is read directly before an act.")
    executions: str = Field("", description="Path of executions; with {id} those of one job.")
    executions_items: str | None = Field(None, description="Where the executions stand in it.")
    fields: Fields | None = Field(
        None, description='Where each thing stands in a job: {interval = "$.interval_minutes"}.'
    )
    run_fields: RunFields | None = Field(
        None, description='Where each thing stands in an execution: {at = "$.started_at"}.'
    )
    unit: Literal["seconds", "minutes", "hours"] = Field("minutes", description="What intervals are counted in.")
    failed: tuple[str, ...] = Field(
        ("failed", "failure", "error", "rate_limited", "timeout", "timed_out", "crashed"),
        description="Statuses of an execution that count as failed.",
    )
    limited: tuple[str, ...] = Field(
        ("rate_limited", "rate-limited", "throttled", "too_many_requests"),
        description="Those that say that a vendor was asked too often.",
    )
    idempotency: Annotated[
        str, Shape(r"^([A-Za-z][A-Za-z0-9-]{0,60})?$", 'the name of a header, such as "Idempotency-Key"')
    ] = Field(
        "",
        description='Header that takes the act\'s id: "Idempotency-Key".',
    )
    action: dict[str, ActionSettings] = Field(
        default_factory=dict,
        max_length=40,
        description="interval, pause, resume and run for jobs; any other is your own.",
    )

    @field_validator("list")
    @classmethod
    def _plain(cls, path: str) -> str:
        return _checked_path(path, ()) if path else path

    @field_validator("item", "executions")
    @classmethod
    def _of_one(cls, path: str) -> str:
        return _checked_path(path, ("id",)) if path else path

    @field_validator("items", "next", "executions_items")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        return None if text is None else _path(text)

    @model_validator(mode="after")
    def _fitting(self) -> JobsSettings:
        for name, one in self.action.items():
            on_job = name in ON_JOBS
            if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name):
                raise ValueError("an action is named in small letters, digits and -")
            _checked_path(one.path, ("id",) if on_job else ())
            inside = holes(one.body)
            if on_job and "id" not in holes(one.path) | inside:
                raise ValueError(f"action {name}: path or body must hold {{id}}")
            allowed = {"id", "interval"} if name == "interval" else {"id"} if on_job else set()
            if inside - allowed:
                raise ValueError(f"action {name}: the body has no {{{min(inside - allowed)}}} here")
            if name == "interval" and "interval" not in inside:
                raise ValueError('action interval: the body must hold "{interval}"')
            if one.undo and (one.undo not in self.action or one.undo in ON_JOBS or on_job):
                raise ValueError(f"action {name}: undo names another own action")
            if one.whole and not (on_job and isinstance(one.body, dict)):
                raise ValueError(f"action {name}: whole goes with a job and a body that is a table")
        if not self.list and (set(self.action) & set(ON_JOBS) or self.executions):
            raise ValueError("list is needed for jobs")
        if not self.list and not self.action:
            raise ValueError("name a list of jobs, or actions")
        if "interval" in self.action and self.of_job.interval is None:
            raise ValueError("fields.interval is needed to change intervals")
        return self

    @property
    def of_job(self) -> Fields:
        """Where each thing stands in a job."""
        return self.fields or Fields()

    @property
    def of_run(self) -> RunFields:
        """Where each thing stands in an execution."""
        return self.run_fields or RunFields()

    @property
    def own(self) -> dict[str, ActionSettings]:
        """The application's own actions."""
        return {name: one for name, one in self.action.items() if name not in ON_JOBS}
