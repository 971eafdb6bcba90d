"""What breaks the router on purpose and asks whether every promise was kept."""
