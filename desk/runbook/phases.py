"""What headings and labels are for, by many names and in many languages.

Words are compared by their stems, without accents and case; scripts without spaces by what a title contains.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from desk.runbook.book import Phase

_STEMS: Final[dict[Phase, str]] = {
    Phase.SYMPTOMS: "symptom sintom belirti sign$ signs$ signos$ indicator indikator indicateur indicador trigger"
    " detekt detection detecc detecao ausloser anzeichen declench disparador gatilho sintomi segnal tetikle simptom"
    " признак симптом",
    Phase.IMPACT: "impact impakt impacto impatto etki auswirk влияни последстви blast consequence consecuencia",
    Phase.PREREQUISITES: "prerequisite prereq precondition requirement voraussetz prerequis prerrequisit requisit"
    " pre-requis preflight pre-flight pre-check precheck preparation preparac preparati vorbereit kosul hazirlik"
    " before подготов предвар требован",
    Phase.INVESTIGATION: "diagnos diagnost investig analys analis analiz triage untersuch prufung fehlersuche"
    " inspect assess assessment evaluat examin cause ursache causa neden teshis tani troubleshoot debug identif"
    " inceleme indagin verificar диагност анализ причин расследов",
    Phase.RESOLUTION: "resolution resoluc resolv solution solve solucion soluc risoluz losung behebung sofortmassnahm"
    " sofort-massnahm gegenmassnahm fix$ fixes remedy remed"
    " remediation mitigat mitigac mitigation mitigazion recover recovery recuper wiederherstell repair reparat"
    " reparac correct correction corrig containment contain action aktion accion acao$ azion massnahme response"
    " procedure procedur procedim verfahren vorgehen schritt step steps etape paso$ passo$ passi$ adim"
    " cozum eylem mudahale"
    " workaround commands execution implementation eradication restore устранен решен действ исправ восстановл шаг",
    Phase.VERIFICATION: "verif uberpruf validat validac validier confirm bestatig expected erwartet attendu"
    " erfolg success succes exito sucesso smoke dogrula check-after post-check postcheck kontrolle acceptance"
    " esperado atteso beklenen проверк подтвержд",
    Phase.ROLLBACK: "rollback roll-back revert undo$ back-out backout zuruckrollen zurucksetz ruckgang annul retour"
    " reversion revertir reverter desfazer ripristin geri$ откат",
    Phase.ESCALATION: "escalat escalac escalad escalon eskalat eskalas eskalier eskalasyon notification notify"
    " communicat comunicac kommunikation benachricht bildirim эскалац оповещ",
    Phase.PREVENTION: "prevent prevenc prevenz vorbeug pravent onleme follow-up followup post-mortem postmortem"
    " post-incident retrospective lessons long-term langfristig nachbereit предотвращ профилакт",
}
_SIGNS: Final[dict[Phase, str]] = {
    Phase.SYMPTOMS: "症状 症狀 现象 現象 表现 检测 検知 トリガー 触发 증상 징후 트리거",
    Phase.IMPACT: "影响 影響 영향",
    Phase.PREREQUISITES: "前提 准备 準備 事前 先决 先決 前置 사전 전제 준비",
    Phase.INVESTIGATION: "诊断 診断 診斷 调查 調査 調查 排查 检查 検査 檢查 分析 原因 切り分け 状況確認 진단 조사 원인"
    " 분석 점검",
    Phase.ROLLBACK: "回滚 回滾 ロールバック 切り戻し 롤백 되돌리",
    Phase.VERIFICATION: "验证 驗證 検証 确认 確認 동작확인 검증 확인",
    Phase.ESCALATION: "升级 上报 通知 エスカレーション 連絡 에스컬레이션 보고",
    Phase.PREVENTION: "预防 預防 防止 再発 予防 复盘 事後 예방 재발 사후",
    Phase.RESOLUTION: "解决 解決 处理 處理 处置 恢复 恢復 修复 修復 対応 対処 対策 復旧 措施 手順 步骤 缓解 操作 해결"
    " 조치 복구 대응 절차",
}
_FILLING: Final = (
    "and und et y e or the of a an to for de la le les los las des du del della der die das dem zur zum"
    " im in with if this that it we you ve i all any how what when where why which is are do does see look"
    " steps step initial quick immediate immediat immediately inmediat inmediata inmediatas immediata"
    " sofort sofortige acil first erste common possible possibles posible posibles typical haufige likely"
    " root known main key basic detailed further next long short term permanent temporary procedure"
    " procedures process plan guide manual automatic automated confirm check checks pre flight causes"
    " cause solution solutions actions action commands command investigation after post fast"
    " problem error needed required options option critere criterio"
    " notes result results output criteria rapide rapido hizli schnelle lösungsschritte comunes communes"
    " comuns mogliche probable probables path d l"
)
_FILLERS: Final = frozenset(_FILLING.split())
_EXPECTED: Final = re.compile(
    r"expect|should (?:be|show|see|return)|success criteri|erwartet|attendu|critere de succes"
    r"|resultado esperado|beklenen"
    r"|criterio de exito|atteso|期待|预期|期望|正常|예상|기대|ожида",
)
_ASIDE: Final = re.compile(
    r"^(?:note|notes|nota|hinweis|remarque|warning|warnung|avertissement|advertencia|aviso|attention"
    r"|achtung|atencion|atencao"
    r"|attenzione|caution|vorsicht|danger|gefahr|important|importante|wichtig|tip|tipp|astuce|info"
    r"|remember|example|beispiel"
    r"|exemple|ejemplo|uyari|not|dikkat|onemli|tldr|tl;dr|rationale|why|background|hint|critical"
    r"|do not|never|注意|警告|重要"
    r"|提示|备注|補足|備考|注|주의|경고|참고|중요|внимание|важно|примечание)\b|^(?:注意|警告|重要|提示"
    r"|备注|補足|備考|주의|경고|참고|중요)"
)
_DATA: Final = re.compile(
    r"^(?:last (?:updated|reviewed|tested|modified)|updated|version|author|authors|owner|owners"
    r"|maintained by|maintainer"
    r"|date|status|severity|priority|frequency|schedule|when|time|estimated time|duration"
    r"|expected duration|audience|scope"
    r"|purpose|objective|goal|scenario|location|url|endpoint|type|service|environment|tags?"
    r"|document (?:owner|version|id)"
    r"|response time|resolution time|sla|rto|rpo|risk|responsible|description|summary|alert|alert name"
    r"|alert message|rule id"
    r"|objectif|objetivo|ziel|letzte aktualisierung|entwickelt von|derniere mise a jour"
    r"|ultima actualizacion|zweck|amac"
    r"|frequenz|frequence|frecuencia|dauer|duree|duracion|最終更新|更新日|作成日|版本|作者|目的|頻度"
    r"|所要時間|频率|일시|버전)$"
)
_QUIET: Final = re.compile(
    r"table of contents|^contents?$|^toc$|^index$|^overview|^introduction|^about\b|^purpose|^scope"
    r"|^background|^summary$"
    r"|change ?log|revision history|version history|document history|^references?$|^related|^see also"
    r"|^links?$|^resources$"
    r"|dashboards?$|dashboard.urls?$|further reading|documentation$|^appendi|glossary|terminolog"
    r"|^contacts?\b|contact (?:information|info|list|details)"
    r"|emergency contacts|key contacts|support contacts|^on-?call (?:rotation|contacts|schedule)"
    r"|communication channels"
    r"|^architecture|^system (?:overview|architecture)|severity (?:levels|definitions|matrix"
    r"|classification)|incident levels"
    r"|^roles|^license|^acknowledg|^faq|^inhalt|^uberblick|^ubersicht|^einleitung|kontakte?$|^glossar|^anderungs"
    r"|^sommaire|^table des matieres|^apercu|^presentation|^annexe|^glossaire|^contenido|^indice|^tabla de contenido"
    r"|^vision general|^resumen|^introduccion|^contactos|^sumario|^visao geral|^introducao|^referencias?$|^anexo"
    r"|^panoramica|^introduzione|^contatti|^icindekiler|^genel bakis|^giris$|^iletisim|^目录|^目錄"
    r"|^目次|^概要|^概述|^はじめに"
    r"|^简介|連絡先|联系|^参考|^参照|^附录|^付録|変更履歴|変更ログ|更新履歴|更新日志|^목차|^개요"
    r"|연락처|변경 이력|^참고|^содержание|^оглавление"
    r"|^обзор|^введение|^контакты|^приложение|^ссылки|^глоссарий|severity levels?$|escalation (?:matrix|path|ladder)$"
)
_MENU: Final = re.compile(
    r"quick (?:reference|commands|links)|cheat ?-?sheet|(?:useful|helpful|handy|common"
    r"|frequent(?:ly used)?|key|essential"
    r"|important|basic|general|debug(?:ging)?|diagnostic|admin|everyday) commands?\b"
    r"|commands? (?:reference|summary|overview"
    r"|list|index)|reference commands|one-?liners|command cheat|snippets|nutzliche befehle"
    r"|wichtige befehle|haufige befehle"
    r"|befehlsreferenz|befehlsubersicht|kurzreferenz|spickzettel|commandes utiles|aide-memoire|memo des commandes"
    r"|reference rapide|comandos utiles|comandos comunes|comandos frecuentes|referencia"
    r" rapida|comandos uteis|comandi utili"
    r"|riferimento rapido|faydali komutlar|yararli komutlar|hizli (?:referans|basvuru)"
    r"|sik kullanilan komutlar|常用命令"
    r"|常用操作|快速参考|速查|命令参考|よく使うコマンド|便利なコマンド|コマンド一覧|コマンド集"
    r"|クイックリファレンス|자주 쓰는 명령|유용한 명령|명령어 모음"
    r"|빠른 참조|полезные команды|шпаргалка|краткая справка|справочник команд"
)
_CADENCES: Final = {
    "morning": r"\bmorning|morgen|\bmatin\b|\bmanana\b|\bmanha\b|\bmattin|\bsabah|毎朝|朝|早上|晨|아침|오전|утр",
    "evening": r"\bevening|end of day|\babend|\bsoir\b|\bnoche\b|\btarde\b|\bsera\b"
    r"|\bnoite\b|\baksam|夕方|夜|晚|저녁|вечер",
    "daily": r"\bdaily|every day|each day|taglich|quotidien|diari[oa]|\bgunluk|giornalier"
    r"|日次|每日|毎日|每天|日常|일일|매일|일간|ежедневн",
    "weekly": r"\bweekly|every week|wochentlich|hebdomadaire|semanal|\bhaftalik|settimanal"
    r"|週次|每周|毎週|每週|周检|주간|매주|еженедельн",
    "monthly": r"\bmonthly|every month|monatlich|mensuel|mensual|mensal|\baylik"
    r"|mensil|月次|每月|毎月|월간|매월|ежемесячн",
    "quarterly": r"\bquarterly|every quarter|quartal|vierteljahr|trimestr|uc aylik|四半期|每季|季度|분기|ежекварт",
}
_CADENCE: Final = {name: re.compile(pattern) for name, pattern in _CADENCES.items()}
_CHECKLIST: Final = re.compile(
    r"check ?-?list|checkliste|liste de (?:controle|verification)|lista de (?:verificac|control"
    r"|chequeo)|kontrol listesi"
    r"|チェックリスト|检查清单|檢查清單|체크리스트|чек-?лист|\btasks?\b|\bchecks\b|\bmaintenance\b"
    r"|\broutine\b|\boperations\b|aufgaben|wartung"
    r"|taches|tareas|tarefas|gorev|bakim|確認事項|タスク|任务|巡检|점검|작업|задач|проверк|運用"
)
_CONDITION: Final = re.compile(
    r"^(?:if|when|unless|in case|otherwise|else|wenn|falls|sonst|andernfalls|bei|si|sinon|en cas"
    r"|en caso|si no|se|senao|caso|altrimenti"
    r"|eger|aksi halde|если|иначе|при)\b|^(?:如果|若|否则|もし|만약)|場合|(?:된|한|는|않을|없는|있는) 경우"
)
_OTHER_WAY: Final = re.compile(
    r"^(?:option|method|approach|alternative|variant|path|way|opcion|opcao|opzione|methode"
    r"|metodo|variante|moglichkeit"
    r"|secenek|yontem|вариант|способ)\s*(?:[a-h]\b|\d+|#\d)|^(?:or|or else|alternativ\w*|oder|ou"
    r"|o bien|veya|ya da|или|oppure)\b"
    r"|^(?:option|method|alternative|opcion|methode|variante)\s*:|^(?:方法|方案|选项|方式|オプション"
    r"|방법|옵션)\s*[a-h0-9一二三四１-９]|^(?:或者|または|또는)"
)
_STEP: Final = re.compile(
    r"^(?:step|phase|stage|schritt|etape|paso|passo|passaggio|adim|fase|шаг"
    r"|этап)\s*#?(\d{1,2})(?!\.\d)\b|^(?:步骤|步驟|手順|ステップ|단계)\s*(\d{1,2})"
    r"|^第(\d{1,2})步|^(\d{1,2})\s*단계|^(\d{1,2})[.)、:]?\s+(?!\d)(?=\D)|^(\d{1,2})[.)、]\s*(?=\D)"
)
_NUMBER: Final = re.compile(
    r"^(?:§\s*)?\d{1,3}(?:\.\d{1,3})*[.):、]?\s+(?=\D)|^\d{1,2}[.)、](?=[^\d\s])|^(?:§\s*)\d[\d.]*\s*"
)
_MARKS: Final = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2b00-\u2bff\ufe0f\u20e3\u200d\U0001f000-\U0001faff*_`]"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_PARENTHESES: Final = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]]")
_WIDE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@lru_cache(maxsize=4096)
def plain(title: str) -> str:
    """A title as it is compared: without pictures, number, accents and case.

    >>> plain("🚨 2.1. Überprüfung"), plain("Résolution")
    ('uberprufung', 'resolution')
    """
    said = _MARKS.sub("", title).strip(" :：-–—#")
    said = _NUMBER.sub("", said)
    if said.isascii():
        return " ".join(said.lower().split())
    parts = unicodedata.normalize("NFD", said.replace("ß", "ss").replace("ı", "i").lower())
    kept = "".join(sign for sign in parts if not ("\u0300" <= sign <= "\u036f"))
    return " ".join(unicodedata.normalize("NFC", kept).split())


def _stem(stem: str) -> str:
    """A stem as part of a pattern; one with a $ is a whole word."""
    return plain(stem.removesuffix("$")) + (r"(?![^\W\d_])" if stem.endswith("$") else "")


_STEM: Final = {
    phase: re.compile(
        r"(?<![^\W\d_])(?:" + "|".join(_stem(stem) for stem in sorted(stems.split(), key=len, reverse=True)) + ")"
    )
    for phase, stems in _STEMS.items()
}
_SIGN: Final = {phase: re.compile("|".join(signs.split())) for phase, signs in _SIGNS.items()}
_ANY_SIGN: Final = re.compile("|".join(sorted(" ".join(_SIGNS.values()).split(), key=len, reverse=True)))
_WIDE_FILLERS: Final = re.compile(
    "根本|事項|方法|内容|範囲|范围|方案|措施|流程|常见|常見|可能|一般的|初期|初步|立即|即時|恒久|一次"
    "|緊急|紧急|応急|的|の|と|及び|および|和|与|および|フロー|チェック"
    "|기준|방법|단계|절차|사항|초기|즉시|긴급|및|의|主な|主要|考えられる|想定|[・、,/&\\s]"
)
_ORDER: Final = (
    Phase.ROLLBACK,
    Phase.SYMPTOMS,
    Phase.IMPACT,
    Phase.PREREQUISITES,
    Phase.PREVENTION,
    Phase.ESCALATION,
    Phase.VERIFICATION,
    Phase.INVESTIGATION,
    Phase.RESOLUTION,
)
"""Rare words before common ones: "rollback steps" is a rollback, "resolution" alone a resolution."""
_WHOSE: Final = re.compile(r"^(?:users?|services?|business|customers?) (?=impact)")
_COMMON_WORDS: Final = re.compile(
    r"(?<![^\W\d_])(?:actions?|steps?|procedures?|procedimientos?|procedimentos?|commands|response"
    r"|schritte?|etapes?|pasos?"
    r"|passos?|adimlar\w*|execution|before|causes?|causas?|ursachen?|nedenler\w*|requirements?|шаги"
    r"|действия)(?![^\W\d_])"
)


@lru_cache(maxsize=4096)
def phase(title: str) -> Phase:
    """What a heading or label is for; OTHER when no word of it says so.

    >>> phase("Immediate Actions").name, phase("Rollback steps").name, phase("3. Fehlersuche").name, phase("症状").name
    ('RESOLUTION', 'ROLLBACK', 'INVESTIGATION', 'SYMPTOMS')
    """
    said = _PARENTHESES.sub("", plain(title)) or plain(title)
    if _EXPECTED.search(said):
        return Phase.VERIFICATION
    special = _COMMON_WORDS.sub(" ", said)
    for text in (special, said):
        found = [(found.start(), _ORDER.index(one), one) for one in _ORDER if (found := _STEM[one].search(text))]
        if found:
            return min(found)[2]
    if _WIDE.search(said):
        for one, signs in _SIGN.items():
            if signs.search(said):
                return one
    return Phase.OTHER


@lru_cache(maxsize=4096)
def is_phase(title: str) -> bool:
    """Whether a heading is nothing but a phase: "Common causes & solutions" is, "Rollback the API" is not."""
    if phase(title) is Phase.OTHER or is_menu(title):
        return False
    said = _PARENTHESES.sub("", plain(title)) or plain(title)
    if _WIDE.search(said):
        return not _WIDE_FILLERS.sub("", _ANY_SIGN.sub("", said)).strip()
    words = _WORD.findall(_WHOSE.sub("", said))
    named = sum(1 for word in words if any(stem.match(word) for stem in _STEM.values()))
    left = [word for word in words if word not in _FILLERS and not any(stem.match(word) for stem in _STEM.values())]
    return bool(words) and not left and len(words) <= 6 and (named > 0 or bool(_EXPECTED.search(said)))


def is_aside(title: str) -> bool:
    """Whether a label is a remark: "Note", "Warnung", "重要"."""
    return _ASIDE.match(plain(title)) is not None


def is_data(title: str) -> bool:
    """Whether a label names a fact of the document, as "Last updated" does."""
    return _DATA.match(plain(title)) is not None


def is_expected(title: str) -> bool:
    """Whether what follows is what a command should show."""
    return _EXPECTED.search(plain(title)) is not None


def is_shown(title: str) -> bool:
    """Whether a label names what the command before it shows: "Expected output", not "Success criteria"."""
    return is_expected(title) and "crit" not in plain(title)


@lru_cache(maxsize=4096)
def is_quiet(title: str) -> bool:
    """Whether a heading holds nothing to do: contents, overview, contacts, changes, references."""
    return _QUIET.search(_PARENTHESES.sub("", plain(title))) is not None


@lru_cache(maxsize=4096)
def is_menu(title: str) -> bool:
    """Whether a heading holds commands to pick from, whose order means nothing."""
    return _MENU.search(plain(title)) is not None


def cadence(title: str) -> str:
    """How often what stands under a heading is done; empty when it does not say.

    >>> cadence("Morning Checklist (9:00 AM)"), cadence("Wöchentliche Wartung"), cadence("日次運用タスク")
    ('morning', 'weekly', 'daily')
    """
    said = plain(title)
    return next((name for name, pattern in _CADENCE.items() if pattern.search(said)), "")


def is_checklist(title: str) -> bool:
    """Whether a heading with a cadence is about things done each time."""
    return _CHECKLIST.search(plain(title)) is not None


def is_condition(text: str) -> bool:
    """Whether a text begins with a condition: "If the disk is full"."""
    return _CONDITION.search(plain(text)) is not None


def is_other_way(text: str) -> bool:
    """Whether a text begins as one of several ways does: "Option B: scale out", "Or restart it"."""
    return _OTHER_WAY.search(plain(text)) is not None


def step_number(title: str) -> int | None:
    """The number of a heading that is one step of several: "Step 2: drain", "2. Drain"; None for "2.1 Backups".

    >>> step_number("Step 2: drain"), step_number("2. Drain"), step_number("2.1 Backups"), step_number("Backups")
    (2, 2, None, None)
    """
    said = unicodedata.normalize("NFKC", _MARKS.sub("", title)).strip().lower()
    said = "".join(sign for sign in unicodedata.normalize("NFD", said) if not ("\u0300" <= sign <= "\u036f"))
    found = _STEP.match(unicodedata.normalize("NFC", said))
    number = next((group for group in found.groups() if group), None) if found else None
    return int(number) if number else None


def names_step(title: str) -> bool:
    """Whether a heading says "Step 2" in a word, not by its number alone."""
    return step_number(title) is not None and not _MARKS.sub("", title).strip()[:1].isdigit()
