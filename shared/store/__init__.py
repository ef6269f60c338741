"""The two DynamoDB tables: quotes (snapshot and explanations, the ingest's lease, the audience) and connections."""
