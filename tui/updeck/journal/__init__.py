"""The record: intents, outcomes, observations, leases. All SQL is here."""
