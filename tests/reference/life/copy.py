"""Copy: further rows have a book that says the same, and from then on goes its own way."""

from __future__ import annotations


def copy_book(books, row, rows):
    books.update({other: books[row].copy() for other in rows})
