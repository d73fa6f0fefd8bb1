"""Many appliances: inventory, selectors, credentials, polling, guarded operations, the state views read."""
