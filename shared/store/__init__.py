"""The two DynamoDB tables: quotes (the snapshot, the ingest's lease, the audience) and connections."""
