"""Headings and labels by many names."""

from __future__ import annotations

import pytest

from desk.runbook.book import Phase
from desk.runbook.phases import (
    cadence,
    is_aside,
    is_condition,
    is_data,
    is_menu,
    is_other_way,
    is_phase,
    is_quiet,
    phase,
    plain,
    step_number,
)

NAMES = {
    Phase.SYMPTOMS: "Symptoms|Possible symptoms|Síntomas|Symptômes|Sintomas"
    "|Sintomi|Belirtiler|症状|현상 및 증상|Симптомы|Trigger",
    Phase.IMPACT: "Impact|Impacto|Auswirkungen|Impatto|Etki|影响范围|影響|영향|Влияние|User impact",
    Phase.PREREQUISITES: "Prerequisites|Pre-flight|Voraussetzungen|Prérequis"
    "|Requisitos|Ön koşullar|前提条件|사전 준비|Before you begin",
    Phase.INVESTIGATION: "Diagnosis|Investigation Steps|Fehlersuche|Diagnostic|Diagnóstico"
    "|Analisi|Teşhis|诊断|調査|진단|Диагностика"
    "|Root cause|Troubleshooting|Initial assessment",
    Phase.RESOLUTION: "Resolution|Immediate Actions|How to fix|Lösung|Sofortmaßnahmen"
    "|Résolution|Resolución|Solução|Risoluzione|Çözüm"
    "|恢复步骤|対応手順|해결|Решение|Mitigation|Steps|Remediation|Containment",
    Phase.VERIFICATION: "Verify|Validation|Überprüfung|Vérification|Verificación|Doğrulama|验证|確認|검증|Проверка"
    "|Expected output|Success criteria|Critère de succès",
    Phase.ROLLBACK: "Rollback|Rollback steps|Roll-back procedure|Zurückrollen|Revertir"
    "|回滚|ロールバック|롤백|Откат|Undo",
    Phase.ESCALATION: "Escalation|Eskalation|Escalade|Escalación|エスカレーション|上报|Эскалация",
    Phase.PREVENTION: "Prevention|Vorbeugung|Prévention|Prevención|预防措施|再発防止|예방|Post-mortem|Follow-up",
    Phase.OTHER: "Backups|Queue backlog|Load balancer|キュー|Redis|",
}


@pytest.mark.parametrize(("name", "meant"), [(name, one) for one, names in NAMES.items() for name in names.split("|")])
def test_a_phase_is_known_by_its_many_names(name: str, meant: Phase) -> None:
    assert phase(name) is meant
    assert phase(f"🔧 2. {name}") is meant


@pytest.mark.parametrize(
    "title",
    [
        "Immediate Actions",
        "1. Diagnosis",
        "Common causes & solutions",
        "Rollback Procedure",
        "根本原因の調査",
        "影响范围",
    ],
)
def test_a_heading_that_is_nothing_but_a_phase(title: str) -> None:
    assert is_phase(title)


@pytest.mark.parametrize(
    "title",
    [
        "Rollback the API",
        "Database recovery",
        "Backup verification",
        "Incident response",
        "毎朝の確認事項",
        "Useful commands",
    ],
)
def test_a_heading_that_names_a_thing_is_more_than_a_phase(title: str) -> None:
    assert not is_phase(title)


@pytest.mark.parametrize(
    ("title", "often"),
    [
        ("Morning checklist", "morning"),
        ("End of day review", "evening"),
        ("Tägliche Aufgaben", "daily"),
        ("Tareas diarias", "daily"),
        ("每周巡检", "weekly"),
        ("Maintenance mensuelle", "monthly"),
        ("Еженедельные задачи", "weekly"),
        ("분기 점검", "quarterly"),
        ("Restart the API", ""),
    ],
)
def test_how_often_is_read_from_a_title(title: str, often: str) -> None:
    assert cadence(title) == often


@pytest.mark.parametrize(
    "title", ["Table of Contents", "1. Overview", "Änderungsverzeichnis", "目次", "📞 Contacts", "Annexe A"]
)
def test_some_headings_hold_nothing_to_do(title: str) -> None:
    assert is_quiet(title)
    assert not is_menu(title)


@pytest.mark.parametrize(
    "title", ["Quick Reference", "Useful commands", "Cheat-sheet", "Nützliche Befehle", "常用命令", "Шпаргалка"]
)
def test_some_headings_hold_commands_to_pick_from(title: str) -> None:
    assert is_menu(title)
    assert not is_quiet(title)


def test_procedures_are_neither() -> None:
    for title in ("Restart the API", "Queue backlog", "Overview page is slow", "Contact form broken"):
        assert not is_menu(title)
        assert is_quiet(title) is title.startswith(("Overview", "Contact"))


@pytest.mark.parametrize(
    ("title", "number"),
    [
        ("Step 3: Drain", 3),
        ("3. Drain", 3),
        ("Schritt 3", 3),
        ("手順3 停止", 3),
        ("3.1 Drain", None),
        ("Drain 3", None),
        ("503 errors", None),
    ],
)
def test_the_number_of_a_step_is_told_from_that_of_a_chapter(title: str, number: int | None) -> None:
    assert step_number(title) == number


def test_conditions_and_other_ways_are_known() -> None:
    for text in (
        "If the disk is full",
        "Wenn die Platte voll ist",
        "Si le disque est plein",
        "如果磁盘已满",
        "満杯の場合",
    ):
        assert is_condition(text)
    for text in (
        "Option B: scale out",
        "Or restart it",
        "Method 2",
        "Oder neu starten",
        "方法2",
        "Alternatively, wait",
    ):
        assert is_other_way(text)
    for text in ("Restart it", "Order the disks", "Optional: look", "Ifconfig shows"):
        assert not is_condition(text)
        assert not is_other_way(text)


def test_remarks_and_facts_of_the_document_are_no_phases() -> None:
    assert is_aside("⚠️ Warning")
    assert is_aside("Hinweis")
    assert is_data("Last updated")
    assert not is_aside("Symptoms")
    assert not is_data("Resolution")


def test_titles_are_compared_without_accents_case_and_pictures() -> None:
    assert plain("🚨 2. Überprüfung:") == "uberprufung"
    assert plain("Çözüm") == "cozum"
