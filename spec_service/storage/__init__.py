"""Where everything durable lives: the database, the journal, the stores and the folder of artifacts."""
