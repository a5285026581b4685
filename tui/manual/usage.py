"""The command line, out of click's own account of it: as a page, and as a man page (man(7))."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

import click

_EXIT_CODES: Final = (
    ("0", "All is well."),
    ("1", "Something that was looked at is bad."),
    ("2", "The call or the configuration is wrong."),
    ("3", "Nothing could be reached; the same call may do better later."),
    ("130", "Interrupted."),
)


def usage_page(main: click.Group) -> str:
    """The whole page, Markdown."""
    lines = ["# The command line", ""]
    for path, command in _walk(main, "opsroom"):
        lines += [f"## `{path}{_arguments(command)}`", "", *_help(command), ""]
        lines += [f"- `{names}`: {about}" for names, about in _options(command)]
        lines += [""] if _options(command) else []
    lines += ["## Exit codes", ""]
    lines += [f"- {code}: {about}" for code, about in _EXIT_CODES]
    return "\n".join(lines) + "\n"


def man_page(main: click.Group, version: str) -> str:
    """The same for `man`, in its own language."""
    lines = [f'.TH OPSROOM 1 "" "opsroom {version}"', ".SH NAME"]
    lines += [r"opsroom \- the live state of one production system, and its runbook done from there", ".SH SYNOPSIS"]
    lines += [r".B opsroom", r"[\fIOPTIONS\fR] [\fICOMMAND\fR]", ".SH DESCRIPTION"]
    lines += [_roff(line) or ".PP" for line in _help(main)]
    lines += [".PP", r"\fBopsroom manual\fR has the other pages: every kind of system, the profile, the keys."]
    for path, command in _walk(main, "opsroom"):
        if command is main:
            lines += [".SH OPTIONS", *_described(command), ".SH COMMANDS"]
            continue
        lines += [".SS " + _roff(f"{path.removeprefix('opsroom ')}{_arguments(command)}")]
        lines += [_roff(line) or ".PP" for line in _help(command)]
        lines += _described(command)
    lines += [".SH EXIT STATUS"]
    for code, about in _EXIT_CODES:
        lines += [".TP", rf"\fB{code}\fR", _roff(about)]
    lines += [".SH FILES", r"\fBopsroom info\fR prints every path that is read or written."]
    return "\n".join(lines) + "\n"


def _described(command: click.Command) -> list[str]:
    return [line for names, about in _options(command) for line in (".TP", rf"\fB{_roff(names)}\fR", _roff(about))]


def _walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            if not command.commands[name].hidden:
                yield from _walk(command.commands[name], f"{path} {name}")


def _arguments(command: click.Command) -> str:
    found = [one for one in command.params if isinstance(one, click.Argument)]
    return "".join(f" {one.make_metavar(click.Context(command))}" for one in found)


def _help(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").replace("\b\n", "").splitlines()


def _options(command: click.Command) -> list[tuple[str, str]]:
    context = click.Context(command)
    found: list[Any] = [one.get_help_record(context) for one in command.params if isinstance(one, click.Option)]
    return [(names.replace("  ", " "), about) for names, about in filter(None, found)]


def _roff(text: str) -> str:
    """Text that means itself: a backslash, a hyphen that can be copied, a dot or quote that begins no request.

    >>> _roff("--json"), _roff(".5"), _roff("a\\\\b")
    ('\\\\-\\\\-json', '\\\\&.5', 'a\\\\eb')
    """
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "")
    return r"\&" + text if text.startswith((".", "'")) else text
