"""Plays one scenario against the running stack and compares the count outside with our own record."""

from __future__ import annotations

import imaplib
import os
from collections.abc import Callable

from sekisho.config import Settings
from sekisho.rehearsal import blast, botnet
from sekisho.rehearsal.cast import read_scenarios
from sekisho.rehearsal.comparison import compare_flood, compare_intruder, compare_takeover
from sekisho.rehearsal.flood import ATTEMPTS, play_flood
from sekisho.rehearsal.intruder import play_intruder
from sekisho.rehearsal.places import demo_directory
from sekisho.rehearsal.record import CommandFailed, mailbox_status
from sekisho.rehearsal.result import Result
from sekisho.rehearsal.stage import Stage
from sekisho.rehearsal.suspects import ROLES, play_suspect
from sekisho.rehearsal.takeover import play_takeover
from sekisho.rehearsal.telling import Teller
from sekisho.rehearsal.traveller import play_traveller


def play(scenario: str, settings: Settings, tell: Callable[[str], None], *, language: str = "") -> Result:
    """Plays one of `SCENARIOS`, telling each line to `tell`; returns figures and faults.

    `language` is "ja" or "en"; without it the environment decides. Raises CastError when it cannot be cast.
    """
    teller = Teller(tell, language or _language_of_terminal())
    stage = Stage(scenario, settings, read_scenarios(demo_directory() / "scenarios.toml"), teller)
    _begin(stage, scenario)
    try:
        _act(stage, scenario)
    except (CommandFailed, OSError, imaplib.IMAP4.error) as error:
        stage.fault(str(error))
    return _end(stage)


def _begin(stage: Stage, scenario: str) -> None:
    stage.teller.say(
        f"begin_{scenario}",
        mailbox=stage.victim.mailbox,
        sources=len(stage.play.sources),
        source=stage.source if scenario == "traveller" or not stage.play.sources else stage.play.sources[0],
        attempts=ATTEMPTS,
    )


def _act(stage: Stage, scenario: str) -> None:
    if scenario in ROLES:
        play_suspect(stage, ROLES[scenario])
    elif scenario == "traveller":
        play_traveller(stage)
    elif scenario in ("intruder", "forward"):
        play_intruder(stage)
        compare_intruder(stage)
    elif scenario == "flood":
        play_flood(stage)
        compare_flood(stage)
    else:
        play_takeover(stage, blast.attack if scenario == "blast" else botnet.attack)
        compare_takeover(stage)


def _end(stage: Stage) -> Result:
    result = stage.result
    result.seconds = stage.teller.seconds
    try:
        result.final_status = mailbox_status(stage.victim.mailbox)
    except CommandFailed as error:
        stage.fault(str(error))
    if result.agrees:
        stage.teller.say("agrees")
        stage.teller.say("end_good", seconds=result.seconds)
    else:
        stage.teller.say("end_bad", seconds=result.seconds, faults=len(result.faults))
    stage.teller.say("look", url=f"http://127.0.0.1:{stage.places.panel}/")
    return result


def _language_of_terminal() -> str:
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((value for name in names if (value := os.environ.get(name))), "")
