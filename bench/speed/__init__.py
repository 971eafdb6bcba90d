"""How quick is it, and what does an order cost? One file a bench; ``goals`` runs them, ``compare`` judges them."""
