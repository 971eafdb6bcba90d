"""What PostgreSQL is given: tables, one procedure for one order, one for a batch.

A SKU's units at all nodes are one row (``available[node + 1]``), so an order locks a row a SKU, in ascending order,
and never waits in a circle. Rows of ``stock`` have room on their page, so that an update touches no index.
"""

from __future__ import annotations

from bench.harness.tables import NODES

_NODES = range(1, len(NODES) + 1)

TABLES = """
DROP TABLE IF EXISTS catalogue, stock, areas, fees, orders CASCADE;
CREATE TABLE catalogue (
    sku int PRIMARY KEY, price_minor bigint[] NOT NULL, weight_g bigint NOT NULL, tax_class smallint NOT NULL);
CREATE TABLE stock (sku int PRIMARY KEY, available int[] NOT NULL) WITH (fillfactor = 40);
CREATE TABLE areas (
    area smallint PRIMARY KEY, tax_bp int[] NOT NULL, inclusive int NOT NULL, preference smallint[] NOT NULL);
CREATE TABLE fees (
    service smallint PRIMARY KEY, light_g int NOT NULL, light_minor int NOT NULL, heavy_minor int NOT NULL,
    per_kg_minor int NOT NULL);
CREATE TABLE orders (
    order_id text COLLATE "C" PRIMARY KEY, status smallint NOT NULL, node smallint NOT NULL,
    total_minor bigint NOT NULL, document text NOT NULL);
"""

# Of each session: the new orders of the batch under way.
SESSION = """
CREATE TEMP TABLE work (
    row bigint NOT NULL, order_id text COLLATE "C" NOT NULL, preference smallint[] NOT NULL, total_minor bigint,
    node smallint) ON COMMIT DELETE ROWS;
"""

_PAID = """
    c.price_minor[{currency} + 1] * l.qty
    + (1 - a.inclusive) * ((2 * c.price_minor[{currency} + 1] * l.qty * a.tax_bp[c.tax_class + 1] + 10000) / 20000)
"""
_FEE = """
    CASE WHEN {weight} <= f.light_g THEN f.light_minor
         ELSE f.heavy_minor + f.per_kg_minor * (({weight} + 999) / 1000) END
"""

_TAKEN = ", ".join(f"coalesce(sum(l.qty) FILTER (WHERE l.node = {at - 1}), 0) AS n{at}" for at in _NODES)

PLACE_ORDER = f"""
CREATE OR REPLACE FUNCTION place_order(
    p_id text, p_document text, p_area smallint, p_currency smallint, p_service smallint, p_sku int[], p_qty int[],
    OUT status smallint, OUT node smallint, OUT total_minor bigint, OUT duplicate boolean
) LANGUAGE plpgsql AS $$
DECLARE
    known int; paid bigint; weight bigint; fits boolean[]; candidate smallint; a areas; f fees;
BEGIN
    SELECT o.status, o.node, o.total_minor INTO status, node, total_minor FROM orders o WHERE o.order_id = p_id;
    duplicate := FOUND;
    IF duplicate THEN RETURN; END IF;
    SELECT * INTO a FROM areas WHERE area = p_area;
    SELECT * INTO f FROM fees WHERE service = p_service;
    SELECT count(*), sum(line.paid), sum(line.weight),
           ARRAY[{", ".join(f"bool_and(line.available[{node}] >= line.qty)" for node in _NODES)}]
      INTO known, paid, weight, fits
      FROM (SELECT l.qty, {_PAID.format(currency="p_currency")} AS paid, c.weight_g * l.qty AS weight, s.available
              FROM unnest(p_sku, p_qty) AS l (sku, qty) JOIN catalogue c USING (sku) JOIN stock s USING (sku)
             ORDER BY s.sku FOR UPDATE OF s) AS line;
    node := -1;
    IF known < cardinality(p_sku) THEN
        status := 2;
        total_minor := 0;
        RETURN;
    END IF;
    status := 1;
    total_minor := paid + {_FEE.format(weight="weight")};
    FOREACH candidate IN ARRAY a.preference LOOP
        IF fits[candidate + 1] THEN
            status := 0;
            node := candidate;
            UPDATE stock s SET available[candidate + 1] = s.available[candidate + 1] - l.qty
              FROM unnest(p_sku, p_qty) AS l (sku, qty) WHERE s.sku = l.sku;
            EXIT;
        END IF;
    END LOOP;
    INSERT INTO orders VALUES (p_id, status, node, total_minor, p_document);
END $$;
"""

# Sets, not loops. In round k every order that is left asks its k-th node; in order of arrival it gets it when all units
# wanted there up to and including its own are there. (What an order is refused counts against those behind it, which is
# safe; so what no round could place is placed by place_order, one by one, before it becomes a backorder.)
PLACE_ORDERS = f"""
CREATE OR REPLACE FUNCTION place_orders(
    p_id text[], p_document text[], p_area smallint[], p_currency smallint[], p_service smallint[],
    p_row int[], p_sku int[], p_qty int[],
    OUT status smallint[], OUT node smallint[], OUT total_minor bigint[], OUT duplicate boolean[]
) LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    left_over bigint; late record;
BEGIN
    INSERT INTO work
    SELECT i.row, i.order_id, a.preference, priced.paid + {_FEE.format(weight="priced.weight")}
      FROM (SELECT DISTINCT ON (order_id) *
              FROM unnest(p_id, p_area, p_currency, p_service) WITH ORDINALITY
                   AS given (order_id, area, currency, service, row)
             ORDER BY order_id, row) AS i
      JOIN (SELECT l.row, sum({_PAID.format(currency="p_currency[l.row]")}) AS paid,
                   sum(c.weight_g * l.qty)::bigint AS weight,
                   bool_and(c.sku IS NOT NULL) AS known
              FROM unnest(p_row, p_sku, p_qty) AS l (row, sku, qty)
              JOIN areas a ON a.area = p_area[l.row]
              LEFT JOIN catalogue c USING (sku)
             GROUP BY l.row) AS priced ON priced.row = i.row AND priced.known
      JOIN areas a ON a.area = i.area
      JOIN fees f ON f.service = i.service;
    PERFORM 1 FROM stock s WHERE s.sku = ANY (p_sku) ORDER BY s.sku FOR UPDATE;
    DELETE FROM work w WHERE w.order_id = ANY (ARRAY(SELECT o.order_id FROM orders o WHERE o.order_id = ANY (p_id)));
    FOR rank IN 1..{len(NODES)} LOOP
        WITH line AS MATERIALIZED (
            SELECT w.row, w.preference[rank] AS node, l.sku, l.qty, s.available[w.preference[rank] + 1] AS available
              FROM work w JOIN unnest(p_row, p_sku, p_qty) AS l (row, sku, qty) ON l.row = w.row
              JOIN stock s USING (sku) WHERE w.node IS NULL),
        placed AS MATERIALIZED (
            SELECT asked.row, min(asked.node) AS node
              FROM (SELECT line.*, sum(qty) OVER (PARTITION BY sku, line.node ORDER BY row) AS wanted FROM line)
                   AS asked
             GROUP BY asked.row HAVING bool_and(asked.wanted <= asked.available)),
        taken AS (
            SELECT l.sku, {_TAKEN}
              FROM line l JOIN placed USING (row) GROUP BY l.sku),
        moved AS (
            UPDATE stock s SET available = ARRAY[{", ".join(f"s.available[{at}] - t.n{at}" for at in _NODES)}]
              FROM taken t WHERE s.sku = t.sku)
        UPDATE work w SET node = p.node FROM placed p WHERE w.row = p.row;
        SELECT count(*) INTO left_over FROM work w WHERE w.node IS NULL;
        EXIT WHEN left_over = 0;
    END LOOP;
    INSERT INTO orders
    SELECT w.order_id, 0, w.node, w.total_minor, d.document
      FROM work w JOIN unnest(p_document) WITH ORDINALITY AS d (document, row) USING (row) WHERE w.node IS NOT NULL;
    FOR late IN SELECT w.row FROM work w WHERE w.node IS NULL ORDER BY w.row LOOP
        PERFORM place_order(p_id[late.row], p_document[late.row], p_area[late.row], p_currency[late.row],
                            p_service[late.row], array_agg(l.sku), array_agg(l.qty))
           FROM unnest(p_row, p_sku, p_qty) AS l (row, sku, qty) WHERE l.row = late.row;
    END LOOP;
    SELECT array_agg(coalesce(o.status, 2) ORDER BY i.row), array_agg(coalesce(o.node, -1) ORDER BY i.row),
           array_agg(coalesce(o.total_minor, 0) ORDER BY i.row),
           array_agg(o.order_id IS NOT NULL AND w.row IS NULL ORDER BY i.row)
      INTO status, node, total_minor, duplicate
      FROM unnest(p_id) WITH ORDINALITY AS i (order_id, row)
      LEFT JOIN (SELECT * FROM orders WHERE orders.order_id = ANY (p_id)) AS o USING (order_id)
      LEFT JOIN work w ON w.row = i.row;
END $$;
"""
