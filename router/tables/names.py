"""The reference tables by name, in the order in which they refer to each other; stock is told to the ledger, last.

Imports nothing: the command line names them before anything heavy is loaded.
"""

TABLES = ("skus", "nodes", "rates", "taxes", "promotions", "carriers", "rules", "templates", "bins", "cartons", "stock")
