"""What a takeover did, from facts only: rows of the record become one `ImpactReport`, then the forms people need."""
