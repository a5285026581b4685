"""What the ordinary programs of a machine mean: files, texts, archives, disks, users, power."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Verb
from probes.base.command import named
from probes.commands.dialect_words import by_name, shell

_READS: Final = named(
    """
    ls ll la dir vdir tree cat tac head tail less more most bat batcat grep egrep fgrep rg ag ack zgrep zegrep
    zfgrep zcat gzcat bzcat xzcat zless zmore cut uniq wc tr column nl od xxd hexdump strings file stat readlink
    realpath basename dirname pwd whoami id groups who w last lastb lastlog users arch nproc lscpu lsblk blkid lspci
    lsusb lsmod dmidecode which whereis type help man info apropos diff cmp comm sdiff colordiff zdiff md5sum
    sha1sum sha256sum sha512sum sum cksum b2sum md5 shasum echo printf seq true false test [ [[ : sleep wait jobs
    expr bc dc jq xq gron fx htmlq xmllint xmlstarlet base64 base32 fold fmt paste join tsort shuf factor getconf
    locale tput clear stty tty logname numfmt rev getent history uname cal cd pushd popd export source . set unset
    declare local readonly typeset alias unalias shopt umask return exit break continue shift read mapfile getopts
    let times hash dirs suspend logout bind enable compgen lsns lslocks lsattr getfacl namei findmnt mountpoint sync
    mktemp uuidgen figlet cowsay yes look ulimit lsof fuser df du free top htop btop atop glances ps pstree pgrep
    pidof uptime vmstat iostat mpstat sar pidstat dstat nmon iotop iftop nethogs slabtop numastat vnstat ss netstat
    dig nslookup host ping ping6 fping traceroute tracepath mtr whois arp nmap tshark dmesg journalctl sensors smem
    getcap sw_vers atq jps jstack jstat iptables-save ip6tables-save varnishstat varnishlog mailq exiqgrep
    sestatus getenforce lsinitrd apt-cache dpkg-query rpmquery exa eza lsd dust duf ncdu nvidia-smi
    numbat ts pv lolcat tac zstdcat hostid ldd runlevel sha224sum sha384sum identify awk gawk mawk nawk
    """
)
"""Programs that only look, however they are called, apart from the few options below."""
_ENDS: Final = named(
    """
    top htop btop atop glances iotop iftop nethogs nmon dstat slabtop ncdu yes mtr ping ping6
    """
)
_SCREENS: Final = named(
    """
    htop btop glances nmon ncdu less more most man info slabtop iotop iftop nethogs
    """
)
_HOST: Final = named(
    """
    df free top htop btop atop glances ps pstree pgrep pidof uptime vmstat iostat mpstat sar pidstat dstat nmon
    iotop iftop nethogs ss netstat lsof dig nslookup host ping ping6 fping du nproc lscpu traceroute mtr nvidia-smi
    ncdu
    """
)
_SECRET: Final = re.compile(
    r"(?:^|[/\s])\.env(?!\.(?:example|sample|template|dist))|id_(?:rsa|ed25519|ecdsa)(?!\.pub)|\.pem$|\.key$|\.pgpass"
    r"|credential|secret|\.netrc|\.my\.cnf|shadow$|(?:^|/)\.aws/|kubeconfig|kube/config|passw|htpasswd|\.p12$|\.pfx$"
    r"|\.vault|/environ$|\.npmrc|token",
    re.IGNORECASE,
)
_SECRET_VALUE: Final = re.compile(
    r"\$\{?#?\w*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE|CREDENTIAL|ACCESS_KEY|_PASS|PGPASS|DATABASE_URL|DSN|_KEY)"
    r"\w*",
    re.IGNORECASE,
)
_BACKUP: Final = re.compile(
    r"back-?up|\.bak|\.orig|snapshot|\.old\b|_old\b|\.save|archive|\bdump|copy_of|\$\(date|\.\d{8}|_\d{8}|known-good"
    r"|last-good|golden",
    re.IGNORECASE,
)
_MARK: Final = re.compile(
    r"maintenance|lock|stop|pause|disable|restart|reload|shutdown|failover|trigger", re.IGNORECASE
)
"""Names of files that a service waits for."""
_RUNS: Final = re.compile(r"\.(?:sh|bash|zsh|ksh)$")
_SETTINGS: Final = re.compile(
    r"(?:^|[-_./])(?:env|envs|environment|vars?|variables|config|settings|secrets?|credentials|profile|rc|bashrc|lib|common"
    r"|functions?|helpers?|utils?|activate|aliases|init|setenv|setup-env|exports?|constants|defaults|params|openrc|nvm|sdkman"
    r"|completion|functions-\w+|colou?rs|log|logging|shared)(?:[-_.]|$)",
    re.IGNORECASE,
)
"""Scripts that are read for what they define: settings and functions."""
_DEVICE: Final = re.compile(r"^/(?:dev/(?!null|stdout|stderr|shm)|proc|sys)/?")
_GONE: Final = named(
    """
    rm rimraf unlink shred srm tmpwatch tmpreaper atrm cryptsetup iptables-restore ip6tables-restore
    wipefs mkfs mke2fs fdisk sfdisk cfdisk parted gdisk sgdisk lvremove vgremove pvremove
    truncate userdel deluser groupdel delgroup blkdiscard hdparm debugfs zap lvreduce
    """
)
_FELT: Final = named(
    """
    mount umount swapoff mkswap modprobe rmmod insmod renice lvextend vgextend lvcreate vgcreate pvcreate resize2fs
    xfs_growfs growpart lvresize e2label tune2fs usermod passwd chpasswd gpasswd chsh chfn visudo vipw setenforce
    semanage restorecon setsebool update-grub grub-install depmod dracut update-initramfs hwclock ntpdate chronyd
    ntpd iwconfig ifup ifdown ifconfig route brctl nmcli nmtui netplan dhclient resolvectl wpa_supplicant ethtool tc
    conntrack ebtables ipset nft ip6tables iptables-legacy firewall-cmd kill pkill killall xkill
    skill killall5 logger wall write mesg stress stress-ng ab wrk hey vegeta k6 artillery locust siege jmeter telnet
    nc ncat netcat socat ftp sftp lftp dpkg-reconfigure update-alternatives sendmail mail mailx mutt swaks msmtp
    install patch split csplit aria2c git-lfs fg bg disown newgrp chattr setfacl edquota dos2unix unix2dos rename
    mmv cpio pax ar mkfifo mknod ldconfig update-ca-certificates ssh-copy-id reset kexec partprobe
    """
)
_TERMINATES: Final = frozenset({"kill", "pkill", "killall", "xkill", "skill", "killall5"})
_GENTLE: Final = named(
    """
    mkdir rmdir touch ln useradd adduser groupadd addgroup swapon trash trash-put wget axel gzip gunzip bzip2
    bunzip2 xz unxz zstd unzstd pigz unpigz lz4 lzop zip 7z 7za chmod chown chgrp tee iconv dos2unix ssh-keygen
    ssh-add gpg age logger setcap openssl
    """
)
_EDITORS: Final = named(
    """
    vi vim nvim nano emacs ed ex pico joe micro code subl gedit kate mcedit visudo vipw sudoedit vigr hx helix
    """
)
_LOOKS: Final[dict[str, str]] = {
    "fdisk": r"-l|--list|-x", "sfdisk": r"-l|-d|--dump|--list", "parted": r"-l|--list|print", "wipefs": r"-n",
    "sgdisk": r"-p|-i", "passwd": r"-S|--status", "nft": r"list", "ip6tables": r"-[vn]*[LS][vn]*|--list",
    "ipset": r"list|-L", "tc": r"show|-s|ls", "ethtool": r"[a-z]+\d\w*|-[ikSgc]", "route": r"-n|-en", "brctl": r"show",
    "nmcli": r"show|status|general|device|connection", "resolvectl": r"status|query|dns|statistics",
    "ifconfig": r"-a|[a-z]+\d+", "mount": r"-l", "swapon": r"-s|--show.*", "hwclock": r"-r|--show", "tune2fs": r"-l",
    "update-alternatives": r"--display|--list|--query", "conntrack": r"-L|-S|-C", "swaks": r"--help", "nc": r"-\w*z\w*",
    "ncat": r"-\w*z\w*", "netcat": r"-\w*z\w*", "kill": r"-0|-l|-L", "pkill": r"-0",
    "gzip": r"-[ltv]*[lt][ltv]*|--test|--list",
    "gunzip": r"-\w*[ctl]\w*|--stdout|--test|--list", "bzip2": r"-\w*[tc]\w*", "xz": r"-\w*[tlc]\w*|--list|--test",
    "zstd": r"-\w*[tlc]\w*|--test", "zip": r"-T|-sf", "7z": r"l|t", "ssh-keygen": r"-\w*[lFB]\w*", "ssh-add": r"-[lL]",
    "gpg": r"--list.*|--verify|-k|-K|--fingerprint", "firewall-cmd": r"--list.*|--state|--get.*|--query.*",
    "hdparm": r"-[iItT]+", "netplan": r"get|status|info", "semanage": r".*-l|list",
    "bunzip2": r"-\w*[ct]\w*", "pigz": r"-\w*[tlc]\w*", "unpigz": r"-\w*[tlc]\w*", "unxz": r"-\w*[tc]\w*",
    "cryptsetup": r"status|luksDump|isLuks",
    "unzstd": r"-\w*[tc]\w*", "lz4": r"-\w*[tc]\w*", "debugfs": r"-R", "ntpdate": r"-q",
}  # fmt: skip
"""Options and words with which a program that changes something only looks."""


def files(line: CommandLine) -> Meaning | None:
    """What an ordinary program means; None when it is not known here."""
    name, words = line.program, line.words[1:]
    if name in ("tar", "gtar", "bsdtar") and (line.fed or line.reads):
        words = (*words, *line.fed[1:], line.reads)
    if name == "tee" and _nothing(line) and not {"-a", "--append"} & set(words):
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, _last(words))
    if name in _SPECIAL:
        return _SPECIAL[name](words)
    if name in _EDITORS:
        found = shell(Danger.DISRUPTIVE, target=next((one for one in reversed(words) if one[:1] != "-"), ""))
        return replace(found, interactive=True)
    if (looks := _LOOKS.get(name)) and any(re.fullmatch(looks, word) for word in words):
        return shell(Danger.READ, Verb.STATUS, target=_last(words))
    if name in ("mount", "swapon", "ifconfig", "route", "ethtool", "chage") and not words:
        return shell(Danger.READ, Verb.STATUS)
    if name in _GONE or name.startswith("mkfs."):
        verb = Verb.OTHER
        return shell(Danger.DESTRUCTIVE, verb, _last(words))
    if name in _FELT:
        return shell(Danger.DISRUPTIVE, Verb.TERMINATE if name in _TERMINATES else Verb.OTHER, _last(words))
    if name in _GENTLE:
        return _gentle(name, words)
    if name in _READS:
        return _reads(name, words)
    return None


def _nothing(line: CommandLine) -> bool:
    """Whether nothing is written into a file, so that it is emptied."""
    said = line.fed[1:] if line.fed[:1] in (("echo",), ("printf",)) else ("x",)
    silent = line.fed[:1] in ((":",), ("true",)) or not "".join(said).strip("-n'\" \\")
    return line.reads == "/dev/null" or line.fed == ("cat", "/dev/null") or silent


def _last(words: Sequence[str]) -> str:
    return next((word for word in reversed(words) if not word.startswith("-")), "")


def _reads(name: str, words: Sequence[str]) -> Meaning:
    found = shell(Danger.READ, Verb.HOST if name in _HOST else Verb.OTHER, _last(words) if name in _HOST else "")
    if name in ("echo", "printf", "export", "set", "declare", "local"):
        shown = [re.sub(r"\$\(.*|`.*", "", word, flags=re.DOTALL) for word in words]
        reveals = name in ("echo", "printf") and any(map(_SECRET_VALUE.search, shown))
        reveals = reveals or (name in ("export", "set", "declare") and (not words or list(words) == ["-p"]))
        return replace(found, reveals=reveals and not any("${#" in word or ":+" in word for word in words))
    if name in ("jq", "yq", "wc", "ls", "test", "[", "[[", "stat", "du"):
        pass
    elif any(map(_SECRET.search, words)) and name not in ("cd", "source", ".", "which", "file", "basename", "df"):
        found = replace(found, reveals=True)
    if name in ("source", ".") and words and _RUNS.search(words[0]) and not _SETTINGS.search(words[0]):
        return by_name(words)
    if name in ("awk", "gawk", "mawk", "nawk"):
        return _awk(found, words)
    if name == "tail" and any(re.fullmatch(r"-\w*[fF]\w*|--follow(?:=.*)?", word) for word in words):
        return replace(found, endless=True)
    if name == "fuser" and any(re.fullmatch(r"-\w*k\w*", word) for word in words):
        return shell(Danger.DISRUPTIVE, Verb.TERMINATE, _last(words))
    if name == "dmesg" and any(re.fullmatch(r"-\w*[cC]\w*|--clear|--read-clear", word) for word in words):
        return shell(Danger.DESTRUCTIVE)
    if name == "journalctl" and any(word.startswith(("--vacuum", "--rotate", "--flush")) for word in words):
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE)
    if name == "history" and {"-c", "-d"} & set(words):
        return shell(Danger.DESTRUCTIVE)
    if name in ("uniq", "xmllint", "shuf", "xxd") and any(word in ("-o", "--output", "-r") for word in words):
        return shell(Danger.REVERSIBLE)
    endless = name in _ENDS and not any(re.match(r"-\w*[bcn]|--once|-c\d|--count|-r$", word) for word in words)
    return replace(found, endless=endless, interactive=name in _SCREENS and endless)


def _awk(found: Meaning, words: Sequence[str]) -> Meaning:
    program = " ".join(words)
    if re.search(r"system\s*\(|\|\s*\"|\"\s*\|\s*getline", program) or {"inplace", "-i"} & set(words):
        return shell(Danger.DESTRUCTIVE if re.search(r"\brm\b|delete|drop", program) else Danger.DISRUPTIVE)
    if re.search(r"print[^|]*>\s*[\"$\w]", program) and not re.search(r"\$\d+\s*>\s*[\d$]", program):
        return shell(Danger.REVERSIBLE)
    return found


def _gentle(name: str, words: Sequence[str]) -> Meaning:
    recursive = any(re.fullmatch(r"-[A-Za-z]*R[A-Za-z]*|--recursive", word) for word in words)
    forced = any(re.fullmatch(r"-[a-z]*f[a-z]*|--force", word) for word in words)
    danger = Danger.REVERSIBLE
    if (name in ("chmod", "chown", "chgrp") and recursive) or (name == "ln" and forced):
        danger = Danger.DISRUPTIVE
    if name in ("chmod",) and "000" in words:
        danger = Danger.DISRUPTIVE
    if name == "tee" and any(re.match(r"/(?:etc|proc|sys|dev/(?!null))", word) for word in words):
        danger = Danger.DISRUPTIVE
    if name == "touch" and any(map(_MARK.search, words)):
        danger = Danger.DISRUPTIVE
    if name in ("ssh-keygen", "ssh-add") and {"-R", "-D", "-d"} & set(words):
        danger = Danger.DESTRUCTIVE if name == "ssh-keygen" else Danger.DISRUPTIVE
    if name == "gpg" and any("delete" in word for word in words):
        danger = Danger.DESTRUCTIVE
    if name == "openssl":
        return _openssl(words)
    if name == "wget" and any(re.match(r"--(?:post|method|body|delete)", word) for word in words):
        danger = Danger.DISRUPTIVE
    return shell(danger, target=_last(words))


def _openssl(words: Sequence[str]) -> Meaning:
    what = words[0] if words else ""
    writes = any(word in ("-out", "-keyout", "-CAcreateserial") for word in words)
    if "-revoke" in words:
        return shell(Danger.DESTRUCTIVE, target=_last(words))
    reveals = (what in ("rand", "pkey", "rsa", "ec", "pkcs12", "enc", "passwd", "genrsa", "genpkey")) and not writes
    found = shell(Danger.REVERSIBLE if writes or what == "ca" else Danger.READ)
    return replace(found, reveals=reveals and "-modulus" not in words and "-pubout" not in words)


def _rm(words: Sequence[str]) -> Meaning:
    return shell(Danger.DESTRUCTIVE, target=_last(words))


def _copy(words: Sequence[str]) -> Meaning:
    """cp, mv, scp: something new, a backup put by, or something written over."""
    free = [word for word in words if not word.startswith("-")]
    source, target = " ".join(free[:-1]), free[-1] if free else ""
    if target == "/dev/null" or _DEVICE.match(target):
        return shell(Danger.DESTRUCTIVE, target=target)
    if source == "/dev/null":
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, target)
    if _BACKUP.search(source) and not _BACKUP.search(target):
        return shell(Danger.DESTRUCTIVE, Verb.RESTORE, target)
    if any(re.fullmatch(r"-\w*[nb]\w*|--no-clobber|--backup.*", word) for word in words):
        return shell(Danger.REVERSIBLE, target=target)
    if _BACKUP.search(target):
        return shell(Danger.REVERSIBLE, Verb.BACKUP, target)
    temporary = target.startswith(("/tmp/", "./", "/var/tmp/", "~/")) or target in (".", "/tmp", "~")
    secret = bool(re.search(r"\.example|\.sample|\.template|\.dist", source))
    return shell(Danger.REVERSIBLE if temporary or secret else Danger.DISRUPTIVE, target=target)


def _rsync(words: Sequence[str]) -> Meaning:
    free = [word for word in words if not word.startswith("-")]
    dry = any(re.fullmatch(r"-[A-Za-z]*n[A-Za-z]*|--dry-run", word) for word in words)
    if dry:
        return shell(Danger.READ, target=_last(words))
    worst = any(re.match(r"--(?:del|remove-source|force)", word) for word in words)
    source, target = " ".join(free[:-1]), free[-1] if free else ""
    restores = bool(_BACKUP.search(source)) and not _BACKUP.search(target)
    verb = Verb.RESTORE if restores else Verb.BACKUP if _BACKUP.search(target) else Verb.OTHER
    if len(free) < 2:
        return shell(Danger.READ, target=target)
    return shell(Danger.DESTRUCTIVE if worst or restores else Danger.DISRUPTIVE, verb, target)


def _dd(words: Sequence[str]) -> Meaning:
    target = next((word[3:] for word in words if word.startswith("of=")), "")
    return shell(Danger.READ if target in ("", "/dev/null", "/dev/stdout") else Danger.DESTRUCTIVE, target=target)


def _tar(words: Sequence[str]) -> Meaning:
    first = words[0] if words else ""
    letters = "".join(
        word.lstrip("-")
        for at, word in enumerate(words)
        if (at == 0 and "=" not in word) or re.fullmatch(r"-[a-zA-Z]+", word)
    )
    long = set(words)
    target = next((word for word in words[1:] if re.search(r"\.(?:tar|tgz|tbz|txz|gz)", word)), _last(words))
    if "x" in letters or {"--extract", "--get"} & long:
        restores = any(map(_BACKUP.search, words))
        danger = Danger.DESTRUCTIVE if restores or "--overwrite" in long else Danger.DISRUPTIVE
        if "O" in letters or "--to-stdout" in long:
            danger = Danger.READ
        return shell(danger, Verb.RESTORE if restores else Verb.OTHER, target)
    if "--remove-files" in long or "--delete" in long:
        return shell(Danger.DESTRUCTIVE, target=target)
    if "t" in letters[:4] or "d" in letters[:1] or {"--list", "--diff", "--compare"} & long:
        return shell(Danger.READ, target=target)
    made = Verb.BACKUP if "c" in letters or "--create" in long else Verb.OTHER
    return shell(Danger.REVERSIBLE if made is Verb.BACKUP or first else Danger.READ, made, target)


def _unzip(words: Sequence[str]) -> Meaning:
    if any(re.fullmatch(r"-\w*[lptvz]\w*|-Z", word) for word in words):
        return shell(Danger.READ)
    over = any(re.fullmatch(r"-\w*o\w*", word) for word in words)
    return shell(Danger.DESTRUCTIVE if over else Danger.DISRUPTIVE, target=_last(words))


def _sed(words: Sequence[str]) -> Meaning:
    place = [word for word in words if re.match(r"-[nErsuz]*i|--in-place", word)]
    if place:
        kept = any(re.match(r"-[nErsuz]*i\S+|--in-place=\S+", word) for word in place)
        return shell(Danger.REVERSIBLE if kept else Danger.DISRUPTIVE, target=_last(words))
    writes = any(re.search(r"(?:^|;|/)\s*w\s+\S|/[gp]*e\b\s*$", word) for word in words)
    return replace(shell(Danger.DISRUPTIVE if writes else Danger.READ), reveals=any(map(_SECRET.search, words[1:])))


def _perl(words: Sequence[str]) -> Meaning:
    if any(re.match(r"-\w*i", word) for word in words):
        return shell(Danger.DISRUPTIVE, target=_last(words))
    code = " ".join(words)
    harmless = any(re.match(r"-\w*[ne]", word) for word in words) and not re.search(
        r"system|unlink|exec|open|qx|`|rename|rmdir|kill|eval", code
    )
    worst = re.search(r"unlink|rmdir|rmtree|delete|drop", code)
    return shell(Danger.READ if harmless else Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE)


def _sort(words: Sequence[str]) -> Meaning:
    writes = any(re.match(r"-o|--output", word) for word in words)
    return shell(Danger.DISRUPTIVE if writes else Danger.READ)


def _yq(words: Sequence[str]) -> Meaning:
    return shell(
        Danger.DISRUPTIVE if any(re.fullmatch(r"-\w*i\w*|--inplace|w|write", w) for w in words) else Danger.READ
    )


def _env(words: Sequence[str]) -> Meaning:
    return replace(
        shell(Danger.READ), reveals=not words or any(map(_SECRET_VALUE.search, (f"${one}" for one in words)))
    )


def _crontab(words: Sequence[str]) -> Meaning:
    if "-l" in words:
        return shell(Danger.READ, Verb.STATUS, system="cron")
    if "-e" in words:
        return replace(shell(Danger.DISRUPTIVE, system="cron"), interactive=True)
    return shell(Danger.DESTRUCTIVE, target=_last(words), system="cron")


def _iptables(words: Sequence[str]) -> Meaning:
    if any(re.fullmatch(r"-[vnt]*[LS][vn]*|--list.*|-C|--check|--version", word) for word in words):
        return shell(Danger.READ, Verb.STATUS)
    worst = {"-F", "--flush", "-X", "-D", "--delete", "-Z"} & set(words)
    return shell(Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE)


def _ufw(words: Sequence[str]) -> Meaning:
    if not words or words[0] in ("status", "show", "version", "app"):
        return shell(Danger.READ, Verb.STATUS)
    return shell(Danger.DESTRUCTIVE if words[0] in ("reset", "delete") or "delete" in words[:2] else Danger.DISRUPTIVE)


def _sysctl(words: Sequence[str]) -> Meaning:
    changes = any(word in ("-w", "--write", "-p", "--load", "--system") or "=" in word for word in words)
    return shell(Danger.DISRUPTIVE if changes else Danger.READ, Verb.HOST, _last(words))


def _power(words: Sequence[str]) -> Meaning:
    if "-c" in words:
        return shell(Danger.REVERSIBLE)
    return shell(Danger.DISRUPTIVE, Verb.RESTART if "-r" in words else Verb.STOP)


def _reboot(words: Sequence[str]) -> Meaning:
    return shell(Danger.DISRUPTIVE, Verb.RESTART)


def _named(words: Sequence[str]) -> Meaning:
    """hostname, date, hostnamectl, timedatectl, localectl: they tell, or they set."""
    sets = any(word in ("-s", "--set", "-b", "-F") or word.startswith(("set-", "--set=")) for word in words)
    return shell(Danger.DISRUPTIVE if sets else Danger.READ, Verb.OTHER)


def _hostname(words: Sequence[str]) -> Meaning:
    sets = any(not word.startswith("-") for word in words)
    return shell(Danger.DISRUPTIVE if sets else Danger.READ)


def _chage(words: Sequence[str]) -> Meaning:
    return shell(Danger.READ if {"-l", "--list"} & set(words) or not words else Danger.DISRUPTIVE)


def _check_disk(words: Sequence[str]) -> Meaning:
    dry = any(re.fullmatch(r"-\w*[nN]\w*", word) for word in words)
    return shell(Danger.READ if dry else Danger.DESTRUCTIVE, target=_last(words))


def _shown(words: Sequence[str]) -> Meaning:
    return shell(Danger.READ, Verb.HOST, _last(words))


def _dump_packets(words: Sequence[str]) -> Meaning:
    endless = not any(re.match(r"-c", word) for word in words)
    return replace(shell(Danger.REVERSIBLE if "-w" in words else Danger.READ), endless=endless, reveals=True)


def _mdadm(words: Sequence[str]) -> Meaning:
    return shell(Danger.READ if {"--detail", "-D", "--examine", "-E"} & set(words) else Danger.DESTRUCTIVE)


def _volumes(words: Sequence[str]) -> Meaning:
    """zfs and zpool."""
    what = words[0] if words else ""
    if what in ("list", "status", "get", "iostat", "history", "diff"):
        return shell(Danger.READ, Verb.STATUS)
    if what in ("subvolume", "filesystem", "device", "qgroup", "balance", "scrub") and words[1:2]:
        if words[1] in ("list", "show", "df", "usage", "du", "status", "stats", "get-default"):
            return shell(Danger.READ, Verb.STATUS)
        if words[1] in ("delete", "remove", "rm", "destroy"):
            return shell(Danger.DESTRUCTIVE, target=_last(words))
    worst = what in ("destroy", "rollback", "receive", "recv", "labelclear", "rescue", "restore") or "--repair" in words
    verb = Verb.BACKUP if what in ("snapshot", "send") else Verb.ROLLBACK if what == "rollback" else Verb.OTHER
    gentle = what in ("snapshot", "send", "create")
    return shell(
        Danger.DESTRUCTIVE if worst else Danger.REVERSIBLE if gentle else Danger.DISRUPTIVE, verb, _last(words)
    )


_SPECIAL: Final[dict[str, Callable[[Sequence[str]], Meaning]]] = {
    "rm": _rm, "cp": _copy, "mv": _copy, "scp": _copy, "rsync": _rsync, "dd": _dd, "tar": _tar, "gtar": _tar,
    "bsdtar": _tar, "unzip": _unzip, "sed": _sed, "gsed": _sed, "perl": _perl, "sort": _sort, "yq": _yq, "env": _env,
    "printenv": _env, "crontab": _crontab, "iptables": _iptables, "ufw": _ufw, "sysctl": _sysctl, "shutdown": _power,
    "poweroff": _power, "halt": _power, "reboot": _reboot, "init": _power, "telinit": _power, "date": _named,
    "timedatectl": _named, "hostnamectl": _named, "localectl": _named, "hostname": _hostname, "chage": _chage,
    "fsck": _check_disk, "e2fsck": _check_disk, "xfs_repair": _check_disk, "btrfs": _volumes, "zfs": _volumes,
    "zpool": _volumes, "tcpdump": _dump_packets, "mdadm": _mdadm, "lvs": _shown, "vgs": _shown, "pvs": _shown,
    "lvdisplay": _shown, "vgdisplay": _shown, "pvdisplay": _shown, "lvscan": _shown, "smartctl": _shown,
}  # fmt: skip
