"""The one DynamoDB table: its rows, what is kept in them, and every write that there is."""
