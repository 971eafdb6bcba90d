"""The owners of a data folder as other processes call them: typed, wherever they live."""

from __future__ import annotations

from actors.owners.calls import Method, Stub
from actors.owners.seams import DeskCalls, LedgerCalls, ShardCalls, TablesCalls
from actors.process.names import DESK, LEDGER, TABLES, host_of, shard_name


class ShardStub(Stub):
    submit = Method(ShardCalls.submit)
    submit_events = Method(ShardCalls.submit_events)
    quote = Method(ShardCalls.quote)
    use_tables = Method(ShardCalls.use_tables)
    status = Method(ShardCalls.status)
    drain = Method(ShardCalls.drain)


class LedgerStub(Stub):
    decide = Method(LedgerCalls.ledger_decide)
    move = Method(LedgerCalls.ledger_move)
    amend = Method(LedgerCalls.ledger_amend)
    grants = Method(LedgerCalls.ledger_grants)
    quote = Method(LedgerCalls.ledger_quote)
    stock = Method(LedgerCalls.ledger_stock)
    pending = Method(LedgerCalls.ledger_pending)
    in_use = Method(LedgerCalls.ledger_in_use)
    use_tables = Method(LedgerCalls.ledger_use_tables)
    status = Method(LedgerCalls.ledger_status)
    drain = Method(LedgerCalls.ledger_drain)


class TablesStub(Stub):
    ready = Method(TablesCalls.ready)
    put = Method(TablesCalls.put)
    patch = Method(TablesCalls.patch)
    stock = Method(TablesCalls.stock)


class DeskStub(Stub):
    work = Method(DeskCalls.work)
    act = Method(DeskCalls.act)
    take_told = Method(DeskCalls.take_told)
    pay = Method(DeskCalls.pay)
    payment_of = Method(DeskCalls.payment_of)
    payments = Method(DeskCalls.payments)
    reconcile = Method(DeskCalls.reconcile)
    reconciled = Method(DeskCalls.reconciled)
    refund = Method(DeskCalls.refund)
    refund_of = Method(DeskCalls.refund_of)
    refunds = Method(DeskCalls.refunds)
    shipment = Method(DeskCalls.shipment)
    shipment_of = Method(DeskCalls.shipment_of)
    shipments = Method(DeskCalls.shipments)
    labels = Method(DeskCalls.labels)
    ship_shipment = Method(DeskCalls.ship_shipment)
    void_shipment = Method(DeskCalls.void_shipment)
    make_wave = Method(DeskCalls.make_wave)
    report_wave = Method(DeskCalls.report_wave)
    waves = Method(DeskCalls.waves)
    wave = Method(DeskCalls.wave)
    pick_list = Method(DeskCalls.pick_list)
    packing = Method(DeskCalls.packing)
    bin = Method(DeskCalls.bin)
    blocked_bins = Method(DeskCalls.blocked_bins)
    status = Method(DeskCalls.status)
    drain = Method(DeskCalls.drain)


class Owners:
    """Stubs of all owners; which of them share a process is known here."""

    def __init__(self, namespace: str, shards: int) -> None:
        """``namespace``: of the data folder in Ray; ``shards``: how many the folder has."""
        self.ledger = LedgerStub(namespace, LEDGER, host_of(LEDGER, shards))
        self.shards = [ShardStub(namespace, name, host_of(name, shards)) for name in map(shard_name, range(shards))]
        self.tables = TablesStub(namespace, TABLES, host_of(TABLES, shards))
        self.desk = DeskStub(namespace, DESK, host_of(DESK, shards))

    @property
    def engines(self) -> list[LedgerStub | ShardStub]:
        """The ledger first: shards depend on it."""
        return [self.ledger, *self.shards]
