"""What people and their tools read: messages, tables, explanations. For the screen, and as JSON."""
