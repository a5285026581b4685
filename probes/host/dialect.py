"""What lines that look at a machine mean, and those that end processes or change what it runs with."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import instead
from probes.base.options import NUMBER, options

_LOOKS: Final = frozenset({
    "df", "du", "free", "ps", "ss", "netstat", "lsof", "uptime", "nproc", "lscpu", "who", "w", "last", "lastb",
    "lastlog", "users", "lsblk", "blkid", "findmnt", "uname", "arch", "id", "whoami", "groups", "tty", "pgrep",
    "pidof", "pstree", "slabtop", "smem", "lsmod", "lspci", "lsusb", "lshw", "lsmem", "dmidecode", "getconf",
    "numastat", "lsns", "lsipc", "ipcs", "pmap", "inxi", "neofetch", "screenfetch", "hwinfo", "sensors", "nvidia-smi",
    "mpstat", "pidstat", "tload", "nfsstat", "vmtouch", "lsb_release", "sw_vers", "vm_stat", "quota", "repquota",
    "zpool", "zfs", "lvs", "vgs", "pvs", "lsscsi", "cpupower", "loadavg", "duf", "ncdu", "procs", "prtstat",
    "fatrace", "biosnoop", "iotop-c", "ifstat", "swapon", "rpcinfo", "showmount", "exportfs", "chronyc", "ntpq",
    "ntpstat",
})  # fmt: skip
_PANEL: Final = frozenset({
    "df", "du", "free", "ps", "ss", "netstat", "lsof", "uptime", "nproc", "lscpu", "pgrep", "pidof", "pstree",
    "vmstat", "iostat", "sar", "mpstat", "pidstat", "lsblk", "findmnt", "uname", "hostname", "mount", "dmesg",
    "vm_stat",
})  # fmt: skip
"""What the host's own screen shows."""
_LIVE: Final = frozenset({
    "top", "htop", "atop", "btop", "bpytop", "gtop", "glances", "iotop", "iftop", "nethogs", "nload", "bmon", "nmon",
    "bashtop", "gotop", "vtop", "below", "slurm", "nvtop",
})  # fmt: skip
_SAMPLED: Final = frozenset(
    {"vmstat", "iostat", "sar", "mpstat", "pidstat", "dstat", "nfsiostat", "ifstat", "nvidia-smi"}
)
_KILLERS: Final = frozenset({"pkill", "killall", "skill", "killall5", "xkill", "snice"})
_TELLING: Final = frozenset({"USR1", "USR2", "WINCH", "10", "12", "28"})
_RESETS: Final = ("-r", "--gpu-reset", "-pm", "-pl", "-ac", "-rac", "-c", "-e", "mig", "-mig", "--compute-mode", "-lgc")
_HELPS: Final = frozenset({"--help", "--version", "-V"})
_MACHINE: Final = re.compile(
    r"/proc(?:/|$)|/sys(?:/|$)|/etc/(?:os-release|issue|hostname|redhat-release|debian_version)$"
)
_SHOWN: Final = re.compile(r"/proc/(?:meminfo|loadavg|cpuinfo|uptime|stat|mounts|swaps|diskstats|version|pressure)\b")
_RUNNERS: Final = {"taskset": 1, "chrt": 1, "numactl": 0, "prlimit": 0, "nsenter": 0}
"""Programs that run another one, with how many words of their own stand before it."""
_PLAIN_READERS: Final = frozenset({"cat", "head", "less", "more", "grep", "egrep", "awk", "ls"})
_SS: Final = re.compile(r"-[tulnpaes46]+")

_INODES: Final = "df -h shows no inodes, and a disk without a free one is full as well; both are shown here"
_USED: Final = '"used" and "free" say little, as caches are given back; what counts is "available", shown here'
_TOP: Final = "top never ends by itself; -b -n 1 gives one picture, and here it is always up to date"
_CONTAINER_PIDS: Final = "a container's process numbers are not the machine's; the Engine is asked for processes here"
_NETSTAT: Final = "netstat is often no longer there; ss shows the same, and programs' names need root with both"
_NO_TIME: Final = "-9 gives a process no time to finish or to tidy up; TERM comes first"
_BY_NAME: Final = "every process whose name fits gets the signal, of other services too"
_WHOLE_LINE: Final = "-f looks at whole command lines, so that an editor or a grep with the word in it is ended as well"
_KEPT: Final = "dmesg -C takes away what the kernel said; it may be all there is to say why"


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line about the machine means; None for every other program."""
    name, words = line.program, line.words[1:]
    special = _SPECIAL.get(name)
    if special is not None:
        return _look() if len(words) == 1 and words[0] in _HELPS else special(words)
    if name in _RUNNERS:
        return _run(words, _RUNNERS[name])
    if name in _LIVE:
        return _live(name, words)
    if name in _SAMPLED:
        if name == "nvidia-smi" and any(word.startswith(_RESETS) for word in words):
            return _change("gpu")
        endless = _never_ends(name, words)
        return _reading(endless=endless) if name in _PANEL else _look(endless=endless)
    if name in _LOOKS:
        return _looked(name, line)
    if name in _PLAIN_READERS and (paths := [word for word in words if _MACHINE.match(word)]):
        if name == "awk" and any("system" in word or ">" in word or "|" in word for word in words if word not in paths):
            return None
        if all(map(_SHOWN.match, paths)):
            return _reading(" ".join(paths))
        secrets = any(path.endswith("/environ") for path in paths)
        return Meaning(Sort.SHELL, Verb.HOST, "host", " ".join(paths), reveals=secrets)
    return None


def _run(words: Sequence[str], own: int) -> Meaning | Within:
    """A command that runs elsewhere on the machine, or otherwise."""
    found = options(words, {"-t", "--target", "-S", "-G", "-m", "-C", "-N"} if not own else (), first=True)
    inner = found.plain[own:]
    if not inner or (own and found.has("-p", "--pid")) or found.has("--pid"):
        return _change(" ".join(found.plain[-1:]))
    return Within("", tuple(inner), system="host", least=Danger.READ)


def _reading(
    target: str = "", *, warning: str = "", becomes: str = "", endless: bool = False, interactive: bool = False
) -> Meaning:
    return Meaning(
        Sort.READING, Verb.HOST, "host", target, kind="host", warning=warning, becomes=becomes, endless=endless,
        interactive=interactive,
    )  # fmt: skip


def _look(target: str = "", *, endless: bool = False) -> Meaning:
    """A look at what no screen of ours shows."""
    return Meaning(Sort.SHELL, Verb.HOST, "host", target, endless=endless)


def _change(
    target: str = "", danger: Danger = Danger.DISRUPTIVE, verb: Verb = Verb.OTHER, warning: str = ""
) -> Meaning:
    return Meaning(Sort.SHELL, verb, "host", target, danger, warning=warning)


def _volume(plain: Sequence[str]) -> Danger:
    """What a change costs: of a pool or a file system of ZFS above all."""
    first = plain[0] if plain else ""
    if first in ("destroy", "rollback", "receive", "recv", "labelclear", "inherit", "create", "labelclear"):
        return Danger.DISRUPTIVE if first in ("create", "inherit") else Danger.DESTRUCTIVE
    return Danger.REVERSIBLE if first in ("snapshot", "snap", "hold", "send") else Danger.DISRUPTIVE


def _looked(name: str, line: CommandLine) -> Meaning:
    """A program that only looks; a few of them change something when they are told to."""
    words = line.words[1:]
    plain = [word for word in words if not word.startswith("-")]
    acting = {
        "swapon": bool(plain or "-a" in words),
        "zpool": plain[:1] not in ([], ["status"], ["list"], ["iostat"], ["get"], ["history"], ["events"]),
        "zfs": plain[:1] not in ([], ["list"], ["get"], ["diff"]),
        "chronyc": plain[:1] not in ([], ["tracking"], ["sources"], ["sourcestats"], ["activity"], ["ntpdata"]),
        "exportfs": bool(words) and words[0] not in ("-v", "-s"),
        "cpupower": plain[:1] not in ([], ["frequency-info"], ["idle-info"], ["monitor"], ["info"]),
        "ss": "--kill" in words or any(re.fullmatch(r"-[a-zA-Z0-9]*K", word) for word in words),
        "rpcinfo": any(re.fullmatch(r"-[a-zA-Z]*d[a-zA-Z]*", word) for word in words),
        "nfsstat": any(re.fullmatch(r"-[a-zA-Z]*z[a-zA-Z]*|--zero", word) for word in words),
        "vmtouch": any(re.fullmatch(r"-[a-zA-Z]*[etlL][a-zA-Z]*", word) for word in words),
        "quota": False,
    }
    if acting.get(name):
        return _change(" ".join(plain[-1:]), _volume(plain))
    target = " ".join(plain) if name in ("df", "du", "pgrep", "pidof", "findmnt", "lsblk") else ""
    if name not in _PANEL:
        return _look()
    if name == "lsof":
        target = next((word for word in words if ":" in word), " ".join(plain[:1]))
    warning, shows = _told(name, words)
    return _reading(target, warning=warning, becomes=instead(line, shows) if shows else "")


def _told(name: str, words: Sequence[str]) -> tuple[str, list[str]]:
    """(what such a line does not show, the line that does)."""
    flags = "".join(word.lstrip("-") for word in words if re.fullmatch(r"-[a-zA-Z]+", word))
    if name == "df" and "i" not in flags and "--inodes" not in words:
        return _INODES, []
    if name == "free":
        return _USED, []
    if name == "netstat":
        same = all(_SS.fullmatch(word) for word in words)
        return _NETSTAT, ["ss", *words] if same else []
    return "", []


def _live(name: str, words: Sequence[str]) -> Meaning:
    """A picture that renews itself until a person ends it."""
    found = options(words, {"-n", "-d", "-p", "-u", "-o", "-s", "-U", "-i", "-l", "-w", "-P"})
    once = name in ("top", "iotop") and found.has("-b", "-l") and found.has("-n", "-l", "--iter")
    once = once or (name in ("iftop", "glances", "below") and found.has("-t", "--stdout", "--stop-after", "-s"))
    batch = name in ("top", "iotop", "atop") and found.has("-b", "-l")
    if any("docker" in word or "kubectl" in word for word in words):
        warning = _CONTAINER_PIDS
    else:
        warning = _TOP if name == "top" and not once else ""
    becomes = "top -b -n 1" if warning == _TOP and not words else ""
    return _reading(
        found.value("-p", "-P"), warning=warning, becomes=becomes, endless=not once, interactive=not (once or batch)
    )


def _never_ends(name: str, words: Sequence[str]) -> bool:
    """Whether a sampling program is given an interval without a count."""
    valued = {
        "-p",
        "-P",
        "-f",
        "-s",
        "-e",
        "-o",
        "-g",
        "-S",
        "-n",
        "-t",
        "-i",
        "-d",
        "-u",
        "-C",
        "-T",
        "-I",
        "-N",
        "-U",
    }
    if name == "nvidia-smi":
        return options(words, valued - {"-d", "-u"}).has("-l", "--loop", "dmon")
    numbers = [word for word in words if re.fullmatch(r"\d+", word)]
    if name in ("dstat", "ifstat"):
        return len(numbers) < 2
    asks = any(word in ("-s", "--stats", "-f", "-V", "-D", "-d", "-m") for word in words) and name == "vmstat"
    return len(numbers) == 1 and not asks


def _kill(words: Sequence[str]) -> Meaning:
    found = options(words, {"-s", "--signal", "-n", "-q"})
    plain, signal = found.plain, found.value("-s", "--signal", "-n") or found.value(NUMBER)
    named = next((word[1:] for word in words if re.fullmatch(r"-(?:SIG)?[A-Z]{3,}[12]?", word)), "")
    signal = (signal or named).upper().removeprefix("SIG")
    if found.has("-l", "-L", "--list", "--table") and not named:
        return _look()
    target = " ".join(plain)
    return _look(target) if signal in ("0", "EXIT") and plain else _signalled(target, signal)


def _signalled(target: str, signal: str, warning: str = "") -> Meaning:
    """What a signal to processes means."""
    if signal in ("HUP", "1"):
        return _change(target, verb=Verb.RESTART)
    if signal in _TELLING:
        return _change(target)
    if signal in ("STOP", "TSTP", "19", "20"):
        return _change(target, verb=Verb.STOP)
    if signal in ("CONT", "18"):
        return _change(target, Danger.REVERSIBLE, Verb.START)
    return _change(target, verb=Verb.TERMINATE, warning=_NO_TIME if signal in ("9", "KILL") else warning)


def _killall(words: Sequence[str]) -> Meaning:
    return _pkill(words, by_s=True)


def _pkill(words: Sequence[str], by_s: bool = False) -> Meaning:
    """pkill, killall and skill: processes by their name. With `by_s` the option -s names the signal, not a session."""
    found = options(words, {"-s", "--signal", "-u", "--user", "-U", "-P", "--parent", "-t", "-g", "-G", "-o", "-y"})
    named = next((word[1:] for word in words if re.fullmatch(r"-(?:SIG)?[A-Z]{3,}[12]?", word)), "")
    signal = found.value("--signal") or (found.value("-s") if by_s else "") or found.value(NUMBER) or named
    if signal.upper().removeprefix("SIG") == "0":
        return _look(" ".join(found.plain))
    if not found.plain and found.has("-l", "--list", "-V"):
        return _look()
    whole = "-f" in words or "--full" in words
    return _signalled(" ".join(found.plain), signal.upper().removeprefix("SIG"), _WHOLE_LINE if whole else _BY_NAME)


def _fuser(words: Sequence[str]) -> Meaning:
    found = options(words, {"-n", "--namespace", "-N", "-s"})
    target = " ".join(found.plain)
    if not found.has("-k", "--kill"):
        return _reading(target)
    return _change(target, verb=Verb.TERMINATE, warning=_NO_TIME)


def _dmesg(words: Sequence[str]) -> Meaning:
    found = options(words, {
        "-l", "--level", "-f", "--facility", "-n", "--console-level", "-s", "-F", "--file", "--since", "--until",
        "--time-format",
    })  # fmt: skip
    if found.has("-C", "--clear", "-c", "--read-clear"):
        return _change("kernel", Danger.DESTRUCTIVE, Verb.MAINTENANCE, _KEPT)
    if found.has("-n", "--console-level", "-D", "--console-off", "-E", "--console-on"):
        return _change("kernel")
    return _reading("kernel", endless=found.has("-w", "-W", "--follow", "--follow-new"))


def _mount(words: Sequence[str]) -> Meaning:
    plain = options(words, {"-t", "--types", "-o", "--options", "-O", "-L", "-U"}).plain
    if not plain and not {"-a", "--all"} & set(words):
        return _reading()
    return _change(" ".join(plain[-1:]))


def _umount(words: Sequence[str]) -> Meaning:
    plain = [word for word in words if not word.startswith("-")]
    return _change(" ".join(plain), verb=Verb.STOP)


def _hostname(words: Sequence[str]) -> Meaning:
    plain = [word for word in words if not word.startswith("-")]
    return _change(" ".join(plain)) if plain or {"-F", "--file", "-b"} & set(words) else _reading()


def _ctl(words: Sequence[str]) -> Meaning:
    """hostnamectl, timedatectl and localectl: they show, or they set."""
    verb = next((word for word in words if not word.startswith("-")), "status")
    looks = verb in ("status", "show", "timesync-status", "show-timesync") or verb.startswith("list-")
    return _look() if looks else _change(verb)


def _date(words: Sequence[str]) -> Meaning:
    found = options(words, {"-d", "--date", "-s", "--set", "-r", "--reference", "-f", "-v", "-j"})
    sets = found.has("-s", "--set") or any(re.fullmatch(r"\d{8,12}(?:\.\d\d)?", word) for word in found.plain)
    return _change() if sets else _look()


def _ulimit(words: Sequence[str]) -> Meaning:
    plain = [word for word in words if not word.startswith("-")]
    return _change(" ".join(plain), Danger.REVERSIBLE) if plain else _look()


def _sysctl(words: Sequence[str]) -> Meaning:
    found = options(words, {"-f", "-r", "--pattern"})
    sets = found.has("-w", "--write", "-p", "--load", "--system", "-f") or any("=" in word for word in found.plain)
    target = " ".join(word.partition("=")[0] for word in found.plain)
    return _change(target) if sets else _look(target)


def _ntpdate(words: Sequence[str]) -> Meaning:
    return _look() if {"-q", "-qu", "-uq"} & set(words) else _change(" ".join(words[-1:]))


def _disk(words: Sequence[str]) -> Meaning:
    """fdisk, parted, mdadm, smartctl: they list, or they change what is on a disk."""
    looks = {"-l", "--list", "-a", "-x", "-i", "-H", "--all", "--info", "--health", "--detail", "-D", "--query", "-Q",
             "--scan", "--examine", "-E", "print", "--xall", "-A"}  # fmt: skip
    hurts = {"-C", "--create", "--zero-superblock", "-f", "--fail", "-r", "--remove", "-S", "--stop", "mklabel", "rm",
             "mkpart", "--grow", "-G", "-t", "--test", "--add", "-d", "--delete", "-s"}  # fmt: skip
    target = " ".join(word for word in words if word.startswith("/dev/"))
    return _look(target) if looks & set(words) and not hurts & set(words) else _change(target, Danger.DESTRUCTIVE)


def _smartctl(words: Sequence[str]) -> Meaning:
    acts = {"-t", "--test", "-X", "--abort", "-s", "--smart", "-o", "-S"} & {word.partition("=")[0] for word in words}
    return _change(" ".join(words[-1:])) if acts else _look(" ".join(words[-1:]))


def _down(words: Sequence[str]) -> Meaning:
    return Meaning(Sort.SHELL, Verb.STOP, "host", danger=Danger.DISRUPTIVE)


def _reboot(words: Sequence[str]) -> Meaning:
    return Meaning(Sort.SHELL, Verb.RESTART, "host", danger=Danger.DISRUPTIVE)


def _shutdown(words: Sequence[str]) -> Meaning:
    return (
        _reboot(words) if any(re.fullmatch(r"-[a-zA-Z]*r[a-zA-Z]*|--reboot", word) for word in words) else _down(words)
    )


def _init(words: Sequence[str]) -> Meaning:
    return _reboot(words) if words[:1] == ("6",) else _down(words)


def _changed(words: Sequence[str]) -> Meaning:
    return _change(" ".join(words[-1:]))


_SPECIAL: Final[dict[str, Callable[[Sequence[str]], Meaning]]] = {
    "kill": _kill,
    **dict.fromkeys(_KILLERS, _pkill),
    "killall": _killall,
    "fuser": _fuser,
    "dmesg": _dmesg,
    "mount": _mount,
    "umount": _umount,
    "hostname": _hostname,
    **dict.fromkeys(("hostnamectl", "timedatectl", "localectl"), _ctl),
    "date": _date,
    "ulimit": _ulimit,
    "sysctl": _sysctl,
    "ntpdate": _ntpdate,
    "hwclock": lambda words: _look() if not words or words[0] in ("-r", "--show") else _change(),
    **dict.fromkeys(("fdisk", "parted", "mdadm", "sfdisk", "gdisk"), _disk),
    "smartctl": _smartctl,
    **dict.fromkeys(("poweroff", "halt"), _down),
    "reboot": _reboot,
    "shutdown": _shutdown,
    **dict.fromkeys(("init", "telinit"), _init),
    **dict.fromkeys(("renice", "swapoff"), _changed),
}
"""Programs that look or change something by how they are called."""
