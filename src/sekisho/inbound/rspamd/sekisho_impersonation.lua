-- rspamd's plugin of Sekisho (docs/inbound.md): makes a sender of the message, asks sekisho_judge.lua, and answers as the
-- recipients' domains want it. Everything it knows are files in `directory`, written by Sekisho: catalogue.json (read at
-- the start) and tenants.json (read again when it changes). Without a row for a recipient's domain nothing is done.
if confighelp then return end

local N = "sekisho_impersonation"
local rspamd_logger = require "rspamd_logger"
local rspamd_util = require "rspamd_util"
local lua_mime = require "lua_mime"
local ucl = require "ucl"

local opts = rspamd_config:get_all_opt(N)
if not (opts and opts.directory) then return end

local HEADER = "X-Sekisho-Warning"
local TAG = "【なりすまし注意】"
-- A message for more domains than this is judged for the first ones; hosts rarely get such a message.
local MOST_DOMAINS = 20
local judge = dofile(opts.directory .. "/sekisho_judge.lua")

local function parsed(text)
  local parser = ucl.parser()
  local ok, problem = parser:parse_string(text)
  if not ok then return nil, problem end
  return parser:get_object()
end

local function read_catalogue()
  local file, problem = io.open(opts.directory .. "/catalogue.json", "r")
  if not file then error(problem) end
  local data = parsed(file:read("*a"))
  file:close()
  return data
end

local data = read_catalogue()
-- Domain -> { level, tag, catalogue, allowed }.
local tenants = {}

local function take_tenants(text)
  local rows, problem = parsed(text)
  if not rows then
    rspamd_logger.errx(rspamd_config, "tenants.json cannot be read, the last one stays: %s", problem)
    return
  end
  local fresh, catalogues = {}, {}
  for _, row in ipairs(rows.tenants or {}) do
    -- Several domains of one tenant share a catalogue.
    local tenant = judge.with_own(data.catalogue, row.own)
    local allowed = {}
    for _, name in ipairs(row.allowed or {}) do allowed[name] = true end
    for _, domain in ipairs(row.domains) do
      fresh[domain] = { level = row.level, tag = row.tag, catalogue = tenant, allowed = allowed }
    end
  end
  tenants = fresh
  rspamd_logger.infox(rspamd_config, "sekisho: %s tenants", #(rows.tenants or {}))
end

rspamd_config:add_map({
  type = "callback", url = "file://" .. opts.directory .. "/tenants.json",
  description = "Sekisho: what each domain wants", callback = take_tenants,
})

local function policy_of(task)
  if task:has_symbol("DMARC_POLICY_ALLOW") or task:has_symbol("DMARC_POLICY_ALLOW_WITH_FAILURES") then return "pass" end
  if task:has_symbol("DMARC_POLICY_REJECT") then return "reject" end
  if task:has_symbol("DMARC_POLICY_QUARANTINE") then return "quarantine" end
  return "none"
end

local function proven_by(task)
  local proven = {}
  for _, symbol in ipairs(task:get_symbol("R_DKIM_ALLOW") or {}) do
    for _, option in ipairs(symbol.options or {}) do proven[#proven + 1] = option:match("^([^:]+)") end
  end
  local envelope = task:get_from("smtp")
  if task:has_symbol("R_SPF_ALLOW") and envelope and envelope[1] and envelope[1].domain ~= "" then
    proven[#proven + 1] = envelope[1].domain
  end
  return proven
end

local function links_of(task)
  local links, mismatched, seen = {}, {}, {}
  local phishing = task:has_symbol("PHISHING")
  for _, url in ipairs(task:get_urls({ "http", "https", "ftp" }) or {}) do
    local host = url:get_host()
    if host and not seen[host] then
      seen[host] = true
      links[#links + 1] = host
      if phishing and url:is_phished() then mismatched[#mismatched + 1] = host end
    end
  end
  return links, mismatched
end

local function sender_of(task)
  local from = task:get_from({ "mime", "orig" }) or task:get_from("smtp") or {}
  local first = from[1] or {}
  local reply_domains = {}
  for _, address in ipairs(rspamd_util.parse_mail_address(task:get_header("Reply-To") or "", task:get_mempool()) or {}) do
    if address.domain and address.domain ~= "" then reply_domains[#reply_domains + 1] = address.domain end
  end
  local links, mismatched = links_of(task)
  return {
    display = first.name or "", ["local"] = first.user or "", domain = first.domain or "", reply_domains = reply_domains,
    subject = task:get_subject() or "", proven = proven_by(task), dmarc = policy_of(task), links = links,
    mismatched = mismatched,
  }
end

-- What a domain's people have said they want to get: only while the sender is proven.
local function is_allowed(tenant, sender)
  local domain = sender.domain:lower()
  local proven = sender.dmarc == "pass"
  for _, other in ipairs(sender.proven) do proven = proven or other:lower() == domain end
  return proven and (tenant.allowed[domain] or tenant.allowed[sender["local"]:lower() .. "@" .. domain]) or false
end

local function wanted_by(task)
  local found, seen = {}, {}
  for _, recipient in ipairs(task:get_recipients("smtp") or {}) do
    local domain = (recipient.domain or ""):lower()
    local tenant = tenants[domain]
    if not seen[domain] and #found < MOST_DOMAINS then
      seen[domain] = true
      found[#found + 1] = { domain = domain, tenant = tenant }
    end
  end
  return found
end

local function text_of(findings)
  local words = {}
  for _, finding in ipairs(findings) do
    words[#words + 1] = finding.brand ~= "" and finding.code .. ":" .. finding.brand or finding.code
  end
  return table.concat(words, ", ")
end

-- Judges for each domain. The log has a line for each warning, also of domains that only watch.
local function check(task)
  if task:get_user() then return end
  local sender
  for _, wanted in ipairs(wanted_by(task)) do
    local tenant = wanted.tenant
    if tenant and tenant.level ~= "off" then
      sender = sender or sender_of(task)
      local findings, warns = {}, false
      if not is_allowed(tenant, sender) then findings, warns = judge.examine(data, tenant.catalogue, sender) end
      if #findings > 0 then
        local text = text_of(findings)
        task:insert_result(warns and "SEKISHO_WARNING" or "SEKISHO_NOTED", 1.0, text)
        rspamd_logger.infox(task, "sekisho: %s %s %s: %s", wanted.domain, tenant.level, warns and "warning" or "noted", text)
        if warns and tenant.level == "warn" then task:cache_set("sekisho_text", text) end
      end
    end
  end
end

local function retag(task)
  local subject = (task:get_header_full("Subject") or {})[1]
  local encoded = "=?UTF-8?B?" .. tostring(rspamd_util.encode_base64(TAG)) .. "?="
  -- The rest stays as the sender wrote it, folds and all.
  local raw = subject and (subject.value or "") or ""
  return encoded .. " " .. raw:gsub("^%s+", ""):gsub("[\r\n]+%s*", " ")
end

-- Headers and the refusal of malware. Whoever forges our header before us loses it.
local function reply(task)
  local all_tag, any_warn = true, false
  for _, wanted in ipairs(wanted_by(task)) do
    local tenant = wanted.tenant
    any_warn = any_warn or (tenant ~= nil and tenant.level == "warn")
    -- One subject for all recipients: tagged only where every domain wants it.
    all_tag = all_tag and tenant ~= nil and tenant.level == "warn" and tenant.tag == true
  end
  local text = task:cache_get("sekisho_text")
  local change = { remove = { [HEADER] = 0 }, add = {} }
  if text then
    change.add[HEADER] = { value = text, order = 1 }
    if all_tag then
      change.remove.Subject = 0
      change.add.Subject = { value = retag(task), order = -1 }
    end
  end
  lua_mime.modify_headers(task, change)
  if any_warn and not task:get_user() and task:has_symbol("SEKISHO_VIRUS") then
    task:set_pre_result({ action = "reject", module = N, message = "5.7.1 Message refused: it contains malware" })
  end
end

local id = rspamd_config:register_symbol({ name = "SEKISHO_CHECK", type = "normal", callback = check, flags = "empty,nice" })
for _, name in ipairs({ "SEKISHO_WARNING", "SEKISHO_NOTED" }) do
  rspamd_config:register_symbol({ name = name, type = "virtual", parent = id, score = 0.0, group = "sekisho" })
end
for _, name in ipairs({ "SPF_CHECK", "DKIM_CHECK", "DMARC_CHECK", "PHISHING" }) do
  rspamd_config:register_dependency("SEKISHO_CHECK", name)
end
rspamd_config:register_symbol({ name = "SEKISHO_REPLY", type = "postfilter", callback = reply, priority = 5, flags = "empty,ignore_passthrough" })
