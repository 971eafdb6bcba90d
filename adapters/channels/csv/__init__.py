"""The CSV channel: a ``mapping`` says which column is what, ``translate`` makes orders of rows, ``cells`` reads one."""
