"""Every door of a mailbox tried with one password: IMAP, POP3, ManageSieve, SMTP AUTH."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sekisho.rehearsal.clients import ImapSession, LoginAnswer, Pop3Session, SmtpSession
from sekisho.rehearsal.places import Places
from sekisho.rehearsal.sieve_client import SieveSession


def try_doors(places: Places, name: str, password: str, client_address: str = "") -> dict[str, LoginAnswer]:
    """What each door answers to one login, by door name; all at once, since a refusal takes Dovecot's 2 s delay."""
    doors = {"imap": try_imap, "pop3": try_pop3, "sieve": try_sieve, "smtp": try_smtp}
    with ThreadPoolExecutor(len(doors)) as pool:
        waiting = {door: pool.submit(act, places, name, password, client_address) for door, act in doors.items()}
        return {door: future.result() for door, future in waiting.items()}


def try_imap(places: Places, name: str, password: str, client_address: str = "") -> LoginAnswer:
    with ImapSession(places.imap, client_address=client_address) as session:
        return session.login(name, password)


def try_pop3(places: Places, name: str, password: str, client_address: str = "") -> LoginAnswer:
    session = Pop3Session(places.pop3, client_address=client_address)
    try:
        return session.login(name, password)
    finally:
        session.close()


def try_sieve(places: Places, name: str, password: str, client_address: str = "") -> LoginAnswer:
    session = SieveSession(places.sieve, client_address=client_address)
    try:
        return session.login(name, password)
    finally:
        session.close()


def try_smtp(places: Places, name: str, password: str, client_address: str = "") -> LoginAnswer:
    with SmtpSession(places.submission, client_address=client_address) as session:
        answer = session.login(name, password)
        return LoginAnswer(answer.code == 235, f"{answer.code} {answer.text}")
