"""Is every bit that turns found, and is everything that was stored before it still there?

A small data folder: every bit of the logs of a shard and of the ledger, of a checkpoint, of the tables and of
``meta.json`` is turned, one at a time, and read back by what ``verify``, ``doctor`` and the router read with.

    found              a sentence says what is damaged; for a record its sequence and part, and all before it is read
    harmless           nothing is said, and everything that is stored reads as before, byte for byte
    carrying nothing   free pages and padding: inverted all together and filled anew, everything reads as before
    missed             none of these: the bench fails

A large folder: random bits of its records by the million, in memory; some bits of its file, with the whole log read.
"""
