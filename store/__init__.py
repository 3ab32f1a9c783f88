"""What is kept: the database, the files, the queue. Knows no generator and no GraphQL."""
