"""Makes a shared store on a server, or brings its rights up to date. Safe to repeat; nothing kept there is touched."""

from __future__ import annotations

from importlib.resources import files

from probes.base import Cause, ProbeError
from probes.store.line import FORM, Line


def schema() -> str:
    """The statements that make it."""
    return (files("probes.store") / "schema.sql").read_text("utf-8")


def make(line: Line) -> str:
    """Make it; what was done, in words. Raises `ProbeError`."""
    line.raw()
    try:
        before = line.ask("SELECT to_regclass('opsroom_store.form') IS NOT NULL")[0][0]
        if before and (form := line.ask("SELECT form FROM opsroom_store.form")) and form[0][0] > FORM:
            raise ProbeError(
                Cause.VERSION, f"the store there has form {form[0][0]}, and we know {FORM}", "use a newer Opsroom"
            )
        line.script(schema())
        people = line.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'opsroom_people'")[0][0]
    finally:
        line.cut()
    done = f"the store was there, in form {FORM}; its rights are up to date" if before else f"made, in form {FORM}"
    nobody = "there is no role opsroom_people: nobody but its owner may use it, see contrib/postgres/store.sql"
    return done if people else f"{done}; {nobody}"
