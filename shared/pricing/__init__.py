"""From tickers to prices in CAD by agreement of independent sources. All pure."""
