"""Whether a code span is a command that the reader is asked to run: most code spans are names, not orders.

What counts is the clause it stands in. "Restart it: `...`", "Run `...`" and a cell under "Fix" ask for it; "the job
runs `...`", "do not run `...`" and a cell under "Cause" don't.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from desk.runbook.block import Block, Form
from desk.runbook.programs import names_program
from desk.runbook.words import names


@dataclass(frozen=True, slots=True)
class Quoted:
    """A code span with the words around it."""

    line: int
    text: str
    before: str = ""
    after: str = ""
    column: str = ""
    """What its column is called, when it stands in a table."""
    under: str = ""
    item: bool = False

    @property
    def title(self) -> str:
        """What is said before it, as a name for it."""
        said = re.split(r"(?<=[.!?])\s+(?=[A-Z])", _plain(self.before).strip())[-1]
        return said.strip(" :–—-(→")


AROUND: Final = 800
"""Letters before and after a code span that are looked at."""

_SPAN: Final = re.compile(r"(?<![`\\])(`{1,2})(?!`)(.{1,600}?)(?<!`)\1(?!`)", re.DOTALL)

_ORDER: Final = names("""
    access activate add adjust analyse analyze apply approve archive assign attach back backup block boot bounce
    bring build call cancel capture change check clean clear clone close collect commit compare complete compress
    configure confirm connect contact copy count create debug decrypt define delete deploy describe destroy diagnose
    disable disconnect do download drain drop dump edit enable enforce ensure enter establish evaluate examine
    execute expand export extend fail fetch find fix flush follow force free generate get grant go grep halt
    identify import increase inspect install investigate invoke isolate issue keep kill launch list load locate log
    login look make manually mark measure merge migrate monitor mount move note notify observe obtain open optimize
    pause perform ping pin poll prepare promote prune pull purge push query quickly read reboot rebuild recheck
    reclaim recover recreate recycle redeploy reduce refresh regenerate reindex release reload remove rename renew
    repair replace replay replicate report rerun re-run reset resize resolve restart restore resume retrieve retry
    revert review revoke roll rollback roll-back rotate run save scale scan schedule search see select send set shut
    sign simply snapshot spin ssh start stop submit suspend switch sync synchronize tail take temporarily terminate
    test track trace trigger truncate try tune turn type undo uninstall unlock unmount unset update upgrade use
    vacuum validate verify view wait watch wipe write ejecute ejecutar ejecuta verifique verificar verifica revise
    revisar revisa reinicie reiniciar reinicia compruebe comprobar usar use ver lance lancer exécuter exécutez
    vérifier vérifiez redémarrer redémarrez relancer contrôler consulter utiliser prüfen prüfe ausführen führe
    starte starten neustarten überprüfen kontrollieren anzeigen execute executar verificar verifique reiniciar rodar
    rode checar conferir eseguire esegui verificare controllare riavviare uruchom sprawdź kontrol çalıştır
    çalıştırın yeniden проверить проверьте запустите выполните перезапустите запустить выполнить перезапустить
    остановить остановите посмотреть посмотрите удалить удалите применить примените откатить откатите подключитесь
    pare parar suba subir inicie iniciar aplique aplicar reverta reverter apague apagar remova limpe limpar restaure
    restaurar escale escalar confirme confirmar consulte consultar acesse conecte aguarde detenga detener elimine
    eliminar borre borrar limpie pruebe revierta revertir despliegue muestre mostrar arrêter arrêtez démarrer démarrez
    supprimer supprimez appliquer appliquez vider videz purger purgez restaurer restaurez afficher affichez tester
    testez déployer déployez consultez annuler annulez confirmez vérifiez avviare avvia fermare ferma svuotare
    ripristinare applicare eliminare wykonaj zatrzymaj zrestartuj controleer herstart voer
""")
_ADVERBS: Final = names("""
    then now first finally next also again just please alternatively optionally otherwise manually quickly simply
    temporarily immediately second third lastly afterwards you can must should we operators operator dann zuerst
    luego primero ensuite puis d'abord depois falls
""")
_LAST: Final = names("""
    prüfen ausführen starten neustarten überprüfen kontrollieren anzeigen stoppen leeren löschen restart pausieren
    aktivieren deaktivieren wiederherstellen çalıştırın çalıştır kontrol durdurun başlatın silin uygulayın
""")
"""Words that ask for something where they stand last."""
_NOT_UNDER: Final = re.compile(
    r"symptom|síntoma|症状|belirti|\bcauses?\b|ursache|\bcausas?\b|原因|indicator|\bimpact|what happened"
    r"|background|known issue"
    r"|changelog|architecture|architektur|overview of|security note|how it works",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"[~./\w-]*/[\w./-]+$|[\w-]+\.sh$")
_ORDERED_ELSEWHERE: Final = re.compile(
    r"(?:执行|运行|检查|重启|查看|使用|确认|启动|停止|验证|恢复|実行|確認|再起動|起動|停止|チェック|실행|확인|재시작|执行以下)"
    r"[^。.]{0,24}$|(?:\bçalıştır|\bausführen|\bnutzen)\S*\s*$"
)
_NEVER: Final = re.compile(
    r"""(?:\b(?:do\s+not|don['’]t|never|not|avoid|instead\s+of|rather\s+than|without|unlike|stop\s+using|no\s+need\s+to
    |nicht|nunca|jamais|ne\s+pas|used\s+to|não|не|niet|nooit
    |niemals|asla|non|no\s+(?:ejecut|us|lanc|corr)\w+)\b[^,;:]{0,40}$)
    | (?:不要|禁止|请勿|切勿|不得|不可|严禁|しないで)[^。，,;；]{0,30}$ | \b(?:e\.g\.|z\.\s?B\.|i\.e\.|p\.\s?ex\.)\s*$
    | \b(?:runs|ran|executes|calls|invokes|performs|triggers|uses|used|does|did|wraps|replaces|equals|means|is|are|was
    |were|equivalent\s+to|same\s+as|similar\s+to|caused\s+by|due\s+to|because(?:\s+of)?|from|unlike|named|called|the
    |a|an|that|which|has|have|had|of\s+the|job|workflow|pipeline|ci|step|hook|script|cron|crontab|automatically|failed|failing
    |broken|bad|wrong|previous|recent|manual|every|each|your|our|its|their|successful|long-running)\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
_NEVER_AFTER: Final = re.compile(
    r"\s*(?:must|should|may|can)(?:\s+(?:never|not)|n['’]t)\b|\s*(?:nicht|niemals|nie)\b|[^。.]{0,16}(?:しない|禁止|不要)"
    r"|\s*\w*\s*(?:asla\b|çalıştırma|kullanma)|\s*(?:is|are)\s+(?:forbidden|not allowed)",
    re.IGNORECASE,
)
_ORDERED_AFTER: Final = re.compile(
    r"\s*(?:コマンド)?[をで]\s?(?:実行|入力|使|叩|打|再起動|起動|停止|確認)|\s*(?:명령\S*\s*)?[을를로]?\s*실행"
    r"|\s*(?:komut\w*\s+)?(?:ile\s+)?(?:çalıştır(?!m)|kullanın|girin|yeniden başlatın)"
    r"|\s*(?:ausführen|eingeben|aufrufen|neu\s?starten|starten|stoppen|anzeigen)\b",
    re.IGNORECASE,
)
"""What asks for the code before it, in languages where the verb stands last."""
_GOOD: Final = re.compile(r"^[\s✅☑✔👉🔧🔍🟢▶➡️]+$")
_SURE: Final = re.compile(r"\b(?:verify|check|confirm|ensure|make\s+sure|see)\s+(?:that|whether|if)\s*$", re.IGNORECASE)
_YOU: Final = re.compile(
    r"\b(?:you|we|operators?|engineers?|on-call)\s+(?:can|could|should|must|may|need\s+to|have\s+to|will\s+need\s+to"
    r"|might|want\s+to)\b|\blet['’]?s?\b|\b(?:to|by|via|through|using|with)\s+(?:run|running|executing|using|calling|issuing)\s*$",
    re.IGNORECASE,
)
_RUN: Final = re.compile(
    r"(?<!will )(?<!jobs )(?<!not )(?<!to be )\b(?:re-?run|run|execute|try|issue|type|running|executing|use|via|using)"
    r"(?:\s+(?:again|manually|the\s+command|this|command|this\s+command))?\s*$",
    re.IGNORECASE,
)
_UNASKED: Final = re.compile(
    r"""\b(?:if|when|whenever|while|because|since|after|once|before|until|unless|as|although|that|which|caused|wenn|nachdem
    |cuando|después|quand|après|lorsque)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_NO_LABEL: Final = re.compile(
    r"""\b(?:causes?|symptoms?|trigger(?:ed)?|descriptions?|errors?|alerts?|alarm|metrics?|messages?|logs?\s+pattern|names?
    |files?|paths?|variables?|endpoints?|example\s+output|output|ci|cron(?:tab|\s+job)?|schedule|pattern|reason
    |background|context|why|history|ursache|causa|síntoma|symptôme|prerequisites?|requires|entrypoint|cmd|config(?:uration)?
    |job|workflow|pipeline|warning|caution|danger|attention|achtung|warnung|advertencia|avertissement|atenção|uyarı|where
    |repo(?:sitory)?|image|location|dashboard|what\s+happened|impact|root\s+cause|do\s+not|never|current|planned
    |don['’]t|anti-?patterns?|wrong|bad|implementation|implemented|gate|catches|expression|query|expr)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_AFTERWARDS: Final = re.compile(
    r"""\s*(?:$|[.;)\]。]?\s*$ | [-–—→:(=|,/+]|=> | (?:to|and|or|then|for|should|must|returns?|shows?|lists?|prints?
    |again|on|against|with|in|until|first|where|from|every|as)\b)""",
    re.VERBOSE | re.IGNORECASE,
)
_TOLD: Final = re.compile(
    r"""\s*(?:automatically|is|was|are|were|fails?|failed|failing|hangs?|crashes|errors?|does|did|doesn['’]t|will|would|can|cannot|can['’]t
    |could|may|might|has|had|runs?|ran|times?\s+out|exits?|produces|creates|deletes|removes|uses|happens?|step|job|command
    |output|succeeds?|works?|takes|only|process|call|invocation|cannot|failure|error|alias|wrapper|script|never)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_NEEDS: Final = re.compile(
    r"""(?:(?:docker(?:\s+compose|-compose)?\s+(?:build|run|exec|rm|rmi|tag|push|inspect|cp|create|login|buildx)|docker\s+
    (?:logs|pull|restart|start|stop|kill)|docker\s+(?:compose|volume|network|container|image|system|secret|swarm|service)
    |git\s+(?:checkout|clone|add|revert|cherry-pick|merge|rebase|commit|show|upload-pack|receive-pack|tag|config|remote
      |init|bisect|blame|worktree|submodule|rm|mv|restore|switch)
    |kubectl\s+(?:apply|delete|create|exec|edit|logs|patch|scale|set|describe|get|drain|cordon|uncordon|rollout|label|annotate
      |run|expose|cp|port-forward|explain|debug|config|top|replace|wait|taint|auth|rollout\s+\w+|set\s+\w+|kustomize|debug)
    |kubectl\s+(?:describe|delete|create|edit|exec)\s+\w+|kubectl\s+create\s+secret\s+\w+
    |systemctl\s+(?:start|stop|restart|reload|status|enable|disable|mask|kill|is-active)
    |aws\s+[\w-]+\s+(?:cp|sync|mv|rm|get-secret-value|put-\S+|update-\S+|create-\S+|delete-\S+|get-\S+|start-\S+|stop-\S+
      |run-\S+|send-\S+|restore-\S+|execute-\S+|invoke)
    |terraform\s+(?:import|state|taint|workspace|show|output|force-unlock)|helm\s+(?:install|upgrade|rollback|template|uninstall|repo|get)
    |npm\s+(?:run|install|i|exec)|npx|make|pip3?\s+install|go\s+(?:run|build|get|install)|apt(?:-get)?\s+install|gcloud\s+\w+
    |vault\s+(?:read|write|kv|delete)|redis-cli\s+(?:get|del|set)|psql|journalctl\s+-u|bash\s+-c|sh\s+-c|service\s+\w+|ch(?:mod|own)\s+\S+|helm\s+\w+|prisma\s+(?:db|migrate)))$""",
    re.VERBOSE | re.IGNORECASE,
)
"""What names a command but is none: an argument is missing that it can't do without."""
_COMMANDS: Final = re.compile(
    r"(?:commands?|cmd|befehle?|comandos?|commandes?|comandi|komut|команда|命令|コマンド|명령어?)\b", re.IGNORECASE
)
"""What a column is called that holds commands, in code or not."""
_ELIDED: Final = re.compile(r"(?:^|\s|=|\"|')\.{3}(?:$|\s|\"|')|…")


def spans(block: Block, under: str = "") -> Iterator[Quoted]:
    """The code spans of a block, in order. `under`: the heading or label it stands under."""
    for one in _spans(block):
        yield replace(one, under=under, item=block.form is Form.ITEM)


def _spans(block: Block) -> Iterator[Quoted]:
    if block.form is Form.TABLE:
        names = block.header.cells if block.header is not None else ()
        for row in block.rows:
            for number, cell in enumerate(row.cells):
                column = names[number] if number < len(names) else ""
                if "`" not in cell and _COMMANDS.match(column.strip()) and names_program(cell, alone=False):
                    yield Quoted(row.line, cell.strip(), column=column)
                yield from _in(cell.replace("\\|", "|"), [row.line] * cell.count("`"), column)
        return
    lines = [span.line for span in block.spans]
    text = block.text
    if block.form is Form.LABEL and block.rest:
        text = f"{block.text}: {block.rest}"
    yield from _in(text, lines or [block.line], "")


def _in(text: str, lines: list[int], column: str) -> Iterator[Quoted]:
    for number, found in enumerate(_SPAN.finditer(text)):
        line = lines[min(number, len(lines) - 1)] if lines else 1
        start, end = found.span()
        yield Quoted(line, found[2].strip(), text[max(0, start - AROUND) : start], text[end : end + AROUND], column)


def asks(span: Quoted) -> bool:
    """Whether a code span is a command that the reader is asked to run.

    >>> asks(Quoted(1, "systemctl restart web", "Restart it if needed: "))
    True
    >>> asks(Quoted(1, "npm run build", "The pipeline runs ")), asks(Quoted(1, "queue_depth", "Check "))
    (False, False)
    """
    if _GOOD.match(span.before):
        span = replace(span, before="")
    text = span.text
    if not names_program(text) or _NEEDS.match(text) or _ELIDED.search(text) or "\n\n" in text:
        return False
    before = re.sub(r"\([^()]*\)", " ", _plain(span.before))
    if not names_program(text, alone=False):
        order = re.search(r"(?:^|[^\w])(?:run|execute|launch|start|invoke|call)\s*:?\s*$", before, re.IGNORECASE)
        return order is not None and not _NEVER.search(before) and _PATH.match(text) is not None and names_program(text)
    if re.fullmatch(r"[A-Za-z]+", text) or (span.column and _NO_LABEL.search(span.column)):
        return False
    if _NEVER_AFTER.match(span.after):
        return False
    sentence = re.split(r"(?<=[.!?。])(?<!e\.g\.)(?<!i\.e\.)\s+|\n\s*\n", before)[-1]
    clauses = re.split(r"([,;:—–()→]|\s-\s|\s(?:and|then|or|und|oder|y|et|ve)\s(?=$|\S))", sentence)
    last = clauses[-1].strip()
    if _NOT_UNDER.search(span.under) and not any(_orders(one) for one in clauses):
        return False
    if _NEVER.search(sentence) and not sentence.rstrip().endswith(":") and not _SURE.search(sentence):
        return False
    if _ORDERED_AFTER.match(span.after):
        return True
    if not last:
        return _leading(span, sentence, clauses)
    if _TOLD.match(span.after) and not _orders(last):
        return False
    if _orders(last) or _YOU.search(last) or _RUN.search(last) or _ORDERED_ELSEWHERE.search(last):
        return not _UNASKED.match(last)
    first = next((one for one in clauses if one.strip()), "")
    if re.search(r"\b(?:with|using|via|by|mit|con|avec|com)\s*$", last) and (
        _YOU.search(sentence) or any(map(_orders, clauses))
    ):
        return True
    if _orders(first) and not _UNASKED.match(last):
        return True
    return _UNASKED.match(first) is not None and any(_orders(one) for one in clauses[:-1]) and not _UNASKED.match(last)


def _leading(span: Quoted, sentence: str, clauses: list[str]) -> bool:
    """Of a span that begins its clause."""
    mark = next((one.strip() for one in reversed(clauses[:-1]) if one.strip()), "")
    said = [one for one in clauses if one.strip() and len(one.strip()) > 1]
    orders = any(_orders(one) for one in said)
    if not sentence.strip():
        if _TOLD.match(span.after):
            return False
        return bool(_AFTERWARDS.match(span.after)) and not (span.before.strip() and not orders and span.after.strip())
    if mark == ":":
        label = re.split(r"[,;—–()→]", sentence.rstrip().rstrip(":"))[-1]
        return not _NO_LABEL.search(label) or _orders(label)
    if mark in ("→", "—", "–", "-"):
        return orders or not _NO_LABEL.search(sentence)
    if mark == "(":
        short = span.item and len(sentence.split()) <= 9 and re.match(r"\s*[),]", span.after) is not None
        return orders or (short and not _NO_LABEL.search(sentence))
    if re.match(r"\s*(?:to|and)\s", span.after) and _orders(re.sub(r"^\s*(?:to|and)\s", "", span.after)):
        return True
    return orders or bool(_RUN.search(sentence))


def _orders(clause: str) -> bool:
    """Whether a clause begins with a word that asks for something to be done."""
    words = re.findall(r"[\w'’-]+", re.sub(r"^\W*(?:\d+[.)]\s*)?(?:step\s+\d+\W*)?", "", clause, flags=re.I))
    while words and words[0].lower() in _ADVERBS:
        words = words[1:]
    return bool(words) and (words[0].lower() in _ORDER or words[-1].lower() in _LAST)


def _plain(text: str) -> str:
    """Text with its code spans blotted out."""
    return _SPAN.sub("«»", text).replace("**", "")
