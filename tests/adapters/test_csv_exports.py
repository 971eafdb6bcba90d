"""The mappings of docs/csv-channel.md, each over made-up rows under the true header of its export."""

from __future__ import annotations

import csv
import io
import re

import pytest

from adapters.channels.csv.load_mapping import load_mapping
from adapters.channels.csv.mapping_faults import fields_never_filled, warnings_of
from tests.labs.csv_files import PAGE, Outcome, mapping_of, translate

Cells = dict[str, str]


def table(header: str, rows: list[Cells], delimiter: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> str:
    names = header.split(",")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
    writer.writerow(names)
    for row in rows:
        assert not row.keys() - set(names), row.keys() - set(names)
        writer.writerow([row.get(name, "") for name in names])
    return text.getvalue()


@pytest.mark.parametrize("title", ["Shopify", "WooCommerce", "Amazon", "eBay", "Taobao", "Olist, and other sets"])
def test_every_mapping_of_the_page_fills_what_a_router_needs(title: str) -> None:
    mapping = load_mapping(mapping_of(title).encode())
    assert (fields_never_filled(mapping), warnings_of(mapping)) == ([], [])


def test_all_toml_of_the_page_that_is_a_whole_mapping_loads() -> None:
    blocks = [block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[columns]" in block]
    assert len(blocks) == 7
    for block in blocks:
        load_mapping(block.encode())


def prices(found: Outcome) -> list[list[tuple[str, int, int]]]:
    return [[(line["sku"], line["qty"], line["unit_price"]) for line in order["lines"]] for order in found.orders]


SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,"
    "Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,"
    "Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,"
    "Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,"
    "Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,"
    "Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,"
    "Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,"
    "Source,Lineitem discount,Tax 1 Name,Tax 1 Value"
)


def _shopify(name: str, sku: str, **more: str) -> Cells:
    cells = {"Name": name, "Email": "ada@example.com", "Currency": "USD", "Created at": "2026-03-02 09:00:00 -0500"}
    for place in ("Billing", "Shipping"):
        cells |= {f"{place} Name": "Ada Smith", f"{place} Address1": "1 Main St", f"{place} City": "Phoenix"}
        cells |= {f"{place} Zip": "'85004", f"{place} Province": "AZ", f"{place} Country": "US"}
    cells |= {"Financial Status": "paid", "Paid at": "2026-03-02 09:01:00 -0500", "Total": "96.50"}
    cells |= {"Payment Method": "Shopify Payments", "Payment Reference": f"ref{name}", "Notes": "at the\nback, door"}
    return cells | _line(name, sku) | {name.replace("_", " "): text for name, text in more.items()}


def _line(name: str, sku: str, price: str = "48.00", **more: str) -> Cells:
    cells = {"Name": name, "Lineitem sku": sku, "Lineitem quantity": "2", "Lineitem price": price}
    return cells | {"Lineitem requires shipping": "true"} | more


@pytest.mark.parametrize("continued", ["blank name", "name", "everything repeated"])
def test_shopify(continued: str) -> None:
    again = {"blank name": _line("", "B"), "name": _line("#1", "B"), "everything repeated": _shopify("#1", "B")}
    rows = [
        _shopify("#1", "A", Discount_Code="SAVE10, LESS5"),
        again[continued] | {"Discount Code": "SAVE10, LESS5" if continued == "everything repeated" else ""},
        _shopify("#2", "A", Cancelled_at="2026-03-02 10:00:00 -0500"),
        _line("" if continued == "blank name" else "#2", "B"),
        _shopify("#3", "", Lineitem_requires_shipping="false"),
        _line("#3", "C"),
        _shopify("#4", "A", Financial_Status="refunded"),
    ]
    found = translate(mapping_of("Shopify"), table(SHOPIFY, rows))
    assert found.ids == ["#1", "#3"] and found.report.refused == 0
    assert prices(found) == [[("A", 2, 4800), ("B", 2, 4800)], [("C", 2, 4800)]]
    first, third = found.orders
    assert first["placed_at"] == "2026-03-02T14:00:00Z" and first["coupons"] == ["SAVE10", "LESS5"]
    assert first["ship_to"] == third["ship_to"] and first["ship_to"]["postcode"] == "85004"
    assert found.reasons == {"cancelled": 2, "not_shipped_by_us": 1, "refunded": 1}
    assert first["payment"]["status"] == "paid" and first["total"] == 9650
    told = [(event["order_id"], event["type"], event.get("at"), event.get("hold")) for event in found.events]
    assert told == [  # of money nothing: the status says it
        ("#2", "cancel", "2026-03-02T15:00:00Z", None),
        ("#4", "hold", None, "refunded"),
    ]


WOOCOMMERCE = (
    "Order Number,Order Status,Order Date,Customer Note,First Name (Billing),Last Name (Billing),"
    "Company (Billing),Address 1&2 (Billing),City (Billing),State Code (Billing),Postcode (Billing),"
    "Country Code (Billing),Email (Billing),Phone (Billing),First Name (Shipping),Last Name (Shipping),"
    "Address 1&2 (Shipping),City (Shipping),State Code (Shipping),Postcode (Shipping),Country Code (Shipping),"
    "Payment Method Title,Cart Discount Amount,Order Subtotal Amount,Shipping Method Title,Order Shipping Amount,"
    "Order Refund Amount,Order Total Amount,Order Total Tax Amount,SKU,Item #,Item Name,Quantity (- Refund),"
    "Item Cost,Coupon Code,Discount Amount,Discount Amount Tax"
)


def test_woocommerce() -> None:
    def row(number: str, item: str, **more: str) -> Cells:
        cells = {"Order Number": number, "Order Status": "Processing", "Order Date": "2026-07-02 09:00"}
        for place in ("Billing", "Shipping"):
            cells |= {f"First Name ({place})": "Ada", f"Last Name ({place})": "Schmidt", f"City ({place})": "Berlin"}
            cells |= {
                f"Address 1&2 ({place})": "Weg 1",
                f"Postcode ({place})": "10115",
                f"Country Code ({place})": "DE",
            }
        cells |= {"SKU": f"S-{item}", "Item #": item, "Quantity (- Refund)": "1", "Item Cost": "59.99000168"}
        return cells | {"Order Total Amount": "124.98", "Coupon Code": "A|B"} | more

    rows = [row("7", "1"), row("7", "2", **{"Item Cost": "60"}), row("8", "1", **{"Order Status": "Cancelled"})]
    rows += [row("8", "2", **{"Order Status": "Cancelled"}), row("7", "3", **{"Quantity (- Refund)": "0"})]
    rows += [row("9", "1", **{"Order Status": "Refunded"})]
    found = translate(mapping_of("WooCommerce"), table(WOOCOMMERCE, rows))
    assert prices(found) == [[("S-1", 1, 5999), ("S-2", 1, 6000)]]
    assert found.order["ship_to"]["name"] == "Ada Schmidt" and found.order["placed_at"] == "2026-07-02T07:00:00Z"
    assert found.order["payment"]["status"] == "paid" and found.order["total"] == 12498
    assert found.reasons == {"cancelled_or_refunded": 3, "refunded_line": 1}
    told = [(event["order_id"], event["type"], event.get("hold")) for event in found.events]
    assert told == [("8", "cancel", None), ("9", "hold", "refunded")]


AMAZON = (
    "order-id,order-item-id,purchase-date,payments-date,buyer-email,buyer-name,buyer-phone-number,sku,"
    "product-name,quantity-purchased,currency,item-price,item-tax,shipping-price,shipping-tax,ship-service-level,"
    "recipient-name,ship-address-1,ship-address-2,ship-address-3,ship-city,ship-state,ship-postal-code,"
    "ship-country,ship-phone-number,delivery-start-date,delivery-end-date,delivery-time-zone,"
    "delivery-Instructions,sales-channel"
)


def test_amazon() -> None:
    def row(order: str, item: str, title: str, quantity: str, price: str) -> Cells:
        cells = {
            "order-id": order,
            "order-item-id": item,
            "purchase-date": "2026-03-02T09:00:00-08:00",
            "sku": f"S{item}",
        }
        cells |= {"product-name": title, "quantity-purchased": quantity, "item-price": price, "currency": "USD"}
        cells |= {"recipient-name": "Ada Smith", "ship-address-1": "1 Main St", "ship-address-3": "Unit 2"}
        cells |= {"ship-city": "Phoenix", "ship-state": "AZ", "ship-postal-code": "85004", "ship-country": "US"}
        return cells | {"ship-service-level": "Expedited", "shipping-price": "2.50"}

    rows = [row("111-1", "1", "Lamp", "2", "20.00"), row("111-1", "2", '"Vintage" lamp', "3", "10.00")]
    rows += [row("111-2", "3", '7" tablet', "1", "9.99"), row("111-2", "4", '"no end', "0", "0.00")]
    names = AMAZON.split(",")
    lines = [names, *([cells.get(name, "") for name in names] for cells in rows)]
    found = translate(mapping_of("Amazon"), "".join("\t".join(line) + "\r\n" for line in lines))
    assert prices(found) == [[("S1", 2, 1000), ("S2", 2, 333), ("S2", 1, 334)], [("S3", 1, 999)]]
    assert found.orders[0]["ship_to"]["line2"] == "Unit 2" and found.orders[0]["shipping"]["service"] == "express"
    assert [order["shipping"]["fee"] for order in found.orders] == [500, 250]
    assert found.orders[0]["customer"]["name"] == "Ada Smith" and found.orders[0]["placed_at"] == "2026-03-02T17:00:00Z"
    assert found.reasons == {"cancelled_line": 1} and found.report.lines_split == 1


EBAY = (
    "Sales Record Number,Order Number,Buyer Username,Buyer Name,Buyer Email,Buyer Note,Ship To Name,"
    "Ship To Phone,Ship To Address 1,Ship To Address 2,Ship To City,Ship To State,Ship To Zip,Ship To Country,"
    "Item Number,Item Title,Custom Label,Sold Via Promoted Listings,Quantity,Sold For,Shipping And Handling,"
    "Total Price,Payment Method,Sale Date,Paid On Date"
)


def test_ebay() -> None:
    def row(number: str, item: str, price: str, **more: str) -> Cells:
        cells = {"Order Number": number, "Buyer Username": f"buyer{number}", "Item Number": item, "Custom Label": item}
        return cells | {"Quantity": "1", "Sold For": price, "Sale Date": "26-Mar-26"} | more

    place = {
        "Ship To Name": "Ada",
        "Ship To Address 1": "1 Sample St",
        "Ship To City": "Sydney",
        "Ship To State": "NSW",
    }
    place |= {"Ship To Zip": "2000", "Ship To Country": "Australia", "Buyer Name": "Ada Smith"}
    paid = {"Paid On Date": "27-Mar-26", "Total Price": "AU $3,013.00"}
    rows = [{}, row("1", "11", "AU $3,000.00", **place, **paid)]
    rows += [row("2", "", "AU $28.00", **place), row("2", "21", "AU $13.00"), row("2", "22", "AU $15.00"), {}]
    text = ",,,\n" + table(EBAY, rows, quoting=csv.QUOTE_ALL) + '"3","record(s) downloaded",,\n"Seller ID : me",,\n'
    found = translate(mapping_of("eBay"), text)
    assert prices(found) == [[("11", 1, 300000)], [("21", 1, 1300), ("22", 1, 1500)]]
    assert [order["ship_to"]["country"] for order in found.orders] == ["AU", "AU"]
    assert found.orders[1]["customer"] == {"id": "buyer2", "name": "Ada Smith"}
    assert found.reasons == {"blank_row": 3, "summary_of_order": 1, "footer": 2} and found.report.refused == 0
    [event] = found.events
    assert (event["order_id"], event["amount"], event["currency"]) == ("1", 301300, "AUD")


TAOBAO_LINES = "订单编号,标题,价格,购买数量,外部系统编号,商品属性,套餐信息,备注,订单状态,商家编码"
TAOBAO_ORDERS = (
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,总金额,买家实际支付金额,订单状态,买家留言,"
    "收货人姓名,收货地址,运送方式,联系电话,联系手机,订单创建时间,订单付款时间,宝贝标题,宝贝种类,物流单号,"
    "物流公司,订单备注,宝贝总数量"
)


def test_taobao() -> None:
    def order(number: str, address: str, status: str, **more: str) -> Cells:
        cells = {
            "订单编号": f'="{number}"',
            "买家会员名": "tb小明",
            "总金额": "30.00",
            "订单状态": status,
            "收货人姓名": "王小明",
        }
        cells |= {"收货地址": address, "联系手机": "'13800000000", "订单创建时间": "2026-03-02 17:00:00"}
        return cells | more

    paid = "买家已付款，等待卖家发货"
    orders = [
        order(
            "2190000000000000001",
            "浙江省 杭州市 西湖区 文三路 1 号 (310012)",
            paid,
            物流单号="SF1",
            物流公司="顺丰速运",
        ),
        order("2190000000000000002", "上海 上海市 徐汇区 漕溪路 2 号", "交易关闭"),
        order("2190000000000000003", "上海 上海市 徐汇区 漕溪路 2 号", paid),
    ]
    lines = [
        {"订单编号": f'="219000000000000000{n}"', "标题": "杯子，白", "价格": "15.00", "购买数量": "1", "商家编码": sku}
        for n, sku in [(1, "BZ-1"), (1, "BZ-2"), (2, "BZ-1"), (3, "BZ-1")]
    ]
    found = translate(
        mapping_of("Taobao"),
        table(TAOBAO_LINES, lines).encode("gbk"),
        joined={"orders": table(TAOBAO_ORDERS, orders)},
    )
    assert found.ids == ["2190000000000000001", "2190000000000000003"]
    assert prices(found)[0] == [("BZ-1", 1, 1500), ("BZ-2", 1, 1500)]
    first, third = found.orders
    place = {
        "name": "王小明",
        "region": "浙江省",
        "city": "杭州市",
        "line1": "西湖区 文三路 1 号",
        "postcode": "310012",
    }
    assert first["ship_to"] == place | {"country": "CN"} and third["ship_to"]["postcode"] == "000000"
    assert first["placed_at"] == "2026-03-02T09:00:00Z" and first["customer"]["phone"] == "13800000000"
    assert first["payment"]["status"] == "paid" and found.reasons == {"closed": 1}
    closed, event = found.events
    assert (closed["type"], closed["order_id"]) == ("cancel", "2190000000000000002")
    assert (event["type"], event["tracking_number"], event["carrier"]) == ("ship", "SF1", "顺丰速运")


def test_olist() -> None:
    items = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n" + "".join(
        f"o{order},{item},p{item},s{item},2026-03-05 09:00:00,{price},8.72\n"
        for order, item, price in [(1, 1, "58.90"), (1, 2, "12.99"), (2, 1, "5.00"), (3, 1, "7")]
    )
    orders = (
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
        "order_delivered_customer_date,order_estimated_delivery_date\n"
        "o1,c1,delivered,2026-03-02 09:00:00,,,2026-03-09 12:00:00,2026-03-12 00:00:00\n"
        "o2,c2,canceled,2026-03-02 09:00:00,,,,2026-03-12 00:00:00\n"
        "o3,c3,shipped,2026-03-02 09:00:00,,,,2026-03-12 00:00:00\n"
        "o4,c1,unavailable,2026-03-02 09:00:00,,,,2026-03-12 00:00:00\n"
        "o5,c1,shipped,2026-03-02 09:00:00,,,,2026-03-12 00:00:00\n"
    )
    customers = "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n" + "".join(
        f"c{n},u{n},{prefix},sao paulo,SP\n" for n, prefix in [(1, "1409"), (2, "14090"), (3, "14090")]
    )
    payments = (
        "order_id,payment_sequential,payment_type,payment_installments,payment_value\n"
        "o1,1,credit_card,8,80.00\no1,2,voucher,1,9.33\n"
    )
    joined = {"orders": orders, "customers": customers, "payments": payments}
    found = translate(mapping_of("Olist"), items, joined=joined)
    assert found.ids == ["o1", "o3"] and prices(found)[0] == [("p1", 1, 5890), ("p2", 1, 1299)]
    first, third = found.orders
    assert first["total"] == 8933 and first["payment"]["method"] == "credit_card, voucher" and "total" not in third
    assert first["ship_to"]["postcode"] == "01409-000" and first["lines"][1]["attributes"] == {"seller": "s2"}
    assert first["placed_at"] == "2026-03-02T12:00:00Z" and first["shipping"]["promise_by"] == "2026-03-12T03:00:00Z"
    assert [event["type"] for event in found.events] == ["cancel", "payment_captured", "payment_captured", "deliver"]
    assert found.events[0]["order_id"] == "o2"
    assert sum(event.get("amount", 0) for event in found.events) == first["total"]
    assert "status" not in first["payment"]  # the events say it
    assert found.report.orders_refused == {"order_without_lines": 1} and found.reasons == {"cancelled": 1}
    assert found.report.joined["orders"].left_out == {"cancelled": 1} and found.rejects[-1].order_id == "o5"
