"""Programs that run another one: shells, ssh, su, xargs, watch, tmux, runners of packages and of secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within, after_options
from probes.base.command import named
from probes.base.options import is_of_the_system
from probes.commands.dialect_words import SHELL, by_name, shell

_SHELLS: Final = named("sh bash zsh dash ash ksh fish rbash pwsh powershell")
_PLAIN: Final = {
    "sudo": "ugpCDRThrt", "doas": "uC", "env": "uCS", "nohup": "", "time": "fo", "command": "", "exec": "a",
    "nice": "n",
    "ionice": "cnp", "stdbuf": "ioe", "timeout": "ks", "setsid": "", "chronic": "", "unbuffer": "", "builtin": "",
    "caffeinate": "tw", "strace": "eopsPuE", "ltrace": "eopsu", "chrt": "", "taskset": "", "setarch": "",
    "proxychains": "f",
    "proxychains4": "f", "torsocks": "", "unshare": "", "pkexec": "", "gosu": "", "su-exec": "", "tini": "",
    "dumb-init": "", "envdir": "", "numactl": "", "catchsegv": "", "sem": "", "noglob": "", "nocorrect": "",
    "firejail": "",
    "trickle": "", "faketime": "", "cgexec": "g", "xvfb-run": "nse", "prlimit": "", "valgrind": "",
    "retry": "", "gtimeout": "ks",
}  # fmt: skip
"""Wrappers, with the letters of their options that take a value."""
_SKIPS: Final = frozenset({"timeout", "gtimeout", "chrt", "taskset", "setarch", "envdir", "gosu", "su-exec", "faketime",
                           "retry"})  # fmt: skip
"""Wrappers whose first word is their own."""
_SSH_VALUED: Final = "BbcDEeFIiJLlmOopQRSWw"
_AFTER: Final = {
    ("poetry", "run"), ("pipenv", "run"), ("uv", "run"), ("uvx",), ("pipx", "run"), ("bundle", "exec"), ("npx",),
    ("bunx",), ("pnpx",), ("pnpm", "exec"), ("pnpm", "dlx"), ("pnpm", "x"), ("yarn", "exec"), ("yarn", "dlx"),
    ("bun", "x"),
    ("npm", "exec"), ("npm", "x"), ("rbenv", "exec"), ("pyenv", "exec"), ("asdf", "exec"), ("nvm", "exec"),
    ("conda", "run"), ("mamba", "run"), ("doppler", "run"), ("op", "run"), ("infisical", "run"), ("chamber", "exec"),
    ("aws-vault", "exec"), ("teller", "run"), ("dotenv",), ("dotenvx", "run"), ("direnv", "exec"), ("hatch", "run"),
    ("pdm", "run"), ("rye", "run"), ("honcho", "run"), ("foreman", "run"), ("mise", "exec"), ("devbox", "run"),
    ("volta", "run"), ("sops", "exec-env"), ("nix", "develop"), ("rvm", "do"), ("busybox",), ("toybox",),
    ("with-contenv",), ("winpty",),
}  # fmt: skip
"""What stands before another command."""
_OWN_WORD: Final = frozenset({"chamber", "aws-vault", "direnv", "sops"})
_ELSEWHERE: Final = {("heroku", "run"): "heroku", ("railway", "run"): "", ("fly", "ssh"): "fly", ("eb", "ssh"): "eb",
                     ("flyctl", "ssh"): "fly", ("vagrant", "ssh"): "vagrant", ("multipass", "exec"): "multipass",
                     ("lxc", "exec"): "lxc", ("machinectl", "shell"): "machine", ("lima",): "lima"}  # fmt: skip


def carried(line: CommandLine) -> Meaning | Within | None:
    """What a command carries; None when it carries nothing."""
    name = line.program
    if name in _SHELLS:
        return _shell(line)
    if name.lower() in ("cmd", "cmd.exe") and line.words[1:2] and re.fullmatch(r"/[ckCK]", line.words[1]):
        return Within("", script=" ".join(line.words[2:]), system=SHELL)
    known: dict[str, Callable[[CommandLine], Meaning | Within]] = {
        "ssh": _ssh, "autossh": _ssh, "sshpass": _sshpass, "su": _su, "runuser": _su, "xargs": _xargs, "gxargs": _xargs,
        "parallel": _parallel, "watch": _watch, "find": _find, "gfind": _find, "fd": _find, "eval": _eval,
        "trap": _trap,
        "flock": _flock, "script": _script, "chroot": _placed, "nsenter": _nsenter, "systemd-run": _systemd_run,
        "systemd-inhibit": _plain, "tmux": _tmux, "screen": _screen, "entr": _watch, "mosh": _ssh,
        "hyperfine": _parallel,
        "gcloud": _gcloud, "ip": _netns, "pssh": _ssh, "parallel-ssh": _ssh, "clush": _clush, "dsh": _clush,
        "pdsh": _clush, "batch": _at, "at": _at,
    }  # fmt: skip
    if name in known:
        return known[name](line) if name not in ("ip", "gcloud") or _is_carrying(line) else None
    if name in _PLAIN:
        return _plain(line)
    return _runner(line)


def _is_carrying(line: CommandLine) -> bool:
    return "netns" in line.words or "ssh" in line.words[1:4]


def _session(system: str = SHELL, target: str = "") -> Meaning:
    """A session that a person types into: nobody knows what."""
    return Meaning(Sort.SHELL, Verb.OTHER, system, target, Danger.DISRUPTIVE, interactive=True)


def _text_of(line: CommandLine) -> str:
    """What stands on its input, as far as it is known."""
    if line.stdin:
        return line.stdin
    if line.fed and line.fed[0].rpartition("/")[2] in ("echo", "printf"):
        return " ".join(word for word in line.fed[1:] if not re.fullmatch(r"-[neE]+", word))
    return ""


def _shell(line: CommandLine) -> Meaning | Within:
    words = line.words[1:]
    for at, word in enumerate(words):
        if re.fullmatch(r"-[A-Za-z]*c|-[Cc]ommand", word):
            more = words[at + 1 :] if word.lower() == "-command" else words[at + 1 : at + 2]
            return Within("", script=" ".join(more).strip("{} "), stdin=line.stdin, system=SHELL)
        if not word.startswith(("-", "+")) and not (at and re.fullmatch(r"[-+][A-Za-z]*[oO]", words[at - 1])):
            break
    if {"-n", "--version"} & set(words):
        return shell(Danger.READ)
    rest = [word for at, word in enumerate(words) if not word.startswith(("-", "+")) and not (
        at and re.fullmatch(r"[-+][A-Za-z]*[oO]", words[at - 1])
    )]  # fmt: skip
    if rest and "-s" not in words:
        return by_name(rest)
    text = _text_of(line)
    if text:
        return Within("", script=text, system=SHELL)
    if line.reads or line.fed:
        return by_name([line.reads or " ".join(line.fed)])
    return _session()


def _ssh(line: CommandLine) -> Meaning | Within:
    words = list(line.words[1:])
    rest, quiet, host = words, False, ""
    while rest and rest[0].startswith("-"):
        option = rest[0]
        quiet = quiet or bool(re.fullmatch(r"-[A-Za-z]*N[A-Za-z]*", option))
        rest = rest[1:]
        if option == "--":
            break
        if not option.startswith("--") and option[-1] in _SSH_VALUED and len(option) < 5:
            rest = rest[1:]
    if rest:
        host, rest = rest[0], rest[1:]
    late = after_options(rest, _SSH_VALUED) if rest and rest[0].startswith("-") else rest
    quiet = quiet or any(re.fullmatch(r"-[A-Za-z]*N[A-Za-z]*", word) for word in rest[: len(rest) - len(late)])
    if {"-V", "-G", "-Q"} & set(words):
        return shell(Danger.READ, target=host, system="ssh")
    if {"-O"} & set(words):
        return shell(Danger.DISRUPTIVE, target=host, system="ssh")
    place = f"host {host}" if host else "another host"
    if late:
        if line.reads or (line.fed and not _text_of(line)):
            return _poured(late, line, place)
        return Within(place, script=" ".join(late), stdin=_text_of(line), system="ssh", target=host)
    if text := _text_of(line):
        return Within(place, script=text, system="ssh", target=host)
    if quiet:
        return replace(shell(Danger.REVERSIBLE, target=host, system="ssh"), endless=True)
    if line.reads or line.fed:
        return by_name([line.reads or " ".join(line.fed)], system="ssh")
    return _session("ssh", host)


def _poured(words: Sequence[str], line: CommandLine, place: str) -> Meaning | Within:
    """A remote command that is fed from here."""
    name = next(iter(words[0].split()), "").rpartition("/")[2]
    text = " ".join(words)
    if name in ("sudo", "doas"):
        return Within(place, script=text, system="ssh", least=Danger.DISRUPTIVE)
    if name in _SHELLS:
        return by_name([line.reads or " ".join(line.fed) or text], system="ssh")
    if re.search(r"\b(?:psql|mysql|mariadb|pg_restore|mongorestore|redis-cli|sqlite3)\b", text):
        return shell(Danger.DESTRUCTIVE, Verb.RESTORE, place.removeprefix("host "), "ssh")
    return Within(place, script=text, system="ssh", least=Danger.REVERSIBLE)


def _sshpass(line: CommandLine) -> Meaning | Within:
    return Within("", words=tuple(after_options(line.words[1:], "pfd")), stdin=_text_of(line), system="ssh")


def _su(line: CommandLine) -> Meaning | Within:
    words = line.words[1:]
    for at, word in enumerate(words[:-1]):
        if word in ("-c", "--command", "-lc"):
            return Within("", script=words[at + 1], stdin=line.stdin, system=SHELL)
    if line.program == "runuser" and ("-u" in words or "--" in words):
        rest = after_options(words, "ugG")
        if rest:
            return Within("", words=tuple(rest), stdin=line.stdin, system=SHELL)
    if text := _text_of(line):
        return Within("", script=text, system=SHELL)
    return _session()


def _plain(line: CommandLine) -> Meaning | Within:
    name = line.program
    rest = after_options(line.words[1:], _PLAIN.get(name, ""))
    while name in ("env", "sudo", "doas") and rest and re.match(r"[A-Za-z_]\w*=", rest[0]):
        rest = rest[1:]
    if name in _SKIPS:
        rest = rest[1:]
    if name == "command" and {"-v", "-V"} & set(line.words[1:2]):
        return shell(Danger.READ)
    if not rest:
        if name in ("sudo", "doas", "pkexec") and not {"-l", "-v", "-k", "-K", "--list"} & set(line.words):
            text = _text_of(line)
            return Within("", script=text, system=SHELL) if text else _session()
        if name == "env":
            return replace(shell(Danger.READ), reveals=True)
        return shell(Danger.DISRUPTIVE if name in ("strace", "ltrace") else Danger.READ)
    return Within("", words=tuple(rest), stdin=line.stdin, system=SHELL)


def _xargs(line: CommandLine) -> Meaning | Within:
    rest = after_options(line.words[1:], "nLIPsdEa")
    return Within("", words=tuple(rest), system=SHELL) if rest else shell(Danger.READ)


def _parallel(line: CommandLine) -> Meaning | Within:
    rest = after_options(line.words[1:], "jNnSaIwrP")
    ends = next((at for at, word in enumerate(rest) if word.startswith(":::")), len(rest))
    return Within("", script=" ".join(rest[:ends]), system=SHELL) if rest[:ends] else shell(Danger.DISRUPTIVE)


def _watch(line: CommandLine) -> Meaning | Within:
    rest = list(line.words[1:])
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-n", "--interval", "-s") and rest:
            rest.pop(0)
    return Within("", script=" ".join(rest), system=SHELL, endless=True) if rest else shell(Danger.READ)


def _find(line: CommandLine) -> Meaning | Within:
    words = line.words[1:]
    target = next((word for word in words if not word.startswith("-")), "")
    if "-delete" in words:
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, target)
    runs = [at for at, word in enumerate(words) if word in ("-exec", "-execdir", "-ok", "-okdir", "-x", "-X")]
    least = Danger.READ
    for word, file in zip(words, (*words[1:], ""), strict=False):
        if word in ("-fprint", "-fprint0", "-fprintf", "-fls"):
            least = max(least, Danger.DISRUPTIVE if is_of_the_system(file) else Danger.REVERSIBLE)
    if not runs:
        return shell(least, target=target)
    for at in runs[1:] or runs:
        if words[at + 1 : at + 2] and re.search(r"(?:^|/)(?:rm|shred|unlink|truncate)$", words[at + 1]):
            return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, target)
    first = runs[0] + 1
    ends = next((at for at in range(first, len(words)) if words[at] in (";", "\\;", "+")), len(words))
    many = line.words[first : first + 1] and words[first].rpartition("/")[2] in ("chmod", "chown", "chgrp", "mv", "sed")
    least = Danger.DISRUPTIVE if len(runs) > 1 or many else least
    if not words[first:ends]:
        return shell(Danger.DISRUPTIVE, target=target)
    return Within("", words=tuple(words[first:ends]), system=SHELL, target=target, least=least)


def _eval(line: CommandLine) -> Meaning | Within:
    text = " ".join(line.words[1:])
    return Within("", script=text, system=SHELL) if text else shell(Danger.READ)


def _trap(line: CommandLine) -> Meaning | Within:
    text = line.words[1] if len(line.words) > 2 else ""
    return Within("", script=text, system=SHELL) if text not in ("", "-") else shell(Danger.READ)


def _flock(line: CommandLine) -> Meaning | Within:
    rest = after_options(line.words[1:], "wE")[1:]
    if rest and rest[0] in ("-c", "--command"):
        return Within("", script=" ".join(rest[1:2]), system=SHELL)
    return Within("", words=tuple(rest), system=SHELL) if rest else shell(Danger.REVERSIBLE)


def _script(line: CommandLine) -> Meaning | Within:
    if "-c" in line.words[:-1]:
        return Within("", script=line.words[line.words.index("-c") + 1], system=SHELL, least=Danger.REVERSIBLE)
    return _session()


def _placed(line: CommandLine) -> Meaning | Within:
    rest = after_options(line.words[1:], "")
    if len(rest) < 2:
        return _session()
    return Within(f"folder {rest[0]}", words=tuple(rest[1:]), stdin=line.stdin, system=SHELL)


def _nsenter(line: CommandLine) -> Meaning | Within:
    rest = after_options(line.words[1:], "tSG")
    return Within("", words=tuple(rest), stdin=line.stdin, system=SHELL) if rest else _session()


def _systemd_run(line: CommandLine) -> Meaning | Within:
    rest = list(line.words[1:])
    while rest and rest[0].startswith("-"):
        if rest.pop(0) in ("-p", "-u", "-M", "-H", "-E", "--unit", "--property", "--on-calendar") and rest:
            rest.pop(0)
    return Within("", words=tuple(rest), system="systemd", least=Danger.REVERSIBLE) if rest else _session("systemd")


def _tmux(line: CommandLine) -> Meaning | Within:
    words = line.words[1:]
    what = next((word for word in words if not word.startswith("-")), "")
    if what in ("ls", "list-sessions", "list-windows", "list-panes", "capture-pane", "info", "display-message"):
        return shell(Danger.READ, Verb.STATUS, system="tmux")
    if what.startswith("kill"):
        return shell(Danger.DISRUPTIVE, Verb.TERMINATE, system="tmux")
    if what == "send-keys":
        texts = [word for word in after_options(words[words.index(what) + 1 :], "t") if word not in ("Enter", "C-m")]
        return Within("", script=" ".join(texts), system="tmux", least=Danger.DISRUPTIVE)
    if what in ("new", "new-session", "neww", "new-window", "split-window", "respawn-pane"):
        rest = after_options(words[list(words).index(what) + 1 :], "sncFtxye")
        if rest:
            return Within("", script=" ".join(rest), system="tmux", least=Danger.REVERSIBLE)
    return _session("tmux")


def _screen(line: CommandLine) -> Meaning | Within:
    words = line.words[1:]
    if {"-ls", "-list"} & set(words):
        return shell(Danger.READ, Verb.STATUS, system="screen")
    if "-X" in words:
        return shell(Danger.DISRUPTIVE, Verb.TERMINATE, system="screen")
    rest = after_options(words, "SctphesT")
    if rest and not any(re.match(r"-[dDRrx]*[rRx]", word) for word in words):
        return Within("", words=tuple(rest), system="screen", least=Danger.REVERSIBLE)
    return _session("screen")


def _gcloud(line: CommandLine) -> Meaning | Within:
    """`gcloud compute ssh NAME --command=TEXT`."""
    words = line.words
    host = next((word for word in words[words.index("ssh") + 1 :] if not word.startswith("-")), "")
    for at, word in enumerate(words):
        name, mark, value = word.partition("=")
        if name in ("--command", "-C"):
            text = value if mark else " ".join(words[at + 1 : at + 2])
            return Within(f"host {host}", script=text, system="ssh", target=host)
    return _session("ssh", host)


def _netns(line: CommandLine) -> Meaning | Within:
    if "exec" in line.words:
        rest = line.words[line.words.index("exec") + 2 :]
        return Within("", words=tuple(rest), system=SHELL) if rest else shell(Danger.DISRUPTIVE)
    changes = {"add", "del", "delete", "set"} & set(line.words)
    return shell(Danger.DISRUPTIVE if changes else Danger.READ, system=SHELL)


def _clush(line: CommandLine) -> Meaning | Within:
    rest = after_options(line.words[1:], "wgxlftuMmca")
    return Within("other hosts", script=" ".join(rest), system="ssh") if rest else _session("ssh")


def _at(line: CommandLine) -> Meaning | Within:
    if {"-l", "-c"} & set(line.words):
        return shell(Danger.READ, Verb.STATUS)
    text = _text_of(line)
    if text:
        return Within("", script=text, system=SHELL, least=Danger.REVERSIBLE)
    gone = {"-r", "-d"} & set(line.words)
    return shell(Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE)


def _runner(line: CommandLine) -> Meaning | Within | None:
    """`poetry run X`, `npx X`, `bundle exec X`, `doppler run -- X`."""
    words = line.words
    name = line.program
    second = next((word for word in words[1:] if not word.startswith("-")), "")
    if (name, second) in _ELSEWHERE or (name,) in _ELSEWHERE:
        place = _ELSEWHERE.get((name, second), _ELSEWHERE.get((name,), ""))
        texts = [words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-C", "-c", "--command")]
        rest = texts or list(words[words.index("--") + 1 :] if "--" in words else ())
        if not texts and not rest and second == "run":
            rest = list(after_options(words[words.index(second) + 1 :], "a"))
        return Within(place, script=" ".join(rest), system=name) if rest else _session(name)
    if (name, second) not in _AFTER and (name,) not in _AFTER:
        return None
    start = 1 if (name,) in _AFTER else words.index(second) + 1
    if "--" in words:
        rest = list(words[words.index("--") + 1 :])
    else:
        rest = list(words[start:])
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option in ("-p", "--package", "-c", "-e", "-f", "-n", "--project", "--env-file", "--with") and rest:
                rest.pop(0)
        rest = rest[1:] if name in _OWN_WORD else rest
    if not rest:
        return shell(Danger.DISRUPTIVE, system=name) if second else shell(Danger.READ, system=name)
    rest[0] = re.sub(r"(?<=.)@(?:latest|next|[\^~]?\d[\w.-]*)$", "", rest[0])
    return Within("", words=tuple(rest), stdin=line.stdin, system=name)
