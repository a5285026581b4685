"""Programs that runbooks name, and whether a line outside a shell fence is a command at all.

In a fence that says it is for a shell a line is a command unless it looks like something else; everywhere else a line
is none unless it looks like one: prose must never become a step.
"""

from __future__ import annotations

import re
from typing import Final

from desk.runbook.sql import is_sql
from desk.runbook.words import names, unwrapped

_PLAIN: Final = """
    aa-status acme.sh alembic ansible ansible-playbook apk apt apt-get aptitude arp artillery asadmin asdf awk aws az
    base64 bash blkid brctl brew btop bundle bunx bun buildah bzip2 cargo cargo-audit cassandra-cli cat ccm ceph cfn
    certbot chattr chef-client chgrp chmod chown chronyc cilium circleci clickhouse-client cmp code composer conda
    conntrack consul cp cqlsh crictl crontab ctr cue curl daphne dcron dd ddev deno devspace df diff dig dir
    django-admin dmesg dnf docker docker-compose doctl dokku doppler dotnet dpkg drush du eas echo eksctl elasticdump
    envsubst esxcli etcdctl ethtool eval export fail2ban-client fallocate falcoctl firebase firewall-cmd firewalld fio
    flask fluxctl flux fly flyctl foreman fping free fsck fstrim ftp fuser gcloud gem getent gh glab golangci-lint gpg
    gradle gradlew grafana-cli grep egrep fgrep zgrep rg gsutil gunicorn gunzip gzip hadoop haproxy hdfs helm helmfile
    heroku hostname hostnamectl hping3 htop http https httpie hurl hyperfine iconv id ifconfig ifdown iftop ifup
    influx influxd initctl invoke-rc.d ionice iostat iotop ip ip6tables ipcs iperf iperf3 iptables ipvsadm istioctl
    java jcmd jmap jmeter journalctl jps jq jstack jstat just k k3s k6 k9s kafka-acls.sh kafka-configs.sh
    kafka-consumer-groups kafka-consumer-groups.sh kafka-topics kafka-topics.sh kafkacat kcat kind killall kinit klist
    ktutil kubeadm kubectl kubectx kubens kustomize launchctl ldapsearch less lftp linkerd ln locust log logrotate
    logcli ls lsblk lscpu lshw lsmod lsof lspci lsusb ltrace lvdisplay lvextend lvs lz4 mailq make mariadb mc md5sum
    mdadm memcached memcstat memtier_benchmark microk8s minikube mise mix mkdir mkfs mongo mongod mongodump
    mongoexport mongoimport mongorestore mongosh mosquitto_pub mosquitto_sub mount mpstat mtr multitail mvn mv mycli
    myloader mydumper mysql mysqladmin mysqlcheck mysqldump nano nats nc ncat ncdu netlify netstat newman newrelic
    nft nginx ngrok nmap nmcli nodetool nohup nomad npm npx nslookup ntpdate ntpq nvidia-smi nx oc op openssl opkg
    ollama orb packer pacman parallel parted passwd patronictl gitlab-ctl gitlab-rake gitlab-rails gitlab-psql
    gitlab-patronictl pbcopy pg_basebackup pg_ctl pg_ctlcluster pg_controldata pg_dump pg_dumpall pg_isready
    pg_lsclusters pg_receivewal pg_resetwal pg_restore pg_rewind pg_top pg_upgrade pgbackrest pgbadger pgbench pgcli
    pgbouncer pgrep php pidstat ping ping6 pip pip3 pipenv pipx pkill pm2 pmap pnpm pnpx podman podman-compose poetry
    poweroff printenv printf prisma promtool amtool ps pscp psql pstree pulumi pushd popd pvcreate pvs pwd py pytest
    python python2 python3 qm rabbitmqadmin rabbitmqctl rabbitmq-diagnostics rails railway rake rbenv rclone readlink
    realpath reboot redis-benchmark redis-check-aof redis-check-rdb redis-cli redis-server valkey-cli rename render
    resolvectl restic restorecon rke2 rm rmdir rndc route rpm rsync ruby runuser sam sar scp sed semanage seq
    serverless service sestatus setenforce setfacl getfacl sftp sh sha256sum shasum shred shutdown siege sls slappasswd
    smartctl snap snmpwalk socat sops source spark-submit sqlcmd sqlite3 ss ssh ssh-add ssh-copy-id ssh-keygen
    ssh-keyscan stat step strace stress stress-ng stty su sudo supabase supervisorctl svn swapoff swapon sync sysbench
    sysctl systemctl systemd-analyze systemd-resolve tar tcpdump tee telnet terraform terragrunt tofu tmux top touch
    tr traceroute tracepath trivy truncate tsx turbo tzselect ufw ulimit umount uname unlink unzip
    update-ca-certificates
    update-rc.d upgradepip uptime useradd userdel usermod uv uvicorn uvx vacuumdb reindexdb clusterdb createdb dropdb
    createuser dropuser vagrant varnishadm varnishlog varnishstat vault vercel vgdisplay vgs vi vim virsh virtualenv
    visudo vmstat w wc weed wget whoami whois wrangler wrk ab hey vegeta wsl xargs xfs_growfs resize2fs xtrabackup
    xz yarn yq yum zcat zfs zip zkCli.sh zookeeper-shell zpool zypper psexec schtasks sc net netsh robocopy taskkill
    tasklist ipconfig wmic choco scoop winget iisreset icacls findstr vmtouch mailx sendmail postqueue postsuper
    postfix exim doveadm rspamc clamscan freshclam lynis rkhunter aide auditctl ausearch aureport last lastlog faillog
    lastb loginctl timedatectl localectl systemd-cgtop systemd-run systemd-cat machinectl bootctl coredumpctl udevadm
    pg_repack pg_prewarm pgloader barman wal-g wal-e repmgr stolonctl pcs crm corosync-cfgtool drbdadm velero argocd
    argo tkn kubeseal cmctl kyverno stern kubetail k3d talosctl clusterctl eksdemo aws-vault saml2aws chamber copilot
    ecs-cli ecs-exec cfn-lint cdk sst amplify sfdx cf ibmcloud oci aliyun tccli hcloud linode-cli scw exo vultr-cli
    dotenv direnv nvm fnm volta corepack lerna rush bazel ninja cmake meson jest vitest mocha playwright cypress
    eslint prettier tsc ts-node nodemon php-fpm artisan symfony wp drush magento bin/console manage.py celery flower rq
    dramatiq huey hypercorn sidekiq puma unicorn resque rspec knex sequelize typeorm drizzle-kit flyway liquibase dbmate
    goose migrate atlas sqitch gh-ost pt-online-schema-change pt-query-digest pt-kill mysqltuner innotop proxysql
    hasura dbt airflow dagster prefect superset jupyter mlflow kafka-run-class.sh kafka-reassign-partitions.sh
    rpk pulsar-admin bin/kafka-topics.sh elasticsearch-plugin curator opensearch-cli filebeat metricbeat logstash
    telegraf vector fluentd fluent-bit otelcol prometheus alertmanager grafana-server thanos loki tempo
    docker-machine skopeo crane regctl dive hadolint cosign syft grype gitleaks trufflehog semgrep sonar-scanner snyk
    checkov tfsec tflint infracost tfenv tgenv direnv age gopass pass bw lpass ykman gpgconf keytool certtool cfssl
    mkcert step-cli easyrsa wg wg-quick openvpn tailscale zerotier-cli cloudflared nebula
    kamal cap mina fab capistrano honcho overmind forego procodile svc sv s6-svc runsv chpst rc-service rc-update
    pgmetrics prowler steampipe ec2metadata ec2-metadata cloud-init netplan growpart partprobe lvcreate lvreduce
    systemd-tmpfiles setsebool getsebool ausyscall alternatives update-alternatives dpkg-reconfigure debconf-show
    fdisk gdisk cfdisk sgdisk tf knife apt-cache apt-key clickhouse-client clickhouse-local chef-client-disable
    chef-client-enable google_metadata_script_runner dns-sd ldd nm objdump file-roller dpkg-query yarnpkg corepack
    mkswap swaplabel e2fsck tune2fs dumpe2fs lvresize vgextend cryptsetup dmsetup multipath iscsiadm showmount nfsstat
    exportfs rpcinfo smbclient smbstatus testparm chpasswd chage gpasswd groupadd id3v2 mkfs.ext4 mkfs.xfs mkfs.ext3
    caddy nerdctl s3cmd rclone borg snowsql bq sidekiqctl unicornctl passenger-status monit apachectl apache2ctl
    a2ensite a2dissite a2enmod modprobe gdb xfs_repair perf sentry-cli datadog-agent filebeat metricbeat
    newrelic-infra sqlx diesel postsuper postqueue postcat qshape exim exiqgrep doveadm
    solana solana-keygen anchor spl-token forge cast hardhat geth bitcoin-cli lnd lncli
"""
KNOWN: Final = frozenset(_PLAIN.split())
"""Programs whose name is no word of the language."""

ALSO_WORDS: Final = names("""
    at cancel cat chat check clear code column comm cut date dir echo expect export fab factor fc file find fly fold
    foreman free go group head history host id install jobs join just kill last less link locate log look mail make
    man migrate mount move mv net nice node open paste pass patch ping play print ps read render reset rails
    route rush script seq service set shutdown sleep snap sort source split start stat step stop strings sync tail
    tar task tee test time timeout top touch tree type units update users vault vector version wait watch wc where
    which who wait while write yes go act ab hey w k mix op sam net nats kind orb cue step just log http https goose
    atlas weed argo copilot cap vi flask celery composer ruby java docker git helm packer consul nomad nginx
    redis-server haproxy prometheus alertmanager curator influx postgres terraform
""")
"""Programs whose name may as well be a word of a sentence: something more must show that it is a command."""

BUILT_IN: Final = names(
    "for while until if case cd source . export unset set alias eval exec trap wait read test [ [[ ( { true false "
    "function select exit return"
)

_SUBCOMMANDS: Final[dict[str, str]] = {
    "docker": "attach build builder buildx checkpoint commit compose config container context cp create diff events "
    "exec export history image images import info inspect kill load login logout logs manifest network node pause "
    "plugin port ps pull push rename restart rm rmi run save scout search secret service stack start stats stop swarm "
    "system tag top trust unpause update version volume wait",
    "git": "add am apply archive bisect blame branch bundle checkout cherry-pick clean clone commit config describe "
    "diff fetch gc grep init lfs log ls-files ls-remote merge mv notes pull push rebase reflog remote reset restore "
    "rev-list rev-parse revert rm shortlog show stash status submodule switch tag worktree filter-branch filter-repo",
    "systemctl": "start stop restart reload status enable disable is-active is-enabled is-failed list-units "
    "list-timers list-unit-files list-dependencies daemon-reload show cat edit mask unmask kill reset-failed "
    "try-restart reload-or-restart isolate reboot poweroff set-property daemon-reexec list-sockets list-jobs",
    "kubectl": "annotate api-resources api-versions apply attach auth autoscale certificate cluster-info config cordon "
    "cp create debug delete describe diff drain edit events exec explain expose get kustomize label logs patch "
    "port-forward proxy replace rollout run scale set taint top uncordon version wait rsh cnpg krew neat argo "
    "minio ctx ns",
    "npm": "audit build cache ci config dedupe exec i info init install link list ls outdated pack prune publish "
    "rebuild restart root run run-script start stop test uninstall update version view",
    "terraform": "apply console destroy fmt force-unlock get graph import init login output plan providers refresh "
    "show state taint test untaint validate version workspace",
    "helm": "create dependency env get history install lint list ls package plugin pull push registry repo rollback "
    "search show status template test uninstall upgrade delete verify version",
    "supervisorctl": "status start stop restart reread update reload tail pid clear signal fg shutdown add remove "
    "avail",
    "go": "build clean env fmt generate get install list mod run test tool vet work version",
    "vault": "audit auth debug delete kv lease list login operator path-help plugin policy print read secrets server "
    "ssh status token unwrap write",
    "nginx": "-t -T -s -c -g -v -V",
    "service": "start stop restart reload status force-reload --status-all",
    "redis-server": "",
    "flask": "run shell db routes init-db",
    "celery": "-A --app inspect control worker beat status purge",
    "fly": "apps auth certs checks config console dashboard deploy doctor image info ips launch logs machine machines "
    "monitor mpg pg postgres proxy redis regions releases restart resume scale secrets services ssh status storage "
    "suspend tokens volumes vm wireguard m",
    "rails": "c console db:migrate db:rollback db:seed runner r s server dbconsole db:migrate:status db",
    "consul": "acl agent catalog event info join kv leave maint members monitor operator reload services snapshot",
    "prisma": "db format generate init migrate studio validate version",
}
_SUBCOMMANDS.update({"docker-compose": "", "flyctl": _SUBCOMMANDS["fly"], "k": _SUBCOMMANDS["kubectl"]})
_SETS: Final = {name: frozenset(words.split()) for name, words in _SUBCOMMANDS.items() if words}

_PROSE: Final = names("""
    a about after all also an and are as be because been before being both but by can could did do does during each
    either every for from had has have how if into is it its may might more most must never no not of often only or
    our over should so than that the their then there these they this those to until was we were what when which
    while who will with without would you your fails failed failing returns returned shows hangs crashes works
    succeeds completes doesn't don't isn't won't can't runs ran automatically manually via output command commands
    und oder die der das ist wird el la los las que del para por una est les des une pour avec dans
""")
_FEATURE: Final = re.compile(
    r"^--?[A-Za-z]|[/=$<{\[*@]|^\d+$|\.\w+$|^\.$|^[|>&]+$|^[A-Z][A-Z0-9]*_[A-Z0-9_]+$|^PID$|-\w+-"
)
_QUOTED: Final = re.compile(
    r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\$\([^()]*(?:\([^()]*\)[^()]*)*\)|<[^<>]*>|`[^`]*`", re.DOTALL
)
_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=\S*")
_SCRIPT: Final = re.compile(
    r"(?:\.{1,2}|~|/|\$\w+|[\w.-]+)?(?:/[\w.${}<>-]+)*/?[\w.-]+\.(?:sh|bash|py|pl|rb|js|ts|ps1|bat|cmd|exe|php)$"
)
_OWN: Final = re.compile(
    r"\.{1,2}/[\w./-]+$|(?:/[\w.-]+)*/s?bin/[\w.-]+$|(?:bin|scripts?)/[\w./-]+$|~/[\w./-]*bin/[\w.-]+$"
)
_CMDLET: Final = re.compile(
    r"(?:Add|Clear|Compress|Connect|Convert(?:To|From)|Copy|Disable|Disconnect|Enable|Enter|Exit|Expand|Export|Format"
    r"|Get|Import|Install|Invoke|Measure|Move|New|Out|Read|Receive|Register|Remove|Rename|Reset|Resolve|Restart|Resume"
    r"|Select|Send|Set|Show|Sort|Start|Stop|Suspend|Test|Uninstall|Unregister|Update|Wait|Where|Write)-[A-Z][a-z][A-Za-z]+$"
)
ALONE: Final = names("""
    df free top htop uptime vmstat iostat w who nproc pm2 crontab journalctl dmesg lsblk lscpu mount netstat ss ps
    sync reboot ls pwd date psql redis-cli mongosh mysql sqlite3 lsof btop iotop exit glances docker-compose make
    k9s gitlab-patronictl rabbitmqctl hostname whoami env printenv nvidia-smi sensors ipconfig sestatus
""")
"""Programs that are a command of their own without an argument."""


def names_program(line: str, *, alone: bool = True) -> bool:
    """Whether a line, outside any shell fence, is a command.

    `alone`: whether a program without an argument is one.

    >>> names_program("docker compose ps"), names_program("make sure the disk is not full"), names_program("/etc/hosts")
    (True, False, False)
    >>> names_program("df", alone=False), names_program("kill -9 <pid>"), names_program("find the slow query")
    (False, True, False)
    """
    text = line.strip()
    if not text or len(text) > 4000:
        return False
    if is_sql(text):
        return not prosaic(text.split()) or ";" in text
    words = tuple(_QUOTED.sub(" «» ", text.replace("\\\n", " ")).split())
    given = bool(words) and _ASSIGNED.fullmatch(words[0]) is not None
    while words and _ASSIGNED.fullmatch(words[0]):
        words = words[1:]
    if given and words and (words[0] in KNOWN or words[0] in ALSO_WORDS):
        return not prosaic(words)
    bare, through, _ = unwrapped(words)
    if not bare or bare[0].startswith("-"):
        return False
    if through[:1] in (("sudo",), ("doas",)) and re.fullmatch(r"[a-z][\w.+-]*|(?:/[\w.-]+)+", bare[0]):
        return not prosaic(bare) and re.match(r"[a-z]{2,}[,.;:]$", bare[-1]) is None
    return _names(bare, alone=alone)


def _names(words: tuple[str, ...], *, alone: bool) -> bool:
    first, rest = words[0], words[1:]
    name = first.rpartition("/")[2]
    if name in ("host", "local") and rest[:1] in (("all",), ("replication",)):
        return False
    if _CMDLET.match(first):
        return (bool(rest) or alone) and not prosaic(rest)
    if _SCRIPT.match(first) or _OWN.match(first):
        return (bool(rest) or alone) and not prosaic(rest)
    if first in BUILT_IN and first not in KNOWN:
        return _built_in(first, rest)
    if "/" in first and not first.startswith(("/usr/", "/opt/", "/bin/", "/sbin/", "/snap/")):
        return False
    if name not in KNOWN and name not in _SETS and name not in ALSO_WORDS:
        return False
    if not rest:
        return alone and name in ALONE
    if name not in ("echo", "printf") and prosaic(rest[:-1] if rest[1:] and rest[-1] == "all" else rest):
        return False
    if name == "aws":
        return len([one for one in rest if not one.startswith("-")]) >= 2
    known = _SETS.get("docker" if name == "docker-compose" else name)
    if name == "docker-compose":
        return any(one in _COMPOSE for one in rest)
    if name == "docker" and "compose" in rest[:1]:
        return any(one in _COMPOSE for one in rest[1:])
    if known is not None:
        return any(one in known for one in rest) or rest[0] in ("--version", "--help")
    if name in _RUNNERS and len(rest) == 1:
        return re.fullmatch(r"[a-z][\w:./-]*", rest[0]) is not None and rest[0] not in _NO_TARGETS
    if name in ALSO_WORDS or name not in KNOWN:
        return any(_FEATURE.search(one) for one in rest) or "«»" in rest
    return re.match(r"[\w.$<{\[«(~/!:@*%+,|>&=\-\\^#…\"']", rest[0]) is not None


_RUNNERS: Final = frozenset(("make", "just", "task", "yarn", "rake", "mage"))
"""Programs that are given the name of what they shall do."""
_NO_TARGETS: Final = names("sure certain it sense changes use do a the time way room one them force")
_COMPOSE: Final = names("""
    attach build config cp create down events exec images kill logs ls pause port ps pull push restart rm run scale
    start stats stop top unpause up version wait watch
""")


def _built_in(first: str, rest: tuple[str, ...]) -> bool:
    match first:
        case "for":
            return len(rest) > 2 and rest[1] == "in" and "do" in rest
        case "while" | "until":
            return "do" in rest
        case "if":
            return any(one.rstrip(";") == "then" for one in rest) and any("[" in one or ";" in one for one in rest)
        case "[" | "[[":
            return any(one.rstrip(";") in ("]", "]]") for one in rest) and "&&" in rest
        case "cd" | "source" | ".":
            return len(rest) >= 1 and not prosaic(rest) and _FEATURE.search(rest[0]) is not None
        case "export":
            return bool(rest) and "=" in rest[0]
        case _:
            return False


def prosaic(words: tuple[str, ...] | list[str]) -> bool:
    """Whether words, what is quoted left out, are those of a sentence."""
    plain = (word for word in words if not word.startswith("-") and not (len(word) > 1 and word.isupper()))
    if any(word.lower().rstrip(".,:;") in _PROSE for word in plain):
        return True
    if any(re.fullmatch(r"[A-Za-z]{2,},", word) for word in words[:-1]):
        return True
    return (
        bool(words) and re.search(r"[A-Za-z]{3,}[.?!:]$|\)\.$", words[-1]) is not None and not words[-1].startswith("-")
    )
