"""What every other command line means when it stands in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect, Meaning, Within
from probes.commands import dialect as module
from tests.probes.spoken import carried, line, meant, words

DIALECT = cast(Dialect, module)

FILES = [
    ("cp /dev/null app.log", "maintenance destructive"),
    ("zfs rollback tank/x@before", "rollback destructive"),
    ("cryptsetup luksFormat /dev/sdb", "other destructive"),
    ("cryptsetup status data", "status read"),
    ("tmpwatch 24 /tmp", "other destructive"),
    ("atrm 3", "other destructive"),
    ("atq", "other read"),
    ("touch tmp/restart.txt", "other disruptive"),
    ("unzip -o new.zip", "other destructive"),
    ("iptables-restore rules.v4", "other destructive"),
    ("btrfs subvolume list /", "status read"),
    ("btrfs subvolume delete /old", "other destructive"),
    ("jstack 4711", "other read"),
    (". ./deploy.sh", "deploy disruptive"),
    ("source ./env.sh", "other read"),
    ("ls -la /srv", "other read"),
    ("cat notes.txt", "other read"),
    ("grep -rn timeout /etc/app", "other read"),
    ("sed -n 1,20p a.txt", "other read"),
    ("sed -i 's/a/b/' app.conf", "other disruptive"),
    ("sed -i.bak s/a/b/ app.conf", "other reversible"),
    ("awk '{print $3}' a.txt", "other read"),
    ("awk 'BEGIN { system(\"rm x\") }'", "other destructive"),
    ("find /srv -name '*.tmp' -mtime +3", "other read"),
    ("find /srv -name '*.tmp' -delete", "maintenance destructive"),
    ("cp app.conf app.conf.bak", "backup reversible"),
    ("cp -n a b", "other reversible"),
    ("cp app.conf.bak app.conf", "restore destructive"),
    ("cp new.conf app.conf", "other disruptive"),
    ("mv a.txt b.txt", "other disruptive"),
    ("rm -rf /srv/cache", "other destructive"),
    ("rm <file>", "other destructive"),
    ("rmdir old", "other reversible"),
    ("mkdir -p /srv/new", "other reversible"),
    ("touch /srv/x", "other reversible"),
    ("ln -s a b", "other reversible"),
    ("ln -sfn releases/41 current", "other disruptive"),
    ("chmod 640 a", "other reversible"),
    ("chown -R app:app /srv", "other disruptive"),
    ("sudo truncate -s 0 app.log", "other destructive"),
    ("dd if=/dev/zero of=/dev/sdb", "other destructive"),
    ("dd if=a of=/dev/null", "other read"),
    ("mkfs.ext4 /dev/sdb1", "other destructive"),
    ("tar tzf a.tgz", "other read"),
    ("tar -czf srv.tgz /srv", "backup reversible"),
    ("tar xzf release.tgz", "other disruptive"),
    ("tar -xzf srv-backup.tgz -C /", "restore destructive"),
    ("gzip -t a.gz", "status read"),
    ("gzip a.log", "other reversible"),
    ("rsync -a /srv/ away:/srv/", "other disruptive"),
    ("rsync -a --delete /srv/ away:/srv/", "other destructive"),
    ("rsync -an --delete a/ b/", "other read"),
    ("scp app.conf web1:/etc/app.conf", "other disruptive"),
    ("tee -a app.conf", "other reversible"),
    ("crontab -l", "status read"),
    ("crontab -e", "other disruptive"),
    ("crontab -r", "other destructive"),
    ("vim /etc/app.conf", "other disruptive"),
    ("echo done", "other read"),
    ("cd /srv", "other read"),
    ("source .venv/bin/activate", "other read"),
    ("sleep 30", "other read"),
    ("test -f x", "other read"),
    ("jq .status a.json", "other read"),
    ("openssl rand -hex 32", "other read"),
    ("shutdown -r now", "restart disruptive"),
    ("reboot", "restart disruptive"),
    ("useradd -m bob", "other reversible"),
    ("userdel -r bob", "other destructive"),
    ("passwd bob", "other disruptive"),
    ("iptables -L -n", "status read"),
    ("iptables -F", "other destructive"),
    ("iptables -A INPUT -s 10.0.0.9 -j DROP", "other disruptive"),
    ("ufw status", "status read"),
    ("ufw deny 22", "other disruptive"),
    ("mount", "status read"),
    ("umount /mnt", "other disruptive"),
    ("swapoff -a", "other disruptive"),
    ("sysctl vm.swappiness", "host read"),
    ("sysctl -w vm.swappiness=10", "host disruptive"),
    ("kill -0 42", "status read"),
    ("kill -9 42", "terminate disruptive"),
    ("date -u +%F", "other read"),
    ("hostnamectl set-hostname x", "other disruptive"),
]
CODE = [
    ("npm unpublish shop@1.0.0", "other destructive"),
    ("yarn migrate", "deploy disruptive"),
    ("pacman -Rns nginx", "other destructive"),
    ("conda env remove -n old", "other destructive"),
    ("node -e \"require('fs').rmSync('/data')\"", "other destructive"),
    ("git status", "other read"),
    ("git -C /srv log --oneline -5", "other read"),
    ("git fetch origin", "other read"),
    ("git pull", "other disruptive"),
    ("git checkout v41", "other disruptive"),
    ("git checkout -- app.py", "other destructive"),
    ("git checkout -b fix", "other reversible"),
    ("git revert HEAD", "rollback disruptive"),
    ("git reset --hard HEAD~1", "rollback destructive"),
    ("git push origin main", "other disruptive"),
    ("git push -f", "other destructive"),
    ("git push origin +main", "other destructive"),
    ("git push --force-with-lease", "other destructive"),
    ("git push origin --delete old", "other destructive"),
    ("git clean -fdx", "other destructive"),
    ("git clean -n", "other read"),
    ("git stash drop", "other destructive"),
    ("git branch -a", "other read"),
    ("git branch -D old", "other destructive"),
    ("git tag -l", "other read"),
    ("git commit -m x", "other reversible"),
    ("npm ci", "other disruptive"),
    ("npm audit", "other read"),
    ("npm audit fix", "maintenance disruptive"),
    ("npm run build", "other reversible"),
    ("npm run lint", "other reversible"),
    ("npm run deploy", "deploy disruptive"),
    ("npm run db:reset", "rollback destructive"),
    ("npm run prisma:migrate deploy", "deploy disruptive"),
    ("yarn migrate:down", "rollback destructive"),
    ("pnpm seed", "other disruptive"),
    ("npm run clean", "maintenance destructive"),
    ("pip list --outdated", "other read"),
    ("pip install -r requirements.txt", "other disruptive"),
    ("apt-get update", "maintenance reversible"),
    ("apt-get purge nginx", "other destructive"),
    ("brew services restart redis", "restart disruptive"),
    ("cargo build --release", "other reversible"),
    ("prisma migrate deploy", "deploy disruptive"),
    ("prisma migrate reset", "rollback destructive"),
    ("prisma migrate dev", "deploy destructive"),
    ("prisma migrate status", "status read"),
    ("prisma db push", "deploy destructive"),
    ("prisma migrate resolve --rolled-back 42", "rollback disruptive"),
    ("alembic upgrade head", "deploy disruptive"),
    ("alembic -c prod.ini downgrade -1", "rollback destructive"),
    ("alembic current", "status read"),
    ("alembic history", "status read"),
    ("python manage.py migrate", "deploy disruptive"),
    ("python manage.py migrate shop 0041", "rollback destructive"),
    ("python3 manage.py showmigrations", "status read"),
    ("./manage.py flush", "other destructive"),
    ("rails db:migrate", "deploy disruptive"),
    ("rails db:rollback STEP=1", "rollback destructive"),
    ("rake db:migrate:status", "status read"),
    ("rails db:drop", "rollback destructive"),
    ("php artisan migrate --force", "deploy disruptive"),
    ("php artisan migrate:fresh", "rollback destructive"),
    ("flyway info", "status read"),
    ("flyway clean", "rollback destructive"),
    ("knex migrate:latest", "deploy disruptive"),
    ("knex migrate:rollback", "rollback destructive"),
    ("sequelize db:migrate:undo:all", "rollback destructive"),
    ("typeorm migration:run", "deploy disruptive"),
    ("flask db upgrade", "deploy disruptive"),
    ("make build", "other reversible"),
    ("make deploy", "deploy disruptive"),
    ("make clean", "maintenance destructive"),
    ("make -n deploy", "other read"),
    ("just restart", "restart disruptive"),
    ("./scripts/rotate.sh", "maintenance disruptive"),
    ("./bin/health.sh", "health disruptive"),
    ("./restore.sh latest", "restore destructive"),
    ("python cleanup.py", "maintenance destructive"),
    ("python -V", "other read"),
    ("python -m json.tool", "other read"),
    ("python -c 'import sys; print(sys.version)'", "other read"),
    ("python -c 'import shutil; shutil.rmtree(\"/srv\")'", "other destructive"),
    ("java -jar app.jar", "start disruptive"),
    ("frob --all", "other disruptive"),
    ("frob purge everything", "maintenance destructive"),
    ("frob --version", "other read"),
    ("frob list", "status disruptive"),
    ("./deploy.sh rollback", "rollback destructive"),
]
SERVICES = [
    ("postsuper -d ALL", "maintenance destructive"),
    ("postqueue -p", "status read"),
    ("exim -bp", "status read"),
    ("exim -Mrm 1abc", "maintenance destructive"),
    ("nodetool status", "status read"),
    ("nodetool clearsnapshot", "maintenance destructive"),
    ("nodetool assassinate 10.0.0.1", "maintenance destructive"),
    ("etcdctl del --prefix /shop", "other destructive"),
    ("airflow dags list", "status read"),
    ("airflow dags delete nightly", "other destructive"),
    ("wp db import dump.sql", "restore destructive"),
    ("kafka-storage.sh format -t id", "other destructive"),
    ("kafka-acls.sh --remove --topic orders", "other destructive"),
    ("kafka-configs.sh --alter --add-config retention.ms=1000", "other destructive"),
    ("rabbitmqadmin get queue=orders ackmode=ack_requeue_false", "other destructive"),
    ("sentry-cli releases deploys v1 new -e prod", "other disruptive"),
    ("ceph -s", "status read"),
    ("nginx -t", "status read"),
    ("nginx -s reload", "maintenance disruptive"),
    ("apachectl configtest", "status read"),
    ("apachectl graceful", "restart disruptive"),
    ("rabbitmqctl list_queues name messages", "queue-depth read"),
    ("rabbitmqctl -p /shop purge_queue mail", "maintenance destructive"),
    ("rabbitmqctl stop_app", "stop disruptive"),
    ("rabbitmqadmin delete queue name=mail", "other destructive"),
    ("rabbitmq-diagnostics ping", "health read"),
    ("kafka-topics.sh --bootstrap-server k:9092 --list", "status read"),
    ("kafka-topics.sh --delete --topic mail", "other destructive"),
    ("kafka-consumer-groups.sh --describe --group mail", "queue-depth read"),
    ("kafka-consumer-groups --group mail --reset-offsets --to-latest --execute", "other destructive"),
    ("kafka-consumer-groups --group mail --reset-offsets --to-latest --dry-run", "other read"),
    ("celery -A shop inspect active", "status read"),
    ("celery -A shop inspect ping", "health read"),
    ("celery -A shop purge -f", "maintenance destructive"),
    ("celery -A shop worker -l info", "start disruptive"),
    ("vault status", "status read"),
    ("vault kv get secret/shop", "other read"),
    ("vault kv put secret/shop a=b", "other disruptive"),
    ("vault kv delete secret/shop", "other destructive"),
    ("vault lease revoke x", "other destructive"),
    ("consul members", "status read"),
    ("consul kv delete shop", "other destructive"),
    ("terraform plan", "status read"),
    ("terraform apply -auto-approve", "deploy disruptive"),
    ("terraform destroy", "other destructive"),
    ("terraform apply -destroy", "deploy destructive"),
    ("terraform state rm x.y", "other destructive"),
    ("ansible-playbook site.yml", "deploy disruptive"),
    ("ansible-playbook site.yml --check", "status read"),
    ("gh run list", "status read"),
    ("gh workflow run deploy.yml", "start disruptive"),
    ("gh release delete v4", "other destructive"),
    ("gcloud sql instances describe shop", "status read"),
    ("gcloud run services update shop", "deploy disruptive"),
    ("gcloud sql backups delete 4", "other destructive"),
    ("heroku ps:scale web=3", "scale disruptive"),
    ("heroku pg:reset", "other destructive"),
    ("fly logs", "logs read"),
    ("fly secrets set A=b", "other disruptive"),
    ("pm2 list", "status read"),
    ("pm2 restart shop", "restart disruptive"),
    ("pm2 logs shop", "logs read"),
    ("pm2 delete shop", "stop destructive"),
    ("/etc/init.d/shop restart", "restart disruptive"),
    ("/etc/init.d/shop status", "status read"),
    ("sendmail -t", "other disruptive"),
]


@pytest.mark.parametrize(("text", "expected"), [*FILES, *CODE, *SERVICES])
def test_a_line_is_judged_by_what_it_does(text: str, expected: str) -> None:
    found = meant(DIALECT, text)
    assert f"{found.sort.name} {found.verb.value} {found.danger.name}".lower() == f"shell {expected}"


CARRIERS = [
    ("ssh web1 'systemctl restart shop'", "host web1", "systemctl restart shop"),
    ("ssh -i key.pem -p 2222 -o StrictHostKeyChecking=no bob@<host> rm -rf /srv/x", "host bob@<host>", "rm -rf /srv/x"),
    ("ssh -t web1 sudo tail -f /var/log/x", "host web1", "sudo tail -f /var/log/x"),
    ("bash -c 'rm x'", "", "rm x"),
    ("sh -lc 'rm x'", "", "rm x"),
    ("bash -euo pipefail -c 'rm x'", "", "rm x"),
    ("su - postgres -c 'psql -l'", "", "psql -l"),
    ("watch -n 5 'df -h'", "", "df -h"),
    ("watch --interval 2 df -h", "", "df -h"),
    ("parallel -j 4 rm {} ::: a b", "", "rm {}"),
    ('eval "rm x"', "", "rm x"),
    ("flock /tmp/l -c 'rm x'", "", "rm x"),
    ("script -q -c 'rm x' /dev/null", "", "rm x"),
    ("tmux new-session -d -s a 'rm x'", "", "rm x"),
    ("trap 'rm x' EXIT", "", "rm x"),
    ("gcloud compute ssh web1 --command='rm x'", "host web1", "rm x"),
    ("heroku run rm x", "heroku", "rm x"),
]


@pytest.mark.parametrize(("text", "place", "script"), CARRIERS)
def test_a_text_for_a_shell_is_handed_on(text: str, place: str, script: str) -> None:
    found = carried(DIALECT, text)
    assert (found.place, found.script) == (place, script)


WORDS = [
    ("xargs -r rm -f", ("rm", "-f")),
    ("xargs -n 1 -I {} kill {}", ("kill", "{}")),
    ("find /srv -name x -exec chmod 600 {} +", ("chmod", "600", "{}")),
    ("find . -type f -exec grep -l x {} \\;", ("grep", "-l", "x", "{}")),
    ("flock -n /tmp/l rm x", ("rm", "x")),
    ("chroot /mnt rm x", ("rm", "x")),
    ("nsenter -t 1 -m -u rm x", ("rm", "x")),
    ("runuser -u postgres -- psql -l", ("psql", "-l")),
    ("systemd-run --unit x rm x", ("rm", "x")),
    ("npx prisma@latest migrate deploy", ("prisma", "migrate", "deploy")),
    ("poetry run alembic upgrade head", ("alembic", "upgrade", "head")),
    ("bundle exec rails db:migrate", ("rails", "db:migrate")),
    ("doppler run -- npm start", ("npm", "start")),
    ("aws-vault exec prod -- aws s3 ls", ("aws", "s3", "ls")),
    ("python -m pip install x", ("pip", "install", "x")),
    ("strace -f -o out.txt rm x", ("rm", "x")),
]


@pytest.mark.parametrize(("text", "inner"), WORDS)
def test_another_command_is_handed_on_as_words(text: str, inner: tuple[str, ...]) -> None:
    assert carried(DIALECT, text).words == inner


def test_what_is_fed_to_a_shell_is_what_runs() -> None:
    assert carried(DIALECT, "bash -s", stdin="rm x\n").script == "rm x\n"
    assert carried(DIALECT, "ssh web1", stdin="rm x\n").script == "rm x\n"
    assert carried(DIALECT, "ssh web1 bash -s", stdin="rm x\n").stdin == "rm x\n"
    assert carried(DIALECT, "ssh db1 sudo psql shop", reads="dump.sql").script == "sudo psql shop"
    assert carried(DIALECT, "cmd /c del x").script == "del x"
    assert carried(DIALECT, "flock /run/lock psql -c x").words == ("psql", "-c", "x")
    assert carried(DIALECT, "flock /run/lock -c 'rm x'").script == "rm x"
    assert meant(DIALECT, "tee app.log", fed=("echo", "-n")).danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "tee -a app.log", fed=("echo", "-n")).danger is Danger.REVERSIBLE
    assert carried(DIALECT, "bash", fed=("echo", "rm x")).script == "rm x"
    assert meant(DIALECT, "bash", fed=("curl", "-fsSL", "https://get.example")).danger is Danger.DISRUPTIVE
    assert meant(DIALECT, "ssh web1 bash -s", reads="cleanup.sh").danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "ssh web1 psql shop", reads="dump.sql").danger is Danger.DESTRUCTIVE
    assert module.understand(CommandLine(("ssh", "web1", "/"), reads="x")) is not None
    assert meant(DIALECT, "bash scripts/purge.sh").danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "find . -exec ls {} ; -exec rm {} ;").danger is Danger.DESTRUCTIVE


@pytest.mark.parametrize(
    "text", ["bash", "ssh web1", "su -", "sudo -i", "vim x", "python3", "tmux attach -t a", "node", "ssh -t <host>"]
)
def test_a_session_that_is_typed_into_may_do_anything(text: str) -> None:
    found = meant(DIALECT, text) if not text.startswith("sudo") else module.understand(CommandLine(through=("sudo",)))
    assert isinstance(found, Meaning)
    assert found.interactive
    assert found.danger is Danger.DISRUPTIVE


@pytest.mark.parametrize(
    "text", ["tail -f x.txt", "watch df", "pm2 logs", "python -m http.server", "tcpdump -i eth0", "top", "npm run dev"]
)
def test_what_never_ends_is_marked(text: str) -> None:
    found = module.understand(line(text))
    assert found is not None
    assert found.endless


SECRETS = [
    "env",
    "printenv",
    "cat .env",
    "cat /srv/shop/.env.production",
    "cat ~/.ssh/id_ed25519",
    "vault kv get secret/shop",
    "openssl rand -base64 32",
    "grep PASS .env",
    "terraform output",
    "heroku config",
    "printenv DB_PASSWORD",
]


@pytest.mark.parametrize("text", SECRETS)
def test_output_with_secrets_is_marked(text: str) -> None:
    assert meant(DIALECT, text).reveals


def test_output_without_secrets_is_not_marked() -> None:
    assert module.understand(CommandLine(("echo", "$R2_SECRET_ACCESS_KEY"))) == meant(DIALECT, "echo $API_TOKEN")
    assert meant(DIALECT, "echo $API_TOKEN").reveals
    for text in (
        "echo hello",
        "cat notes.txt",
        "ls .env",
        "cp .env.example .env",
        "cat .env.example",
        "printenv PATH",
        "git log",
    ):
        assert not meant(DIALECT, text).reveals


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        ("npm run prisma:migrate deploy", "behind whatever the script is", ""),
        ("prisma studio", "write access", "npx prisma migrate status"),
        ("prisma migrate resolve --rolled-back 42", "no SQL is undone", ""),
        ("prisma migrate dev", "may empty", "npx prisma migrate deploy"),
        ("prisma migrate rollback", "no rollback", ""),
        ("alembic downgrade -1", "older schema", ""),
        ("alembic upgrade head", "", ""),
    ],
)
def test_what_a_migration_gets_wrong_is_said(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes == becomes


@pytest.mark.parametrize("text", ["npm install --only=production", "npm i --production"])
def test_an_install_for_production_that_is_not_held_to_the_lock_file_says_so(text: str) -> None:
    found = meant(DIALECT, text)
    assert "lock file" in found.warning
    assert found.becomes == "npm ci --omit=dev"
    assert not meant(DIALECT, found.becomes).warning
    assert not meant(DIALECT, f"{text} left-pad").becomes


def test_a_file_that_is_written_is_never_nothing() -> None:
    assert meant(DIALECT, "echo x", writes=("note.txt",)).danger is Danger.REVERSIBLE
    assert meant(DIALECT, "echo x", writes=("/dev/null",)).danger is Danger.READ
    assert meant(DIALECT, "echo 1", writes=("/proc/sys/vm/drop_caches",)).danger is Danger.DISRUPTIVE
    assert meant(DIALECT, "cat /dev/null", writes=("/var/log/app.log",)).danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, ":", writes=("app.log",)).danger is Danger.DESTRUCTIVE
    emptied = module.understand(CommandLine(writes=("app.log",)))
    assert isinstance(emptied, Meaning)
    assert emptied.danger is Danger.DESTRUCTIVE


WORST = [
    "delete",
    "destroy",
    "drop",
    "purge",
    "wipe",
    "reset",
    "restore",
    "rollback",
    "truncate",
    "flush",
    "remove",
    "clean",
    "prune",
    "force",
]


@given(
    some.from_regex(r"[a-z]{4,9}x", fullmatch=True),
    some.sampled_from(WORST),
    words,
    some.sampled_from(["{}", "--{}", "{}-all", "old:{}"]),
)
def test_an_unknown_program_whose_words_speak_of_loss_may_lose(
    name: str, word: str, rest: list[str], form: str
) -> None:
    found = module.understand(CommandLine((f"./{name}", form.format(word), *rest)))
    assert isinstance(found, Meaning)
    assert found.danger is Danger.DESTRUCTIVE


@given(some.from_regex(r"[a-z]{4,9}[qx]", fullmatch=True), words)
def test_an_unknown_program_interrupts_somebody(name: str, rest: list[str]) -> None:
    found = module.understand(CommandLine((f"/opt/{name}", "go", *rest)))
    assert isinstance(found, Meaning)
    assert found.danger >= Danger.DISRUPTIVE


NAMES = [
    "rm",
    "git",
    "npm",
    "find",
    "ssh",
    "bash",
    "xargs",
    "tar",
    "dd",
    "sed",
    "awk",
    "make",
    "python",
    "prisma",
    "rails",
    "alembic",
    "vault",
    "kafka-topics.sh",
    "rabbitmqctl",
    "celery",
    "terraform",
    "gh",
    "tmux",
    "su",
    "watch",
    "nginx",
    "openssl",
    "rsync",
    "flock",
    "gcloud",
    "poetry",
    "node",
    "go",
    "apt",
    "socat",
    "pm2",
    "heroku",
    "script",
    "env",
    "sudo",
    "manage.py",
]


@given(some.one_of(some.sampled_from(NAMES), some.text(max_size=9)), words, some.text(max_size=9))
def test_there_is_an_answer_for_every_command(name: str, rest: list[str], text: str) -> None:
    found = module.understand(CommandLine((name, *rest), stdin=text))
    assert isinstance(found, Meaning | Within)
    module.understand(CommandLine((name, *rest), fed=(name, *rest), reads=text, writes=(text,), piped=((name, *rest),)))


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("ruby -e '`rm -rf /srv/x`'", Danger.DESTRUCTIVE),
        ("ruby -e 'puts %x(uptime)'", Danger.DISRUPTIVE),
        ('ruby -e \'File.write "x", "y"\'', Danger.DISRUPTIVE),
        ("ruby -e 'load \"x.rb\"'", Danger.DISRUPTIVE),
        ("ruby -e 'require \"./boot\"'", Danger.DISRUPTIVE),
        ("ruby -e 'order.save'", Danger.DISRUPTIVE),
        ("ruby -e 'Job.all.each { |job| job.retry_now }'", Danger.DISRUPTIVE),
        ("php -r 'echo `uptime`;'", Danger.DISRUPTIVE),
        ("ruby -e 'puts 1'", Danger.READ),
        ("ruby -e 'require \"securerandom\"; puts SecureRandom.hex(64)'", Danger.READ),
        ("ruby -rjson -e 'puts JSON.pretty_generate(JSON.parse(STDIN.read))'", Danger.READ),
        ("ruby -e '5.times { |one| puts one }'", Danger.READ),
        ("ruby -e 'puts Time.now'", Danger.READ),
        ("node -e 'console.log(`a`)'", Danger.READ),
        ("find . -fprint /etc/cron.d/x", Danger.DISRUPTIVE),
        ("find . -fprint0 /etc/cron.d/x", Danger.DISRUPTIVE),
        ("find . -name x -fprintf /usr/lib/x %p", Danger.DISRUPTIVE),
        ("find . -fprint /tmp/found", Danger.REVERSIBLE),
        ("find /var/lib -name x", Danger.READ),
        ("find", Danger.READ),
    ],
)
def test_a_few_words_of_a_language_and_a_search_cost_what_they_do(text: str, danger: Danger) -> None:
    assert meant(DIALECT, text).danger is danger
