-- One script for all operations: wrk ... -s leads.lua URL -- OPERATION LEADS KEY TAG THREADS
-- Ids are spread over all leads; what is sent differs from request to request. TAG makes a run's e-mails its own.

local CONVERTED_EVERY = 12 -- as in data.py: these leads have been converted
local CHANGES = { "patch", "status", "comment" }
local STATUSES = { 1, 3, 4, 5, 7 }
local SEARCHES = { "acm", "solar%20website", "jane", "orbit%20labs", "shop", "tanaka", "caf%C3%A9%20media", "pixel%20erp" }
local SORTS = { "lead_title", "lead_value", "lead_created", "lead_last_contacted" }
local ORDERS = { "asc", "desc" }
local LIMITS = { 10, 25, 50 }
local FIRST = { "Jane", "Omar", "Zoë", "Peter", "Mei", "Björn" }
local LAST = { "Doe", "Novák", "Smith", "Silva", "Okafor", "Berg" }
local BRANDS = { "Acme", "Nord", "Falcon", "Vertex", "Lumen", "Granit", "Terra", "Maple" }
local SUBJECTS = { "new website", "online shop", "hosting", "training", "security audit", "mobile app" }
local TEXT = "Called back and talked about dates; wants the offer by Friday, with two options for the hosting."

local threads = {}

-- A thread runs before the next one is set up, so nothing can be set in the others here.
function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  operation, leads, tag, total = args[1], tonumber(args[2]), args[4], tonumber(args[5])
  math.randomseed(number * 7919 + 17)
  get_headers = { ["Authorization"] = "Bearer " .. args[3] }
  headers = { ["Authorization"] = "Bearer " .. args[3], ["Content-Type"] = "application/json" }
  key_headers = { ["Authorization"] = headers["Authorization"], ["Content-Type"] = "application/json" }
  count, unexpected = 0, 0
  if operation == "invalid" then
    -- wrk counts every status from 400 on as an error, which is what these have to be. It hands each answer to Lua only
    -- if there is such a function, and that costs it time; so the other operations have none.
    function response(status)
      if status ~= 422 then unexpected = unexpected + 1 end
    end
  end
end

local function one_of(list)
  return list[math.random(#list)]
end

local function path(more)
  return "/api/leads/" .. math.random(leads) .. (more or "")
end

local operations = {}

function operations.get()
  return wrk.format("GET", path(), get_headers)
end

function operations.list()
  return wrk.format("GET", "/api/leads", get_headers)
end

-- What callers of different wishes ask: at most the 1000th lead, so there is one on each page of a small database, too.
function operations.pages()
  return wrk.format("GET", string.format("/api/leads?sort=%s&order=%s&page=%d&limit=%d",
    one_of(SORTS), one_of(ORDERS), math.random(20), one_of(LIMITS)), get_headers)
end

function operations.status_list()
  return wrk.format("GET", "/api/leads?status=" .. one_of(STATUSES), get_headers)
end

function operations.search()
  return wrk.format("GET", "/api/leads?search=" .. one_of(SEARCHES), get_headers)
end

-- For memory.py: hardly ever the same words twice.
function operations.any_search()
  return wrk.format("GET", "/api/leads?search=" .. one_of(SEARCHES) .. "%20." .. math.random(99999), get_headers)
end

local function create(with)
  local first, last, brand = one_of(FIRST), one_of(LAST), one_of(BRANDS)
  local body = string.format(
    '{"lead_title":"%s - %s","lead_status":%d,"lead_categoryid":3,"lead_firstname":"%s","lead_lastname":"%s",'
      .. '"lead_email":"%s.%d.%d@%s.example","lead_phone":"+1 555 01234","lead_company_name":"%s Works",'
      .. '"lead_value":"%d.50","lead_source":"Website","lead_last_contacted":"2026-06-%02d","lead_description":"%s",'
      .. '"lead_city":"Porto","lead_country":"Portugal"}',
    brand, one_of(SUBJECTS), one_of(STATUSES), first, last, tag, number, count, brand:lower(), brand,
    math.random(90000), math.random(28), TEXT)
  return wrk.format("POST", "/api/leads", with, body)
end

function operations.create()
  return create(headers)
end

function operations.create_keyed()
  key_headers["Idempotency-Key"] = string.format("%s.%d.%d", tag, number, count)
  return create(key_headers)
end

function operations.patch()
  local body = string.format(
    '{"lead_value":"%d.25","lead_last_contacted":"2026-05-%02d","lead_job_position":"CTO"}',
    math.random(90000), math.random(28))
  return wrk.format("PATCH", path(), headers, body)
end

function operations.status()
  return wrk.format("PUT", path("/status"), headers, string.format('{"status":%d}', one_of(STATUSES)))
end

function operations.comment()
  return wrk.format("POST", path("/comments"), headers, string.format('{"comment":"%d: %s"}', count, TEXT))
end

function operations.convert()
  -- The leads that are not converted, one after the other, each thread its own.
  local position = number + total * (count - 1)
  local id = position + math.floor(position / (CONVERTED_EVERY - 1)) + 1
  local body = string.format(
    '{"first_name":"%s","last_name":"%s","email":"%s.%d.%d@convert.example","client_billing_invoice_due_days":14}',
    one_of(FIRST), one_of(LAST), tag, number, count)
  return wrk.format("POST", "/api/leads/" .. id .. "/convert", headers, body)
end

function operations.invalid()
  local body = string.format(
    '{"lead_status":1,"lead_categoryid":3,"lead_email":"nobody %d","lead_value":"much","lead_titel":"Acme"}', count)
  return wrk.format("POST", "/api/leads", headers, body)
end

function operations.mix()
  local roll = math.random(100)
  if roll <= 70 then return operations.get() end
  if roll <= 85 then return operations.list() end
  if roll <= 95 then return operations.create() end
  return operations[one_of(CHANGES)]()
end

function request()
  count = count + 1
  return operations[operation]()
end

function done(summary, latency, _)
  local errors = summary.errors
  local refused = errors.status
  if threads[1]:get("operation") == "invalid" then
    refused = 0
    for _, thread in ipairs(threads) do refused = refused + thread:get("unexpected") end
  end
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    refused, errors.connect + errors.read + errors.write + errors.timeout))
end
