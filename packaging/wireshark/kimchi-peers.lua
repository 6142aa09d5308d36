-- A dissector for the peer discovery protocol of Kimchi and its extension, as docs/PROTOCOL.md tells them.
--
--     wireshark -X lua_script:kimchi-peers.lua           once
--     cp kimchi-peers.lua ~/.local/lib/wireshark/plugins/    for good
--
-- Filters: kimchi_peers.kind == "search", kimchi_peers.domain == "kvm-1", kimchi_peers.role == "verdict", kimchi_peers.malformed
--
-- A datagram that a host would drop is marked with the cause under which the host counts it. Frame, JSON and the sender's facts
-- are judged so; what stands in the extension is shown as it is, and signatures are not verified.

local PORT = 8000
local LONGEST = 1200
local DEEPEST, MOST_MEMBERS, LONGEST_NAME, LONGEST_TEXT = 4, 48, 32, 256

local protocol = Proto("kimchi_peers", "Kimchi Peer Discovery")
local fields = protocol.fields

fields.frame = ProtoField.string("kimchi_peers.frame", "Frame")
fields.length = ProtoField.uint32("kimchi_peers.length", "Length of the body")
fields.body = ProtoField.string("kimchi_peers.body", "Body")
fields.kind = ProtoField.string("kimchi_peers.kind", "Kind")
fields.role = ProtoField.string("kimchi_peers.role", "Role")
fields.domain = ProtoField.string("kimchi_peers.domain", "Name")
fields.ip = ProtoField.string("kimchi_peers.ip", "Address")
fields.httpport = ProtoField.uint16("kimchi_peers.httpport", "HTTP port")
fields.httpsport = ProtoField.uint16("kimchi_peers.httpsport", "HTTPS port")
fields.mac = ProtoField.string("kimchi_peers.mac", "Code of the group")
fields.sig = ProtoField.string("kimchi_peers.sig", "Signature")
fields.kp = ProtoField.none("kimchi_peers.kp", "Extension")
fields.cause = ProtoField.string("kimchi_peers.cause", "A host drops this")

-- Members of the extension, in the order of the document.
local EXTENSION = {
    { "v", "Version" }, { "id", "Identity" }, { "epoch", "Epoch" }, { "seq", "Number" }, { "ttl", "Seconds of silence" },
    { "target", "Target" }, { "nonce", "Nonce" }, { "echo", "Echo" }, { "was", "Address before" }, { "group", "Group key" },
    { "dig", "Digest" }, { "hears", "Hears" }, { "version", "Version of the program" }, { "root", "Path of the console" },
    { "arch", "Architecture" }, { "hyp", "Hypervisor" }, { "cert", "Certificate of the console" }, { "lo", "Buckets 0 to 31" },
    { "hi", "Buckets 32 to 63" }, { "from", "From" }, { "pad", "Padding" }, { "same", "Same buckets" }, { "roster", "Entry" },
    { "next", "Next" }, { "suspect", "Suspected" }, { "dead", "Declared dead" }, { "heard", "Heard" },
    { "away", "Seconds of absence" }, { "why", "Reason of absence" },
}
local extension_fields = {}
for _, member in ipairs(EXTENSION) do
    local name, title = member[1], member[2]
    extension_fields[name] = ProtoField.string("kimchi_peers.kp." .. name, title)
    table.insert(fields, extension_fields[name])
end

local malformed = ProtoExpert.new("kimchi_peers.malformed", "A host drops this datagram", expert.group.MALFORMED, expert.severity.ERROR)
protocol.experts = { malformed }

-- Reading JSON. A value is { type, first, last, text or members or items }; positions count bytes of the body from 1. What is
-- wrong is thrown as { cause = name }.

local function refuse(cause)
    error({ cause = cause }, 0)
end

local function is_utf8(text)
    local position = 1
    while position <= #text do
        local byte = text:byte(position)
        local more = byte < 0x80 and 0 or byte >= 0xC2 and byte < 0xE0 and 1 or byte >= 0xE0 and byte < 0xF0 and 2
            or byte >= 0xF0 and byte < 0xF5 and 3
        if not more then return false end
        local second = text:byte(position + 1) or 0
        if (byte == 0xE0 and second < 0xA0) or (byte == 0xED and second > 0x9F) or (byte == 0xF0 and second < 0x90)
            or (byte == 0xF4 and second > 0x8F) then
            return false
        end
        for offset = 1, more do
            local next_byte = text:byte(position + offset)
            if not next_byte or next_byte < 0x80 or next_byte > 0xBF then return false end
        end
        position = position + 1 + more
    end
    return true
end

local function encode_utf8(code)
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40) end
    if code < 0x10000 then
        return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
    end
    return string.char(0xF0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40,
        0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local Reader = {}
Reader.__index = Reader

function Reader:skip_blanks()
    self.position = self.text:match("^[ \t\r\n]*()", self.position)
end

function Reader:take(character)
    self:skip_blanks()
    if self.text:sub(self.position, self.position) ~= character then return false end
    self.position = self.position + 1
    return true
end

function Reader:count_member()
    self.members = self.members + 1
    if self.members > MOST_MEMBERS then refuse("members") end
end

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

function Reader:code_unit()
    local digits = self.text:match("^\\u(%x%x%x%x)", self.position)
    if not digits then return nil end
    self.position = self.position + 6
    return tonumber(digits, 16)
end

function Reader:escape()
    local unit = self:code_unit()
    if not unit then
        local plain = ESCAPES[self.text:sub(self.position + 1, self.position + 1)]
        if not plain then refuse("json") end
        self.position = self.position + 2
        return plain
    end
    if unit == 0 or (unit >= 0xDC00 and unit < 0xE000) then refuse("json") end
    if unit >= 0xD800 and unit < 0xDC00 then
        local low = self:code_unit()
        if not low or low < 0xDC00 or low >= 0xE000 then refuse("json") end
        unit = 0x10000 + (unit - 0xD800) * 0x400 + low - 0xDC00
    end
    return encode_utf8(unit)
end

function Reader:string()
    local parts = {}
    while true do
        local plain, after = self.text:match('^([^"\\%c]*)()', self.position)
        table.insert(parts, plain)
        self.position = after
        local character = self.text:sub(after, after)
        if character == '"' then
            self.position = after + 1
            return table.concat(parts)
        elseif character == "\\" then
            table.insert(parts, self:escape())
        elseif character == "\127" then
            table.insert(parts, character)
            self.position = after + 1
        else
            refuse("json")
        end
    end
end

function Reader:object(depth)
    local value = { type = "object", members = {}, order = {} }
    if self:take("}") then return value end
    repeat
        if not self:take('"') then refuse("json") end
        local name = self:string()
        if #name > LONGEST_NAME then refuse("name_length") end
        if not self:take(":") then refuse("json") end
        self:count_member()
        if value.members[name] then
            local is_kind = depth == 1 and (name == "search" or name == "notify" or name == "quit")
            refuse(is_kind and "kind" or "duplicate_member")
        end
        value.members[name] = self:value(depth)
        table.insert(value.order, name)
    until not self:take(",")
    if not self:take("}") then refuse("json") end
    return value
end

function Reader:array(depth)
    local value = { type = "array", items = {} }
    if self:take("]") then return value end
    repeat
        self:count_member()
        table.insert(value.items, self:value(depth))
    until not self:take(",")
    if not self:take("]") then refuse("json") end
    return value
end

function Reader:number()
    local whole = self.text:match("^-?%d+", self.position)
    if not whole or whole:match("^-?0%d") then refuse("json") end
    local rest = self.text:match("^%.%d+", self.position + #whole) or ""
    local exponent = self.text:match("^[eE][+-]?%d+", self.position + #whole + #rest) or ""
    local text = whole .. rest .. exponent
    if math.abs(tonumber(text)) == math.huge then refuse("json") end
    self.position = self.position + #text
    local is_natural = text:match("^%d+$") and (#text < 20 or (#text == 20 and text <= "18446744073709551615"))
    return { type = is_natural and "natural" or "number", text = text }
end

function Reader:value(depth)
    self:skip_blanks()
    local first = self.position
    local value
    if self:take("{") then
        if depth + 1 > DEEPEST then refuse("depth") end
        value = self:object(depth + 1)
    elseif self:take("[") then
        if depth + 1 > DEEPEST then refuse("depth") end
        value = self:array(depth + 1)
    elseif self:take('"') then
        value = { type = "string", text = self:string() }
        if #value.text > LONGEST_TEXT then refuse("text_length") end
    else
        local word = self.text:match("^%a+", self.position)
        if word == "true" or word == "false" or word == "null" then
            value = { type = word, text = word }
            self.position = self.position + #word
        else
            value = self:number()
        end
    end
    value.first, value.last = first, self.position - 1
    return value
end

local function read_json(text)
    if not is_utf8(text) then refuse("json") end
    local reader = setmetatable({ text = text, position = 1, members = 0 }, Reader)
    local value = reader:value(0)
    reader:skip_blanks()
    if reader.position <= #text then refuse("json") end
    return value
end

-- The frame: where the body begins and ends, and by which reading of the head.

local function big_endian(text)
    local a, b, c, d = text:byte(1, 4)
    return ((a * 256 + b) * 256 + c) * 256 + d
end

local function read_frame(text)
    if #text < 4 then refuse("too_short") end
    if #text > LONGEST then refuse("too_long") end
    if text:sub(-1) ~= "\n" then refuse("tail") end
    local last = text:sub(-2, -2) == "\r" and #text - 2 or #text - 1
    local length = last - 4
    if big_endian(text) == length then return 4, last, "canonical" end
    if big_endian(text:sub(1, 4):reverse()) == length then return 4, last, "little endian" end
    local digits = text:match("^%d+")
    if digits and #digits <= 10 and tonumber(digits) == last - #digits then return #digits, last, "decimal" end
    -- The length may begin the body with a digit, which no object does, so no shorter head is tried.
    refuse("length")
end

-- The sender's facts.

local function is_host_name(text)
    if text == "" or #text > 253 or text:match("[^%w%-_%.]") then return false end
    for label in (text .. "."):gmatch("(.-)%.") do
        if label == "" or #label > 63 then return false end
    end
    return true
end

local function is_ipv4(text)
    local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
    if #parts ~= 4 then return false end
    for _, part in ipairs(parts) do
        if #part > 3 or (#part > 1 and part:sub(1, 1) == "0") or tonumber(part) > 255 then return false end
    end
    local first = tonumber(parts[1])
    return first ~= 0 and (first < 224 or first > 239) and text ~= "255.255.255.255"
end

-- Eight groups of an IPv6 address, or nothing; it is not judged here whether they are written as RFC 5952 wants.
local function groups_of(text)
    local groups, gap = {}, nil
    local left, right = text:match("^(.-)::(.*)$")
    for index, half in ipairs(left and { left, right } or { text }) do
        for group in (half == "" and "" or half .. ":"):gmatch("(.-):") do
            if not group:match("^%x%x?%x?%x?$") then return nil end
            table.insert(groups, tonumber(group, 16))
        end
        if left and index == 1 then gap = #groups + 1 end
    end
    if gap then
        for _ = #groups + 1, 8 do table.insert(groups, gap, 0) end
    end
    return #groups == 8 and groups or nil
end

local function written(groups)
    local best, best_length, index = nil, 1, 1
    while index <= 8 do
        local length = 0
        while index + length <= 8 and groups[index + length] == 0 do length = length + 1 end
        if length > best_length then best, best_length = index, length end
        index = index + math.max(length, 1)
    end
    local parts, at = {}, 1
    while at <= 8 do
        if at == best then
            table.insert(parts, at == 1 and "::" or ":")
            at = at + best_length
        else
            table.insert(parts, string.format("%x", groups[at]) .. (at < 8 and ":" or ""))
            at = at + 1
        end
    end
    return table.concat(parts)
end

local function is_ipv6(text)
    local groups = groups_of(text)
    if not groups or written(groups) ~= text or text == "::" or groups[1] >= 0xFF00 then return false end
    local is_mapped = groups[6] == 0xFFFF
    for index = 1, 5 do is_mapped = is_mapped and groups[index] == 0 end
    return not is_mapped
end

local function port_of(value)
    -- An integer that is too small or too large is no port; a fraction is no integer.
    local is_integer = value.type == "natural" or (value.type == "number" and value.text:match("^-?%d+$"))
    if value.type ~= "string" and not is_integer then refuse("shape") end
    local number = value.text:match("^%d%d?%d?%d?%d?$") and tonumber(value.text)
    if not number or number < 1 or number > 65535 then refuse("port") end
    return number
end

local function text_of(value)
    if value.type ~= "string" then refuse("shape") end
    return value.text
end

local NUMBERS = { v = true, epoch = true, seq = true, ttl = true, away = true }
local LISTS = { pad = true, roster = true, suspect = true, dead = true, heard = true }

local function check_extension(value)
    if value.type ~= "object" then refuse("shape") end
    for name in pairs(extension_fields) do
        local member = value.members[name]
        local wanted = NUMBERS[name] and "natural" or LISTS[name] and "array" or "string"
        if member and member.type ~= wanted then refuse("shape") end
        for _, item in ipairs(member and member.items or {}) do text_of(item) end
    end
    for _, name in ipairs({ "v", "id", "epoch", "seq", "ttl" }) do
        if not value.members[name] then refuse("extension") end
    end
end

-- What a message is for, by what its extension has.
local function role_of(kind, members)
    if not members then return "base" end
    if members.suspect then return "suspicion" end
    if members.dead then return "verdict" end
    if members.heard then return "vouch" end
    if members.roster then return "page" end
    if members.lo then return "request" end
    if kind == "search" then return members.target and "probe" or "search" end
    if kind == "notify" then return members.echo and "answer" or "announcement" end
    return "goodbye"
end

local function message_of(body)
    local top = read_json(body)
    if top.type ~= "object" then refuse("shape") end
    local kind
    for _, name in ipairs({ "search", "notify", "quit" }) do
        if top.members[name] then
            if kind then refuse("kind") end
            kind = name
        end
    end
    if not kind then refuse("kind") end
    local info = top.members[kind]
    if info.type ~= "object" then refuse("shape") end
    local members = info.members
    local message = { kind = kind, members = members }
    local domain, ip = members.domain and text_of(members.domain), members.IP and text_of(members.IP)
    for _, name in ipairs({ "httpport", "httpsport" }) do
        message[name] = members[name] and port_of(members[name])
    end
    for _, name in ipairs({ "mac", "sig" }) do
        if members[name] then text_of(members[name]) end
    end
    if members.kp then check_extension(members.kp) end
    if not (domain and ip and message.httpport and message.httpsport) then refuse("missing_member") end
    if not is_host_name(domain) then refuse("domain") end
    if not is_ipv4(ip) and not is_ipv6(ip) then refuse("address") end
    message.domain, message.ip = domain:lower(), ip
    message.role = role_of(kind, members.kp and members.kp.members)
    return message
end

local function show_extension(value, tree, range_of)
    local branch = tree:add(fields.kp, range_of(value))
    for _, member in ipairs(EXTENSION) do
        local name = member[1]
        local found = value.members[name]
        local shown = found and (found.type == "array" and found.items or { found }) or {}
        for _, item in ipairs(shown) do
            branch:add(extension_fields[name], range_of(item), item.text or "")
        end
    end
end

local function show(message, tree, range_of)
    local members = message.members
    tree:add(fields.kind, message.kind)
    tree:add(fields.role, message.role):set_generated()
    tree:add(fields.domain, range_of(members.domain), message.domain)
    tree:add(fields.ip, range_of(members.IP), message.ip)
    tree:add(fields.httpport, range_of(members.httpport), message.httpport)
    tree:add(fields.httpsport, range_of(members.httpsport), message.httpsport)
    if members.kp then show_extension(members.kp, tree, range_of) end
    if members.mac then tree:add(fields.mac, range_of(members.mac), members.mac.text) end
    if members.sig then tree:add(fields.sig, range_of(members.sig), members.sig.text) end
end

local function mark(tree, pinfo, cause)
    tree:add(fields.cause, cause):set_generated()
    tree:add_proto_expert_info(malformed, "A host drops this datagram: " .. cause)
    pinfo.cols.info = "malformed: " .. cause
end

function protocol.dissector(buffer, pinfo, root)
    local tree = root:add(protocol, buffer())
    pinfo.cols.protocol = "KIMCHI-PEERS"
    local text = buffer:raw()
    local ok, problem = pcall(function()
        local head, last, reading = read_frame(text)
        tree:add(fields.frame, reading):set_generated()
        tree:add(fields.length, buffer(0, head), last - head)
        tree:add(fields.body, buffer(head, last - head))
        local message = message_of(text:sub(head + 1, last))
        local function range_of(value)
            return buffer(head + value.first - 1, value.last - value.first + 1)
        end
        show(message, tree, range_of)
        pinfo.cols.info = message.role == message.kind and message.kind .. ": " .. message.domain
            or message.kind .. " (" .. message.role .. "): " .. message.domain
    end)
    if not ok then
        -- Anything else is a fault of this file, which Wireshark shows.
        if type(problem) ~= "table" then error(problem, 0) end
        mark(tree, pinfo, problem.cause)
    end
end

DissectorTable.get("udp.port"):add(PORT, protocol)
