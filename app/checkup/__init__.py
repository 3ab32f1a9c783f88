"""What `doctor` looks at: each check says in plain words what is there, and how to get what is missing."""
