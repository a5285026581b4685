"""Programs that speak to a service: web servers, brokers, vaults, clouds, process managers.

https://www.rabbitmq.com/docs/man/rabbitmqctl.8, https://kafka.apache.org/documentation/#basic_ops,
https://docs.celeryq.dev/en/stable/reference/cli.html, https://developer.hashicorp.com/vault/docs/commands
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Verb
from probes.base.command import named
from probes.commands.dialect_words import WORST, asks_only, by_name, by_verb, shell

_BY_VERB: Final = named(
    """
    gcloud az fly flyctl heroku vercel netlify railway render doctl linode-cli hcloud scw oci ibmcloud cf eb sam cdk
    pulumi packer argocd istioctl linkerd kustomize wrangler supabase firebase nomad etcdctl flux oc nats gh glab
    hub ansible-galaxy consul boundary waypoint vagrant multipass virsh lxc incus kops eksctl kind minikube k3d
    rancher cilium calicoctl kubeadm helm helmfile skaffold telepresence velero stern cloudflared tailscale wg
    zerotier-cli resticprofile grafana-cli amtool promtool logcli influx datadog-agent datadog-ci newrelic
    sentry-cli launchdarkly ld confluent rpk pulsar-admin temporal tctl sidekiqctl dokku caprover kamal cap coolify
    portainer nerdctl podman-compose crictl ctr buildah skopeo cosign trivy grype infisical doppler op bw sops
    age-keygen akeyless conjur jenkins-cli circleci travis buildkite-agent tkn vercel stripe twilio ngrok snyk
    checkov tfsec kubectx kubens monit munin-run check_mk omd icingacli puppet chef-client knife salt salt-call
    fail2ban-client cscli clamscan freshclam rkhunter aide lynis ceph rbd gluster weed drbdadm pcs crm
    corosync-cfgtool crm_mon keepalived asterisk doveadm airflow wp drush dbt influxd gitlab-ctl postconf nsupdate rndc
    named-checkconf unbound-control pihole dnsmasq cloud-init snapper timeshift elasticsearch-keystore elasticdump
    curator kubeseal
    """
)
_START: Final = {
    "start": Verb.START, "stop": Verb.STOP, "restart": Verb.RESTART, "reload": Verb.MAINTENANCE, "status": Verb.STATUS,
    "force-reload": Verb.RESTART, "condrestart": Verb.RESTART, "try-restart": Verb.RESTART, "graceful": Verb.RESTART,
    "gracefulReload": Verb.RESTART,
}  # fmt: skip


def services(line: CommandLine) -> Meaning | None:
    """What a line says to a service; None when it says nothing to one that is known here."""
    name, words = line.program, list(line.words[1:])
    if name in _SPECIAL:
        return _SPECIAL[name](words)
    if name in ("terraform", "tofu", "terragrunt"):
        return _terraform(name, words)
    if "init.d/" in line.words[0] or name in ("rc-service", "initctl", "invoke-rc.d", "rcctl", "sv"):
        return _init(line)
    if name == "socat":
        return _socat(line)
    if re.fullmatch(r"kafka-[\w-]+?(?:\.sh|\.bat)?", name) or name in ("kcat", "kafkacat", "zookeeper-shell.sh"):
        return _kafka(name.removesuffix(".sh"), words)
    if name.startswith("rabbitmq"):
        return _rabbit(name, words)
    if name in ("ansible", "ansible-playbook", "ansible-pull"):
        return _ansible(name, words)
    if name in _BY_VERB:
        return _cloud(name, line)
    return None


def _cloud(name: str, line: CommandLine) -> Meaning:
    found = by_verb(line.words, name)
    if name in ("trivy", "grype", "checkov", "tfsec", "snyk") and found.danger is Danger.DISRUPTIVE:
        return shell(Danger.READ, Verb.STATUS, found.target, name)
    words = [word.lower() for word in line.words[1:]]
    text = " ".join(words)
    if name in ("ceph", "rbd") and set(words) & {"-s", "--status", "-w", "df", "osd tree"}:
        return shell(Danger.READ, Verb.STATUS, "", name)
    if name in ("wp", "drush") and re.match(r"(?:db|sql)[ :-]?(?:import|query|cli|sync|create|export)", text):
        kept = "export" in words[1:2]
        return shell(Danger.REVERSIBLE if kept else Danger.DESTRUCTIVE, Verb.BACKUP if kept else Verb.RESTORE, "", name)
    if name in ("gh", "glab") and "api" in words[:1]:
        method = next((words[at + 1].upper() for at, word in enumerate(words[:-1]) if word in ("-x", "--method")), "")
        sends = method not in ("", "GET") or any(
            re.match(r"-f$|-F$|--field|--raw-field|--input", one) for one in line.words
        )
        found = shell(
            Danger.DESTRUCTIVE if method == "DELETE" else Danger.DISRUPTIVE if sends else Danger.READ, system=name
        )
    secret = any(
        re.search(r"secret|password|token|kubeconfig|credential|env$|config:?get|^config$", word) for word in words
    )
    asked = secret and not re.search(r"\blist\b.*names", " ".join(words))
    if name in ("sops", "op", "bw", "infisical", "doppler") and re.search(
        r"-d\b|decrypt|read|get|export", " ".join(words)
    ):
        asked, found = True, replace(found, danger=Danger.READ if not WORST.search(" ".join(words)) else found.danger)
    endless = any(word in ("-f", "--follow", "--tail", "-t") for word in words) and found.verb is Verb.LOGS
    return replace(found, reveals=asked, endless=endless)


def _first(words: Sequence[str]) -> str:
    return next((word for word in words if not word.startswith("-")), "")


def _nginx(words: Sequence[str]) -> Meaning:
    if any(re.fullmatch(r"-[tTvVq]+|-\?|-h", word) for word in words):
        return shell(Danger.READ, Verb.STATUS, system="nginx")
    signal = words[words.index("-s") + 1] if "-s" in words[:-1] else ""
    verb = {"reload": Verb.MAINTENANCE, "reopen": Verb.MAINTENANCE, "stop": Verb.STOP, "quit": Verb.STOP}
    return shell(Danger.DISRUPTIVE, verb.get(signal, Verb.START), system="nginx")


def _apache(words: Sequence[str]) -> Meaning:
    if any(word in ("configtest", "status", "fullstatus", "-t", "-S", "-M", "-v", "-V", "-l") for word in words):
        return shell(Danger.READ, Verb.STATUS, system="apache")
    return shell(Danger.DISRUPTIVE, _START.get(_first(words), Verb.OTHER), system="apache")


def _sites(words: Sequence[str]) -> Meaning:
    """a2ensite, a2dismod and their like."""
    return shell(Danger.DISRUPTIVE, Verb.OTHER, _first(words), "apache")


def _haproxy(words: Sequence[str]) -> Meaning:
    looks = {"-c", "-v", "-vv"} & set(words)
    return shell(Danger.READ if looks else Danger.DISRUPTIVE, Verb.STATUS if looks else Verb.START, system="haproxy")


def _caddy(words: Sequence[str]) -> Meaning:
    what = _first(words)
    if what in ("validate", "version", "list-modules", "environ", "adapt", "build-info"):
        return shell(Danger.READ, Verb.STATUS, system="caddy")
    return shell(Danger.DISRUPTIVE, _START.get(what, Verb.OTHER), system="caddy")


def _fpm(words: Sequence[str]) -> Meaning:
    looks = {"-t", "-tt", "-v", "-i", "-m"} & set(words)
    return shell(Danger.READ if looks else Danger.DISRUPTIVE, Verb.OTHER, system="php-fpm")


def _socat(line: CommandLine) -> Meaning:
    """Words for a socket, above all HAProxy's."""
    text = " ".join(line.fed[1:]) if line.fed and line.fed[0] in ("echo", "printf") else line.stdin
    looks = bool(text) and all(
        re.match(r"\s*(?:show|help|get|prompt|quit|stats)\b", one) for one in text.split(";") if one.strip()
    )
    worst = bool(re.search(r"\b(?:clear|del|delete|flush|purge)\b", text))
    danger = Danger.READ if looks else Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE
    return shell(danger, Verb.STATUS if looks else Verb.OTHER, system="haproxy")


def _rabbit(name: str, words: Sequence[str]) -> Meaning:
    valued = ("-p", "-n", "-u", "-H", "-P", "-V", "--vhost")
    after = ["", *words]
    words = [word for word, before in zip(words, after, strict=False) if word[:1] != "-" and before not in valued]
    what = words[0] if words else ""
    text = " ".join(words[:2])
    target = words[-1] if len(words) > 1 else ""
    if what == "get" and any(re.search(r"requeue[_=]?(?:false|no)|reject_requeue_false", word) for word in words):
        return shell(Danger.DESTRUCTIVE, Verb.OTHER, target, "rabbitmq")
    if name == "rabbitmq-server":
        return shell(Danger.DISRUPTIVE, Verb.START, system="rabbitmq")
    if re.search(r"purge|delete|reset|forget|clear|remove", text):
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE if "purge" in text else Verb.OTHER, target, "rabbitmq")
    if "queues" in text and re.match(r"list|show", what):
        return shell(Danger.READ, Verb.QUEUE_DEPTH, system="rabbitmq")
    if re.match(r"list|show|status|cluster_status|report|environment|node_health_check|ping|check_|help|version|is_"
                r"|observer|listeners|memory_breakdown|alarms|log_|discover|get$|authenticate_user", what) or (
        name == "rabbitmq-diagnostics"
    ):  # fmt: skip
        health = re.match(r"ping|check_|node_health", what)
        takes = what == "get"
        verb = Verb.HEALTH if health else Verb.STATUS
        return shell(Danger.DISRUPTIVE if takes else Danger.READ, verb, system="rabbitmq")
    verb = {"stop": Verb.STOP, "stop_app": Verb.STOP, "shutdown": Verb.STOP, "start_app": Verb.START}.get(
        what, Verb.OTHER
    )
    return shell(Danger.DISRUPTIVE, verb, target, "rabbitmq")


_KAFKA_GONE: Final = frozenset({"--delete", "--delete-offsets", "--delete-config", "--remove"})


def _kafka(name: str, words: Sequence[str]) -> Meaning:
    options = {word.partition("=")[0] for word in words}
    target = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("--topic", "--group", "-t")), "")
    if re.search(r"delete|reset", name) or _KAFKA_GONE & options or "format" in words[:1]:
        return shell(Danger.DESTRUCTIVE, Verb.OTHER, target, "kafka")
    if "--alter" in options and any(re.search(r"retention|cleanup\.policy|delete", word) for word in words):
        return shell(Danger.DESTRUCTIVE, Verb.OTHER, target, "kafka")
    if "--reset-offsets" in options:
        danger = Danger.READ if "--dry-run" in options or "--execute" not in options else Danger.DESTRUCTIVE
        return shell(danger, Verb.OTHER, target, "kafka")
    if "reassign" in name and "--execute" in options:
        return shell(Danger.DISRUPTIVE, Verb.MAINTENANCE, target, "kafka")
    if "consumer-groups" in name and "--describe" in options:
        return shell(Danger.READ, Verb.QUEUE_DEPTH, target, "kafka")
    if "producer" in name or "-P" in options:
        return replace(shell(Danger.DISRUPTIVE, Verb.OTHER, target, "kafka"), interactive="producer" in name)
    if "console-consumer" in name or name in ("kcat", "kafkacat"):
        endless = not {"--max-messages", "--timeout-ms", "-e", "-c", "-L", "-Q"} & options
        takes = "--group" in options or "-G" in options
        found = shell(Danger.DISRUPTIVE if takes else Danger.READ, Verb.OTHER, target, "kafka")
        return replace(found, reveals="-L" not in options, endless=endless)
    looks = {"--list", "--describe", "--verify", "--version", "--generate", "--help"} & options
    if looks or re.search(r"log-dirs|get-offsets|broker-api|dump-log|metadata|verifiable", name):
        return shell(Danger.READ, Verb.STATUS, target, "kafka")
    if "--create" in options:
        return shell(Danger.REVERSIBLE, Verb.OTHER, target, "kafka")
    verb = Verb.START if name.endswith("start") else Verb.STOP if name.endswith("stop") else Verb.OTHER
    return shell(Danger.DISRUPTIVE, verb, target, "kafka")


def _celery(words: Sequence[str]) -> Meaning:
    rest = list(words)
    free = []
    while rest:
        word = rest.pop(0)
        if (
            word in ("-A", "--app", "-b", "--broker", "-Q", "-d", "--destination", "-n", "-c", "-l", "--workdir")
            and rest
        ):
            rest.pop(0)
        elif not word.startswith("-"):
            free.append(word)
    what = free[0] if free else ""
    text = " ".join(free[:2])
    if what == "purge" or re.search(r"delete|purge", text):
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, system="celery")
    if what in ("inspect", "status", "report", "list", "result", "graph", "help"):
        health = text == "inspect ping"
        return shell(Danger.READ, Verb.HEALTH if health else Verb.STATUS, system="celery")
    if what in ("worker", "beat", "flower", "events", "multi"):
        verbs = {"stop": Verb.STOP, "stopwait": Verb.STOP, "restart": Verb.RESTART}
        verb = next((verbs[word] for word in free if word in verbs), Verb.START)
        return replace(shell(Danger.DISRUPTIVE, verb, system="celery"), endless=what != "multi")
    if text in ("control revoke", "control terminate"):
        return shell(Danger.DESTRUCTIVE, Verb.TERMINATE, system="celery")
    return shell(Danger.DISRUPTIVE, Verb.STOP if "shutdown" in text else Verb.OTHER, system="celery")


def _vault(words: Sequence[str]) -> Meaning:
    free = [word for word in words if not word.startswith("-")]
    text = " ".join(free[:3])
    target = free[-1] if free else ""
    if re.search(r"delete|destroy|revoke|metadata delete|remove|disable|rekey|rotate|undelete|rollback", text):
        return shell(Danger.DESTRUCTIVE, Verb.OTHER, target, "vault")
    if re.match(r"status|version", text):
        return shell(Danger.READ, Verb.STATUS, system="vault")
    if re.match(r"read|kv get|kv list|list|secrets list|token lookup|policy (?:read|list)|auth list|lease lookup|print"
                r"|path-help|kv metadata get|unwrap|audit list|operator (?:members|raft list|diagnose|usage|key-status)"
                r"|token capab", text):  # fmt: skip
        looks = re.match(r"(?:kv )?list|secrets|policy|auth|audit|operator|path-help|kv metadata", text)
        taken = "creds/" in target or text.startswith("unwrap")
        return replace(
            shell(Danger.DISRUPTIVE if taken else Danger.READ, Verb.OTHER, target, "vault"), reveals=not looks
        )
    return replace(shell(Danger.DISRUPTIVE, Verb.OTHER, target, "vault"), reveals="token" in text or "login" in text)


def _terraform(name: str, words: Sequence[str]) -> Meaning:
    free = [word for word in words if not word.startswith("-")]
    what = " ".join(free[:2])
    if any(re.match(r"--?destroy\b", word) for word in words) and "plan" not in free[:1]:
        return shell(Danger.DESTRUCTIVE, Verb.DEPLOY, system=name)
    if re.match(
        r"destroy|state (?:rm|push|replace)|force-unlock|workspace delete|taint|run-all destroy|apply destroy", what
    ):
        return shell(Danger.DESTRUCTIVE, Verb.OTHER, free[-1], name)
    if re.match(r"plan|show|output|validate|version|graph|providers|state (?:list|show|pull)|workspace (?:list|show)"
                r"|workspace select|fmt|console|get$|metadata|login", what) or not free:  # fmt: skip
        found = shell(Danger.READ if not what.startswith("fmt") else Danger.REVERSIBLE, Verb.STATUS, system=name)
        return replace(found, reveals=bool(re.match(r"output|show|state (?:show|pull)|console", what)))
    if re.match(r"init|workspace new|get", what):
        migrates = any("migrate-state" in word or "reconfigure" in word for word in words)
        return shell(Danger.DISRUPTIVE if migrates else Danger.REVERSIBLE, Verb.OTHER, system=name)
    return shell(Danger.DISRUPTIVE, Verb.DEPLOY if "apply" in what else Verb.OTHER, system=name)


def _ansible(name: str, words: Sequence[str]) -> Meaning:
    if {"--check", "-C", "--list-hosts", "--list-tasks", "--syntax-check", "--version", "--list-tags"} & set(words):
        return shell(Danger.READ, Verb.STATUS, system="ansible")
    module = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("-m", "--module-name")), "")
    if name == "ansible" and module in ("ping", "setup", "debug", "ansible.builtin.ping"):
        return shell(Danger.READ, Verb.HEALTH if "ping" in module else Verb.STATUS, system="ansible")
    found = by_name([_first(words) or name, *words], system="ansible")
    return replace(found, verb=Verb.DEPLOY if found.verb is Verb.OTHER else found.verb)


def _pm2(words: Sequence[str]) -> Meaning:
    """https://pm2.keymetrics.io/docs/usage/quick-start/"""
    what = _first(words)
    free = [word for word in words if not word.startswith("-")]
    target = free[1] if len(free) > 1 else ""
    if what in ("list", "ls", "status", "l", "show", "describe", "info", "jlist", "prettylist", "env", "ping", "id",
                "pid", "report", "conf", "get"):  # fmt: skip
        return replace(shell(Danger.READ, Verb.STATUS, target, "pm2"), reveals=what in ("env", "jlist"))
    if what in ("logs", "log"):
        return replace(shell(Danger.READ, Verb.LOGS, target, "pm2"), endless="--nostream" not in words)
    if what in ("monit", "dash", "dashboard", "imonit"):
        return replace(shell(Danger.READ, Verb.HOST, target, "pm2"), endless=True, interactive=True)
    if what in ("delete", "del", "flush", "kill", "reset", "unstartup"):
        verb = Verb.STOP if what in ("kill", "delete", "del") else Verb.MAINTENANCE
        return shell(Danger.DESTRUCTIVE if what != "kill" else Danger.DISRUPTIVE, verb, target, "pm2")
    verbs = {
        "start": Verb.START,
        "stop": Verb.STOP,
        "restart": Verb.RESTART,
        "reload": Verb.RESTART,
        "scale": Verb.SCALE,
        "startOrRestart": Verb.RESTART,
        "startOrReload": Verb.RESTART,
        "resurrect": Verb.START,
        "deploy": Verb.DEPLOY,
        "gracefulReload": Verb.RESTART,
    }
    danger = Danger.REVERSIBLE if what in ("start", "save", "startup", "resurrect") else Danger.DISRUPTIVE
    return shell(danger, verbs.get(what, Verb.OTHER), target, "pm2")


def _init(line: CommandLine) -> Meaning:
    words = [word for word in line.words[1:] if not word.startswith("-")]
    what = next((word for word in words if word in _START), "")
    target = line.program if "init.d/" in line.words[0] else next((word for word in words if word != what), "")
    verb = _START.get(what, Verb.OTHER)
    danger = {"status": Danger.READ, "start": Danger.REVERSIBLE}.get(what, Danger.DISRUPTIVE)
    return shell(danger, verb, target, "init")


def _gunicorn(words: Sequence[str]) -> Meaning:
    if asks_only(["server", *words]) or "--check-config" in words:
        return shell(Danger.READ)
    return replace(shell(Danger.DISRUPTIVE, Verb.START, _first(words)), endless=True)


def _launchctl(words: Sequence[str]) -> Meaning:
    what = _first(words)
    if what in ("list", "print", "blame", "version"):
        return shell(Danger.READ, Verb.STATUS, system="launchd")
    worst = what in ("remove", "unload", "bootout")
    verb = {"start": Verb.START, "load": Verb.START, "stop": Verb.STOP, "unload": Verb.STOP, "kickstart": Verb.RESTART}
    return shell(Danger.DESTRUCTIVE if what == "remove" else Danger.DISRUPTIVE if worst or what else Danger.READ,
                 verb.get(what, Verb.OTHER), system="launchd")  # fmt: skip


def _memcached(words: Sequence[str]) -> Meaning:
    worst = {"flush", "rm", "flush_all"} & set(words)
    return shell(Danger.DESTRUCTIVE if worst else Danger.READ, Verb.CACHE_STATS, system="memcached")


def _varnish(words: Sequence[str]) -> Meaning:
    text = " ".join(word for word in words if not word.startswith("-"))
    looks = re.match(r"(?:vcl|backend|param|ban|storage)\.(?:list|show)|ping|status|banner|panic.show|$", text)
    return shell(
        Danger.READ if looks else Danger.DESTRUCTIVE if text.startswith("ban") else Danger.DISRUPTIVE, system="varnish"
    )


def _asked(looks: str, gone: str) -> Callable[[Sequence[str]], Meaning]:
    """A program whose words, or the letters of its options, tell whether it looks or takes something away."""

    def meant(words: Sequence[str]) -> Meaning:
        free = [word for word in words if not word.startswith("-")]
        target = free[-1] if len(free) > 1 else ""
        if any(re.fullmatch(gone, word) for word in words):
            return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, target)
        if not words or any(re.fullmatch(looks, word) for word in words):
            return shell(Danger.READ, Verb.STATUS, target)
        return by_name(["", *words])

    return meant


_MAIL: Final = _asked(r"-p|-b(?:p\w*|[tvV]|h\w*)?|-M(?:v[hbl]|set)|-j", r"-d|-Mrm|-Mg|-Mmad")
_CASSANDRA: Final = _asked(
    r"status|info|ring|tpstats|netstats|describecluster|describering|compactionstats|(?:cf|table)stats|gossipinfo|version"
    r"|(?:proxy|table|cf)histograms|list\w+|get\w+|gcstats|failuredetector|statusbinary|statusgossip|help",
    r"clearsnapshot|removenode|decommission|assassinate|garbagecollect|truncatehints|rebuild|move|abortbootstrap",
)
_SPECIAL: Final[dict[str, Callable[[Sequence[str]], Meaning]]] = {
    "nginx": _nginx, "openresty": _nginx, "apachectl": _apache, "apache2ctl": _apache, "httpd": _apache,
    "apache2": _apache,
    "a2ensite": _sites, "a2dissite": _sites, "a2enmod": _sites, "a2dismod": _sites, "haproxy": _haproxy,
    "caddy": _caddy,
    "php-fpm": _fpm, "celery": _celery, "vault": _vault, "pm2": _pm2, "gunicorn": _gunicorn, "uvicorn": _gunicorn,
    "hypercorn": _gunicorn, "puma": _gunicorn, "unicorn": _gunicorn, "sidekiq": _gunicorn, "flower": _gunicorn,
    "rackup": _gunicorn, "daphne": _gunicorn, "nodemon": _gunicorn, "launchctl": _launchctl, "memcstat": _memcached,
    "memcflush": lambda words: _memcached(["flush"]), "memcrm": lambda words: _memcached(["rm"]),
    "varnishadm": _varnish, "postsuper": _MAIL, "postqueue": _MAIL, "exim": _MAIL, "exim4": _MAIL,
    "nodetool": _CASSANDRA,
}  # fmt: skip
