"""What several rooms of bench/ share: a router to measure, orders to send, two clients, answers checked, conditions."""
