"""What Redis is given: a library of one function, whose small tables are Lua tables."""

from __future__ import annotations

from bench.peers.shop import Shop

# keys: the order's, then per line that of the SKU's catalogue row and of its stock.
# args: document, area, currency, service, then the quantities. Answer: "status node total duplicate".
FUNCTION = """
local function place_order(keys, args)
    local call, parse, pack = redis.call, struct.unpack, struct.pack
    local known = call('GET', keys[1])
    if known then
        return string.sub(known, 1, string.find(known, '\\n', 1, true) - 1) .. ' 1'
    end
    local rows = call('MGET', unpack(keys, 2))
    local area, currency, service = AREA[tonumber(args[2])], tonumber(args[3]), FEE[tonumber(args[4])]
    local lines = #rows / 2
    local total, weight, units, wanted = 0, 0, {}, {}
    for line = 1, lines do
        if not rows[line] then return '2 -1 0 0' end
        local row = {parse('>lllll', rows[line])}
        local qty = tonumber(args[4 + line])
        local net = row[currency + 3] * qty
        total = total + net
        if area.inclusive == 0 then
            total = total + math.floor((2 * net * area.tax_bp[row[2] + 1] + 10000) / 20000)
        end
        weight = weight + row[1] * qty
        units[line], wanted[line] = {parse(NODE_FORMAT, rows[lines + line])}, qty
    end
    if weight <= service.light_g then
        total = total + service.light_minor
    else
        total = total + service.heavy_minor + service.per_kg_minor * math.ceil(weight / 1000)
    end
    local chosen = -1
    for _, node in ipairs(area.preference) do
        local fits = true
        for line = 1, lines do
            if units[line][node + 1] < wanted[line] then fits = false break end
        end
        if fits then chosen = node break end
    end
    local told = string.format('%d %d %.0f', chosen < 0 and 1 or 0, chosen, total)
    local writes = {keys[1], told .. '\\n' .. args[1]}
    if chosen >= 0 then
        for line = 1, lines do
            units[line][chosen + 1] = units[line][chosen + 1] - wanted[line]
            writes[#writes + 1] = keys[1 + lines + line]
            writes[#writes + 1] = pack(NODE_FORMAT, unpack(units[line], 1, NODES))
        end
    end
    call('MSET', unpack(writes))
    return told .. ' 0'
end
redis.register_function('place_order', place_order)
"""


def small_tables(shop: Shop) -> str:
    areas = ",".join(
        f"[{at}]={{tax_bp={_lua(bp)},inclusive={inclusive},preference={_lua(nodes)}}}"
        for at, (bp, inclusive, nodes) in enumerate(
            zip(shop.tax_bp.tolist(), shop.inclusive.tolist(), shop.preference.tolist(), strict=True)
        )
    )
    fees = ",".join(
        f"[{at}]={{light_g={fee.light_g},light_minor={fee.light_minor},heavy_minor={fee.heavy_minor},"
        f"per_kg_minor={fee.per_kg_minor}}}"
        for at, fee in enumerate(shop.fees)
    )
    nodes = shop.on_hand.shape[1]
    return f"local AREA={{{areas}}} local FEE={{{fees}}} local NODES,NODE_FORMAT={nodes},'>{'i4' * nodes}'\n"


def _lua(values: list[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
