"""What people read: messages, cards and mails. Pure."""
