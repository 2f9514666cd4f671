-- Who does a message name, and who is it from? The rules of sekisho.inbound.lookalike, line by line; a test gives both
-- the same messages. Pure: data and a sender in, findings out. Written for LuaJIT without a library for Unicode: what
-- is the same letter, and what merely looks alike, stands in two tables that Sekisho writes (data.plain, data.looks).
local M = {}

local MOST_TEXT, MOST_LINKS, MOST_HOST, SHORTEST_NEAR = 500, 100, 253, 6
local REGISTRY = {}
for word in ("co ne or ac go gr ad ed lg com net org gov edu"):gmatch("%S+") do REGISTRY[word] = true end

local function characters(text) return text:gmatch("[%z\1-\127\194-\244][\128-\191]*") end

local function cut(text, most)
  local kept, number = {}, 0
  for character in characters(text) do
    number = number + 1
    if number > most then break end
    kept[number] = character
  end
  return table.concat(kept)
end

local function plain_character(data, character)
  if #character == 1 then return character:match("%w") and character:lower() or " " end
  return data.plain[character] or character
end

local function plain(data, text)
  local out = {}
  for character in characters(text) do out[#out + 1] = plain_character(data, character) end
  return (table.concat(out):gsub(" +", " "):gsub("^ ", ""):gsub(" $", ""))
end

local function looks(data, text)
  local out = {}
  for character in characters(text) do out[#out + 1] = data.looks[character] or character end
  return (table.concat(out):gsub("rn", "m"):gsub("vv", "w"))
end

local function is_ascii(text) return not text:find("[\128-\255]") end

local function pieces(text)
  local joined, single = {}, {}
  local function flush()
    if #single >= 3 then joined[#joined + 1] = table.concat(single)
    else for _, letter in ipairs(single) do joined[#joined + 1] = letter end end
    single = {}
  end
  for word in text:gmatch("[^ ]+") do
    if word:find("^[a-z0-9]$") then single[#single + 1] = word
    else flush() joined[#joined + 1] = word end
  end
  flush()
  local found = {}
  for _, word in ipairs(joined) do
    while word ~= "" do
      local piece = word:match("^[a-z0-9]+") or word:match("^[\128-\255]+")
      if not piece then
        word = word:sub(2)
      else
        word = word:sub(#piece + 1)
        if #found > 0 and not is_ascii(piece) and not is_ascii(found[#found]) then
          found[#found] = found[#found] .. piece
        else
          found[#found + 1] = piece
        end
      end
    end
  end
  return found
end

-- Hosts ---------------------------------------------------------------------------------------------------------

local function utf8_of(point)
  if point < 0x80 then return string.char(point) end
  if point < 0x800 then return string.char(0xC0 + math.floor(point / 0x40), 0x80 + point % 0x40) end
  if point < 0x10000 then
    return string.char(0xE0 + math.floor(point / 0x1000), 0x80 + math.floor(point / 0x40) % 0x40, 0x80 + point % 0x40)
  end
  return string.char(0xF0 + math.floor(point / 0x40000), 0x80 + math.floor(point / 0x1000) % 0x40,
    0x80 + math.floor(point / 0x40) % 0x40, 0x80 + point % 0x40)
end

-- RFC 3492, 6.2; nil where the text is no punycode.
local function punycode(text)
  if not is_ascii(text) then return nil end
  local basic, rest = text:match("^(.*)%-([^-]*)$")
  if not basic then basic, rest = "", text end
  local out = {}
  for letter in basic:gmatch(".") do out[#out + 1] = letter:byte() end
  local n, i, bias, at = 128, 0, 72, 1
  while at <= #rest do
    local before, weight, k = i, 1, 36
    while true do
      local letter = rest:sub(at, at)
      at = at + 1
      local digit = letter:match("[a-z]") and letter:byte() - 97 or letter:match("%d") and letter:byte() - 22
      if not digit then return nil end
      i = i + digit * weight
      local t = k <= bias and 1 or k >= bias + 26 and 26 or k - bias
      if digit < t then break end
      weight = weight * (36 - t)
      k = k + 36
      if weight > 2 ^ 40 then return nil end
    end
    local size = #out + 1
    local delta = math.floor((i - before) / (before == 0 and 700 or 2))
    delta = delta + math.floor(delta / size)
    local step = 0
    while delta > 455 do delta = math.floor(delta / 35) step = step + 36 end
    bias = step + math.floor(36 * delta / (delta + 38))
    n = n + math.floor(i / size)
    i = i % size
    if n > 0x10FFFF then return nil end
    table.insert(out, i + 1, n)
    i = i + 1
  end
  local text_out = {}
  for position, point in ipairs(out) do text_out[position] = utf8_of(point) end
  return table.concat(text_out)
end

local function split(text, mark)
  local parts = {}
  for part in (text .. mark):gmatch("([^" .. mark .. "]*)%" .. mark) do parts[#parts + 1] = part end
  return parts
end

local function unicode_host(host)
  local labels = split((cut(host, MOST_HOST):lower():gsub("%.+$", "")), ".")
  for position, label in ipairs(labels) do
    if label:sub(1, 4) == "xn--" then labels[position] = punycode(label:sub(5)) or label end
  end
  return table.concat(labels, ".")
end

local function below(host, domain)
  return host == domain or host:sub(-#domain - 1) == "." .. domain
end

local function in_any(host, domains)
  for _, domain in ipairs(domains) do if below(host, domain) then return true end end
  return false
end

local function related(one, other) return below(one, other) or below(other, one) end

local function owner(host, catalogue)
  local length, best = 0, nil
  for _, brand in ipairs(catalogue.brands) do
    for _, domains in ipairs({ brand.domains, brand.shared }) do
      for _, domain in ipairs(domains) do
        if #domain > length and below(host, domain) then length, best = #domain, brand end
      end
    end
  end
  return best
end

local function spelt(data, label)
  local out = {}
  for character in characters(label) do
    out[#out + 1] = character == "-" and "-" or plain_character(data, character)
  end
  return (table.concat(out):gsub(" ", ""))
end

local function length(text)
  local number = 0
  for _ in characters(text) do number = number + 1 end
  return number
end

local function one_apart(one, other)
  -- A letter has four octets at most.
  if math.abs(#one - #other) > 4 then return false end
  local a, b = {}, {}
  for character in characters(one) do a[#a + 1] = character end
  for character in characters(other) do b[#b + 1] = character end
  if one == other or math.abs(#a - #b) > 1 then return false end
  local start = 1
  while start <= math.min(#a, #b) and a[start] == b[start] do start = start + 1 end
  local function tail(letters, from) return table.concat(letters, "", math.min(from, #letters + 1)) end
  local swapped = a[start + 1] and b[start + 1] and a[start] == b[start + 1] and a[start + 1] == b[start]
    and tail(a, start + 2) == tail(b, start + 2)
  return tail(a, start + 1) == tail(b, start + 1) or tail(a, start + 1) == tail(b, start)
    or tail(a, start) == tail(b, start + 1) or swapped or false
end

local function rest_of(label, spelling)
  local text, wanted = "-" .. label .. "-", "-" .. spelling .. "-"
  local first, last = text:find(wanted, 1, true)
  if not first then return nil end
  local parts = {}
  for part in (text:sub(1, first - 1) .. "-" .. text:sub(last + 1)):gmatch("[^-]+") do parts[#parts + 1] = part end
  return parts
end

local function label_kind(label, shape, spelling, catalogue)
  if not spelling.vague and label ~= spelling.plain and shape == spelling.looks then return "disguised", true end
  local rest = rest_of(shape, spelling.looks)
  if rest then
    local fitting = true
    for _, part in ipairs(rest) do fitting = fitting and catalogue.companions[part] ~= nil end
    local disguised = rest_of(label, spelling.plain) == nil
    if disguised and not spelling.vague then return "disguised", true end
    if #rest > 0 and fitting and not disguised then return "label", true end
    if not spelling.vague and not disguised then return "label", false end
  end
  if not spelling.vague and length(shape) >= SHORTEST_NEAR and one_apart(shape, spelling.looks) then
    return "near", false
  end
end

-- Domain -> what it is between hyphens; as many as the catalogue has domains.
local hyphened = {}
local function with_hyphens(domain)
  if not hyphened[domain] then hyphened[domain] = "-" .. domain:gsub("%.", "-") .. "-" end
  return hyphened[domain]
end

local function whole_domain(labels, brand)
  local text = "." .. table.concat(labels, ".") .. "."
  local dashed = "-" .. table.concat(labels, "-", 1, #labels - 1) .. "-"
  for _, domain in ipairs(brand.domains) do
    if text:find("." .. domain .. ".", 1, true) or dashed:find(with_hyphens(domain), 1, true) then
      return true
    end
  end
end

-- Python's max by (sure, kind is not "near"): the first of the highest.
local function better(kind, sure, than)
  if not than then return true end
  local one = (sure and 2 or 0) + (kind ~= "near" and 1 or 0)
  return one > (than.sure and 2 or 0) + (than.kind ~= "near" and 1 or 0)
end

local function likeness(data, host, catalogue)
  local decoded = unicode_host(host)
  if owner(host:lower(), catalogue) or owner(decoded, catalogue) then return nil end
  local labels = split(decoded, ".")
  local shapes = {}
  for position, label in ipairs(labels) do
    labels[position] = spelt(data, label)
    shapes[position] = looks(data, labels[position])
  end
  local best
  for _, brand in ipairs(catalogue.brands) do
    local mine
    if whole_domain(labels, brand) then
      mine = { brand = brand.key, kind = "domain", sure = true }
    else
      for position = 1, #labels - 1 do
        if not REGISTRY[labels[position]] then
          for _, spelling in ipairs(brand.labels) do
            local kind, sure = label_kind(labels[position], shapes[position], spelling, catalogue)
            if kind and better(kind, sure, mine) then mine = { brand = brand.key, kind = kind, sure = sure } end
          end
        end
      end
    end
    if mine and better(mine.kind, mine.sure, best) then best = mine end
  end
  return best
end

-- Names ---------------------------------------------------------------------------------------------------------

local function left_over(word, part, at_end)
  if word == part then return "" end
  if is_ascii(word) then return nil end
  if at_end then
    if word:sub(-#part) == part then return word:sub(1, #word - #part) end
  elseif word:sub(1, #part) == part then
    return word:sub(#part + 1)
  end
  return nil
end

local function cut_out(words, at, name)
  if at + #name - 1 > #words then return nil end
  local before, after
  if #name == 1 then
    local word = words[at]
    if word == name[1] then
      before, after = "", ""
    else
      if is_ascii(word) then return nil end
      local first, last = word:find(name[1], 1, true)
      if not first then return nil end
      before, after = word:sub(1, first - 1), word:sub(last + 1)
    end
  else
    for position = 2, #name - 1 do
      if words[at + position - 1] ~= name[position] then return nil end
    end
    before = left_over(words[at], name[1], true)
    after = left_over(words[at + #name - 1], name[#name], false)
    if not before or not after then return nil end
  end
  local rest = {}
  for position = 1, at - 1 do rest[#rest + 1] = words[position] end
  if before ~= "" then rest[#rest + 1] = before end
  if after ~= "" then rest[#rest + 1] = after end
  for position = at + #name, #words do rest[#rest + 1] = words[position] end
  return rest
end

local function is_companion(word, catalogue)
  if is_ascii(word) then return catalogue.companions[word] ~= nil or not word:find("[^0-9ol]") end
  while word ~= "" do
    local found
    for _, phrase in ipairs(catalogue.phrases) do
      if word:sub(1, #phrase) == phrase then found = phrase break end
    end
    if not found then return false end
    word = word:sub(#found + 1)
  end
  return true
end

local function fits(rest, catalogue)
  for _, word in ipairs(rest) do if not is_companion(word, catalogue) then return false end end
  return true
end

local function best_match(words, catalogue)
  local best
  local text = table.concat(words, " ")
  for _, brand in ipairs(catalogue.brands) do
    for _, name in ipairs(brand.names) do
      for at = 1, text:find(name.looks[1], 1, true) and #words or 0 do
        local rest = cut_out(words, at, name.looks)
        if rest then
          local size = 0
          for _, word in ipairs(name.looks) do size = size + length(word) end
          local rank = (fits(rest, catalogue) and 100000 or 0) + (name.sure and 10000 or 0) + size
          if not best or rank > best.rank then best = { brand = brand, name = name, rest = rest, rank = rank } end
          break
        end
      end
    end
  end
  return best
end

local function name_code(match, written, catalogue, via)
  local fitting, seen = fits(match.rest, catalogue), false
  for at = 1, #written do seen = seen or cut_out(written, at, match.name.plain) ~= nil end
  if not seen then return (match.name.sure or fitting) and "disguised-name" or nil end
  if fitting and (match.name.sure or #match.rest > 0 or match.brand.bare) then return "display-name" end
  for _, word in ipairs(match.rest) do
    if word == via or word:find("経由", 1, true) then return nil end
  end
  return (match.name.sure or fitting) and "display-mention" or nil
end

-- The judgement -------------------------------------------------------------------------------------------------

local function sends_itself(domain, brand)
  local own, shared = 0, 0
  for _, row in ipairs(brand.domains) do if below(domain, row) then own = math.max(own, #row) end end
  for _, row in ipairs(brand.shared) do if below(domain, row) then shared = math.max(shared, #row) end end
  return own > shared
end

local function customers(domain, brand) return in_any(domain, brand.shared) and not sends_itself(domain, brand) end

local function holds(subject, lures)
  for _, row in ipairs(lures) do
    local all = true
    for _, part in ipairs(row) do all = all and subject:find(part, 1, true) ~= nil end
    if all then return true end
  end
  return false
end

local function proof(sender, catalogue)
  local domains = {}
  for _, domain in ipairs(sender.proven) do domains[#domains + 1] = domain:lower() end
  if sender.dmarc == "pass" then domains[#domains + 1] = sender.domain:lower() end
  for _, domain in ipairs(domains) do
    local brand = owner(domain, catalogue)
    if brand and sends_itself(domain, brand) and not customers(sender.domain:lower(), brand) then return brand end
  end
end

local function aligned(sender)
  if sender.dmarc == "pass" then return true end
  for _, proven in ipairs(sender.proven) do
    if related(sender.domain:lower(), proven:lower()) then return true end
  end
  return false
end

local function find_names(data, sender, domain, catalogue, add)
  local written = plain(data, cut(sender.display, MOST_TEXT))
  local match = best_match(pieces(looks(data, written)), catalogue)
  if match and not in_any(domain, match.brand.domains) then
    local code = name_code(match, pieces(written), catalogue, looks(data, "via"))
    if code then add(code, match.brand.key, code ~= "display-mention" and not customers(domain, match.brand)) end
  end
  local before = best_match(pieces(looks(data, plain(data, cut(sender["local"], MOST_TEXT)))), catalogue)
  if before and not owner(domain, catalogue) and before.name.sure and before.brand.key ~= "own"
    and fits(before.rest, catalogue) then
    add("address-name", before.brand.key, false)
  end
end

local function find_hosts(data, sender, catalogue, add)
  local hosts = { sender.domain }
  for _, host in ipairs(sender.reply_domains) do hosts[#hosts + 1] = host end
  for _, host in ipairs(hosts) do
    local like = likeness(data, host, catalogue)
    if like then add("lookalike-sender", like.brand, like.sure) break end
  end
  for position, host in ipairs(sender.links) do
    if position > MOST_LINKS then break end
    local like = likeness(data, host, catalogue)
    if like and (like.kind == "disguised" or like.kind == "domain" or (like.kind == "label" and like.sure)) then
      add("lookalike-link", like.brand, like.sure)
      break
    end
  end
  if #sender.mismatched > 0 then add("link-text", "", false) end
end

local function find_lures(data, sender, domain, catalogue, add)
  local subject = plain(data, cut(sender.subject, MOST_TEXT)):gsub(" ", "")
  if holds(subject, catalogue.mailbox_lures) then
    local own
    for _, brand in ipairs(catalogue.brands) do if brand.key == "own" then own = brand end end
    local foreign, elsewhere = false, false
    for position, link in ipairs(sender.links) do
      if position > MOST_LINKS then break end
      local host = unicode_host(link)
      if not own or not in_any(host, own.domains) then
        foreign = true
        elsewhere = elsewhere or not related(host, domain)
      end
    end
    local nameless = fits(pieces(looks(data, plain(data, cut(sender.display, MOST_TEXT)))), catalogue)
    add("mailbox-lure", "", foreign and (elsewhere or nameless))
  elseif holds(subject, catalogue.account_lures) then
    add("account-lure", "", false)
  end
end

-- Findings { code, brand, sure } in reading order, whether they warn, and the brand that is proven ("" for none).
function M.examine(data, catalogue, sender)
  local brand = proof(sender, catalogue)
  if brand then return {}, false, brand.key end
  local findings = {}
  local function add(code, key, sure) findings[#findings + 1] = { code = code, brand = key, sure = sure and true or false } end
  local domain = unicode_host(sender.domain)
  local forged = owner(domain, catalogue)
  if forged and not aligned(sender) then
    add("forged-sender", forged.key, sender.dmarc == "reject" or sender.dmarc == "quarantine")
  end
  find_names(data, sender, domain, catalogue, add)
  find_hosts(data, sender, catalogue, add)
  find_lures(data, sender, domain, catalogue, add)
  local sure, codes, number = false, {}, 0
  for _, finding in ipairs(findings) do
    sure = sure or finding.sure
    if not codes[finding.code] then codes[finding.code] = true number = number + 1 end
  end
  return findings, sure or number >= 2, ""
end

-- The catalogue of one tenant: itself first.
function M.with_own(catalogue, own)
  local brands = { own }
  for _, brand in ipairs(catalogue.brands) do brands[#brands + 1] = brand end
  return {
    brands = brands, companions = catalogue.companions, phrases = catalogue.phrases,
    mailbox_lures = catalogue.mailbox_lures, account_lures = catalogue.account_lures,
  }
end

return M
