"""The two DynamoDB tables: quotes (snapshot, explanations, lease, audience, candles) and connections."""
