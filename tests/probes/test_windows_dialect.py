"""What the commands of Windows mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest

from probes.base import Danger, Dialect
from probes.commands import dialect as module
from tests.probes.spoken import meant

DIALECT = cast(Dialect, module)

LINES = [
    ("Get-Service -Name Shop", "status read"),
    ("Test-NetConnection db -Port 5432", "status read"),
    ("Set-Location D:/shop", "other read"),
    ("Restart-Service -Name Shop -Force", "restart disruptive"),
    ("Start-Service Shop", "start reversible"),
    ("Stop-Service Shop", "stop disruptive"),
    ("Stop-Process -Id <pid>", "terminate disruptive"),
    ("Remove-Item D:/shop/logs -Recurse", "maintenance destructive"),
    ("Remove-Item D:/shop/logs -Recurse -WhatIf", "maintenance read"),
    ("Clear-EventLog -LogName Shop", "maintenance destructive"),
    ("Copy-Item a.config a.config.old", "other reversible"),
    ("Copy-Item a.config b.config -Force", "other disruptive"),
    ("Set-Content a.config x", "other disruptive"),
    ("Invoke-RestMethod -Uri https://shop.example/health", "health read"),
    ("iwr https://shop.example/orders", "other read"),
    ("Invoke-WebRequest https://shop.example/jobs/4 -Method POST", "other disruptive"),
    ("Invoke-RestMethod https://shop.example/jobs -Body x", "other disruptive"),
    ("Invoke-RestMethod https://shop.example/jobs/4 -Method Delete", "other destructive"),
    ("Invoke-Sqlcmd -Query 'SELECT count(*) FROM jobs'", "other read"),
    ("Invoke-Sqlcmd -Query 'DELETE FROM jobs'", "other destructive"),
    ("Invoke-Sqlcmd -InputFile fix.sql", "other destructive"),
    ("Invoke-Command -ComputerName web -ScriptBlock restart", "other disruptive"),
    ("Invoke-Command -ComputerName web -FilePath cleanup.ps1", "other destructive"),
    ("del /q shop.log", "maintenance destructive"),
    ("net start Shop", "start reversible"),
    ("net stop Shop", "stop disruptive"),
    ("sc query Shop", "status read"),
    ("sc.exe delete Shop", "maintenance destructive"),
    ("taskkill /F /PID 12", "terminate disruptive"),
    ("schtasks /query", "status read"),
    ("schtasks /delete /tn shop", "maintenance destructive"),
    ("iisreset", "restart disruptive"),
    ("robocopy a b /E", "other disruptive"),
    ("robocopy a b /MIR", "other destructive"),
    ("wevtutil qe Shop", "status read"),
    ("reg", "other read"),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_a_command_of_windows_is_judged_by_what_it_does(text: str, expected: str) -> None:
    found = meant(DIALECT, text)
    assert f"{found.sort.name} {found.verb.value} {found.danger.name}".lower() == f"shell {expected}"


@pytest.mark.parametrize("name", ["test-restore", "get-rid", "find-and-fix", "Frobnicate-Thing"])
def test_a_script_that_is_named_like_one_is_no_cmdlet(name: str) -> None:
    assert meant(DIALECT, f"{name} now").danger >= Danger.DISRUPTIVE
