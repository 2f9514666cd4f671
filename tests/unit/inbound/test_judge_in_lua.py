"""rspamd's Lua and our Python judge every message alike: the made messages, and made-up nonsense."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from evals.inbound_corpus import OWN_DOMAIN, OWN_NAMES, cases, tenant

from sekisho.inbound.brands import own_brand
from sekisho.inbound.lookalike import Sender, examine
from sekisho.inbound.rspamd_data import brand_data, catalogue_data, program

# rspamd's own Lua (LuaJIT) with its JSON reader; a line per message.
RUNNER = """
local ucl = require "ucl"
local judge = dofile(arg_judge)
local function read(path)
  local parser = ucl.parser()
  local ok, problem = parser:parse_file(path)
  if not ok then error(problem) end
  return parser:get_object()
end
local data, own, senders = read(arg_data), read(arg_own), read(arg_senders)
local tenant = judge.with_own(data.catalogue, own)
for _, sender in ipairs(senders.senders) do
  local findings, warns, genuine = judge.examine(data, tenant, sender)
  local out = {}
  for _, finding in ipairs(findings) do
    out[#out + 1] = finding.code .. ":" .. finding.brand .. ":" .. tostring(finding.sure)
  end
  print("verdict " .. tostring(warns) .. " " .. genuine .. " " .. table.concat(out, ","))
end
"""


def _strange(number: int) -> Sender:
    """A message no template makes: names, hosts and letters thrown together."""
    draw = random.Random(f"strange {number}")
    words = (
        "楽天,ａｍａｚｏｎ,A m a z o n,Line,ｶﾞ,㈱,三菱UFJ,銀行,au,\u200b,公式,１,Ω,한국,🙂,É,rn,vv,co.jp,経由,via".split(
            ","
        )
    )
    words += ["Support", "ーー", "みず ほ", "a", "b", "c"]
    labels = "rakuten,xn--mazon-3ve,xn--,xn--99zzzz,PAYPAL,аmazon,co,jp,smbc-card,a-,-,,rnercari,amazno,ＬＩＮＥ".split(
        ","
    )
    labels += ["paypay-bank-login", "minato-tradings", "xn--cckwcxetd", "ｍicrosoft"]

    def host() -> str:
        return ".".join(draw.choice(labels) for _ in range(draw.randrange(1, 5))) + draw.choice(
            [".example", ".jp", ".", ""]
        )

    return Sender(
        display="".join(draw.choice(words) + draw.choice(["", " ", "・"]) for _ in range(draw.randrange(7))),
        local=draw.choice(["info", "amazon", "r.n", "a.u", "楽天"]),
        domain=host(),
        reply_domains=tuple(host() for _ in range(draw.randrange(2))),
        subject=draw.choice(["", "パスワードの有効期限が切れます", "ｱｶｳﾝﾄ停止", "Your MAILBOX is FULL"]),
        proven=tuple(host() for _ in range(draw.randrange(2))),
        dmarc=draw.choice(["pass", "reject", "none", "none"]),
        links=tuple(host() for _ in range(draw.randrange(4))),
        mismatched=tuple(host() for _ in range(draw.randrange(2))),
    )


def _in_lua(senders: list[Sender], place: Path) -> list[str]:
    files = {
        "data": catalogue_data(),
        "own": brand_data(own_brand(OWN_NAMES, [OWN_DOMAIN])),
        "senders": {"senders": [msgspec.to_builtins(sender) for sender in senders]},
    }
    text = ""
    for name, content in files.items():
        (place / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        text += f'local arg_{name} = "{place}/{name}.json"\n'
    (place / "judge.lua").write_text(program("sekisho_judge.lua"), encoding="utf-8")
    (place / "run.lua").write_text(f'{text}local arg_judge = "{place}/judge.lua"\n{RUNNER}', encoding="utf-8")
    command = ["rspamadm", "lua", "-b", str(place / "run.lua")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = [line.removeprefix("verdict ") for line in done.stdout.splitlines() if line.startswith("verdict ")]
    assert len(lines) == len(senders), (done.stdout[-2000:], done.stderr[-2000:])
    return lines


def _in_python(sender: Sender) -> str:
    verdict = examine(sender, tenant())
    found = ",".join(f"{one.code}:{one.brand}:{str(one.sure).lower()}" for one in verdict.findings)
    return f"{str(verdict.warns).lower()} {verdict.genuine} {found}"


@pytest.fixture(scope="module")
def senders() -> list[Sender]:
    made: list[Any] = [case.sender for case in cases("judge")]
    return [*made, *map(_strange, range(400))]


def test_lua_and_python_judge_every_message_alike(senders: list[Sender], tmp_path: Path) -> None:
    answers = _in_lua(senders, tmp_path)
    different = [
        (sender, ours, theirs)
        for sender, theirs in zip(senders, answers, strict=True)
        if (ours := _in_python(sender)) != theirs
    ]
    assert not different, (len(different), different[:5])
    assert sum(line.startswith("true") for line in answers) > 150
