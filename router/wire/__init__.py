"""The wire: orders as JSON lines or Arrow become WIRE batches, ACK batches become answers in the same form."""
