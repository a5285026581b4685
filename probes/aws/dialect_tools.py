"""The words of other clouds' and deployment tools' command lines, as their references have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from probes.base import Danger, Verb

Told = tuple[Verb, Danger]
"""What a command is about, and what it can cost."""

_PROGRAMS: Final = """
gcloud gsutil bq az doctl fly heroku railway vercel netlify wrangler terraform terragrunt pulumi ansible
ansible-playbook ansible-vault ansible-galaxy ansible-inventory ansible-pull ansible-doc ansible-config ansible-console
ansible-lint ecs-cli copilot eb sam serverless cdk eksctl helm helmfile kustomize flux argocd velero istioctl linkerd
cilium minikube kind k3d kubeadm nomad consul vault supabase neonctl pscale hcloud scw oci linode-cli dokku kamal
scalingo render
"""
TOOLS: Final[Mapping[str, str]] = {
    **{name: name for name in _PROGRAMS.split()},
    "flyctl": "fly", "vc": "vercel", "tf": "terraform", "tofu": "terraform", "sls": "serverless", "helm3": "helm",
}  # fmt: skip
"""Program -> the name under which it is known here."""

_READ, _BACK, _BREAKS, _LOST = Danger.READ, Danger.REVERSIBLE, Danger.DISRUPTIVE, Danger.DESTRUCTIVE


def _each(words: str, verb: Verb, danger: Danger) -> dict[str, Told]:
    return dict.fromkeys(words.split(), (verb, danger))


VERBS: Final[Mapping[str, Told]] = {
    **_each(
        "list ls describe get show read view inspect diff plan preview validate lint search template manifests synth "
        "what-if",
        Verb.STATUS, _READ,
    ),
    **_each("tail", Verb.LOGS, _READ),
    **_each("deploy up apply install upgrade publish push promote release submit set-traffic swap redeploy reconcile",
            Verb.DEPLOY, _BREAKS),
    **_each("update-traffic", Verb.ROLLBACK, _BREAKS),
    **_each("start-update", Verb.DEPLOY, _BREAKS),
    **_each("rollback undo revert", Verb.ROLLBACK, _BREAKS),
    **_each("restart reboot recreate force-reboot", Verb.RESTART, _BREAKS),
    **_each("scale resize autoscale", Verb.SCALE, _BREAKS),
    **_each("start resume", Verb.START, _BACK),
    **_each("stop pause suspend deactivate deallocate cancel abort", Verb.STOP, _BREAKS),
    **_each("kill", Verb.TERMINATE, _BREAKS),
    **_each("terminate", Verb.TERMINATE, _LOST),
    **_each(
        "delete destroy remove rm purge prune drop wipe reset flush uninstall unset clear clean del rb down teardown "
        "force nuke batch-delete revoke decommission",
        Verb.OTHER, _LOST,
    ),
    **_each("restore", Verb.RESTORE, _LOST),
    **_each("capture", Verb.BACKUP, _BACK),
    **_each("migrate", Verb.DEPLOY, _BREAKS),
    **_each("drain cordon failover", Verb.MAINTENANCE, _BREAKS),
    **_each(
        "create add new clone fork copy cp mv move import export put set update edit patch modify attach detach "
        "connect replace rotate sync execute exec invoke trigger send call extend bootstrap enable disable activate "
        "taint refresh write seal unseal build rsync transfer open-port",
        Verb.OTHER, _BREAKS,
    ),
    **_each("login logout link use select switch init download fmt open package get-credentials", Verb.OTHER, _BACK),
}  # fmt: skip
"""Words that say what happens, wherever they stand behind the groups."""

NOUNS: Final = frozenset(
    {"logs", "log", "status", "info", "history", "events", "metrics", "releases", "version", "whoami", "ps", "help",
     "tree", "graph", "output", "outputs", "health", "checks", "deployments", "regions", "env", "tail"}
)  # fmt: skip
"""Words that only look, when no verb stands beside them."""

_GCLOUD: Final[Mapping[str, Told]] = {
    **dict.fromkeys(("auth print-access-token", "auth print-identity-token"), (Verb.OTHER, _READ)),
    **dict.fromkeys(("auth list", "config list", "config get", "config get-value", "info", "version", "topic"),
                    (Verb.STATUS, _READ)),
    **dict.fromkeys(("auth configure-docker", "auth activate-service-account", "auth application-default login",
                     "config set", "config configurations activate", "container clusters get-credentials",
                     "components update", "components install"), (Verb.OTHER, _BACK)),
    "logging read": (Verb.LOGS, _READ),
    "secrets versions access": (Verb.OTHER, _READ),
    "pubsub subscriptions pull": (Verb.QUEUE_DEPTH, _BREAKS),
    "pubsub subscriptions seek": (Verb.OTHER, _LOST),
    "sql import": (Verb.RESTORE, _LOST), "sql export": (Verb.BACKUP, _BACK), "sql connect": (Verb.OTHER, _BREAKS),
    "storage cat": (Verb.OTHER, _READ), "storage du": (Verb.STATUS, _READ),
    "scheduler jobs run": (Verb.START, _BREAKS),
    "run jobs execute": (Verb.START, _BREAKS),
    "compute instance-groups managed rolling-action restart": (Verb.RESTART, _BREAKS),
    "compute config-ssh": (Verb.OTHER, _BACK),
}  # fmt: skip
_HEROKU: Final[Mapping[str, Told]] = {
    **dict.fromkeys(("config", "addons", "apps", "apps:info", "domains", "certs", "features", "releases:info",
                     "pg", "pg:info", "pg:ps", "pg:locks", "pg:blocking", "pg:bloat", "pg:outliers", "pg:backups",
                     "pg:backups:info", "pg:backups:url", "pg:diagnose", "pg:long-running-queries", "pg:table-size",
                     "pg:index-usage", "pg:cache-hit", "pg:credentials", "pg:wait", "pg:vacuum-stats", "redis",
                     "redis:info", "access", "auth:whoami", "auth:token", "dashboard", "pipelines", "maintenance",
                     "ps", "container", "buildpacks", "drains", "webhooks"), (Verb.STATUS, _READ)),
    "pg:backups:download": (Verb.BACKUP, _BACK), "pg:backups:capture": (Verb.BACKUP, _BACK),
    "pg:killall": (Verb.TERMINATE, _BREAKS), "pg:kill": (Verb.TERMINATE, _BREAKS),
    "pg:copy": (Verb.RESTORE, _LOST), "pg:push": (Verb.RESTORE, _LOST), "pg:pull": (Verb.BACKUP, _BACK),
    "maintenance:on": (Verb.MAINTENANCE, _BREAKS), "maintenance:off": (Verb.MAINTENANCE, _BACK),
    "redis:cli": (Verb.OTHER, _BREAKS), "git:remote": (Verb.OTHER, _BACK), "addons:open": (Verb.OTHER, _BACK),
}  # fmt: skip
_TERRAFORM: Final[Mapping[str, Told]] = {
    **dict.fromkeys(("plan", "show", "output", "validate", "graph", "providers", "version", "state list", "state show",
                     "state pull", "workspace list", "workspace show", "metadata"), (Verb.STATUS, _READ)),
    **dict.fromkeys(("init", "get", "fmt", "workspace select", "workspace new", "login", "logout", "untaint"),
                    (Verb.OTHER, _BACK)),
    **dict.fromkeys(("state rm", "state mv", "state push", "state replace-provider", "workspace delete", "destroy",
                     "force-unlock", "apply-destroy"), (Verb.OTHER, _LOST)),
    "import": (Verb.OTHER, _BREAKS), "taint": (Verb.OTHER, _BREAKS), "refresh": (Verb.OTHER, _BREAKS),
    "console": (Verb.OTHER, _BREAKS), "test": (Verb.OTHER, _BREAKS),
}  # fmt: skip

OWN: Final[Mapping[str, Mapping[str, Told]]] = {
    "gcloud": _GCLOUD,
    "heroku": _HEROKU,
    "terraform": _TERRAFORM,
    "terragrunt": {
        **_TERRAFORM,
        **{f"{way} {word}": told for way in ("run-all", "run") for word, told in _TERRAFORM.items()},
    },
    "gsutil": {
        **dict.fromkeys(("cat", "du", "stat", "hash", "version", "lifecycle get", "iam get", "acl get"),
                        (Verb.STATUS, _READ)),
        "mb": (Verb.OTHER, _BACK), "signurl": (Verb.OTHER, _READ), "lifecycle set": (Verb.MAINTENANCE, _LOST),
    },
    "bq": {"head": (Verb.OTHER, _READ), "query": (Verb.OTHER, _LOST), "mk": (Verb.OTHER, _BACK)},
    "az": {
        "account set": (Verb.OTHER, _BACK), "account get-access-token": (Verb.OTHER, _READ),
        "aks get-credentials": (Verb.OTHER, _BACK), "acr login": (Verb.OTHER, _BACK),
        "monitor log-analytics query": (Verb.LOGS, _READ), "monitor metrics list": (Verb.STATUS, _READ),
        "webapp log show": (Verb.LOGS, _READ), "webapp log download": (Verb.LOGS, _BACK),
        "webapp deployment slot swap": (Verb.DEPLOY, _BREAKS), "graph query": (Verb.STATUS, _READ),
        "webapp ssh": (Verb.OTHER, _BREAKS), "rest": (Verb.OTHER, _LOST),
    },
    "doctl": {
        "auth init": (Verb.OTHER, _BACK), "account get": (Verb.STATUS, _READ),
        "kubernetes cluster kubeconfig save": (Verb.OTHER, _BACK), "apps create-deployment": (Verb.DEPLOY, _BREAKS),
        "registry login": (Verb.OTHER, _BACK),
    },
    "fly": {
        "scale show": (Verb.STATUS, _READ), "ssh issue": (Verb.OTHER, _BACK), "proxy": (Verb.OTHER, _BACK),
        "postgres connect": (Verb.OTHER, _BREAKS), "pg connect": (Verb.OTHER, _BREAKS),
        "postgres restart": (Verb.RESTART, _BREAKS), "secrets set": (Verb.DEPLOY, _BREAKS),
        "secrets import": (Verb.DEPLOY, _BREAKS), "config save": (Verb.OTHER, _BACK), "doctor": (Verb.STATUS, _READ),
        "console": (Verb.OTHER, _BREAKS), "volumes snapshots create": (Verb.BACKUP, _BACK),
        "certs check": (Verb.STATUS, _READ), "sftp get": (Verb.OTHER, _BACK), "auth token": (Verb.OTHER, _READ),
        "launch": (Verb.DEPLOY, _BREAKS), "dashboard": (Verb.STATUS, _READ), "apps": (Verb.STATUS, _READ),
        "apps restart": (Verb.RESTART, _BREAKS), "apps destroy": (Verb.OTHER, _LOST), "apps list": (Verb.STATUS, _READ),
        "apps create": (Verb.OTHER, _BREAKS), "apps releases": (Verb.STATUS, _READ), "apps open": (Verb.OTHER, _BACK),
        "apps move": (Verb.OTHER, _BREAKS),
    },
    "railway": {"variables": (Verb.STATUS, _READ), "shell": (Verb.OTHER, _BREAKS), "connect": (Verb.OTHER, _BREAKS),
                "environment": (Verb.OTHER, _BACK), "service": (Verb.OTHER, _BACK)},
    "vercel": {"env pull": (Verb.OTHER, _BACK), "pull": (Verb.OTHER, _BACK), "dev": (Verb.OTHER, _BACK),
               "build": (Verb.OTHER, _BACK), "alias": (Verb.DEPLOY, _BREAKS), "alias ls": (Verb.STATUS, _READ)},
    "wrangler": {
        "d1 execute": (Verb.OTHER, _LOST), "d1 time-travel info": (Verb.STATUS, _READ), "dev": (Verb.OTHER, _BACK),
        "kv key put": (Verb.OTHER, _LOST), "types": (Verb.OTHER, _BACK), "versions deploy": (Verb.DEPLOY, _BREAKS),
        "versions upload": (Verb.DEPLOY, _BACK), "d1 export": (Verb.BACKUP, _BACK),
    },
    "pulumi": {"config": (Verb.STATUS, _READ), "stack": (Verb.STATUS, _READ), "stack output": (Verb.STATUS, _READ),
               "stack export": (Verb.BACKUP, _READ), "state delete": (Verb.OTHER, _LOST),
               "stack import": (Verb.RESTORE, _LOST)},
    "ansible-vault": {"view": (Verb.OTHER, _READ), "encrypt": (Verb.OTHER, _BACK), "decrypt": (Verb.OTHER, _BREAKS)},
    "ansible-galaxy": {"install": (Verb.OTHER, _BACK), "collection install": (Verb.OTHER, _BACK)},
    "copilot": {"svc pause": (Verb.STOP, _BREAKS), "svc resume": (Verb.START, _BACK)},
    "eb": {"status": (Verb.STATUS, _READ), "health": (Verb.STATUS, _READ), "printenv": (Verb.STATUS, _READ),
           "setenv": (Verb.DEPLOY, _BREAKS), "use": (Verb.OTHER, _BACK), "logs": (Verb.LOGS, _READ)},
    "sam": {"build": (Verb.OTHER, _BACK), "local": (Verb.OTHER, _BACK)},
    "serverless": {"print": (Verb.STATUS, _READ), "package": (Verb.OTHER, _BACK)},
    "cdk": {"doctor": (Verb.STATUS, _READ), "watch": (Verb.DEPLOY, _BREAKS)},
    "eksctl": {"utils write-kubeconfig": (Verb.OTHER, _BACK)},
    "helm": {
        **dict.fromkeys(("repo add", "repo update", "pull", "fetch", "dependency update", "dependency build", "dep up",
                         "dep update", "plugin install", "plugin update", "registry login"), (Verb.OTHER, _BACK)),
        **dict.fromkeys(("env", "verify", "dependency list", "diff upgrade", "diff rollback", "diff"),
                        (Verb.STATUS, _READ)),
        "test": (Verb.OTHER, _BREAKS), "push": (Verb.DEPLOY, _BREAKS),
    },
    "helmfile": {"diff": (Verb.STATUS, _READ), "build": (Verb.STATUS, _READ), "deps": (Verb.OTHER, _BACK)},
    "kustomize": {"build": (Verb.STATUS, _READ), "edit": (Verb.OTHER, _BACK)},
    "flux": {"check": (Verb.STATUS, _READ), "stats": (Verb.STATUS, _READ), "trace": (Verb.STATUS, _READ),
             "export": (Verb.STATUS, _READ), "build": (Verb.STATUS, _READ)},
    "argocd": {"app wait": (Verb.STATUS, _READ), "app resources": (Verb.STATUS, _READ),
               "app sync": (Verb.DEPLOY, _BREAKS), "app terminate-op": (Verb.STOP, _BREAKS),
               "app actions run": (Verb.RESTART, _BREAKS), "app logs": (Verb.LOGS, _READ)},
    "velero": {
        **dict.fromkeys(("restore get", "restore describe", "restore logs", "backup describe", "backup get",
                         "backup logs", "backup-location get", "schedule get", "snapshot-location get"),
                        (Verb.STATUS, _READ)),
        "backup create": (Verb.BACKUP, _BACK), "create backup": (Verb.BACKUP, _BACK),
        "create restore": (Verb.RESTORE, _LOST),
    },
    "istioctl": dict.fromkeys(("analyze", "proxy-status", "ps", "proxy-config", "pc", "verify-install"),
                              (Verb.STATUS, _READ)),
    "linkerd": dict.fromkeys(("check", "stat", "top", "tap", "viz stat", "viz top", "viz check", "inject"),
                             (Verb.STATUS, _READ)),
    "nomad": {"job run": (Verb.DEPLOY, _BREAKS), "job history": (Verb.STATUS, _READ),
              "alloc logs": (Verb.LOGS, _READ), "alloc exec": (Verb.OTHER, _BREAKS)},
    "consul": {"members": (Verb.STATUS, _READ), "catalog": (Verb.STATUS, _READ), "monitor": (Verb.LOGS, _READ),
               "snapshot save": (Verb.BACKUP, _BACK)},
    "vault": {"kv get": (Verb.OTHER, _READ), "token lookup": (Verb.STATUS, _READ), "login": (Verb.OTHER, _BACK),
              "operator raft snapshot save": (Verb.BACKUP, _BACK), "operator step-down": (Verb.MAINTENANCE, _BREAKS),
              "operator init": (Verb.OTHER, _BREAKS), "operator rekey": (Verb.OTHER, _LOST),
              "secrets disable": (Verb.OTHER, _LOST), "auth disable": (Verb.OTHER, _LOST),
              "kv put": (Verb.OTHER, _LOST), "kv patch": (Verb.OTHER, _BREAKS)},
    "supabase": {"db dump": (Verb.BACKUP, _BACK), "db push": (Verb.DEPLOY, _BREAKS), "db diff": (Verb.STATUS, _READ)},
    "dokku": {"config": (Verb.STATUS, _READ), "ps:report": (Verb.STATUS, _READ), "config:show": (Verb.STATUS, _READ)},
    "kamal": {"app details": (Verb.STATUS, _READ), "details": (Verb.STATUS, _READ), "setup": (Verb.DEPLOY, _BREAKS),
              "audit": (Verb.STATUS, _READ), "config": (Verb.STATUS, _READ), "app boot": (Verb.DEPLOY, _BREAKS),
              "app live": (Verb.MAINTENANCE, _BACK), "app maintenance": (Verb.MAINTENANCE, _BREAKS)},
}  # fmt: skip
"""Program -> phrases at the beginning of its commands that mean something of their own; the longest counts."""

BARE: Final[Mapping[str, Told]] = {"vercel": (Verb.DEPLOY, _BREAKS), "ansible-pull": (Verb.DEPLOY, _BREAKS)}
"""What a program does that is told nothing; the others print their help."""

SECRETS: Final = (
    "gcloud secrets versions access", "gcloud auth print-", "az keyvault secret show", "az account get-access-token",
    "az ad sp create-for-rbac", "az webapp config appsettings list", "az storage account keys list", "heroku config",
    "az acr credential show", "az redis list-keys", "fly secrets list", "fly auth token", "railway variables",
    "vercel env pull", "helm get values", "helm get all", "helm get manifest", "terraform state pull", "terraform show",
    "terraform state show", "pulumi stack export", "ansible-vault view", "eb printenv", "vault read", "vault kv get",
    "heroku auth:token", "heroku pg:credentials", "dokku config", "doctl databases connection", "az cosmosdb keys list",
    "serverless print", "doctl auth token", "supabase status", "ansible-inventory",
)  # fmt: skip
"""What commands begin with whose output may show secrets."""

ASIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "endless": ("fly proxy", "vercel dev", "wrangler dev", "wrangler tail", "gcloud pubsub lite", "linkerd tap",
                "linkerd top", "consul monitor", "cdk watch", "gcloud beta logging tail", "gcloud alpha logging tail"),
    "interactive": ("terraform console", "gcloud sql connect", "fly postgres connect", "fly pg connect", "fly console",
                    "railway connect", "railway shell", "heroku redis:cli", "az webapp ssh", "ansible-console",
                    "ansible-vault edit"),
}  # fmt: skip
"""What commands begin with that never end, or that a person types into."""
