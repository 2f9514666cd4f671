from __future__ import annotations

import shutil
import subprocess

import pytest

from sekisho.directory.passwords import (
    PasswordTooLong,
    form_like,
    hash_in_form,
    hash_password,
    is_taken_whole,
    verify_password,
)

SECRET = "正しい-horse battery staple"
SCHEMES = ["SHA512-CRYPT", "BLF-CRYPT", "ARGON2ID"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_hashed_is_verified_and_nothing_else(scheme: str) -> None:
    stored = hash_password(SECRET, scheme)
    assert verify_password(SECRET, stored)
    assert not verify_password(SECRET + " ", stored)
    assert not verify_password("", stored)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_hashes_of_one_password_differ(scheme: str) -> None:
    assert hash_password(SECRET, scheme) != hash_password(SECRET, scheme)


def test_sha512_looks_as_postfixadmin_writes_it() -> None:
    stored = hash_password(SECRET, "SHA512-CRYPT")
    assert stored.startswith("$6$") and "rounds" not in stored and "{" not in stored


def test_other_schemes_carry_their_name() -> None:
    assert hash_password(SECRET, "BLF-CRYPT").startswith("{BLF-CRYPT}$2b$10$")
    assert hash_password(SECRET, "ARGON2ID").startswith("{ARGON2ID}$argon2id$")


@pytest.mark.parametrize(
    "stored",
    [
        # doveadm pw -s SCHEME -p test, Dovecot 2.3.19
        "{SSHA512}46EcyfJ+QA88DeY5cGepmuKnrr1gPC+7XnUXjXpdBrZXVOV08XYJFGBC+hAbNOs8U14QquLZkKjFr13fi/nR7rHbGRE=",
        "{SSHA256}Ooyi8DRCdOPbQshv47WONT6tQgzN/5Z+mzrgMBxeWoRtqgjm",
        "{SSHA}gCFmyGR9RiM8Osy26AUfD+s5O8OxmJqJ",
        "{SMD5}OVMwvHNvdu8PnYYaDyGYVctNsqI=",
        "{SHA512-CRYPT}$6$0s/SwLFJ/UIZ4efm$.p0YtZK4GooE7k5nfeI2QNNdu.T7fuQR84Pp4W8UrlRGMMUvbBPjpo6Ppg.j6m3XlPoVEJG51somyF"
        "nZLbLu60",
        "{SHA256-CRYPT}$5$qugwQubRbV.mnwm6$q3kRLV49ljZ3NjeaINUZJG27xGcNFkZl6vPWWMuOTe6",
        "{BLF-CRYPT}$2y$05$P5DEHMzpB47QHoj56hXFVuwbFjuJ./F62m9FhSjF/zMa2pzGF6VHW",
        "{MD5-CRYPT}$1$k4xw39T6$1yd7RObLpOTfBLG3SOnnA/",
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$OHOOeVtcEEB0ODOBqohFFA$qdXtPIVzHp+CP9YoNMooeUbEJss3K6LkT6y+QjXrLXo",
        "{PLAIN}test",
        # crypt(3) strings without a prefix, as older PostfixAdmin installations have them
        "$1$k4xw39T6$1yd7RObLpOTfBLG3SOnnA/",
        "{CRYPT}$5$qugwQubRbV.mnwm6$q3kRLV49ljZ3NjeaINUZJG27xGcNFkZl6vPWWMuOTe6",
    ],
)
def test_what_dovecot_wrote_is_verified(stored: str) -> None:
    assert verify_password("test", stored)
    assert not verify_password("wrong", stored)


@pytest.mark.parametrize("stored", ["", "{", "{NOSUCH}abc", "$6$", "$2b$10$short", "{ARGON2ID}nonsense", "\0", "*"])
def test_a_damaged_hash_opens_nothing(stored: str) -> None:
    assert not verify_password("anything", stored)


def test_bcrypt_refuses_what_it_would_ignore() -> None:
    with pytest.raises(PasswordTooLong):
        hash_password("x" * 73, "BLF-CRYPT")
    assert verify_password("x" * 72, hash_password("x" * 72, "BLF-CRYPT"))
    assert [is_taken_whole("x" * length, "BLF-CRYPT") for length in (72, 73)] == [True, False]
    assert is_taken_whole("x" * 128, "SHA512-CRYPT")
    assert is_taken_whole("\ud800", "BLF-CRYPT")


def test_128_characters_count_to_the_last_in_the_default_scheme() -> None:
    long = "あ" * 127
    stored = hash_password(long + "a", "SHA512-CRYPT")
    assert verify_password(long + "a", stored)
    assert not verify_password(long + "b", stored)


def test_php_bcrypt_is_read() -> None:
    stored = hash_password(SECRET, "BLF-CRYPT").replace("$2b$", "$2y$")
    assert verify_password(SECRET, stored)


# A row's present hash (shortened where only its form matters), and how a new one begins.
FORMS = [
    ("$6$salt$hash", "$6$"),
    ("$6$rounds=20000$salt$hash", "$6$rounds=20000$"),
    ("$6$rounds=999999999$salt$hash", "$6$rounds=656000$"),
    ("{SHA512-CRYPT}$6$salt$hash", "{SHA512-CRYPT}$6$"),
    ("{sha512-crypt}$6$salt$hash", "{sha512-crypt}$6$"),
    ("{CRYPT}$6$salt$hash", "{CRYPT}$6$"),
    ("{SHA256-CRYPT}$5$salt$hash", "{SHA256-CRYPT}$5$"),
    ("{BLF-CRYPT}$2y$05$hash", "{BLF-CRYPT}$2y$10$"),
    ("$2y$12$hash", "$2y$12$"),
    ("{BLF-CRYPT}$2b$11$hash", "{BLF-CRYPT}$2b$11$"),
    ("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$a$b", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$"),
    ("{ARGON2I}$argon2i$v=19$m=32768,t=4,p=2$a$b", "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$"),
    ("$argon2id$v=19$m=1024,t=1,p=1$a$b", "$argon2id$v=19$m=65536,t=3,p=1$"),
    # Too weak: the configured scheme, by name, since Dovecot's default is the weak one there.
    ("$1$k4xw39T6$1yd7RObLpOTfBLG3SOnnA/", "{SHA512-CRYPT}$6$"),
    ("{MD5-CRYPT}$1$k4xw39T6$1yd7RObLpOTfBLG3SOnnA/", "{SHA512-CRYPT}$6$"),
    ("{SSHA}gCFmyGR9RiM8Osy26AUfD+s5O8OxmJqJ", "{SHA512-CRYPT}$6$"),
    ("{PLAIN}test", "{SHA512-CRYPT}$6$"),
    ("{SHA512-CRYPT.b64}JDYkc2FsdCRoYXNo", "{SHA512-CRYPT}$6$"),
    # PostfixAdmin's oldest: MD5 in hex, DES.
    ("5f4dcc3b5aa765d61d8327deb882cf99", "{SHA512-CRYPT}$6$"),
    ("abJnggxhB/yWI", "{SHA512-CRYPT}$6$"),
    # No hash: as a new row.
    ("", "$6$"),
    ("!", "$6$"),
]


@pytest.mark.parametrize(("present", "expected"), FORMS)
def test_a_new_hash_has_the_form_of_the_old_one_unless_that_is_weak(present: str, expected: str) -> None:
    made = hash_in_form("x", form_like(present, "SHA512-CRYPT"))
    assert made.startswith(expected) and ("rounds=" in made) == ("rounds=" in expected)
    assert verify_password("x", made) and not verify_password("y", made)


@pytest.mark.parametrize("present", sorted({present for present, form in FORMS if form.startswith("{")}))
def test_dovecot_itself_takes_the_new_hash(present: str) -> None:
    doveadm = shutil.which("doveadm")
    assert doveadm, "Dovecot is a part of this project's tests"
    made = hash_in_form("test", form_like(present, "SHA512-CRYPT"))
    for typed, expected in (("test", True), ("Test", False)):
        done = subprocess.run([doveadm, "-O", "pw", "-t", made, "-p", typed], capture_output=True, timeout=30)
        assert (done.returncode == 0) is expected, done.stderr


def test_a_weak_rows_new_hash_is_in_the_configured_scheme() -> None:
    assert hash_in_form("x", form_like("$1$a$b", "ARGON2ID")).startswith("{ARGON2ID}$argon2id$")
    with pytest.raises(PasswordTooLong):
        hash_in_form("x" * 73, form_like("$2y$10$hash", "SHA512-CRYPT"))
    with pytest.raises(ValueError, match="none we write"):
        hash_password("x", "SSHA")
