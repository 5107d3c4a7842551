-- SPDX-License-Identifier: MIT
--
-- A dissector for the frame protocol (docs/frame-protocol.md) for Wireshark and tshark:
--
--     tshark -X lua_script:stp.lua -r capture.pcap
--
-- It takes TCP port 3261, and any conversation that begins with the sync number and the type of a frame. The sync number
-- and the port can be set in the preferences (stpi.sync, stpi.port). Frames that break a rule which needs no exchange are
-- marked by an expert item (stpi.broken). The name is stpi because stp is the spanning tree protocol.

local stp = Proto("stpi", "SCSI over IP, frame protocol")

stp.prefs.port = Pref.uint("TCP port", 3261, "Where the target listens")
stp.prefs.sync = Pref.string("Frame sync number", "53545031", "Eight hexadecimal digits")

local events = { NEWC = "new command", SNDD = "send data", XFER = "data follows", CMPT = "completion" }
local statuses = { [0x00] = "GOOD", [0x02] = "CHECK CONDITION", [0x04] = "CONDITION MET", [0x08] = "BUSY",
	[0x18] = "RESERVATION CONFLICT", [0x28] = "TASK SET FULL", [0x30] = "ACA ACTIVE", [0x40] = "TASK ABORTED" }
local keys = { [0] = "NO SENSE", "RECOVERED ERROR", "NOT READY", "MEDIUM ERROR", "HARDWARE ERROR", "ILLEGAL REQUEST",
	"UNIT ATTENTION", "DATA PROTECT", "BLANK CHECK", "VENDOR SPECIFIC", "COPY ABORTED", "ABORTED COMMAND", "RESERVED",
	"VOLUME OVERFLOW", "MISCOMPARE", "COMPLETED" }
local commands = { [0x00] = "TEST UNIT READY", [0x03] = "REQUEST SENSE", [0x08] = "READ(6)", [0x0a] = "WRITE(6)",
	[0x12] = "INQUIRY", [0x15] = "MODE SELECT(6)", [0x1a] = "MODE SENSE(6)", [0x1b] = "START STOP UNIT",
	[0x25] = "READ CAPACITY(10)", [0x28] = "READ(10)", [0x2a] = "WRITE(10)", [0x2e] = "WRITE AND VERIFY(10)",
	[0x2f] = "VERIFY(10)", [0x35] = "SYNCHRONIZE CACHE(10)", [0x41] = "WRITE SAME(10)", [0x42] = "UNMAP",
	[0x4d] = "LOG SENSE", [0x55] = "MODE SELECT(10)", [0x5a] = "MODE SENSE(10)", [0x5e] = "PERSISTENT RESERVE IN",
	[0x5f] = "PERSISTENT RESERVE OUT", [0x83] = "EXTENDED COPY", [0x88] = "READ(16)", [0x89] = "COMPARE AND WRITE",
	[0x8a] = "WRITE(16)", [0x8f] = "VERIFY(16)", [0x91] = "SYNCHRONIZE CACHE(16)", [0x93] = "WRITE SAME(16)",
	[0x9e] = "SERVICE ACTION IN(16)", [0xa0] = "REPORT LUNS", [0xa3] = "MAINTENANCE IN", [0xa8] = "READ(12)",
	[0xaa] = "WRITE(12)" }

local f = {
	sync = ProtoField.uint32("stpi.sync", "Frame Sync Number", base.HEX),
	sequence = ProtoField.uint32("stpi.sequence", "Sequence Number", base.DEC),
	type = ProtoField.string("stpi.type", "Type"),
	event = ProtoField.string("stpi.event", "Event"),
	lun = ProtoField.uint8("stpi.lun", "Lun", base.DEC),
	status = ProtoField.uint8("stpi.status", "Status", base.HEX, statuses),
	flags = ProtoField.uint16("stpi.flags", "Flags", base.HEX),
	read = ProtoField.bool("stpi.flags.read", "READ", 16, nil, 0x0001),
	write = ProtoField.bool("stpi.flags.write", "WRITE", 16, nil, 0x0002),
	sense_flag = ProtoField.bool("stpi.flags.sense", "SENSE", 16, nil, 0x0004),
	final = ProtoField.bool("stpi.flags.final", "FINAL", 16, nil, 0x0008),
	originator = ProtoField.uint32("stpi.originator_id", "Originator Exchange ID", base.HEX),
	responder = ProtoField.uint32("stpi.responder_id", "Responder Exchange ID", base.HEX),
	obuf = ProtoField.bytes("stpi.originator_buffer", "Originator Buffer"),
	opcode = ProtoField.uint8("stpi.opcode", "Operation code", base.HEX, commands),
	rbuf = ProtoField.bytes("stpi.responder_buffer", "Responder Buffer"),
	key = ProtoField.uint8("stpi.sense.key", "Sense key", base.HEX, keys, 0x0f),
	asc = ProtoField.uint16("stpi.sense.asc", "ASC and ASCQ", base.HEX),
	length = ProtoField.uint32("stpi.length", "Transfer Length", base.DEC),
	sync_end = ProtoField.uint32("stpi.sync_end", "Frame Sync Number (closing)", base.HEX),
	data = ProtoField.bytes("stpi.data", "Data"),
}
stp.fields = f

local broken = ProtoExpert.new("stpi.broken", "The frame breaks a rule", expert.group.PROTOCOL, expert.severity.ERROR)
stp.experts = { broken }

local HEADER = 68

local function sync_number()
	return tonumber(stp.prefs.sync, 16) or 0x53545031
end

-- Bytes of the frame at offset `at`; more than there are while its header is not complete.
local function frame_length(buf, _, at)
	if buf:len() - at >= HEADER and buf(at + 12, 4):string() == "XFER" then
		return HEADER + buf(at + 60, 4):uint()
	end
	return HEADER
end

-- Whether the Responder Buffer holds nothing.
local function is_empty(buf)
	return buf(44, 4):uint() == 0 and buf(48, 4):uint() == 0 and buf(52, 4):uint() == 0 and buf(56, 4):uint() == 0
end

-- What is wrong with a flag, the status or the Responder Buffer, given who sends such a frame.
local function fault_of_answer(buf, event, flags, status)
	local from_target = event == "CMPT" or event == "XFER" and bit.band(flags, 1) ~= 0
	local final = event == "XFER" and bit.band(flags, 8) ~= 0
	local sense = bit.band(flags, 4) ~= 0

	if event == "SNDD" and bit.band(flags, 1) ~= 0 then return "READ in SNDD" end
	if bit.band(flags, 8) ~= 0 and event ~= "XFER" then return "FINAL outside of XFER" end
	if sense and not from_target then return "SENSE in a frame that has none" end
	if status ~= 0 and not (event == "CMPT" or from_target and final) then return "status" end
	if sense and status ~= 2 then return "SENSE without CHECK CONDITION" end
	if (event == "NEWC" or from_target and not sense) and not is_empty(buf) then return "responder buffer" end
	return nil
end

-- Data that needs no SNDD: an initiator's XFER without responder exchange ID and handle.
local function is_standing(buf, event)
	return event == "XFER" and bit.band(buf(18, 2):uint(), 2) ~= 0 and buf(24, 4):uint() == 0 and is_empty(buf)
end

local function fault_of_ids(buf, event, status)
	local responder = buf(24, 4):uint()

	if buf(20, 4):uint() == 0 then return "no originator exchange ID" end
	if event == "NEWC" and responder ~= 0 then return "responder exchange ID in NEWC" end
	if (event == "SNDD" or event == "XFER") and responder == 0 and not is_standing(buf, event) then
		return "no responder exchange ID"
	end
	if event == "CMPT" and responder == 0 and status ~= 0x08 and status ~= 0x28 then
		return "no responder exchange ID, and no refusal"
	end
	return nil
end

-- What is wrong with a header by itself, or nil. Who sent it is not known here, but for the events that say so.
local function fault(buf)
	local event, flags = buf(12, 4):string(), buf(18, 2):uint()
	local status, length = buf(17, 1):uint(), buf(60, 4):uint()
	local ways = bit.band(flags, 3)

	if buf(0, 4):uint() ~= sync_number() then return "opening sync number" end
	if buf(64, 4):uint() ~= sync_number() then return "closing sync number" end
	if buf(8, 4):string() ~= "CMDS" then return "type" end
	if not events[event] then return "event" end
	if flags > 15 then return "reserved flags" end
	if ways == 3 then return "READ and WRITE" end
	if event == "NEWC" and (length == 0) ~= (ways == 0) then return "length and direction" end
	if (event == "XFER" or event == "SNDD") and (length == 0 or ways == 0) then return "no length or direction" end
	if event == "CMPT" and length > 0 and ways == 0 then return "length without direction" end
	return fault_of_answer(buf, event, flags, status) or fault_of_ids(buf, event, status)
end

local function add_flags(tree, range)
	local flags = tree:add(f.flags, range)

	for _, field in ipairs({ f.read, f.write, f.sense_flag, f.final }) do
		flags:add(field, range)
	end
end

local function add_buffers(tree, buf, event)
	local cdb = tree:add(f.obuf, buf(28, 16))
	local handle = tree:add(f.rbuf, buf(44, 16))

	cdb:add(f.opcode, buf(28, 1))
	if bit.band(buf(18, 2):uint(), 4) ~= 0 then
		handle:append_text(" (sense data)")
		handle:add(f.key, buf(46, 1))
		handle:add(f.asc, buf(56, 2))
	elseif is_standing(buf, event) then
		handle:append_text(" (standing grant)")
	elseif event == "SNDD" or (event == "XFER" and bit.band(buf(18, 2):uint(), 2) ~= 0) then
		handle:append_text(" (handle of the grant)")
	end
end

local function summary(buf, event)
	local opcode, flags = buf(28, 1):uint(), buf(18, 2):uint()
	local text = string.format("%s lun %d %s", event, buf(16, 1):uint(),
		commands[opcode] or string.format("opcode %02xh", opcode))

	if event ~= "CMPT" and buf(60, 4):uint() > 0 then
		text = text .. string.format(", %d bytes", buf(60, 4):uint())
	end
	if event == "CMPT" or bit.band(flags, 8) ~= 0 and bit.band(flags, 1) ~= 0 then
		local status = buf(17, 1):uint()

		text = text .. ", " .. (statuses[status] or string.format("status %02xh", status))
	end
	return text
end

local function dissect_frame(buf, pinfo, root)
	local event = buf(12, 4):string()
	local tree = root:add(stp, buf(), "SCSI over IP, " .. summary(buf, event))
	local wrong = fault(buf)

	tree:add(f.sync, buf(0, 4))
	tree:add(f.sequence, buf(4, 4))
	tree:add(f.type, buf(8, 4))
	tree:add(f.event, buf(12, 4)):append_text(events[event] and " (" .. events[event] .. ")" or "")
	tree:add(f.lun, buf(16, 1))
	tree:add(f.status, buf(17, 1))
	add_flags(tree, buf(18, 2))
	tree:add(f.originator, buf(20, 4))
	tree:add(f.responder, buf(24, 4))
	add_buffers(tree, buf, event)
	tree:add(f.length, buf(60, 4))
	tree:add(f.sync_end, buf(64, 4))
	if buf:len() > HEADER then
		tree:add(f.data, buf(HEADER))
	end
	if wrong then
		tree:add_proto_expert_info(broken, "The frame breaks a rule: " .. wrong)
	end
	pinfo.cols.protocol = "STP"
	if tostring(pinfo.cols.info):find("^%d+ ") then
		pinfo.cols.info = ""
	end
	if tostring(pinfo.cols.info) ~= "" then
		pinfo.cols.info:append("; ")
	end
	pinfo.cols.info:append(summary(buf, event))
	return buf:len()
end

function stp.dissector(buf, pinfo, root)
	pinfo.cols.info = ""
	dissect_tcp_pdus(buf, root, HEADER, frame_length, dissect_frame)
	return buf:len()
end

local function looks_like_ours(buf, pinfo, root)
	if buf:len() < 12 or buf(0, 4):uint() ~= sync_number() or buf(8, 4):string() ~= "CMDS" then
		return false
	end
	pinfo.conversation = stp
	stp.dissector(buf, pinfo, root)
	return true
end

stp:register_heuristic("tcp", looks_like_ours)

local port_in_use

local function take_port()
	local ports = DissectorTable.get("tcp.port")

	if port_in_use then
		ports:remove(port_in_use, stp)
	end
	port_in_use = stp.prefs.port
	ports:add(port_in_use, stp)
end

stp.prefs_changed = take_port
take_port()
