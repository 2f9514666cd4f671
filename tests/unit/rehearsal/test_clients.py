from __future__ import annotations

import socket
import threading

from sekisho.rehearsal.attack import spoken
from sekisho.rehearsal.clients import NUMBER_HEADER, Answer, Sending, SmtpSession, compose
from sekisho.rehearsal.comparison import held_in_record

OK = Answer(250, "2.0.0 Ok")


def test_a_composed_message_carries_its_number_in_wire_form() -> None:
    message = compose("run-7", "a@b.test", "c@d.example", "Subject", "Text\n")
    assert f"{NUMBER_HEADER}: run-7\r\n".encode() in message
    assert b"\n" not in message.replace(b"\r\n", b"")


def test_the_refusal_that_ends_the_session_counts_most() -> None:
    slow, over, gone = Answer(450, "4.7.1 wait"), Answer(421, "4.7.0 over"), Answer(0, "connection ended")
    assert Sending(OK, {"a": slow, "b": over, "c": gone}, None).refusal == over
    assert Sending(OK, {"a": OK, "b": slow}, OK).refusal == slow
    assert Sending(OK, {"a": OK}, OK).refusal is None


def test_only_recipients_of_a_message_that_was_taken_are_accepted() -> None:
    answers = {"a": OK, "b": Answer(450, "4.7.1 wait")}
    assert Sending(OK, answers, OK).accepted == ["a"]
    assert Sending(OK, answers, Answer(421, "4.7.0 over")).accepted == []
    assert Sending(OK, answers, None).accepted == []


def test_a_refusal_is_spoken_without_the_address() -> None:
    answer = Answer(421, "4.7.0 <x@y.test>: Recipient address rejected: sending is suspended for this mailbox")
    assert spoken(answer) == "421 4.7.0 sending is suspended for this mailbox"
    assert spoken(Answer(535, "5.7.8 Error: authentication failed")) == "535 5.7.8 Error: authentication failed"


def test_held_messages_are_read_from_the_last_look_at_the_queue() -> None:
    def step(name: str, outcome: str, plan: str = "contain") -> dict[str, str]:
        return {"plan": plan, "name": name, "outcome": outcome}

    story = {
        "steps": [
            step("hold_queue", "12 messages held, 2 escaped in flight"),
            step("sweep_5", "0 sessions ended; 13 messages held, 2 escaped in flight"),
            step("release_held", "1 message held", "dismiss"),
        ]
    }
    assert held_in_record(story) == 13
    assert held_in_record({"steps": [step("raise_barrier", "12 rows of the barrier read back")]}) is None


def test_a_server_that_hangs_up_is_an_answer_and_lines_with_a_dot_are_doubled() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 ready\r\n")
            for line in lines:
                heard.append(line)
                if line == b".\r\n":
                    return
                if not line.startswith((b".", b"x")):
                    connection.sendall(b"354 go\r\n" if line == b"DATA\r\n" else b"250 ok\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with SmtpSession(listener.getsockname()[1], deadline=5) as session:
        assert session.begin_data().code == 354
        answer = session.end_data(b"x\r\n.y\r\n.\r\nx")
        assert (answer.code, answer.accepted) == (0, False)
        assert session.mail("a@b.test").code == 0
    thread.join(timeout=5)
    assert heard[-5:] == [b"x\r\n", b"..y\r\n", b"..\r\n", b"x\r\n", b".\r\n"]
