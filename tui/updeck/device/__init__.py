"""One appliance: its models, versions, the client of its services, login, TLS and limits."""
